"""Goal-Step step grounding opened on a profile's data: its queries, answered by each strategy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from hiero_lib.base.errors import DataError
from hiero_lib.base.progress import Progress
from hiero_lib.benchmarks.benchmark import Section
from hiero_lib.benchmarks.goalstep.data import video_features
from hiero_lib.benchmarks.goalstep.files import Split, read_groups, read_splits
from hiero_lib.benchmarks.goalstep.report import excluded_lines, extra, goalstep_rows, save_answers
from hiero_lib.benchmarks.goalstep.score import RANKS, THRESHOLDS, Answers, compare_strategies, strategies_of
from hiero_lib.benchmarks.grounding.files import truth_of
from hiero_lib.benchmarks.grounding.metrics import grounding_scores
from hiero_lib.benchmarks.grounding.zero_shot import Strategy
from hiero_lib.config import Profile
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.methods.method import Method

SplitAnswers = Mapping[str, Mapping[str, Answers]]
"""Split -> method -> answers."""


@dataclass(frozen=True)
class GoalStepTask:
    """Step grounding as it is under a profile's data root; made by :func:`open_goalstep`."""

    profile: Profile
    device: torch.device
    store: FeatureStore
    groups: dict[str, tuple[str, ...]]
    splits: dict[str, Split]

    def summary(self) -> str:
        """Lines for people: what was read, and what was left out of it."""
        return "\n".join(f"{name}: {split.report.summary()}" for name, split in self.splits.items())

    def ground(self, method: Method, split: str, strategies: Mapping[str, Strategy] | None = None) -> Answers:
        """Answer the queries of a split by each strategy, and score them.

        Without ``strategies`` by those of the profile; HiERO-StepG without each of its parts only where the answers
        are known.

        Raises:
            DataError: not one validation query has features, or features cannot be used.
        """
        config, clips = self.profile.step_grounding, self.splits[split].clips
        truth = truth_of(clips)
        if strategies is None:
            strategies = strategies_of(self.profile, ablation=bool(truth))
        predictions, report = compare_strategies(
            clips,
            groups=self.groups,
            features_of=lambda members: video_features(self.store, self.profile, method, members, device=self.device),
            embed=method.embed_text,
            strategies=strategies,
            released_groups=config.released_groups,
        )
        if truth and not report.predicted:
            raise DataError("not one query has features", file=self.store.folder, field=split, value=report.summary())
        scores = {}
        if truth:
            scores = {
                name: grounding_scores(truth, answers, ranks=RANKS, thresholds=THRESHOLDS)
                for name, answers in predictions.items()
            }
        return Answers(predictions, report, scores)

    def evaluate(
        self, methods: Mapping[str, Method], *, run_folder: Path | None = None
    ) -> dict[str, dict[str, Answers]]:
        """Split -> method -> answers by every strategy; the parts of HiERO-StepG for every method on ``val``."""
        progress = Progress("step grounding, splits and methods", total=len(self.splits) * len(methods))
        answers: dict[str, dict[str, Answers]] = {}
        for split in self.splits:
            for name, method in methods.items():
                answers.setdefault(split, {})[name] = self.ground(method, split)
                progress.show(sum(map(len, answers.values())))
        progress.close()
        return answers

    def notes(self, results: SplitAnswers) -> list[str]:
        """How many queries of which split each method answered, and why not the others."""
        return excluded_lines(results)

    def sections(self, results: SplitAnswers, methods: Mapping[str, Method]) -> list[Section]:
        """One section, ``step_grounding``."""
        rows = goalstep_rows(self, results["val"], methods)
        return [Section("step_grounding", rows, extra(self, results))]

    def save_predictions(self, results: SplitAnswers, methods: Mapping[str, Method], run_folder: Path) -> list[Path]:
        """Write the challenge's files, ``predictions/step_grounding_<split>_<method>_<strategy>.json``."""
        return save_answers(results, run_folder)


def open_goalstep(profile: Profile, *, device: torch.device) -> GoalStepTask:
    """Read ``val.json``, the groups, and ``test.json`` where it is there.

    Raises:
        DataError: a file is missing or cannot be used.
    """
    features = DataPaths.at(profile.data_root).features(profile.features.folder)
    store = FeatureStore(features, dim=profile.features.dim)
    return GoalStepTask(profile, device, store, read_groups(profile), read_splits(profile))
