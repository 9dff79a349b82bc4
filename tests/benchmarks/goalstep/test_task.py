"""Goal-Step for a run's methods: features of groups, rows, official files, what was left out; and the command."""

from __future__ import annotations

import itertools
import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from hiero_lib.__main__ import main
from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.benchmarks.goalstep import report as step_report
from hiero_lib.benchmarks.goalstep import task as step_scoring
from hiero_lib.benchmarks.goalstep.report import ABLATION, GROUNDING, LOCALIZATION, STEPG
from hiero_lib.benchmarks.goalstep.task import FULL_STEPG, RELEASED_RUNS, ZERO_SHOT, Answers, StepTask, open_goalstep
from hiero_lib.benchmarks.grounding.files import parse_predictions
from hiero_lib.benchmarks.grounding.metrics import LabelledSpan
from hiero_lib.benchmarks.grounding.zero_shot import zero_shot
from hiero_lib.benchmarks.step_localization import report as step_figures
from hiero_lib.config import Profile, load_profile
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method, open_methods
from tests.helpers.tiny import add_goalstep, make_checkpoint, make_tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("goalstep") / "data"
    make_tiny(root, videos=4, features__text_projection="p.pth", step_grounding__bootstrap_resamples=50)
    torch.save({"weight": torch.randn(12, 384), "bias": torch.zeros(12)}, root / "p.pth")
    add_goalstep(root)
    return root


@pytest.fixture(scope="module")
def profile(root: Path) -> Profile:
    return load_profile(root / "tiny.yaml")


@pytest.fixture(scope="module")
def methods(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Method]:
    folder = tmp_path_factory.mktemp("models")
    checkpoints = {name: make_checkpoint(folder / name, profile, name) for name in ("probe", "hiero")}  # type: ignore[arg-type]
    return open_methods(profile, checkpoints=checkpoints, device=CPU)


@pytest.fixture(scope="module")
def task(profile: Profile) -> StepTask:
    return open_goalstep(profile, device=CPU)


@pytest.fixture(scope="module")
def answers(task: StepTask, methods: dict[str, Method]) -> dict[str, dict[str, Answers]]:
    return {split: {name: task.ground(m, split) for name, m in methods.items()} for split in task.splits}


def test_features_of_a_group_lie_on_one_timeline(task: StepTask, methods: dict[str, Method]) -> None:
    for method in methods.values():
        both = task.features(method, ("v0", "v1"))
        assert both is not None
        assert (len(both.fine), len(both.coarse)) == (120, 30)
        assert both.stride_s == pytest.approx(16 / 30)
        assert not both.fine.requires_grad
        assert task.features(method, ("v0", "lost")) is None
    untrained = task.features(methods[UNTRAINED], ("v0", "v1"))
    assert untrained is not None
    expected = torch.cat([task.store.read("v0"), task.store.read("v1")]).float()
    torch.testing.assert_close(untrained.fine, expected)
    torch.testing.assert_close(untrained.coarse[0], expected[:4].mean(0))


def test_both_splits_are_answered_in_the_official_format(
    task: StepTask, answers: dict[str, dict[str, Answers]], tmp_path: Path
) -> None:
    written = step_report.save_answers(answers, tmp_path)
    assert len(written) == 2 * 3 * 2  # splits, methods, strategies
    for path in written:
        split = "test" if "_test_" in path.name else "val"
        document = json.loads(path.read_text())
        assert set(document) == {"version", "challenge", "results"}
        assert (document["version"], document["challenge"]) == ("1.0", "ego4d_goalstep_challenge")
        for result in document["results"]:
            assert list(result) == ["clip_uid", "annotation_uid", "query_idx", "predicted_times"]
        clips = task.splits[split].clips
        read = parse_predictions(document, clips=clips)
        assert set(read) == {query.key for clip in clips for query in clip.queries}
        assert all(1 <= len(spans) <= 5 for spans in read.values())
    assert answers["test"][HIERO].scores == {}


