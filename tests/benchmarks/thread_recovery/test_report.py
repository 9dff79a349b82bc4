"""Thread recovery for people: rows, a table, and the video that is shown."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hiero_lib.benchmarks.thread_recovery.files import Truth, TruthSpan
from hiero_lib.benchmarks.thread_recovery.report import (
    BENCHMARK,
    COUNTS,
    count_table,
    extra,
    recovered_rows,
    scale_table,
    thread_rows,
    thread_table,
    truth_of_video,
    truth_row,
    typical_video,
)
from hiero_lib.benchmarks.thread_recovery.score import UNIFORM, LevelScores, ThreadRecovery
from hiero_lib.config import Profile
from hiero_lib.data.paths import DataPaths
from hiero_lib.hierarchy.spans import Span
from hiero_lib.methods.method import HIERO, UNTRAINED, Method

SCORES = {
    HIERO: [np.array([0.9, 0.1, 0.5, 0.4, 0.7]), np.array([0.2] * 5)],
    UNIFORM: [np.array([0.3] * 5), np.array([0.1] * 5)],
}
NODES = {uid: (np.zeros(1), np.zeros(1)) for uid in "abcde"}


def scores_of(values) -> LevelScores:
    """Scores in which what is shown, and plain division, are a tenth of the coherent ones."""
    tenth = (values / 10).tolist()
    shown = {"thread": tenth, "step": tenth, "action": tenth}
    spans = [7] * len(values)
    found, gap = [4, 5, 9, 6, 6][: len(values)], [2] * len(values)
    nodes = dict(list(NODES.items())[: len(values)])
    return LevelScores(values.tolist(), tenth, spans, spans, shown, spans, found, gap, nodes)  # type: ignore[arg-type]


def recovery_of(scores) -> ThreadRecovery:
    levels = {name: [scores_of(values) for values in rows] for name, rows in scores.items()}
    return ThreadRecovery(levels, {"thread": [6] * 5, "step": [12] * 5, "action": [30] * 5}, [5] * 5)


RECOVERY = recovery_of(SCORES)


def test_the_typical_video_is_the_median_one() -> None:
    assert typical_video(RECOVERY, method=HIERO, level=0) == "c"
    even = recovery_of({HIERO: [np.array([0.9, 0.1])]})
    assert typical_video(even, method=HIERO, level=0) == "a"  # the better one of the middle two


def test_the_table_has_a_line_a_method_and_a_column_a_level() -> None:
    header, rows = thread_table(RECOVERY)
    assert header == ["method", "level 0 (true: 6 spans)", "level 1 (true: 6 spans)"]
    assert [row[0] for row in rows] == [HIERO, f"{HIERO}, plain", UNIFORM]
    assert rows[0][1].startswith("52.0 (")
    assert rows[0][2] == "20.0 (20.0 to 20.0), 7 spans"
    assert rows[1][2] == "2.0 (2.0 to 2.0), 7 spans"


def test_scales_and_numbers_of_threads_have_a_line_a_method_and_level() -> None:
    header, rows = scale_table(RECOVERY)
    assert header[2:] == [
        "true threads",
        "true steps",
        "true actions",
        "spans a video (true: 6 threads, 12 steps, 30 actions)",
    ]
    assert rows == [[HIERO, "0", "5.2", "5.2", "5.2", "7"], [HIERO, "1", "2.0", "2.0", "2.0", "7"]]
    header, rows = count_table(RECOVERY)
    assert header[2:5] == ["threads (true: 5.0)", "mean absolute error", "at most 2 off"]
    assert rows[0] == [HIERO, "0", "6.0", "1.4", "80 %", "2.0", "3.0", "0 %"]
    found = extra(RECOVERY)["levels"][HIERO][0]
    assert (found["error of the number"], found["error of the gap's number"]) == (pytest.approx(1.4), 3.0)


def test_rows_have_the_mean_over_videos_and_what_they_were_made_with(profile: Profile) -> None:
    graph = Method(HIERO, *[None] * 4, "released", "")  # type: ignore[arg-type]
    untrained = Method(UNTRAINED, *[None] * 4, None, "")  # type: ignore[arg-type]
    recovery = recovery_of({UNTRAINED: SCORES[UNIFORM], **SCORES})
    everything = thread_rows(recovery, {UNTRAINED: untrained, HIERO: graph}, profile)
    rows = [row for row in everything if (row.method, row.benchmark) == (HIERO, BENCHMARK)]
    shown = [f" as shown, {scale}s" for scale in ("thread", "step", "action")]
    kinds = ["", ", plain", *shown]
    assert [row.metric for row in rows] == [f"level {level}{kind}" for level in (0, 1) for kind in kinds]
    assert {(row.thread_graph, row.segment_times) for row in rows} == {("released", "released")}
    assert rows[0].note == "7 spans a video, 6 true"
    counted = next(row.result for row in everything if (row.method, row.metric) == (HIERO, "level 0, within 2"))
    assert counted is not None
    assert counted.value == pytest.approx(0.8)  # 4 of 5 videos
    others = [(row.method, row.metric, row.thread_graph, row.segment_times) for row in everything]
    assert (UNIFORM, "level 0", None, None) in others
    assert (UNTRAINED, "level 0, plain", None, None) in others
    difference = next(row.result for row in everything if row.method == f"{HIERO} minus {UNTRAINED}")
    assert difference is not None
    assert difference.value == pytest.approx(0.52 - 0.3)
    first = rows[0].result
    assert first is not None
    assert (first.value, first.n, first.excluded) == (pytest.approx(0.52), 5, 0)
    assert first.interval is not None
    assert first.interval[0] < first.value < first.interval[1]
    assert {row.benchmark for row in everything} == {BENCHMARK, COUNTS}


SPANS = (TruthSpan(0.0, 4.0, 17, "cook"), TruthSpan(4.0, 6.0, 3, "wash"), TruthSpan(6.0, 8.0, 17, "cook"))
TRUTH = Truth("v", "val", "kitchen", 8.0, {"thread": SPANS, "step": SPANS[:2]})


def test_true_threads_are_numbered_as_they_appear() -> None:
    row = truth_row(TRUTH)
    assert row.spans == [Span(0.0, 4.0, 0), Span(4.0, 6.0, 1), Span(6.0, 8.0, 0)]
    assert (row.name, row.names, row.threads) == ("truth", {0: "cook", 1: "wash"}, True)


def test_steps_are_no_threads() -> None:
    row = truth_row(TRUTH, level="step", name="steps")
    assert (row.name, row.names, row.threads) == ("steps", {0: "cook", 1: "wash"}, False)
    assert len(row.spans) == 2


def test_recovered_threads_take_the_number_of_the_true_thread_they_cover() -> None:
    pos = np.arange(0.5, 8.0)
    coarse = np.arange(1.0, 8.0, 2.0)
    levels = [
        LevelScores(threads={"v": (pos, np.array([5, 5, 5, 5, 2, 2, 5, 9]))}),
        LevelScores(threads={"v": (coarse, np.array([0, 0, 1, 0]))}),
    ]
    recovery = ThreadRecovery({"HiERO": levels, "raw": levels[::-1]}, {}, [])
    rows = recovered_rows(recovery, TRUTH, methods=["HiERO"], levels=[0, 1], stride_s=1.0)
    names = ["true threads", "HiERO, level 0: 88 % right", "HiERO, level 1: 100 % right"]
    assert [row.name for row in rows] == names
    (_, alone) = recovered_rows(recovery, TRUTH, methods=["HiERO"], levels=[0], stride_s=1.0)
    assert alone.name == "HiERO: 88 % right"
    assert rows[1].spans == [Span(0.0, 4.0, 0), Span(4.0, 6.0, 1), Span(6.0, 7.0, 0), Span(7.0, 8.0, 2)]
    assert rows[2].spans == [Span(0.0, 4.0, 0), Span(4.0, 6.0, 1), Span(6.0, 8.0, 0)]
    assert rows[1].names == rows[0].names | {2: "no true thread"}  # the third of two: its true thread is another's
    assert rows[2].names == rows[0].names


def test_the_truth_of_a_video_is_read_where_there_is_one(tmp_path: Path) -> None:
    paths = DataPaths.at(tmp_path)
    assert truth_of_video(paths, "v") is None
    paths.truth.mkdir(parents=True)
    spans = [{"start_s": 0.0, "end_s": 2.0, "id": 8, "text": "cook"}]
    levels = {level: spans for level in ("action", "step", "thread", "procedure")}
    document = {"version": 1, "video_uid": "v", "split": "val", "scenario": "k", "duration_s": 2.0, "levels": levels}
    (paths.truth / "v.json").write_text(json.dumps(document))
    row = truth_of_video(paths, "v")
    assert row is not None
    assert (row.spans, row.names) == ([Span(0.0, 2.0, 0)], {0: "cook"})
