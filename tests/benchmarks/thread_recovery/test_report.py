"""Thread recovery for people: rows, a table, and the video that is shown."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hiero_lib.benchmarks.thread_recovery.files import Truth, TruthSpan
from hiero_lib.benchmarks.thread_recovery.report import (
    BENCHMARK,
    recovered_rows,
    thread_rows,
    thread_table,
    truth_of_video,
    truth_row,
    typical_video,
)
from hiero_lib.benchmarks.thread_recovery.score import UNIFORM, ThreadRecovery
from hiero_lib.data.paths import DataPaths
from hiero_lib.hierarchy.spans import Span
from hiero_lib.methods.method import HIERO, Method

SCORES = {
    HIERO: [np.array([0.9, 0.1, 0.5, 0.4, 0.7]), np.array([0.2] * 5)],
    UNIFORM: [np.array([0.3] * 5), np.array([0.1] * 5)],
}
NODES = [{uid: (np.zeros(1), np.zeros(1)) for uid in "abcde"}] * 2
RECOVERY = ThreadRecovery(SCORES, dict.fromkeys(SCORES, NODES))


def test_the_typical_video_is_the_median_one() -> None:
    assert typical_video(RECOVERY, method=HIERO, level=0) == "c"
    even = ThreadRecovery({HIERO: [np.array([0.9, 0.1])]}, {HIERO: [dict.fromkeys("ab", NODES[0]["a"])]})
    assert typical_video(even, method=HIERO, level=0) == "a"  # the better one of the middle two


def test_the_table_has_a_line_a_method_and_a_column_a_level() -> None:
    header, rows = thread_table(RECOVERY)
    assert header == ["method", "level 0", "level 1"]
    assert [row[0] for row in rows] == [HIERO, UNIFORM]
    assert rows[0][1].startswith("52.0 (")
    assert rows[0][2] == "20.0 (20.0 to 20.0)"


def test_rows_have_the_mean_over_videos_and_the_thread_graph() -> None:
    graph = Method(HIERO, *[None] * 4, "released", "")  # type: ignore[arg-type]
    rows = thread_rows(RECOVERY, {HIERO: graph})
    assert [(row.method, row.metric, row.thread_graph) for row in rows] == [
        (HIERO, "level 0", "released"),
        (HIERO, "level 1", "released"),
        (UNIFORM, "level 0", None),
        (UNIFORM, "level 1", None),
    ]
    first = rows[0].result
    assert first is not None
    assert (first.value, first.n, first.excluded) == (pytest.approx(0.52), 5, 0)
    assert first.interval is not None
    assert first.interval[0] < first.value < first.interval[1]
    assert {row.benchmark for row in rows} == {BENCHMARK}


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
    threads = [
        {"v": (pos, np.array([5, 5, 5, 5, 2, 2, 5, 9]))},
        {"v": (coarse, np.array([0, 0, 1, 0]))},
    ]
    recovery = ThreadRecovery({}, {"HiERO": threads, "raw": threads[::-1]})
    rows = recovered_rows(recovery, TRUTH, methods=["HiERO"], levels=[0, 1], stride_s=1.0)
    assert [row.name for row in rows] == ["truth", "HiERO, level 0", "HiERO, level 1"]
    assert rows[1].spans == [Span(0.0, 4.0, 0), Span(4.0, 6.0, 1), Span(6.0, 7.0, 0), Span(7.0, 8.0, 2)]
    assert rows[2].spans == [Span(0.0, 4.0, 0), Span(4.0, 6.0, 1), Span(6.0, 8.0, 0)]
    assert all(row.names == rows[0].names for row in rows)


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
