"""HiERO-StepG (arXiv 2605.31227) as its authors released it; second at the 2026 Step Grounding challenge, zero-shot.

A strategy for :func:`hiero_lib.benchmarks.goalstep.score.compare_strategies`. Each part is a function of its own and
can be switched off: runs of the coarse level, fused similarity, one order of all steps, peaks, growing, suppression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from hiero_lib.benchmarks.grounding.zero_shot import VideoFeatures, compress, cosine, run_means
from hiero_lib.config import StepGConfig
from hiero_lib.hierarchy.spans import Interval, temporal_iou
from hiero_lib.models.clustering.spectral import Cluster, default_cluster

Runs = Sequence[tuple[int, int]]
"""(first node, number of nodes) of stretches of level 2."""


def coarse_runs(ids: np.ndarray, *, longer_than: int = 1, released: bool = True) -> list[tuple[int, int]]:
    """Runs of equal cluster id of level 2 with more than ``longer_than`` nodes, as (first node, length).

    Shapes: ids ``[M]``. With ``released`` the last run starts one node early, as in the authors' code
    (:func:`compress`). A video of a single run would start at -1 there and have no mean: it has no run.
    """
    return [run for run in compress(ids, released=released) if run[1] > longer_than and run[0] >= 0]


def segments_of(run: tuple[int, int], *, num_segments: int, num_nodes: int) -> tuple[int, int]:
    """First and last segment (exclusive) of level 0 that a run of ``num_nodes`` nodes of level 2 stands for."""
    start, length = run
    return int(start * num_segments / num_nodes), int((start + length) * num_segments / num_nodes)


def coarse_similarity(features: VideoFeatures, queries: Tensor, runs: Runs, *, level0: bool = False) -> Tensor:
    """``[Q, N]``: cosine with the mean feature of the run that each segment lies in; -1 in no run.

    Of two runs that overlap (the last one, as released) the later counts. ``queries``: ``[Q, D]``. ``level0``: means
    of the segments of a run in place of its nodes of level 2, which training never aligns with text.
    """
    n, m = len(features.fine), len(features.coarse)
    places = [segments_of(run, num_segments=n, num_nodes=m) for run in runs]
    run_at = torch.full((n,), len(runs))
    for index, (first, stop) in enumerate(places):
        run_at[first:stop] = index
    if level0:
        means = run_means(features.fine, [(first, stop - first) for first, stop in places])
    else:
        means = run_means(features.coarse, runs)
    similarity = cosine(queries, means)
    outside = similarity.new_full((len(queries), 1), -1.0)
    return torch.cat([similarity, outside], dim=1)[:, run_at.to(similarity.device)]


def fuse(fine: Tensor, coarse: Tensor, *, coarse_weight: float = 0.3) -> Tensor:
    """Weighted sum of two similarities ``[Q, N]``."""
    return (1 - coarse_weight) * fine + coarse_weight * coarse


def fused_similarity(
    features: VideoFeatures, queries: Tensor, *, config: StepGConfig, cluster: Cluster = default_cluster
) -> tuple[Tensor, Tensor]:
    """The fine similarity of each query with each segment, and the fused one; both ``[Q, N]``.

    The second is the first where the coarse level is switched off or no run of it is left.
    """
    fine = cosine(queries, features.fine)
    if not config.use_coarse:
        return fine, fine
    ids = cluster(features.coarse, config.coarse_clusters, config.temperature).cpu().numpy()
    runs = coarse_runs(ids, longer_than=config.coarse_longer_than, released=config.released_runs)
    if not runs:
        return fine, fine
    coarse = coarse_similarity(features, queries, runs, level0=config.coarse_features == "level0")
    return fine, fuse(fine, coarse, coarse_weight=config.coarse_weight)


def viterbi_order(similarity: np.ndarray, *, back: int = 0) -> np.ndarray:
    """The segment of each step, in the order given, with the highest total similarity.

    A step may lie at most ``back`` segments before the step before it. Shapes: similarity ``[Q, N]``; returns ``[Q]``
    int64. The earliest of equal answers is taken.
    """
    q, n = similarity.shape
    came_from = np.zeros((q, n), dtype=np.int64)
    total = similarity[0].astype(np.float64)
    place = np.arange(n)
    last_allowed = np.minimum(place + back, n - 1)
    for step in range(1, q):
        highest = np.maximum.accumulate(total)
        # The place where the running maximum was last raised.
        raised = np.maximum.accumulate(np.where(np.r_[True, highest[1:] > highest[:-1]], place, 0))
        came_from[step] = raised[last_allowed]
        total = similarity[step] + highest[last_allowed]
    path = np.empty(q, dtype=np.int64)
    path[-1] = int(total.argmax())
    for step in range(q - 1, 0, -1):
        path[step - 1] = came_from[step, path[step]]
    return path


def highest_segments(similarity: np.ndarray, *, count: int = 15, window: int = 5) -> list[list[int]]:
    """Up to ``count`` segments of each line by repeated argmax, each of which rules out ``window`` on both sides.

    Shapes: similarity ``[Q, N]``; -inf is never taken. Of equal ones the first is taken.
    """
    lines = similarity.astype(np.float64)
    row = np.arange(len(lines))
    around = np.arange(-window, window + 1)
    chosen = np.full((len(lines), count), -1)
    for at in range(count):
        best = lines.argmax(axis=1)
        left = lines[row, best] > -np.inf
        if not left.any():
            break
        chosen[left, at] = best[left]
        lines[row[:, None], (best[:, None] + around).clip(0, lines.shape[1] - 1)] = -np.inf
    return [[segment for segment in line if segment >= 0] for line in chosen.tolist()]


def query_peaks(
    similarity: np.ndarray, path: np.ndarray | None, *, count: int = 15, window: int = 5, margin: int = 2
) -> list[list[int]]:
    """Segments that each query's spans are grown from, best first.

    The Viterbi node; then the highest segments between the Viterbi node of the step before minus ``margin`` and of
    the step after plus ``margin`` (both included; no bound where there is no such step); then those of the whole
    line. One within ``window`` of an earlier peak is left out, after the ``count`` highest of its kind were taken.

    Shapes: similarity ``[Q, N]``; path ``[Q]`` of :func:`viterbi_order`, or None for the highest of the whole line
    alone.
    """
    everywhere = highest_segments(similarity, count=count, window=window)
    if path is None:
        return everywhere
    q, n = similarity.shape
    low, high = np.full(q, 0), np.full(q, n - 1)
    low[1:], high[:-1] = path[:-1] - margin, path[1:] + margin
    place = np.arange(n)
    between = (place >= low[:, None]) & (place <= high[:, None])
    near = highest_segments(np.where(between, similarity, -np.inf), count=count, window=window)
    answers = []
    for node, local, rest in zip(path.tolist(), near, everywhere, strict=True):
        peaks = [node]
        for segment in (*local, *rest):
            if all(abs(segment - peak) > window for peak in peaks):
                peaks.append(segment)
        answers.append(peaks)
    return answers


def grow_peaks(
    similarity: np.ndarray,
    peaks: Sequence[int],
    *,
    ratios: Sequence[float],
    ceiling: float = 0.4,
    patience: int = 3,
    reach: int = 150,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last segment (both included) around each peak while similarity is high enough, for each ratio.

    High enough is max(min(ratio * similarity of the peak, ceiling), 0). Up to ``patience`` segments below that are
    stepped over when similarity comes back; at most ``reach`` segments are taken each way.

    Shapes: similarity ``[N]``; returns ``[P, R]`` twice.
    """
    reach = min(reach, len(similarity))
    at = np.asarray(peaks, dtype=np.int64)
    threshold = np.maximum(np.minimum(similarity[at][:, None] * np.asarray(ratios), ceiling), 0.0)
    padded = np.pad(similarity, reach, constant_values=-np.inf)  # the padding is below every threshold
    steps = np.arange(1, reach + 1)

    def extent(side: int) -> NDArray[np.int64]:
        line = padded[at[:, None] + reach + side * steps]
        above = line[:, None, :] >= threshold[:, :, None]
        last_above = np.maximum.accumulate(np.where(above, steps, 0), axis=2)
        too_low = steps - last_above > patience
        stop = np.where(too_low.any(axis=2), too_low.argmax(axis=2), reach - 1)
        return np.take_along_axis(last_above, stop[:, :, None], axis=2)[:, :, 0]

    return at[:, None] - extent(-1), at[:, None] + extent(1)


