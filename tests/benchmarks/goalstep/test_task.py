"""Goal-Step step grounding for a run's methods: what is asked, answered and left out, and the released switches."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.goalstep import task as module
from hiero_lib.benchmarks.goalstep.report import extra
from hiero_lib.benchmarks.goalstep.score import (
    COHERENT,
    FULL_STEPG,
    RELEASED_RUNS,
    ZERO_SHOT,
    Answers,
    strategies_of,
)
from hiero_lib.benchmarks.goalstep.task import GoalStepTask, open_goalstep
from hiero_lib.benchmarks.grounding.zero_shot import zero_shot
from hiero_lib.config import Profile, load_profile
from hiero_lib.methods.method import HIERO, UNTRAINED, Method

CPU = torch.device("cpu")


def test_an_answer_beyond_its_clip_is_kept_scored_and_counted_once(
    task: GoalStepTask, answers: dict[str, dict[str, Answers]]
) -> None:
    assert [line for line in task.summary().splitlines() if "1 that reach beyond their clip" in line] == [
        "val: 5 queries in 2 clips of 2 videos; excluded: 0 without text; "
        "kept: 1 that reach beyond their clip, 0 of zero length"
    ]
    assert task.splits["val"].report.beyond_clip == 1
    found = answers["val"][UNTRAINED]
    assert found.scores[ZERO_SHOT].n == 5
    said = extra(task, {"val": {UNTRAINED: found}})["splits"]["val"]
    assert said["beyond_clip"] == 1
    assert said["excluded"] == {UNTRAINED: {}}


def test_every_method_answers_both_splits_by_every_strategy(
    task: GoalStepTask, answers: dict[str, dict[str, Answers]], methods: dict[str, Method], tmp_path: Path
) -> None:
    assert list(answers) == ["val", "test"]
    strategies = list(strategies_of(task.profile))
    for name in methods:
        known, unknown = answers["val"][name], answers["test"][name]
        assert list(known.predictions) == list(known.scores) == strategies
        assert (list(unknown.predictions), unknown.scores) == (strategies[:4], {})  # no parts without a truth
    assert task.notes(answers) == [
        f"{split}, {name}: {count} queries answered; excluded: none"
        for split, count in (("val", 5), ("test", 2))
        for name in methods
    ]
    (section,) = task.sections(answers, methods)
    assert section.name == "step_grounding"
    assert section.extra["splits"]["test"]["answered"] == dict.fromkeys(methods, 2)
    assert len(task.save_predictions(answers, methods, tmp_path)) == 2 * 3 * 2


def test_the_strategies_that_are_handed_in_are_the_only_ones(task: GoalStepTask, methods: dict[str, Method]) -> None:
    strategies = strategies_of(task.profile, ablation=False)
    answers = task.ground(methods[UNTRAINED], "val", strategies)
    assert list(answers.scores) == [ZERO_SHOT, RELEASED_RUNS, COHERENT, FULL_STEPG]


def test_switches_of_the_released_code(root: Path, methods: dict[str, Method]) -> None:
    released = load_profile(root / "tiny.yaml", {"step_grounding.released_runs": True})
    task = open_goalstep(released, device=CPU)
    strategies = {name: s for name, s in strategies_of(released).items() if "zero" in name}
    found = task.ground(methods[HIERO], "val", strategies)
    assert found.predictions[ZERO_SHOT] == found.predictions[RELEASED_RUNS]
    assert set(found.scores) == {ZERO_SHOT, RELEASED_RUNS, COHERENT}


def test_groups_as_the_released_code_reads_them(
    root: Path, methods: dict[str, Method], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = open_goalstep(load_profile(root / "tiny.yaml", {"step_grounding.released_groups": True}), device=CPU)
    asked: list[tuple[str, ...]] = []
    read = module.video_features

    def spy(store, profile, method, video_uids, *, device):
        asked.append(tuple(video_uids))
        return read(store, profile, method, video_uids, device=device)

    monkeypatch.setattr(module, "video_features", spy)
    more = GoalStepTask(whole.profile, CPU, whole.store, whole.groups | {"v2": ("v2", "v3")}, whole.splits)
    more.ground(methods[UNTRAINED], "val", {ZERO_SHOT: zero_shot})
    assert asked == [("v0", "v1"), ("v2", "v3")]


def test_without_features_validation_is_an_error_and_test_is_not(own: Profile, methods: dict[str, Method]) -> None:
    features = Path(own.data_root) / "raw" / "features" / "tiny"
    shutil.rmtree(features)
    features.mkdir()
    task = open_goalstep(own, device=CPU)
    with pytest.raises(DataError, match="not one query has features") as error:
        task.ground(methods[UNTRAINED], "val")
    assert (error.value.file, error.value.field) == (features, "val")
    found = task.ground(methods[UNTRAINED], "test")
    assert (found.report.predicted, found.report.excluded) == (0, {"without features": 2})
