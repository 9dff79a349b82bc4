"""Step localisation for people: rows, files, and one label at a time beside the truth."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from hiero_lib.benchmarks.step_localization.data import LabelledSpan
from hiero_lib.benchmarks.step_localization.files import Step, StepVideo
from hiero_lib.benchmarks.step_localization.report import (
    BENCHMARK,
    best_labels,
    example_videos,
    localization_rows,
    localized_rows,
    save_localization,
)
from hiero_lib.benchmarks.step_localization.score import DetectionScores, LocalizationResult
from hiero_lib.benchmarks.step_localization.task import StepLocalizationTask
from hiero_lib.config import LocalizationConfig
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method

NO_SCORES = DetectionScores({}, 0.0, (), 0, 0, 0)


def found(
    *spans: tuple[float, float, str, float], uid: str = "v", missing: tuple[str, ...] = ()
) -> LocalizationResult:
    predictions = [LabelledSpan(uid, *span) for span in spans]
    return LocalizationResult(NO_SCORES, predictions, missing)


def test_rows_have_every_threshold_and_their_average(
    task: StepLocalizationTask, results: dict[str, LocalizationResult], methods: dict[str, Method]
) -> None:
    rows = localization_rows(task.videos, results, methods, task.profile.step_localization)
    assert {row.benchmark for row in rows} == {BENCHMARK}
    gains = [f"{HIERO} minus {name}" for name in (UNTRAINED, PROBE)]
    assert list(dict.fromkeys(row.method for row in rows)) == [*methods, *gains]
    values = {row.method: row.result for row in rows if row.metric == "mAP, average" and row.result}
    for name, gain in zip((UNTRAINED, PROBE), gains):
        assert values[gain].value == pytest.approx(values[HIERO].value - values[name].value)
        assert (values[gain].n, values[gain].interval is not None) == (3, True)
    named = {row.metric: row.result for row in rows if row.method == HIERO}
    assert list(named) == [*(f"mAP@{iou}" for iou in (0.1, 0.2, 0.3, 0.4, 0.5)), "mAP, average"]
    average = named["mAP, average"]
    assert average is not None
    assert (average.n, average.excluded) == (6, 0)
    assert average.value == pytest.approx(np.mean([named[f"mAP@{i / 10}"].value for i in range(1, 6)]))  # type: ignore[union-attr]
    assert {(row.note, row.thread_graph) for row in rows if row.method == HIERO} == {
        ("3 categories", "within_threads")
    }


def test_steps_of_videos_without_features_are_excluded(methods: dict[str, Method]) -> None:
    steps = (Step(0, 5, "a", "", 0, (Step(1, 2, "b", "", 1),)), Step(5, 9, "c", ""))
    scores = DetectionScores({0.5: 0.25}, 0.25, (0.25, 0.5, 0.0), 3, 9, 0)
    result = LocalizationResult(scores, [], ("lost",))
    videos = [StepVideo("v", steps), StepVideo("lost", steps)]
    rows = localization_rows(videos, {HIERO: result}, methods, LocalizationConfig())
    assert [(row.metric, row.result.value, row.result.n, row.result.excluded) for row in rows if row.result] == [
        ("mAP@0.5", 0.25, 3, 3),
        ("mAP, average", 0.25, 3, 3),
    ]


def test_files_have_activitynets_layout(results: dict[str, LocalizationResult], tmp_path: Path) -> None:
    paths = save_localization(results, tmp_path)
    assert [path.name for path in paths] == [
        f"step_localization_{name}.json" for name in ("untrained_features", "linear_probe", "hiero")
    ]
    document = json.loads(paths[-1].read_text())
    assert document["version"] == "1.0"
    saved = document["results"]
    assert set(saved) == {"v0", "v2"}
    assert set(saved["v0"][0]) == {"segment", "label", "score"}
    again = [
        LabelledSpan(uid, *entry["segment"], entry["label"], entry["score"])
        for uid, entries in saved.items()
        for entry in entries
    ]
    assert again == results[HIERO].predictions


def test_one_label_at_a_time(results: dict[str, LocalizationResult]) -> None:
    pieces = best_labels(results[PROBE].predictions, "v0")
    assert all(isinstance(piece, LabelledSpan) and piece.start_s < piece.end_s for piece in pieces)
    assert all(a.end_s <= b.start_s for a, b in itertools.pairwise(pieces))


def test_the_best_scored_label_of_a_moment_is_shown_and_stretches_of_it_are_joined() -> None:
    result = found((0, 6, "a", 0.5), (2, 4, "b", 0.9), (3, 5, "a", 0.1), (8, 9.5, "a", 0.2))
    result.predictions.append(LabelledSpan("other", 0, 99, "c", 1.0))
    pieces = [(p.start_s, p.end_s, p.label, p.score) for p in best_labels(result.predictions, "v")]
    assert pieces == [(0, 2, "a", 0.5), (2, 4, "b", 0.9), (4, 6, "a", 0.5), (8, 9, "a", 0.2)]
    assert best_labels(result.predictions, "nowhere") == []


def test_labels_have_the_colour_of_their_step(
    results: dict[str, LocalizationResult], task: StepLocalizationTask
) -> None:
    (video,) = example_videos(task.videos, results, count=1)
    truth, predicted = localized_rows(video, {HIERO: results[HIERO]})
    assert [(run.start_s, run.end_s, run.label) for run in truth.spans] == [(0.0, 12.0, 0), (12.0, 30.0, 1)]
    assert truth.names[0] == "cuts the onion"
    assert {run.label for run in predicted.spans} <= {-1, 0, 1}


def test_a_sub_step_has_the_colour_of_its_step_and_a_foreign_label_is_grey() -> None:
    video = StepVideo("v", (Step(0, 4, "cook", "", 0, (Step(0, 2, "chop", "", 1),)), Step(4, 9, "eat", "")))
    result = found((0, 2, "chop", 0.9), (2, 4, "cook", 0.9), (4, 6, "sleep", 0.9), (6, 9, "eat", 0.9))
    truth, predicted = localized_rows(video, {"m": result})
    assert [run.label for run in predicted.spans] == [0, 0, -1, 1]
    assert truth.names == predicted.names == {0: "cook", 1: "eat", -1: "a step of other videos"}


def test_examples_are_spread_over_the_lengths_of_videos_with_features_and_steps() -> None:
    videos = [StepVideo(f"v{end}", (Step(0, end, "a", ""),)) for end in (40, 10, 30, 20)]
    videos += [StepVideo("bare", ()), StepVideo("lost", (Step(0, 25, "a", ""),))]
    results = {"m": found(missing=("lost",))}
    assert [video.video_uid for video in example_videos(videos, results, count=4)] == ["v10", "v20", "v30", "v40"]
    assert [video.video_uid for video in example_videos(videos, results, count=2)] == ["v20", "v40"]
    assert len(example_videos(videos, results, count=9)) == 4
