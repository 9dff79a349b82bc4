"""EgoProceL for people: tables, files of clusters, and clusters in the colours of their key-steps."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from hiero_lib.benchmarks.controls import RANDOM, UNIFORM
from hiero_lib.benchmarks.egoprocel import report
from hiero_lib.benchmarks.egoprocel.report import BACKGROUND, BENCHMARK
from hiero_lib.benchmarks.egoprocel.score import AVERAGE, EgoProceLResult
from hiero_lib.benchmarks.egoprocel.task import EgoProceLTask
from hiero_lib.config import Profile
from hiero_lib.methods.method import HIERO, UNTRAINED, Method
from hiero_lib.viz.timeline import plot_timeline

FEW = (RANDOM, UNIFORM, UNTRAINED)


@pytest.fixture(scope="module")
def few(results: dict[str, EgoProceLResult]) -> dict[str, EgoProceLResult]:
    """Both controls and the untrained features."""
    return {name: results[name] for name in FEW}


def test_tables(few: dict[str, EgoProceLResult]) -> None:
    header, rows = report.dataset_table(few)
    columns = ["MECCANO (2)", "EGTEA (1)", "CMU (1)", "average over all labels", "spans a video (true: 6)"]
    assert header == ["method", AVERAGE, *columns]
    assert rows[1][-1] == "7"
    assert [row[0] for row in rows] == [RANDOM, UNIFORM, UNTRAINED]
    result = few[UNTRAINED]
    assert rows[-1][1] == f"{100 * result.value('F1'):.1f}\u00a0/\u00a0{100 * result.value('IoU'):.1f}"
    header, rows = report.task_table(few | {UNTRAINED + report.COHERENT: result})  # no room for those
    assert header == ["task", RANDOM, UNIFORM, UNTRAINED]
    assert [row[0] for row in rows] == ["MECCANO (2)", "EGTEA, Pizza (1)", "CMU, Eggs (1)"]


def test_clusters_are_written_as_runs_of_frames(few: dict[str, EgoProceLResult], tmp_path: Path) -> None:
    paths = report.save_clusters(few, tmp_path)
    assert [path.name for path in paths] == [
        "egoprocel_random_clusters.json",
        "egoprocel_uniform_pieces.json",
        "egoprocel_untrained_features.json",
    ]
    saved, entry = json.loads(paths[-1].read_text())["videos"][0], few[UNTRAINED].videos[0]
    assert (saved["runs"][0][0], saved["runs"][-1][1]) == (0, 959)
    assert all(before[1] + 1 == after[0] for before, after in itertools.pairwise(saved["runs"]))
    assert saved["matched"] == {str(cluster): label for cluster, label in entry.matched.items()}
    frames = np.concatenate([np.full(last + 1 - first, cluster) for first, last, cluster in saved["runs"]])
    np.testing.assert_array_equal(frames[1::2], entry.predicted)


def test_what_is_kept_beside_the_rows(task: EgoProceLTask, few: dict[str, EgoProceLResult]) -> None:
    extra = report.extra(task.data, few)
    assert extra["labels"] == str(task.data.source)
    assert extra["runs a video"].keys() == {*FEW, "truth"}
    assert extra["excluded"]["videos without features"] == []
    assert len(extra["excluded"]["tasks without labels"]) == 13
    assert extra["tasks"]["EGTEA/Pizza"][UNTRAINED]["F1"] == few[UNTRAINED].tasks["EGTEA", "Pizza"].f1
    json.dumps(extra, allow_nan=False)
    assert report.excluded_lines(few) == ["4 videos scored, 0 left out (labels without features)"]


def test_videos_for_pictures_are_spread_over_the_ranking(few: dict[str, EgoProceLResult]) -> None:
    result = few[UNTRAINED]
    ranked = [entry.video.video_uid for entry in sorted(result.videos, key=lambda entry: entry.scores.f1)]
    assert report.typical_videos(result, count=4) == ranked
    assert report.typical_videos(result, count=1) == [ranked[2]]
    assert report.typical_videos(result, count=9) == ranked  # no more than there are


def test_two_videos_of_the_best_task_that_has_two(few: dict[str, EgoProceLResult]) -> None:
    result = few[UNTRAINED]
    scores = {entry.video.video_uid: entry.scores.f1 for entry in result.videos}
    pair = report.two_of_a_task(result)
    assert pair is not None
    assert set(pair) == {"a", "b"}  # the others are alone in their tasks
    assert scores[pair[0]] >= scores[pair[1]]
    alone = dataclasses.replace(result, videos=[entry for entry in result.videos if entry.video.video_uid != "b"])
    assert report.two_of_a_task(alone) is None


def test_a_cluster_has_the_number_of_its_key_step(few: dict[str, EgoProceLResult]) -> None:
    truth, found, pieces = report.keystep_rows(few, "a", methods=[UNTRAINED, UNIFORM])
    assert truth.names == {BACKGROUND: "background", 1: "step 1", 2: "step 2", 3: "step 3"}
    assert [span.label for span in truth.spans] == [BACKGROUND, 1, BACKGROUND, 2, BACKGROUND, 3]
    assert truth.spans[-1].end_s == pytest.approx(32.0)  # 960 frames at 30 per second
    entry = report.of_video(few[UNTRAINED], "a")
    seconds = {label: 0.0 for label in entry.matched.values()}
    for span in found.spans:
        if span.label <= 17:
            seconds[max(span.label, 0)] += span.length_s
    for cluster, label in entry.matched.items():
        assert seconds[label] == pytest.approx((entry.predicted == cluster).sum() / 15)
    unmatched = [span.label for span in pieces.spans if span.label > 17]
    assert {pieces.names[label] for label in unmatched} == {"no key-step"}
    assert len({span.label for span in pieces.spans}) == 7
    assert report.video_title(few[UNTRAINED], "a") == "Key-steps of a (MECCANO)"
    assert report.video_title(few[UNTRAINED], "c") == "Key-steps of c (EGTEA, Pizza)"
    figure = plot_timeline([truth, found, pieces], title="a")
    assert {"1 step 1", "background"} <= {trace.name for trace in figure.data}


def test_rows_have_every_measure_and_what_was_published(
    results: dict[str, EgoProceLResult], methods: dict[str, Method], profile: Profile
) -> None:
    rows = report.egoprocel_rows(results, methods, profile)
    differences = [row for row in rows if " minus " in row.method]
    assert len(differences) == 2 * 2 * 2  # two others, two measures, plain and coherent
    for row in differences:
        assert row.result is not None
        kind = ", coherent" if row.method.endswith(", coherent") else ""
        below = results[row.method.removeprefix(f"{HIERO} minus ")]
        measure = row.metric.removesuffix(", average")
        assert row.result.value == pytest.approx(results[f"{HIERO}{kind}"].value(measure) - below.value(measure))
        assert row.result.interval is not None
        assert row.result.interval[0] <= row.result.interval[1]
    measured = [
        row for row in rows if row.result is not None and row not in differences and row.benchmark == BENCHMARK
    ]
    assert len(measured) == 8 * (2 * 4 + 2)  # F1 and IoU of the average and 3 datasets; 2 more over all labels
    for row in measured:
        assert row.result is not None
        assert row.result.interval is not None
        low, high = row.result.interval
        assert 0 <= low <= high <= 1
        assert row.result.n == {"F1, MECCANO": 2, "IoU, MECCANO": 2}.get(
            row.metric, 4 if AVERAGE in row.metric else 1
        )
    made_with = {(row.method, row.thread_graph, row.segment_times) for row in measured}
    assert {(name, "within_threads", "released") for name in (HIERO, f"{HIERO}, coherent")} <= made_with
    assert (UNTRAINED, None, None) in made_with
    published = {(row.method, row.metric): row.published for row in rows if row.result is None}
    assert len(published) == 5 * 2 * 4
    assert published["HiERO (EgoVLP)", "F1, average"] == 0.445
    assert published["Omnivore", "IoU, CMU"] == 0.268
    assert published["OPEL", "F1, MECCANO"] == 0.392


def test_only_datasets_that_are_there_are_quoted_and_hiero_is_compared_where_it_is(
    few: dict[str, EgoProceLResult], profile: Profile
) -> None:
    rows = report.egoprocel_rows(few, {}, profile)
    assert not any(" minus " in row.method for row in rows)
    quoted = {row.metric.partition(", ")[2] for row in rows if row.result is None}
    assert quoted == {AVERAGE, "MECCANO", "EGTEA", "CMU"}
    assert {row.thread_graph for row in rows} == {None}


def test_spans_of_equal_labels_are_counted() -> None:
    assert report.spans_a_video([np.array([1, 1, 2, 1]), np.array([4])]) == 2.0
