"""EgoProceL for a run's methods: features of level 2, times, controls, and what is left out."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.benchmarks.controls import CONTROLS, RANDOM, UNIFORM
from hiero_lib.benchmarks.egoprocel.report import number_table, spans_a_video
from hiero_lib.benchmarks.egoprocel.score import AVERAGE, EgoProceLResult
from hiero_lib.benchmarks.egoprocel.task import EgoProceLTask, open_egoprocel
from hiero_lib.config import Profile, load_profile
from hiero_lib.methods.levels import whole_video_levels
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method
from hiero_lib.methods.opening import open_methods
from tests.helpers.tiny import make_checkpoint

CPU = torch.device("cpu")


def with_settings(task: EgoProceLTask, **settings: object) -> EgoProceLTask:
    given = {f"egoprocel.{name}": value for name, value in settings.items()}
    profile = load_profile(Path(task.profile.data_root) / "tiny.yaml", given)
    return open_egoprocel(profile, device=CPU)


def with_times(task: EgoProceLTask, times: str) -> EgoProceLTask:
    profile = load_profile(Path(task.profile.data_root) / "tiny.yaml", {"hierarchy.segment_times": times})
    return open_egoprocel(profile, device=CPU)


def test_features_are_level_two_and_of_untrained_ones_every_fourth_segment(
    task: EgoProceLTask, methods: dict[str, Method]
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
        torch.testing.assert_close(found, whole_video_levels(methods[name], segments, times="released")[2].x)


def test_the_times_are_the_released_ones_whatever_the_weights(
    task: EgoProceLTask, methods: dict[str, Method], tmp_path: Path
) -> None:
    released = load_profile(Path(task.profile.data_root) / "tiny.yaml", {"model.thread_graph": "released"})
    path = make_checkpoint(tmp_path / "released", released, "hiero")
    authors = open_methods(released, checkpoints={"hiero": path}, device=CPU)[HIERO]
    video = task.data.videos[0]
    segments = task.data.segments(video)
    assert segments is not None
    for method in (methods[HIERO], authors):
        assert task.score(method).segment_times == "released"
        for times in ("released", "paper"):
            found = with_times(task, times).features(method, video)
            assert found is not None
            expected = whole_video_levels(method, segments, times=times)[2].x  # type: ignore[arg-type]
            torch.testing.assert_close(found, expected)
    assert task.score(methods[PROBE]).segment_times is None


def test_a_video_is_divided_as_for_people_at_its_own_rate(task: EgoProceLTask, methods: dict[str, Method]) -> None:
    video = task.data.videos[0]
    segments = task.data.segments(video)
    assert segments is not None
    found = task.hierarchy(methods[HIERO], video.video_uid)
    assert found.video_uid == video.video_uid
    assert len(found.levels[0].pos) == len(segments.x)
    assert found.end_s == pytest.approx(len(segments.x) * task.data.stride_frames / video.fps, abs=0.01)
    assert found.start_s == 0.0
    slow = dataclasses.replace(video, fps=video.fps / 2)
    slower = dataclasses.replace(task, data=dataclasses.replace(task.data, videos=(slow,)))
    assert slower.hierarchy(methods[HIERO], video.video_uid).end_s == pytest.approx(2 * found.end_s, abs=0.01)
    with pytest.raises(DataError, match="nobody"):
        task.hierarchy(methods[HIERO], "nobody")


def test_planted_steps_score_above_chance(results: dict[str, EgoProceLResult]) -> None:
    coherent = [f"{name}, coherent" for name in (UNTRAINED, PROBE, HIERO)]
    assert list(results) == [RANDOM, UNIFORM, UNTRAINED, PROBE, HIERO, *coherent]
    assert results[UNTRAINED].value("F1") > results[RANDOM].value("F1")
    assert [len(result.videos) for result in results.values()] == [4] * 8


def test_videos_without_features_are_counted_and_named(own: Profile) -> None:
    (Path(own.data_root) / "raw/features/egoprocel/tiny/MECCANO/b.pt").unlink()
    task = open_egoprocel(own, device=CPU)
    result = task.score_control(UNIFORM)
    assert result.counts() == (3, 1)
    assert result.counts("MECCANO") == (1, 1)
    assert result.counts("CMU") == (1, 0)
    assert task.notes({UNIFORM: result}) == ["3 videos scored, 1 left out (labels without features)"]
    (section,) = task.sections({UNIFORM: result}, {})
    assert section.extra["excluded"]["videos without features"] == ["b"]
    metric = result.metrics(resamples=5, seed=0)["F1", AVERAGE]
    assert (metric.n, metric.excluded) == (3, 1)


def test_labels_far_beyond_the_features_are_noted(own: Profile) -> None:
    table = Path(own.data_root) / "raw/annotations/egoprocel/videos.csv"
    table.write_text(table.read_text().replace("a,30,960", "a,30,1920"))
    task = open_egoprocel(own, device=CPU)
    _, note = task.notes({UNIFORM: task.score_control(UNIFORM)})
    assert note == "1 videos have labels beyond their features (a wrong frame rate?): a"


def test_a_model_without_level_two_is_refused(task: EgoProceLTask, tmp_path: Path) -> None:
    shallow = load_profile(Path(task.profile.data_root) / "tiny.yaml", {"model.depth": 2})
    path = make_checkpoint(tmp_path / "shallow", shallow, "hiero")
    method = open_methods(shallow, checkpoints={"hiero": path}, device=CPU)[HIERO]
    with pytest.raises(ConfigError, match="level 2"):
        task.score(method)


def test_a_feature_that_is_not_finite_names_its_file(own: Profile) -> None:
    file = Path(own.data_root) / "raw/features/egoprocel/tiny/CMU_Kitchens/d.pt"
    x = torch.load(file, weights_only=True)
    x[3, 1] = torch.nan
    torch.save(x, file)
    with pytest.raises(DataError) as error:
        open_egoprocel(own, device=CPU).score_control(RANDOM)
    assert (error.value.file, error.value.field) == (file, "row 3, channel 1")


def test_controls_do_not_look_at_features(task: EgoProceLTask) -> None:
    assert set(CONTROLS) == {RANDOM, UNIFORM}
    entry = task.score_control(UNIFORM).videos[0]
    assert np.diff(entry.predicted).min() >= 0


def test_a_model_is_scored_at_the_times_that_are_not_asked_for(
    task: EgoProceLTask, methods: dict[str, Method], results: dict[str, EgoProceLResult]
) -> None:
    ((name, other),) = task.score_at_other_times(methods[HIERO]).items()
    assert name == "HiERO, paper segment times"
    assert other.segment_times == "paper"
    expected = with_times(task, "paper").score(methods[HIERO])
    assert other.metrics(resamples=5, seed=0) == expected.metrics(resamples=5, seed=0)
    ((back, same),) = with_times(task, "paper").score_at_other_times(methods[HIERO]).items()
    assert back == "HiERO, released segment times"
    assert same.metrics(resamples=5, seed=0) == results[HIERO].metrics(resamples=5, seed=0)


def test_coherent_clusters_fall_into_fewer_spans(results: dict[str, EgoProceLResult]) -> None:
    for name in (UNTRAINED, PROBE, HIERO):
        plain, coherent = (
            spans_a_video(entry.predicted for entry in results[kind].videos) for kind in (name, f"{name}, coherent")
        )
        assert coherent < plain


def test_the_number_of_key_steps_is_looked_for_in_some_videos(
    task: EgoProceLTask, methods: dict[str, Method], results: dict[str, EgoProceLResult]
) -> None:
    numbers = results[UNTRAINED].numbers
    assert [number.true for number in numbers] == [3] * 4
    assert all(2 <= number.found <= 6 for number in numbers)  # planted: three steps and background
    assert results[UNIFORM].numbers == results[f"{UNTRAINED}, coherent"].numbers == ()
    fewer = with_settings(task, counted_videos=2)
    assert fewer.step_numbers(methods[UNTRAINED]) == (numbers[0], numbers[-1])
    rows = [row for row in task.sections(results, methods)[0].rows if row.metric == "within 2"]
    assert [row.method for row in rows] == [UNTRAINED, PROBE, HIERO]
    assert rows[0].result is not None
    assert rows[0].result.n == 4
    assert "found where 3.0 occur, mean absolute error" in rows[0].note
    header, table = number_table(results)
    assert header[2] == "key-steps (true: 3.0)"
    assert [row[:2] for row in table] == [[UNTRAINED, "4"], [PROBE, "4"], [HIERO, "4"]]


def test_what_is_recorded_and_written(
    task: EgoProceLTask, methods: dict[str, Method], results: dict[str, EgoProceLResult], tmp_path: Path
) -> None:
    (section,) = task.sections(results, methods)
    assert section.name == "egoprocel"
    assert {row.method for row in section.rows if row.result is not None} >= results.keys()
    assert set(section.extra["tasks"]) == {"MECCANO/MECCANO", "EGTEA/Pizza", "CMU/Eggs"}
    written = task.save_predictions(results, methods, tmp_path)
    assert len(written) == len(results) == 8
    assert all(path.parent == tmp_path / "predictions" for path in written)
    assert task.summary().startswith("4 labelled videos of 3 tasks in 3 datasets")


def test_each_division_that_is_done_is_said(
    task: EgoProceLTask, methods: dict[str, Method], capsys: pytest.CaptureFixture[str]
) -> None:
    task.evaluate({UNTRAINED: methods[UNTRAINED]})
    assert capsys.readouterr().out.splitlines()[-1].startswith("EgoProceL, divisions 2/2")
