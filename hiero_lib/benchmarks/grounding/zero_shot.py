"""Step grounding, zero-shot: what a strategy is, and the published one.

A strategy is any callable from the features of a (grouped) video and its queries to spans in seconds, best first.
The times are those of the video's (group's) timeline from its start, as the official annotations have them: the one
validation clip that does not begin at 0 (it begins at 531.8 s) has answers from 532.5 to 1,940.2 s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hiero_lib.hierarchy.spans import Interval, stretches
from hiero_lib.models.clustering.spectral import Cluster, default_cluster


@dataclass(frozen=True)
class VideoFeatures:
    """Projected features of a video or a group of videos.

    Shapes: fine ``[N, D]`` of level 0; coarse ``[ceil(N / 4), D]`` of level 2 (only HiERO-StepG reads it).
    """

    fine: Tensor
    coarse: Tensor
    stride_s: float  # seconds from one segment of ``fine`` to the next
    clip_start_s: float = 0.0  # where the clip that is asked about starts on the timeline (only HiERO-StepG reads it)


Strategy = Callable[[VideoFeatures, Tensor], list[list[Interval]]]  # features, queries [Q, D] -> spans of each query


def compress(ids: np.ndarray, *, released: bool = False) -> list[tuple[int, int]]:
    """Runs of equal ids as (start, length).

    With ``released`` as the authors' code has them: the last run starts one segment early, so that it overlaps
    the run before it, and a video of a single run starts at -1.
    """
    runs = [(first, stop - first) for first, stop in stretches(ids)]
    if released and runs:
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
) -> list[list[Interval]]:
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


def remembering(cluster: Cluster, *, last: int = 4) -> Cluster:
    """``cluster``, with its last results kept: strategies that are compared on one video ask for the same."""
    kept: deque[tuple[Tensor, int, float, Tensor]] = deque(maxlen=last)

    def of(x: Tensor, n_clusters: int, temperature: float) -> Tensor:
        for y, k, t, ids in kept:
            if y is x and (k, t) == (n_clusters, temperature):
                return ids
        ids = cluster(x, n_clusters, temperature)
        kept.append((x, n_clusters, temperature, ids))
        return ids

    return of
