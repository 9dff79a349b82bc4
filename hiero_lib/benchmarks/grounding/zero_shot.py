"""Goal-Step step grounding, zero-shot: the published strategy, and the run of a strategy over a whole file.

A strategy is any callable from the features of a (grouped) video and its queries to spans in seconds, best first.
The times are those of the video's (group's) timeline from its start, as the official annotations have them: the one
validation clip that does not begin at 0 (it begins at 531.8 s) has answers from 532.5 to 1,940.2 s.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.grounding.files import GroundingClip, QueryKey, group_members
from hiero_lib.models.clustering.spectral import Cluster, default_cluster

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


@dataclass(frozen=True)
class StepGroundingReport:
    """How many queries were answered; ``excluded`` counts the others by reason."""

    predicted: int
    excluded: dict[str, int]

    def summary(self) -> str:
        """One line for the log and the results."""
        reasons = "; ".join(f"{n} {reason}" for reason, n in sorted(self.excluded.items())) or "none"
        return f"{self.predicted} queries answered; excluded: {reasons}"


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


def compare_strategies(
    clips: Sequence[GroundingClip],
    *,
    groups: Mapping[str, tuple[str, ...]],
    features_of: Callable[[tuple[str, ...]], VideoFeatures | None],
    embed: Callable[[list[str]], Tensor],
    strategies: Mapping[str, Strategy],
    released_groups: bool = False,
) -> tuple[dict[str, dict[QueryKey, list[Span]]], StepGroundingReport]:
    """Answer every query of the clips with each of the strategies; features are asked for once a clip.

    Args:
        clips: from ``read_grounding``.
        groups: from ``read_video_groups``.
        features_of: the features of the given videos, one after the other on one timeline; None where a video
            has none.
        embed: texts to ``[n, D]`` in the space of the features.
        strategies: name -> how a video's queries are answered.
        released_groups: read groups as the authors' code does (``group_members``).

    Raises:
        DataError: features with NaN or infinity, naming the videos.
    """
    predictions: dict[str, dict[QueryKey, list[Span]]] = {name: {} for name in strategies}
    predicted = 0
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
        for name, strategy in strategies.items():
            for query, spans in zip(clip.queries, strategy(features, texts), strict=True):
                predictions[name][query.key] = spans
        predicted += len(clip.queries)
    report = StepGroundingReport(predicted, dict(excluded))
    log.info("step grounding: %s", report.summary())
    return predictions, report
