"""EgoProceL for a run's methods: features of level 2, positions, rows, what was left out; and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from hiero_lib.__main__ import main
from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.benchmarks.egoprocel import scoring as procedure_scoring
from hiero_lib.benchmarks.egoprocel.scoring import (
    CONTROLS,
    RANDOM,
    UNIFORM,
    ProcedureTask,
    open_egoprocel,
    positions_of,
)
from hiero_lib.benchmarks.egoprocel.task import AVERAGE, MEASURES, ProcedureResult
from hiero_lib.config import Profile, load_profile
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method, TextSide, open_methods
from hiero_lib.models.temporal import radius_graph
from tests.helpers.tiny import add_egoprocel, make_checkpoint, make_tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("procedures") / "data"
    make_tiny(root, videos=2, segments=8, features__text_projection=None, egoprocel__bootstrap_resamples=50)
    add_egoprocel(root)
    return root


@pytest.fixture(scope="module")
def profile(root: Path) -> Profile:
    return load_profile(root / "tiny.yaml")


@pytest.fixture(scope="module")
def text(profile: Profile) -> TextSide:
    return TextSide(profile, device=CPU)


@pytest.fixture(scope="module")
def methods(profile: Profile, text: TextSide, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Method]:
    folder = tmp_path_factory.mktemp("models")
    checkpoints = {name: make_checkpoint(folder / name, profile, name) for name in ("probe", "hiero")}  # type: ignore[arg-type]
    return open_methods(profile, checkpoints=checkpoints, device=CPU, text=text)


@pytest.fixture(scope="module")
def task(profile: Profile) -> ProcedureTask:
    return open_egoprocel(profile, device=CPU)


@pytest.fixture(scope="module")
def results(task: ProcedureTask, methods: dict[str, Method]) -> dict[str, ProcedureResult]:
    return task.evaluate_all(methods)


def with_settings(task: ProcedureTask, **settings: object) -> ProcedureTask:
    given = {f"egoprocel.{name}": value for name, value in settings.items()}
    profile = load_profile(Path(task.profile.data_root) / "tiny.yaml", given)
    return open_egoprocel(profile, device=CPU)


def test_features_are_level_two_and_of_untrained_ones_every_fourth_segment(
    task: ProcedureTask, methods: dict[str, Method]
) -> None:
    video = task.data.videos[0]
    segments = task.data.segments(video)
    assert segments is not None
    raw = task.features(methods[UNTRAINED], video)
    assert raw is not None
    assert torch.equal(raw, segments.x[2::4])
    for name in (PROBE, HIERO):
        found = task.features(methods[name], video)
        assert found is not None
        torch.testing.assert_close(found, methods[name].levels(segments, cluster=True)[2].x)


def test_released_positions_leave_no_temporal_edge(task: ProcedureTask, methods: dict[str, Method]) -> None:
    segments = task.data.segments(task.data.videos[0])
    assert segments is not None
    batch = torch.zeros(len(segments.x), dtype=torch.int64)
    edges = {}
    for positions in ("paper", "released"):
        pos = procedure_scoring.at_positions(segments, positions).pos  # type: ignore[arg-type]
        edges[positions] = [
            radius_graph(pos[:: 2**level], batch[:: 2**level], 1.0, scale=2.0**level).edge_index().shape[1]
            for level in range(3)
        ]
    assert min(edges["paper"]) > 0
    assert edges["released"] == [0, 0, 0]
    assert float(segments.pos[0]) == pytest.approx(0.5 * 16 / 30)  # what was given is left as it was


def test_the_positions_follow_the_thread_graph_or_the_setting(
    task: ProcedureTask, methods: dict[str, Method], text: TextSide, tmp_path: Path
) -> None:
    released = load_profile(Path(task.profile.data_root) / "tiny.yaml", {"model.thread_graph": "released"})
    path = make_checkpoint(tmp_path / "released", released, "hiero")
    authors = open_methods(released, checkpoints={"hiero": path}, device=CPU, text=text)[HIERO]
    assert positions_of(methods[HIERO], task.profile) == "paper"
    assert positions_of(authors, task.profile) == "released"
    for setting in ("paper", "released"):
        switched = with_settings(task, positions=setting)
        assert positions_of(methods[HIERO], switched.profile) == positions_of(authors, switched.profile) == setting
    video = task.data.videos[0]
    seen = [with_settings(task, positions=p).features(methods[HIERO], video) for p in ("paper", "released")]
    assert seen[0] is not None
    assert seen[1] is not None
    assert not torch.allclose(seen[0], seen[1])


def test_planted_steps_score_above_chance(results: dict[str, ProcedureResult]) -> None:
    assert list(results) == [RANDOM, UNIFORM, UNTRAINED, PROBE, HIERO]
    assert results[UNTRAINED].value("F1") > results[RANDOM].value("F1")
    assert [len(result.videos) for result in results.values()] == [4] * 5


def test_rows_have_every_measure_and_what_was_published(
    results: dict[str, ProcedureResult], methods: dict[str, Method], profile: Profile
) -> None:
    rows = procedure_scoring.procedure_rows(results, methods, profile)
    differences = [row for row in rows if " minus " in row.method]
    assert len(differences) == 2 * 2
    for row in differences:
        assert row.result is not None
        below = results[row.method.removeprefix(f"{HIERO} minus ")]
        measure = row.metric.removesuffix(", average")
        assert row.result.value == pytest.approx(results[HIERO].value(measure) - below.value(measure))
        assert row.result.interval is not None
        assert row.result.interval[0] <= row.result.interval[1]
    measured = [row for row in rows if row.result is not None and row not in differences]
    assert len(measured) == 5 * (2 * 4 + 2)  # F1 and IoU of the average and 3 datasets; 2 more over all labels
    for row in measured:
        assert row.result is not None
        assert row.result.interval is not None
        low, high = row.result.interval
        assert 0 <= low <= high <= 1
        assert row.result.n == {"F1, MECCANO": 2, "IoU, MECCANO": 2}.get(
            row.metric, 4 if AVERAGE in row.metric else 1
        )
    assert {(row.thread_graph, row.note) for row in measured if row.method == HIERO} == {
        ("within_threads", "segment times as they are")
    }
    published = {(row.method, row.metric): row.published for row in rows if row.result is None}
    assert len(published) == 5 * 2 * 4
    assert published["HiERO (EgoVLP)", "F1, average"] == 0.445
    assert published["Omnivore", "IoU, CMU"] == 0.268
    assert published["OPEL", "F1, MECCANO"] == 0.392


def test_a_result_does_not_differ_from_itself(results: dict[str, ProcedureResult]) -> None:
    same = results[UNTRAINED].difference(results[UNTRAINED], resamples=20, seed=1)
    assert {(metric.value, metric.interval) for metric in same.values()} == {(0.0, (0.0, 0.0))}


def test_the_average_is_the_mean_of_the_datasets(results: dict[str, ProcedureResult]) -> None:
    result = results[HIERO]
    for measure in MEASURES:
        parts = [result.value(measure, dataset) for dataset in result.datasets]
        assert result.value(measure) == pytest.approx(np.mean(parts))
    assert result.value("F1 over all labels") <= result.value("F1") + 1e-9


def test_videos_without_features_are_counted(
    root: Path, task: ProcedureTask, caplog: pytest.LogCaptureFixture
) -> None:
    hidden = root / "raw/features/egoprocel/tiny/MECCANO/b.pt"
    hidden.rename(hidden.with_suffix(".away"))
    try:
        result = task.evaluate_control(UNIFORM)
    finally:
        hidden.with_suffix(".away").rename(hidden)
    assert result.counts() == (3, 1)
    assert result.counts("MECCANO") == (1, 1)
    assert result.counts("CMU") == (1, 0)
    assert "left out without features: 1, such as b" in caplog.text
    metric = result.metrics(resamples=5, seed=0)["F1", AVERAGE]
    assert (metric.n, metric.excluded) == (3, 1)


def test_labels_far_beyond_the_features_are_told(
    root: Path, task: ProcedureTask, caplog: pytest.LogCaptureFixture
) -> None:
    table = root / "raw/annotations/egoprocel/videos.csv"
    text = table.read_text()
    table.write_text(text.replace("a,30,960", "a,30,1920"))
    try:
        open_egoprocel(task.profile, device=CPU).evaluate_control(UNIFORM)
    finally:
        table.write_text(text)
    assert "1 videos have labels that reach beyond their features" in caplog.text
    assert "'a'" in caplog.text


def test_a_model_without_level_two_is_refused(task: ProcedureTask, text: TextSide, tmp_path: Path) -> None:
    shallow = load_profile(Path(task.profile.data_root) / "tiny.yaml", {"model.depth": 2})
    path = make_checkpoint(tmp_path / "shallow", shallow, "hiero")
    method = open_methods(shallow, checkpoints={"hiero": path}, device=CPU, text=text)[HIERO]
    with pytest.raises(ConfigError, match="level 2"):
        task.evaluate(method)


def test_a_feature_that_is_not_finite_names_its_file(root: Path, task: ProcedureTask) -> None:
    file = root / "raw/features/egoprocel/tiny/CMU_Kitchens/d.pt"
    x = torch.load(file, weights_only=True)
    broken = x.clone()
    broken[3, 1] = torch.nan
    torch.save(broken, file)
    try:
        with pytest.raises(DataError) as error:
            task.evaluate_control(RANDOM)
    finally:
        torch.save(x, file)
    assert (error.value.file, error.value.field) == (file, "row 3, channel 1")


def test_controls_do_not_look_at_features(task: ProcedureTask) -> None:
    assert set(CONTROLS) == {RANDOM, UNIFORM}
    entry = task.evaluate_control(UNIFORM).videos[0]
    assert np.diff(entry.predicted).min() >= 0


def test_the_command_scores_and_records(
    profile: Profile, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_checkpoint(tmp_path / "hiero", profile, "hiero")
    monkeypatch.chdir(tmp_path)
    arguments = ["egoprocel", "--profile", str(root / "tiny.yaml"), "--run", "r"]
    assert main([*arguments, "--checkpoint", str(path)]) == 0
    said = capsys.readouterr().out
    assert "4 labelled videos of 3 tasks in 3 datasets" in said
    assert "4 videos scored, 0 left out" in said
    section = json.loads((tmp_path / "outputs/r/results.json").read_text())["sections"]["egoprocel"]
    measured = {row["method"] for row in section["rows"] if row["result"] is not None}
    assert measured == {RANDOM, UNIFORM, UNTRAINED, HIERO, f"{HIERO} minus {UNTRAINED}"}
    assert section["extra"]["tasks"]["MECCANO/MECCANO"][HIERO]["F1"] > 0
    assert len(list((tmp_path / "outputs/r/predictions").iterdir())) == 4
    assert main([*arguments, "--set", "egoprocel.labels=/nowhere.json"]) == 2
    assert "there are no key-step labels" in capsys.readouterr().err
