"""Goal-Step step grounding, zero-shot: the published strategy, HiERO-StepG, and the run over a whole file.

A strategy is any callable from the features of a (grouped) video and its queries to spans in seconds, best first.
The times are those of the video's (group's) timeline from its start, as the official annotations have them: the one
validation clip that does not begin at 0 (it begins at 531.8 s) has answers from 532.5 to 1,940.2 s.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hiero_lib.benchmarks.grounding_metrics import temporal_iou
from hiero_lib.data.nlq import GroundingClip, QueryKey, group_members
from hiero_lib.errors import DataError
from hiero_lib.models.spectral import Cluster, default_cluster

log = logging.getLogger(__name__)

Span = tuple[float, float]
QUERY_PREFIX = "#C C "  # Ego4D's "the camera wearer", which the narrations that HiERO learned from begin with


@dataclass(frozen=True)
class VideoFeatures:
    """Projected features of a video or a group of videos.

    Shapes: fine ``[N, D]`` of level 0; coarse ``[ceil(N / 4), D]`` of level 2 (only HiERO-StepG reads it).
    """

    fine: Tensor
    coarse: Tensor
    stride_s: float  # seconds from one segment of ``fine`` to the next


Strategy = Callable[[VideoFeatures, Tensor], list[list[Span]]]  # features, queries [Q, D] -> spans of each query


def compress(ids: np.ndarray, *, released: bool = False) -> list[tuple[int, int]]:
    """Runs of equal ids as (start, length).

    With ``released`` as the authors' code has them: the last run starts one segment early, so that it overlaps
    the run before it, and a video of a single run starts at -1.
    """
    ids = np.asarray(ids)
    if not len(ids):
        return []
    starts = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
    runs = list(zip(starts.tolist(), np.diff(np.r_[starts, len(ids)]).tolist()))
    if released:
        runs[-1] = runs[-1][0] - 1, runs[-1][1]
    return runs


def run_means(x: Tensor, runs: Sequence[tuple[int, int]]) -> Tensor:
    """Mean feature of each run; ``[R, D]``. A start of -1 (released, single run) gives NaN, as released."""
    return torch.stack([x[start : start + length].mean(dim=0) for start, length in runs])


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """``[A, D]`` and ``[B, D]`` to ``[A, B]``."""
    return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T


def zero_shot(
    features: VideoFeatures,
    queries: Tensor,
    *,
    n_clusters: int = 8,
    temperature: float = 0.05,
    longer_than: int = 4,
    answers: int = 5,
    released_runs: bool = False,
    cluster: Cluster = default_cluster,
) -> list[list[Span]]:
    """The published strategy: a query takes the runs of equal cluster id whose mean feature is most similar.

    Runs of ``longer_than`` segments or fewer are no candidates, unless a video has no other. Fewer candidates
    than ``answers`` give fewer answers.
    """
    runs = compress(cluster(features.fine, n_clusters, temperature).cpu().numpy(), released=released_runs)
    runs = [run for run in runs if run[1] > longer_than] or runs
    similarity = cosine(queries, run_means(features.fine, runs)).nan_to_num(-1.0)
    best = similarity.topk(min(answers, len(runs)), dim=1).indices
    spans = [(max(start, 0) * features.stride_s, (start + length) * features.stride_s) for start, length in runs]
    return [[spans[i] for i in row] for row in best.tolist()]


# HiERO-StepG (arXiv 2605.31227) -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class StepGConfig:
    """The numbers of HiERO-StepG, and a switch for each of its parts."""

    coarse_weight: float = 0.3  # of the coarse similarity; the fine one has the rest
    coarse_clusters: int = 16
    temperature: float = 0.05
    window: int = 5  # segments in which a peak is the highest
    ratios: tuple[float, ...] = (0.5, 0.6, 0.4)  # tried in turn
    ceiling: float = 0.4  # growing never asks for more similarity than this
    patience: int = 3  # segments below the threshold that growing steps over
    reach: int = 150  # segments, each way
    min_length_s: float = 2.0
    duplicate_iou: float = 0.65
    answers: int = 5
    use_coarse: bool = True
    use_order: bool = True
    use_growth: bool = True
    use_suppression: bool = True


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
        above = np.r_[0, np.flatnonzero(line >= threshold) + 1]
        too_far = np.flatnonzero(np.diff(above) > patience + 1)
        return int(above[too_far[0]] if len(too_far) else above[-1])

    left = extent(similarity[max(peak - reach, 0) : peak][::-1])
    right = extent(similarity[peak + 1 : peak + 1 + reach])
    return peak - left, peak + right


def widen(span: Span, *, min_length_s: float, duration_s: float) -> Span:
    """``span`` made at least ``min_length_s`` long around its middle, moved inside the video where it sticks out."""
    start, end = span
    if end - start >= min_length_s:
        return span
    length = min(min_length_s, duration_s)
    start = min(max((start + end - length) / 2, 0.0), duration_s - length)
    return start, start + length


def suppress(spans: Sequence[Span], *, iou: float, limit: int | None = None) -> list[Span]:
    """The spans that overlap no earlier kept one by more than ``iou``, at most ``limit``, order kept."""
    kept: list[Span] = []
    for span in spans:
        if limit is not None and len(kept) == limit:
            break
        if not kept or float(temporal_iou(np.asarray(span), np.asarray(kept)).max()) <= iou:
            kept.append(span)
    return kept


def stepg(
    features: VideoFeatures, queries: Tensor, *, config: StepGConfig | None = None, cluster: Cluster = default_cluster
) -> list[list[Span]]:
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
    found = []
    for index, line in enumerate(lines):
        peaks = find_peaks(line, window=config.window).tolist()
        if path is not None:
            low, high = path[max(index - 1, 0)], path[min(index + 1, len(path) - 1)]
            near = [p for p in peaks if low <= p <= high and p != path[index]]
            peaks = [int(path[index]), *near, *(p for p in peaks if not low <= p <= high)]
        found.append(_spans_of_peaks(line, peaks, config, features.stride_s, duration_s))
    return found


def _spans_of_peaks(
    line: np.ndarray, peaks: Sequence[int], config: StepGConfig, stride_s: float, duration_s: float
) -> list[Span]:
    """At most ``config.answers`` spans around the peaks, in their order."""
    kept: list[Span] = []
    for ratio in config.ratios if config.use_growth else (1.0,):
        for peak in peaks:
            first, last = peak, peak
            if config.use_growth:
                first, last = grow_peak(
                    line, peak, ratio=ratio, ceiling=config.ceiling, patience=config.patience, reach=config.reach
                )
            span = first * stride_s, (last + 1) * stride_s
            kept.append(widen(span, min_length_s=config.min_length_s, duration_s=duration_s))
            if config.use_suppression:
                kept = suppress(kept, iou=config.duplicate_iou)
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


# A whole annotation file ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StepGroundingReport:
    """How many queries were answered; ``excluded`` counts the others by reason."""

    predicted: int
    excluded: dict[str, int]

    def summary(self) -> str:
        """One line for the log and the results."""
        reasons = "; ".join(f"{n} {reason}" for reason, n in sorted(self.excluded.items())) or "none"
        return f"{self.predicted} queries answered; excluded: {reasons}"


def ground_steps(
    clips: Sequence[GroundingClip],
    *,
    groups: Mapping[str, tuple[str, ...]],
    features_of: Callable[[tuple[str, ...]], VideoFeatures | None],
    embed: Callable[[list[str]], Tensor],
    strategy: Strategy = zero_shot,
    released_groups: bool = False,
) -> tuple[dict[QueryKey, list[Span]], StepGroundingReport]:
    """Answer every query of the clips.

    Args:
        clips: from ``read_grounding``.
        groups: from ``read_video_groups``.
        features_of: the features of the given videos, one after the other on one timeline; None where a video
            has none.
        embed: texts to ``[n, D]`` in the space of the features.
        strategy: how a video's queries are answered.
        released_groups: read groups as the authors' code does (``group_members``).

    Raises:
        DataError: features with NaN or infinity, naming the videos.
    """
    predictions: dict[QueryKey, list[Span]] = {}
    excluded: Counter[str] = Counter()
    for clip in clips:
        if not clip.queries:
            continue
        members = group_members(clip.video_uid, groups, released=released_groups)
        features = features_of(members) if members else None
        if features is None or not len(features.fine):
            excluded["in a group that is not in the table" if members is None else "without features"] += len(
                clip.queries
            )
            continue
        for name in ("fine", "coarse"):
            if not bool(torch.isfinite(getattr(features, name)).all()):
                raise DataError(
                    "the features hold NaN or infinity",
                    file=clip.video_uid,
                    field=name,
                    value=", ".join(members or ()),
                )
        texts = embed([QUERY_PREFIX + q.text for q in clip.queries]).to(features.fine)
        for query, spans in zip(clip.queries, strategy(features, texts), strict=True):
            predictions[query.key] = spans
    report = StepGroundingReport(len(predictions), dict(excluded))
    log.info("step grounding: %s", report.summary())
    return predictions, report
