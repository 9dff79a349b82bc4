"""Thread recovery for people: rows, a table, and the video that is shown."""

from __future__ import annotations

import numpy as np
import pytest

from hiero_lib.benchmarks.thread_recovery.report import BENCHMARK, thread_rows, thread_table, typical_video
from hiero_lib.benchmarks.thread_recovery.score import UNIFORM, ThreadRecovery
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
