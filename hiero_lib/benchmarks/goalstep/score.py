"""Step grounding by several strategies, and their scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.grounding.files import (
    GroundingClip,
    QueryKey,
    group_members,
)
from hiero_lib.benchmarks.grounding.metrics import GroundingScores
from hiero_lib.benchmarks.grounding.stepg import stepg, stepg_ablation
from hiero_lib.benchmarks.grounding.zero_shot import Strategy, VideoFeatures, remembering, zero_shot
from hiero_lib.config import Profile
from hiero_lib.data.narrations import add_tag
from hiero_lib.hierarchy.spans import Interval
from hiero_lib.models.clustering.coherence import coherent_cluster
from hiero_lib.models.clustering.spectral import default_cluster

ZERO_SHOT, RELEASED_RUNS, FULL_STEPG = "zero-shot", "zero-shot, runs as released", "HiERO-StepG"
COHERENT = "zero-shot, coherent"


RANKS, THRESHOLDS = (1, 3, 5), (0.3, 0.5)


@dataclass(frozen=True)
class Answers:
    """One method's answers to one split.

    Attributes:
        predictions: strategy -> query -> spans in seconds, best first.
        report: how many queries were answered, and why others were not.
        scores: strategy -> its scores; empty for a split without answers (test).
    """

    predictions: dict[str, dict[QueryKey, list[Interval]]]
    report: StepGroundingReport
    scores: dict[str, GroundingScores]


def strategies_of(profile: Profile, *, ablation: bool = True) -> dict[str, Strategy]:
    """The published strategy, with the runs of the authors' code, and with clusters that hang together in time, as
    threads do for people; HiERO-StepG, and it without each part."""
    config = profile.step_grounding
    cluster = remembering(default_cluster)
    switch_cost = profile.hierarchy.coherence_s / profile.features.stride_s
    published = partial(
        zero_shot,
        n_clusters=config.n_clusters,
        temperature=config.temperature,
        longer_than=config.longer_than,
        answers=config.answers,
        cluster=cluster,
    )
    strategies: dict[str, Strategy] = {
        ZERO_SHOT: partial(published, released_runs=config.released_runs),
        RELEASED_RUNS: partial(published, released_runs=True),
        COHERENT: partial(
            published,
            released_runs=config.released_runs,
            cluster=coherent_cluster(cluster, switch_cost=switch_cost),
        ),
    }
    for name, changed in stepg_ablation(config.stepg).items():
        if ablation or name == FULL_STEPG:
            strategies[name] = partial(stepg, config=changed, cluster=cluster)
    return strategies


@dataclass(frozen=True)
class StepGroundingReport:
    """How many queries were answered; ``excluded`` counts the others by reason."""

    predicted: int
    excluded: dict[str, int]

    def summary(self) -> str:
        """One line for the log and the results."""
        reasons = "; ".join(f"{n} {reason}" for reason, n in sorted(self.excluded.items())) or "none"
        return f"{self.predicted} queries answered; excluded: {reasons}"


def compare_strategies(
    clips: Sequence[GroundingClip],
    *,
    groups: Mapping[str, tuple[str, ...]],
    features_of: Callable[[tuple[str, ...]], VideoFeatures | None],
    embed: Callable[[list[str]], Tensor],
    strategies: Mapping[str, Strategy],
    released_groups: bool = False,
) -> tuple[dict[str, dict[QueryKey, list[Interval]]], StepGroundingReport]:
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
    predictions: dict[str, dict[QueryKey, list[Interval]]] = {name: {} for name in strategies}
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
        features = replace(features, clip_start_s=clip.start_s)
        texts = embed([add_tag(query.text) for query in clip.queries]).to(features.fine)
        for name, strategy in strategies.items():
            for query, spans in zip(clip.queries, strategy(features, texts), strict=True):
                predictions[name][query.key] = spans
        predicted += len(clip.queries)
    return predictions, StepGroundingReport(predicted, dict(excluded))