def widen(spans: ArrayLike, *, min_length_s: float, earliest_s: float = 0.0) -> NDArray[np.float64]:
    """Spans made at least ``min_length_s`` seconds long around their middle, none to start before ``earliest_s``.

    Shapes: spans ``[n, 2]`` seconds; returns ``[n, 2]``. As released, what is cut off at the start is not added at
    the end, and an end may lie beyond the video.
    """
    line = np.asarray(spans, dtype=np.float64)
    middle = line.mean(axis=1)
    wide = np.stack([np.maximum(middle - min_length_s / 2, earliest_s), middle + min_length_s / 2], axis=1)
    short = line[:, 1] - line[:, 0] < min_length_s
    return np.where(short[:, None], wide, line)


def grown_spans(
    similarity: np.ndarray, peaks: Sequence[int], *, config: StepGConfig, stride_s: float, earliest_s: float = 0.0
) -> NDArray[np.float64]:
    """Spans in seconds around each peak in turn: for each ratio in turn, before the next peak; ``[P * R, 2]``.

    Shapes: similarity ``[N]``, the fine one. Without growth (``use_growth``) each peak has one span, its own segment.
    ``earliest_s`` as for :func:`widen`.
    """
    if config.use_growth:
        first, last = grow_peaks(
            similarity,
            peaks,
            ratios=config.ratios,
            ceiling=config.ceiling,
            patience=config.patience,
            reach=config.reach,
        )
    else:
        first = last = np.asarray(peaks, dtype=np.int64)[:, None]
    spans = np.stack([first, last + 1], axis=2).reshape(-1, 2) * stride_s
    return widen(spans, min_length_s=config.min_length_s, earliest_s=earliest_s)


