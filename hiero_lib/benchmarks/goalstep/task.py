"""A run's methods on Goal-Step: step grounding by each strategy, and step localisation.

What the command line and notebook 05 share: the annotations opened once, and each method's projected features of
whole (grouped) videos. Rows of the results table and prediction files are made by ``report``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.benchmarks.grounding.files import (
    GroundingClip,
    GroundingReport,
    QueryKey,
    read_grounding,
    read_video_groups,
    truth_of,
)
from hiero_lib.benchmarks.grounding.metrics import GroundingScores, grounding_scores
from hiero_lib.benchmarks.grounding.stepg import stepg, stepg_ablation
from hiero_lib.benchmarks.grounding.zero_shot import (
    Span,
    StepGroundingReport,
    Strategy,
    VideoFeatures,
    compare_strategies,
    remembering,
    zero_shot,
)
from hiero_lib.benchmarks.step_localization import score as step_localization
from hiero_lib.benchmarks.step_localization.files import StepVideo, read_goalstep
from hiero_lib.benchmarks.step_localization.score import LocalizationResult
from hiero_lib.config import Profile, StepGroundingConfig
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.methods.method import Method, read_video
from hiero_lib.models.clustering.spectral import default_cluster

ZERO_SHOT, RELEASED_RUNS, FULL_STEPG = "zero-shot", "zero-shot, runs as released", "HiERO-StepG"
GROUPS_FILE = "goalstep_video_groups.tsv"
COARSE_LEVEL = 2
RANKS, THRESHOLDS = (1, 3, 5), (0.3, 0.5)


@dataclass(frozen=True)
class Split:
    """The queries of ``val.json`` or ``test.json``."""

    clips: list[GroundingClip]
    report: GroundingReport


@dataclass(frozen=True)
class Answers:
    """One method's answers to one split.

    Attributes:
        predictions: strategy -> query -> spans in seconds, best first.
        report: how many queries were answered, and why others were not.
        scores: strategy -> its scores; empty for a split without answers (test).
    """

    predictions: dict[str, dict[QueryKey, list[Span]]]
    report: StepGroundingReport
    scores: dict[str, GroundingScores]


@dataclass(frozen=True)
class StepTask:
    """Goal-Step as it is under a profile's data root; made by :func:`open_goalstep`.

    ``steps`` are the videos of the official ``goalstep_val.json``, None where that file is not there.
    """

    profile: Profile
    device: torch.device
    store: FeatureStore
    groups: dict[str, tuple[str, ...]]
    splits: dict[str, Split]
    steps: list[StepVideo] | None

    def features(self, method: Method, members: Sequence[str]) -> VideoFeatures | None:
        """Projected levels 0 and 2 of videos on one timeline, clustering on; None where one has no features."""
        if not all(uid in self.store for uid in members):
            return None
        video = read_video(self.store, self.profile, *members, device=self.device)
        levels = method.levels(video, cluster=True)
        if len(levels) <= COARSE_LEVEL:
            problem = f"HiERO-StepG reads level {COARSE_LEVEL}, which the model lacks"
            raise ConfigError(problem, file=method.name, field="model.depth", value=len(levels))
        fine, coarse = (method.project(levels[level].x) for level in (0, COARSE_LEVEL))
        return VideoFeatures(fine, coarse, self.profile.features.stride_s)

    def ground(
        self, method: Method, split: str, strategies: Mapping[str, Strategy] | None = None, *, parts: bool = True
    ) -> Answers:
        """Answer the queries of a split by each strategy, and score them.

        Without ``strategies`` by those of the profile; HiERO-StepG without each of its ``parts`` only where the
        answers are known.
        """
        config, clips = self.profile.step_grounding, self.splits[split].clips
        truth = truth_of(clips)
        if strategies is None:
            strategies = strategies_of(config, ablation=parts and bool(truth))
        predictions, report = compare_strategies(
            clips,
            groups=self.groups,
            features_of=lambda members: self.features(method, members),
            embed=method.embed_text,
            strategies=strategies,
            released_groups=config.released_groups,
        )
        if truth and not report.predicted:
            raise DataError("not one query has features", file=self.store.folder, field=split, value=report.summary())
        scores = {}
        if truth:
            scores = {
                name: grounding_scores(truth, found, ranks=RANKS, thresholds=THRESHOLDS)
                for name, found in predictions.items()
            }
        return Answers(predictions, report, scores)

    def localize(self, method: Method) -> LocalizationResult:
        """Find the steps and sub-steps of the videos of ``goalstep_val.json``, and score them.

        Raises:
            DataError: that file is not there, or none of its videos has features.
        """
        if self.steps is None:
            raise DataError("there is no such file", file=_folder(self.profile) / "goalstep_val.json")

        def fine(video_uid: str) -> Tensor | None:
            features = self.features(method, (video_uid,))
            return None if features is None else features.fine

        return step_localization.evaluate(
            self.steps,
            features_of=fine,
            embed=method.embed_text,
            stride_s=self.profile.features.stride_s,
            config=self.profile.step_localization,
        )

    def summary(self) -> str:
        """Lines for people: what was read, and what was left out of it."""
        lines = [f"{name}: {split.report.summary()}" for name, split in self.splits.items()]
        if self.steps is None:
            return "\n".join([*lines, "step localisation: there is no goalstep_val.json"])
        total = sum(len(video.all_steps()) for video in self.steps)
        labels = len(step_localization.taxonomy(self.steps))
        return "\n".join(
            [*lines, f"step localisation: {total} steps of {labels} categories in {len(self.steps)} videos"]
        )


def needed_files(profile: Profile) -> list[Path]:
    """The annotations without which there is no Goal-Step."""
    return [_folder(profile) / name for name in ("val.json", GROUPS_FILE)]


def open_goalstep(profile: Profile, *, device: torch.device) -> StepTask:
    """Read ``raw/annotations/goalstep``: ``val.json``, the groups, and ``test.json`` and ``goalstep_val.json`` if
    they are there.

    Raises:
        DataError: a file is missing or cannot be used.
    """
    folder = _folder(profile)
    names = ["val", *(["test"] if (folder / "test.json").is_file() else [])]
    splits = {name: Split(*read_grounding(folder / f"{name}.json")) for name in names}
    steps = folder / "goalstep_val.json"
    features = DataPaths.at(profile.data_root).features(profile.features.folder)
    return StepTask(
        profile,
        device,
        FeatureStore(features, dim=profile.features.dim),
        read_video_groups(folder / GROUPS_FILE),
        splits,
        read_goalstep(steps) if steps.is_file() else None,
    )


def _folder(profile: Profile) -> Path:
    return DataPaths.at(profile.data_root).annotations / "goalstep"


def strategies_of(config: StepGroundingConfig, *, ablation: bool = True) -> dict[str, Strategy]:
    """The published strategy, the same with the runs of the authors' code, HiERO-StepG, and it without each part."""
    cluster = remembering(default_cluster)
    published = partial(
        zero_shot,
        n_clusters=config.n_clusters,
        temperature=config.temperature,
        longer_than=config.longer_than,
        answers=config.answers,
        cluster=cluster,
    )
    found: dict[str, Strategy] = {
        ZERO_SHOT: partial(published, released_runs=config.released_runs),
        RELEASED_RUNS: partial(published, released_runs=True),
    }
    for name, changed in stepg_ablation(config.stepg).items():
        if ablation or name == FULL_STEPG:
            found[name] = partial(stepg, config=changed, cluster=cluster)
    return found
