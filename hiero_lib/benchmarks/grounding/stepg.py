"""HiERO-StepG (arXiv 2605.31227), the zero-shot refinement that came second at the 2026 Step Grounding challenge.

A strategy for :func:`hiero_lib.benchmarks.goalstep.score.compare_strategies`. Each part is a function of its own and
can be switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from hiero_lib.benchmarks.grounding.zero_shot import VideoFeatures, compress, cosine, run_means
from hiero_lib.config import StepGConfig
from hiero_lib.hierarchy.spans import Interval, temporal_iou
from hiero_lib.models.clustering.spectral import Cluster, default_cluster


def coarse_similarity(
    coarse: Tensor, queries: Tensor, *, num_segments: int, config: StepGConfig, cluster: Cluster = default_cluster
) -> Tensor:
    """``[Q, N]``: similarity with the mean of the level-2 run that each segment lies in.

    Node j of level 2 stands for the segments 4 j to 4 j + 3.
    """
    runs = compress(cluster(coarse, config.coarse_clusters, config.temperature).cpu().numpy())
    similarity = cosine(queries, run_means(coarse, runs))
    lengths = torch.tensor([length for _, length in runs], device=coarse.device)
    per_node = similarity.repeat_interleave(lengths, dim=1)
    node = (torch.arange(num_segments, device=coarse.device) // 4).clamp(max=len(coarse) - 1)
    return per_node[:, node]


def fuse(fine: Tensor, coarse: Tensor, *, coarse_weight: float = 0.3) -> Tensor:
    """Weighted sum of two similarities ``[Q, N]``."""
    return (1 - coarse_weight) * fine + coarse_weight * coarse


def viterbi_order(similarity: np.ndarray) -> np.ndarray:
    """The segment of each step, in the order given, with the highest total similarity and times that never go back.

    Shapes: similarity ``[Q, N]``; returns ``[Q]`` int64, not falling. The earliest of equal answers is taken.
    """
    q, n = similarity.shape
    came_from = np.zeros((q, n), dtype=np.int64)
    total = similarity[0].astype(np.float64)
    place = np.arange(n)
    for step in range(1, q):
        highest = np.maximum.accumulate(total)
        # The place where the running maximum was last raised.
        came_from[step] = np.maximum.accumulate(np.where(np.r_[True, highest[1:] > highest[:-1]], place, 0))
        total = similarity[step] + highest
    path = np.empty(q, dtype=np.int64)
    path[-1] = int(total.argmax())
    for step in range(q - 1, 0, -1):
        path[step - 1] = came_from[step, path[step]]
    return path


def find_peaks(similarity: np.ndarray, *, window: int = 5) -> np.ndarray:
    """Segments that are the highest of the ``window`` around them, highest first; of a plateau its first segment."""
    n, half = len(similarity), window // 2
    padded = np.pad(similarity, half, constant_values=-np.inf)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    first_highest = around.argmax(axis=1) == half
    peaks = np.flatnonzero(first_highest[:n])
    return peaks[np.argsort(-similarity[peaks], kind="stable")]


def grow_peak(
    similarity: np.ndarray, peak: int, *, ratio: float, ceiling: float = 0.4, patience: int = 3, reach: int = 150
) -> tuple[int, int]:
    """First and last segment (both included) around ``peak`` while similarity is at least min(ratio * peak, ceiling).

    Up to ``patience`` segments below that are stepped over when similarity comes back; at most ``reach`` segments
    are taken each way.
    """
    threshold = min(ratio * float(similarity[peak]), ceiling)

    def extent(line: np.ndarray) -> int:
        reached = 0
        for above in (np.flatnonzero(line >= threshold) + 1).tolist():
            if above - reached > patience + 1:
                break
            reached = above
        return reached

    left = extent(similarity[max(peak - reach, 0) : peak][::-1])
    right = extent(similarity[peak + 1 : peak + 1 + reach])
    return peak - left, peak + right


def widen(span: Interval, *, min_length_s: float, duration_s: float) -> Interval:
    """``span`` made at least ``min_length_s`` long around its middle, moved inside the video where it sticks out."""
    start, end = span
    if end - start >= min_length_s:
        return span
    length = min(min_length_s, duration_s)
    start = min(max((start + end - length) / 2, 0.0), duration_s - length)
    return start, start + length


def is_duplicate(span: Interval, kept: Sequence[Interval], *, iou: float) -> bool:
    """Whether ``span`` overlaps one of ``kept`` by more than ``iou``."""
    return bool(kept) and float(temporal_iou(np.asarray(span), np.asarray(kept)).max()) > iou


def suppress(spans: Sequence[Interval], *, iou: float, limit: int | None = None) -> list[Interval]:
    """The spans that overlap no earlier kept one by more than ``iou``, at most ``limit``, order kept."""
    kept: list[Interval] = []
    for span in spans:
        if limit is not None and len(kept) == limit:
            break
        if not is_duplicate(span, kept, iou=iou):
            kept.append(span)
    return kept


def stepg(
    features: VideoFeatures, queries: Tensor, *, config: StepGConfig | None = None, cluster: Cluster = default_cluster
) -> list[list[Interval]]:
    """HiERO-StepG: fused similarity, one order for all steps, peaks grown to spans.

    ``queries`` must be in the order of the annotation, which is the order of the steps. The Viterbi answer of a
    query comes first, then the peaks between the Viterbi answers of the steps before and after it ("its
    neighbours"; the report does not say more), then all other peaks by height; each list is grown with the first
    ratio, then with the others until there are enough answers. Without growth a peak is ``min_length_s`` long.
    """
    config = config or StepGConfig()
    if not len(queries):
        return []
    similarity = cosine(queries, features.fine)
    if config.use_coarse:
        spread = coarse_similarity(
            features.coarse, queries, num_segments=len(features.fine), config=config, cluster=cluster
        )
        similarity = fuse(similarity, spread, coarse_weight=config.coarse_weight)
    lines = similarity.double().cpu().numpy()
    path = viterbi_order(lines) if config.use_order else None
    duration_s = len(features.fine) * features.stride_s
    answers = []
    for index, line in enumerate(lines):
        peaks = find_peaks(line, window=config.window).tolist()
        if path is not None:
            low, high = path[max(index - 1, 0)], path[min(index + 1, len(path) - 1)]
            near = [p for p in peaks if low <= p <= high and p != path[index]]
            peaks = [int(path[index]), *near, *(p for p in peaks if not low <= p <= high)]
        answers.append(_spans_of_peaks(line, peaks, config, features.stride_s, duration_s))
    return answers


def _spans_of_peaks(
    line: np.ndarray, peaks: Sequence[int], config: StepGConfig, stride_s: float, duration_s: float
) -> list[Interval]:
    """At most ``config.answers`` spans around the peaks, in their order."""
    kept: list[Interval] = []
    for ratio in config.ratios if config.use_growth else (1.0,):
        for peak in peaks:
            first, last = peak, peak
            if config.use_growth:
                first, last = grow_peak(
                    line, peak, ratio=ratio, ceiling=config.ceiling, patience=config.patience, reach=config.reach
                )
            span = first * stride_s, (last + 1) * stride_s
            span = widen(span, min_length_s=config.min_length_s, duration_s=duration_s)
            if not config.use_suppression or not is_duplicate(span, kept, iou=config.duplicate_iou):
                kept.append(span)
            if len(kept) == config.answers:
                return kept
    return kept


def stepg_ablation(config: StepGConfig | None = None) -> dict[str, StepGConfig]:
    """The rows of the ablation table: everything, then each part left out."""
    config = config or StepGConfig()
    return {
        "HiERO-StepG": config,
        "without coarse similarity": replace(config, use_coarse=False),
        "without Viterbi order": replace(config, use_order=False),
        "without peak growing": replace(config, use_growth=False),
        "without duplicate suppression": replace(config, use_suppression=False),
    }
