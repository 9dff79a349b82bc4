"""Step localisation opened on a data root: what is read, what has no features, what is recorded and written."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.step_localization.score import LocalizationResult, localize_videos
from hiero_lib.benchmarks.step_localization.task import StepLocalizationTask, needed_files, open_step_localization
from hiero_lib.config import Profile
from hiero_lib.methods.levels import read_video
from hiero_lib.methods.method import HIERO, UNTRAINED, Method

CPU = torch.device("cpu")


def test_the_summary_counts_steps_and_the_annotation_is_needed(own: Profile, task: StepLocalizationTask) -> None:
    assert task.summary() == "step localisation: 6 steps of 3 categories in 2 videos"
    (path,) = needed_files(own)
    assert path == Path(own.data_root) / "raw/annotations/goalstep/goalstep_val.json"
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(DataError, match=r"goalstep_val\.json.*no such file"):
        open_step_localization(own, device=CPU)
    official = path.with_name("goalstep_valid.json")  # as Goal-Step itself calls it
    official.write_bytes(content)
    assert needed_files(own) == [official]
    assert open_step_localization(own, device=CPU).summary() == task.summary()
    path.write_bytes(content)
    assert needed_files(own) == [path]


def test_features_are_projected_segments_with_clustering_on(
    task: StepLocalizationTask, methods: dict[str, Method]
) -> None:
    method = methods[HIERO]
    video = read_video(task.store, task.profile, "v0", device=CPU)
    found = task.features(method, "v0")
    assert found is not None
    torch.testing.assert_close(found, method.project(method.levels(video, cluster=True)[0].x))
    assert task.features(method, "lost") is None


def test_steps_are_localised_with_the_settings_of_the_profile(
    task: StepLocalizationTask, methods: dict[str, Method], results: dict[str, LocalizationResult]
) -> None:
    assert list(results) == list(methods)
    expected = localize_videos(
        task.videos,
        features_of=lambda uid: task.features(methods[UNTRAINED], uid),
        embed=methods[UNTRAINED].embed_text,
        stride_s=16 / 30,
        config=task.profile.step_localization,
    )
    assert results[UNTRAINED].predictions == expected.predictions
    assert results[UNTRAINED].scores == expected.scores
    assert {span.video_uid for span in expected.predictions} == {"v0", "v2"}


def test_what_is_recorded_and_written(
    task: StepLocalizationTask, methods: dict[str, Method], results: dict[str, LocalizationResult], tmp_path: Path
) -> None:
    (section,) = task.sections(results, methods)
    assert (section.name, len(section.rows)) == ("step_localization", 3 * 6 + 2)
    assert task.notes(results) == [f"{name}: {len(result.predictions):,} spans" for name, result in results.items()]
    assert section.extra == {
        "videos without features": [],
        "spans": {name: len(result.predictions) for name, result in results.items()},
        "spans of unknown labels": dict.fromkeys(results, 0),
    }
    written = task.save_predictions(results, methods, tmp_path)
    assert [path.parent for path in written] == [tmp_path / "predictions"] * 3


def test_videos_without_features_are_noted(own: Profile, methods: dict[str, Method]) -> None:
    features = Path(own.data_root) / "raw/features/tiny"
    (features / "v0.pt").unlink()
    task = open_step_localization(own, device=CPU)
    results = task.evaluate({UNTRAINED: methods[UNTRAINED]})
    assert results[UNTRAINED].without_features == ("v0",)
    spans = results[UNTRAINED].predictions
    assert task.notes(results) == [
        "1 of 2 videos have no features and are left out",
        f"untrained features: {len(spans):,} spans",
    ]
    (section,) = task.sections(results, methods)
    assert section.extra["videos without features"] == ["v0"]
    scores = dataclasses.replace(results[UNTRAINED].scores, unknown_labels=7)
    foreign = {UNTRAINED: dataclasses.replace(results[UNTRAINED], scores=scores)}
    assert task.notes(foreign)[-1].endswith(" spans, 7 of labels that these videos lack")
    (section,) = task.sections(foreign, methods)
    assert section.extra["spans of unknown labels"] == {UNTRAINED: 7}
    assert {(row.result.n, row.result.excluded) for row in section.rows if row.result is not None} == {(3, 3)}
    (features / "v2.pt").unlink()
    with pytest.raises(DataError, match="no video has both steps and features"):
        open_step_localization(own, device=CPU).localize(methods[UNTRAINED])
