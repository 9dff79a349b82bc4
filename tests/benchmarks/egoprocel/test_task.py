"""EgoProceL for a run's methods: features of level 2, positions, controls, and what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.benchmarks.controls import CONTROLS, RANDOM, UNIFORM
from hiero_lib.benchmarks.egoprocel.score import AVERAGE, EgoProceLResult
from hiero_lib.benchmarks.egoprocel.task import EgoProceLTask, at_positions, open_egoprocel, positions_of
from hiero_lib.config import Profile, load_profile
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method
from hiero_lib.methods.opening import open_methods
from hiero_lib.models.temporal import radius_graph
from tests.helpers.tiny import make_checkpoint

CPU = torch.device("cpu")


def with_settings(task: EgoProceLTask, **settings: object) -> EgoProceLTask:
    given = {f"egoprocel.{name}": value for name, value in settings.items()}
    profile = load_profile(Path(task.profile.data_root) / "tiny.yaml", given)
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
        torch.testing.assert_close(found, methods[name].levels(segments, cluster=True)[2].x)


def test_released_positions_leave_no_temporal_edge(task: EgoProceLTask, methods: dict[str, Method]) -> None:
    segments = task.data.segments(task.data.videos[0])
    assert segments is not None
    batch = torch.zeros(len(segments.x), dtype=torch.int64)
    edges = {}
    for positions in ("paper", "released"):
        pos = at_positions(segments, positions).pos  # type: ignore[arg-type]
        edges[positions] = [
            radius_graph(pos[:: 2**level], batch[:: 2**level], 1.0, scale=2.0**level).edge_index().shape[1]
            for level in range(3)
        ]
    assert min(edges["paper"]) > 0
    assert edges["released"] == [0, 0, 0]
    assert float(segments.pos[0]) == pytest.approx(0.5 * 16 / 30)  # what was given is left as it was


def test_the_positions_follow_the_thread_graph_or_the_setting(
    task: EgoProceLTask, methods: dict[str, Method], tmp_path: Path
) -> None:
    released = load_profile(Path(task.profile.data_root) / "tiny.yaml", {"model.thread_graph": "released"})
    path = make_checkpoint(tmp_path / "released", released, "hiero")
    authors = open_methods(released, checkpoints={"hiero": path}, device=CPU)[HIERO]
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


def test_planted_steps_score_above_chance(results: dict[str, EgoProceLResult]) -> None:
    assert list(results) == [RANDOM, UNIFORM, UNTRAINED, PROBE, HIERO]
    assert results[UNTRAINED].value("F1") > results[RANDOM].value("F1")
    assert [len(result.videos) for result in results.values()] == [4] * 5


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


def test_a_model_is_scored_with_the_times_that_it_does_not_get_otherwise(
    task: EgoProceLTask, methods: dict[str, Method], results: dict[str, EgoProceLResult]
) -> None:
    ((name, other),) = task.score_at_other_positions(methods[HIERO]).items()
    assert name == "HiERO, segment times as released (times 4)"
    assert other.note == "segment times as released (times 4)"
    expected = with_settings(task, positions="released").score(methods[HIERO])
    assert other.metrics(resamples=5, seed=0) == expected.metrics(resamples=5, seed=0)
    ((back, same),) = with_settings(task, positions="released").score_at_other_positions(methods[HIERO]).items()
    assert back == "HiERO, segment times as they are"
    assert same.metrics(resamples=5, seed=0) == results[HIERO].metrics(resamples=5, seed=0)
    assert [results[method].note for method in (UNTRAINED, PROBE)] == ["", ""]  # they have no graph


def test_what_is_recorded_and_written(
    task: EgoProceLTask, methods: dict[str, Method], results: dict[str, EgoProceLResult], tmp_path: Path
) -> None:
    (section,) = task.sections(results, methods)
    assert section.name == "egoprocel"
    assert {row.method for row in section.rows if row.result is not None} >= results.keys()
    assert set(section.extra["tasks"]) == {"MECCANO/MECCANO", "EGTEA/Pizza", "CMU/Eggs"}
    written = task.save_predictions(results, methods, tmp_path)
    assert len(written) == len(results) == 5
    assert all(path.parent == tmp_path / "predictions" for path in written)
    assert task.summary().startswith("4 labelled videos of 3 tasks in 3 datasets")