def test_an_answer_beyond_its_clip_is_kept_scored_and_counted_once(
    profile: Profile, methods: dict[str, Method], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        task = open_goalstep(profile, device=CPU)
        found = task.ground(methods[UNTRAINED], "val")
        assert len([r for r in caplog.records if "beyond" in r.getMessage()]) == 1
    assert task.splits["val"].report.beyond_clip == 1
    assert found.scores[ZERO_SHOT].n == 5
    said = step_report.extra(task, {"val": {UNTRAINED: found}})["splits"]["val"]
    assert said["beyond_clip"] == 1
    assert said["excluded"] == {UNTRAINED: {}}


def test_rows_of_every_method_strategy_and_part(
    task: StepTask, answers: dict[str, dict[str, Answers]], methods: dict[str, Method]
) -> None:
    rows = step_report.grounding_rows(task, answers["val"], methods)
    found = {(row.benchmark, row.method, row.metric): row for row in rows}
    measures = {f"R{rank}@{iou}" for rank in (1, 3, 5) for iou in (0.3, 0.5)} | {"mIoU"}
    for method in methods:
        for benchmark in (GROUNDING, STEPG):
            assert {metric for b, m, metric in found if (b, m) == (benchmark, method)} == measures
    scores = answers["val"][HIERO].scores
    measured = found[GROUNDING, HIERO, "R5@0.3"].result
    assert measured is not None
    assert measured.value == pytest.approx(scores[ZERO_SHOT].recall[5, 0.3])
    assert (measured.n, measured.excluded) == (5, 0)
    assert measured.interval is not None
    assert measured.interval[0] <= measured.value <= measured.interval[1]
    stepg = found[STEPG, HIERO, "mIoU"].result
    assert stepg is not None
    assert stepg.value == pytest.approx(scores[FULL_STEPG].mean_iou)
    assert found[STEPG, HIERO, "mIoU"].thread_graph == "within_threads"
    parts = {method for benchmark, method, _ in found if benchmark == ABLATION}
    assert len(parts) == 5
    assert FULL_STEPG in parts
    assert (GROUNDING, "HiERO, runs as released", "mIoU") in found
    difference = found[GROUNDING, f"{HIERO} minus {UNTRAINED}", "R1@0.3"].result
    assert difference is not None
    expected = scores[ZERO_SHOT].recall[1, 0.3] - answers["val"][UNTRAINED].scores[ZERO_SHOT].recall[1, 0.3]
    assert difference.value == pytest.approx(expected)
    assert found[GROUNDING, "HiERO (EgoVLP)", "R1@0.3"].published == 0.1383
    assert found[STEPG, "HiERO (LaViLa)", "R5@0.5"].published == 0.5353


def test_switches_of_the_released_code(root: Path, methods: dict[str, Method]) -> None:
    released = load_profile(root / "tiny.yaml", {"step_grounding.released_runs": True})
    task = open_goalstep(released, device=CPU)
    strategies = {
        name: s for name, s in step_scoring.strategies_of(released.step_grounding).items() if "zero" in name
    }
    found = task.ground(methods[HIERO], "val", strategies)
    assert found.predictions[ZERO_SHOT] == found.predictions[RELEASED_RUNS]
    assert set(found.scores) == {ZERO_SHOT, RELEASED_RUNS}
    whole = load_profile(root / "tiny.yaml", {"step_grounding.released_groups": True})
    asked: list[tuple[str, ...]] = []

    class Spy(StepTask):
        def features(self, method, members):
            asked.append(tuple(members))
            return super().features(method, members)

    spied = open_goalstep(whole, device=CPU)
    spied = Spy(spied.profile, CPU, spied.store, spied.groups | {"v2": ("v2", "v3")}, spied.splits, None)
    spied.ground(methods[UNTRAINED], "val", {ZERO_SHOT: zero_shot})
    assert asked == [("v0", "v1"), ("v2", "v3")]


def test_steps_are_localised_and_scored(task: StepTask, methods: dict[str, Method], tmp_path: Path) -> None:
    results = {name: task.localize(method) for name, method in methods.items()}
    rows = step_report.localization_rows(task, results, methods)
    assert {row.benchmark for row in rows} == {LOCALIZATION}
    named = {row.metric: row.result for row in rows if row.method == HIERO}
    assert list(named) == [*(f"mAP@{iou}" for iou in (0.1, 0.2, 0.3, 0.4, 0.5)), "mAP, average"]
    average = named["mAP, average"]
    assert average is not None
    assert (average.n, average.excluded) == (6, 0)
    assert average.value == pytest.approx(np.mean([named[f"mAP@{i / 10}"].value for i in range(1, 6)]))  # type: ignore[union-attr]
    (path, *_) = step_report.save_localization(results, tmp_path)
    saved = json.loads(path.read_text())["results"]
    assert set(saved) == {"v0", "v2"}
    assert set(saved["v0"][0]) == {"segment", "label", "score"}
    pieces = step_figures.best_labels(results[PROBE].predictions, "v0")
    assert all(isinstance(piece, LabelledSpan) and piece.start_s < piece.end_s for piece in pieces)
    assert all(a.end_s <= b.start_s for a, b in itertools.pairwise(pieces))


def test_tables_and_pictures(
    task: StepTask, answers: dict[str, dict[str, Answers]], methods: dict[str, Method]
) -> None:
    _, shown = step_figures.query_table(task, count=3)
    assert [row[2] for row in shown] == ["0.0 to 20.0 s", "40.0 to 60.0 s", "12.0 to 37.0 s"]
    header, rows = step_figures.ablation_table(answers["val"])
    assert header == ["strategy", *methods]
    assert [row[0] for row in rows][:3] == [ZERO_SHOT, RELEASED_RUNS, FULL_STEPG]
    panels = step_figures.example_panels(task, answers["val"], count=9)
    assert len(panels) == 5
    assert list(panels[0].answers) == [*methods, FULL_STEPG]
    first = [answers["val"][HIERO].scores[ZERO_SHOT].per_query[key][0] for key in task_keys(task)]
    assert panels[0].answers[HIERO][0] == answers["val"][HIERO].predictions[ZERO_SHOT][best_key(task, first)][0]
    results = {HIERO: task.localize(methods[HIERO])}
    (video,) = step_figures.example_videos(task, results, count=1)
    truth, found = step_figures.localized_rows(video, results)
    assert [(span.start_s, span.end_s, span.label) for span in truth.spans] == [(0.0, 12.0, 0), (12.0, 30.0, 1)]
    assert truth.names[0] == "cuts the onion"
    assert {span.label for span in found.spans} <= {-1, 0, 1}


def task_keys(task: StepTask) -> list:
    return [query.key for clip in task.splits["val"].clips for query in clip.queries]


def best_key(task: StepTask, ious: list[float]):
    return task_keys(task)[int(np.argmax(ious))]


def test_what_a_model_or_the_data_lack_is_told(root: Path, task: StepTask, methods: dict[str, Method]) -> None:
    shallow = Method(HIERO, lambda video, cluster=True: methods[HIERO].levels(video)[:2], *([None] * 3), None, "")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"field 'model\.depth', value 2"):
        task.features(shallow, ("v0",))
    bare = StepTask(task.profile, CPU, task.store, task.groups, task.splits, None)
    with pytest.raises(DataError, match=r"goalstep_val\.json"):
        bare.localize(methods[UNTRAINED])
    assert "there is no goalstep_val.json" in bare.summary()
    assert "6 steps of 3 categories in 2 videos" in task.summary()


def test_the_command_scores_and_records(
    root: Path, profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_checkpoint(tmp_path / "hiero", profile, "hiero")
    monkeypatch.chdir(tmp_path)
    arguments = ["goalstep", "--profile", str(root / "tiny.yaml"), "--run", "r"]
    assert main([*arguments, "--checkpoint", str(path)]) == 0
    said = capsys.readouterr().out
    assert "5 queries in 2 clips of 2 videos" in said
    assert "test, HiERO: 2 queries answered; excluded: none" in said
    sections = json.loads((tmp_path / "outputs/r/results.json").read_text())["sections"]
    assert list(sections) == ["step_grounding", "step_localization"]
    assert sections["step_grounding"]["extra"]["splits"]["test"]["answered"] == {UNTRAINED: 2, HIERO: 2}
    assert len(list((tmp_path / "outputs/r/predictions").iterdir())) == 2 * 2 * 2 + 2
    assert main([*arguments, "--set", "features.text_projection=null"]) == 2
    assert "nothing to score" in capsys.readouterr().err