def suppress(spans: Sequence[Interval], *, iou: float, limit: int | None = None) -> list[Interval]:
    """The spans that overlap no earlier kept one by more than ``iou``, at most ``limit``, order kept."""
    line = np.asarray(spans, dtype=np.float64).reshape(-1, 2)
    left = np.arange(len(line))
    kept: list[Interval] = []
    while len(left) and (limit is None or len(kept) < limit):
        kept.append(spans[left[0]])
        left = left[1:][temporal_iou(line[left[0]], line[left[1:]]) <= iou]
    return kept


def filled_up(spans: Sequence[Interval], *, answers: int) -> list[Interval]:
    """The first ``answers`` spans; fewer are filled up with the last, or with (0, 1) where there is none."""
    first = list(spans[:answers])
    return first + [first[-1] if first else (0.0, 1.0)] * (answers - len(first))


def stepg(
    features: VideoFeatures, queries: Tensor, *, config: StepGConfig | None = None, cluster: Cluster = default_cluster
) -> list[list[Interval]]:
    """HiERO-StepG: fused similarity, one order for all steps, peaks grown to spans on the fine similarity.

    ``queries`` ``[Q, D]`` must be in the order of the annotation, which is the order of the steps. Times are seconds
    on the timeline of the features, as the annotations have them. With ``config.released_times`` they count from the
    clip's start, as in the authors' code, and it is there that widening stops: a short span before the clip then ends
    before it starts. Both are the same for a clip that starts at 0, which all of the validation set but one do.
    """
    config = config or StepGConfig()
    if not len(queries):
        return []
    both = fused_similarity(features, queries, config=config, cluster=cluster)
    fine, fused = (similarity.cpu().double().numpy() for similarity in both)
    path = None
    if config.use_order:
        path = viterbi_order(fused, back=segments_back(config.order_slack_s, features.stride_s))
    peaks = query_peaks(fused, path, count=config.peaks, window=config.window, margin=config.margin)
    origin_s = features.clip_start_s if config.released_times else 0.0
    answers = []
    for line, of_query in zip(fine, peaks, strict=True):
        grown = grown_spans(line, of_query, config=config, stride_s=features.stride_s, earliest_s=origin_s) - origin_s
        spans: list[Interval] = [(start, end) for start, end in grown.tolist()]
        if config.use_suppression:
            spans = suppress(spans, iou=config.duplicate_iou, limit=config.answers)
        answers.append(filled_up(spans, answers=config.answers))
    return answers


def segments_back(slack_s: float, stride_s: float) -> int:
    """Whole segments in ``slack_s`` seconds."""
    return int(slack_s / stride_s + 1e-9)


def stepg_ablation(config: StepGConfig | None = None) -> dict[str, StepGConfig]:
    """The rows of the ablation table: everything, each part left out, and the coarse level by level 0's features."""
    config = config or StepGConfig()
    return {
        "HiERO-StepG": config,
        "without coarse similarity": replace(config, use_coarse=False),
        "coarse similarity from level 0": replace(config, coarse_features="level0"),
        "without Viterbi order": replace(config, use_order=False),
        "without peak growing": replace(config, use_growth=False),
        "without duplicate suppression": replace(config, use_suppression=False),
    }
