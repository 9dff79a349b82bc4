"""Rows of EgoMCQ's table, and questions for people to look at."""

from __future__ import annotations

import numpy as np
import pytest

from hiero_lib.benchmarks.egomcq.data import EgoMCQReport, Question, Window
from hiero_lib.benchmarks.egomcq.report import BENCHMARK, METRICS, egomcq_rows, question_table
from hiero_lib.benchmarks.egomcq.score import EgoMCQResult
from hiero_lib.config import EgoMCQConfig
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method

WINDOWS = tuple(Window("v", k, 1) for k in range(5))
QUESTIONS = [Question(str(i), f"query {i}", WINDOWS, i % 5, 1 + i % 2) for i in range(20)]  # type: ignore[arg-type]


def result_of(chosen: list[int], questions: list[Question] = QUESTIONS) -> EgoMCQResult:
    """As if the method had chosen these clips, with a cosine of 0.9 against 0.1."""
    similarity = np.full((len(chosen), 5), 0.1, dtype=np.float32)
    similarity[np.arange(len(chosen)), chosen] = 0.9
    report = EgoMCQReport(len(chosen) + 3, 1, 2, len(chosen))
    return EgoMCQResult(questions, similarity, report, EgoMCQConfig(bootstrap_resamples=100))


RIGHT = [question.answer for question in QUESTIONS]
RESULTS = {
    UNTRAINED: result_of([0] * 20),
    PROBE: result_of([*RIGHT[:10], *[(answer + 1) % 5 for answer in RIGHT[10:]]]),
    HIERO: result_of(RIGHT),
}


def method(name: str, graph: str | None) -> Method:
    return Method(name, *[None] * 4, graph, "")  # type: ignore[arg-type]


def test_rows_are_those_of_the_methods_of_the_gain_over_the_others_and_of_the_paper() -> None:
    graphs = {UNTRAINED: None, PROBE: None, HIERO: "within_threads"}
    rows = egomcq_rows(RESULTS, {name: method(name, graph) for name, graph in graphs.items()})
    gain, other_gain = f"{HIERO} minus {PROBE}", f"{HIERO} minus {UNTRAINED}"
    measured = [(row.method, row.metric) for row in rows if row.result is not None]
    assert measured == [(name, metric) for name in (*RESULTS, other_gain, gain) for metric in METRICS.values()]
    assert {row.benchmark for row in rows} == {BENCHMARK}
    values = {(row.method, row.metric): row.result for row in rows if row.result is not None}
    assert values[PROBE, "inter-video accuracy"].value == pytest.approx(0.5)
    assert values[gain, "intra-video accuracy"].value == pytest.approx(0.5)
    assert {(result.n, result.excluded) for result in values.values()} == {(10, 3)}
    assert all(result.interval is not None for result in values.values())
    made_with = {row.method: row.thread_graph for row in rows if row.result is not None}
    assert made_with == graphs | {gain: "within_threads", other_gain: "within_threads"}
    assert {row.note for row in rows if row.method == gain} == {"points, on the same questions"}
    quoted = {(row.method, row.metric): row.published for row in rows if row.result is None}
    assert len(quoted) == 10
    assert quoted["HiERO (EgoVLP)", "intra-video accuracy"] == 0.596


def test_without_the_probe_there_is_no_gain_over_it() -> None:
    rows = egomcq_rows({HIERO: RESULTS[HIERO]})
    assert {row.method for row in rows if row.result is not None} == {HIERO}
    assert {row.thread_graph for row in rows} == {None}


def test_the_question_table_marks_right_and_wrong() -> None:
    right, wrong = QUESTIONS[:2]
    result = result_of([right.answer, (wrong.answer + 1) % 5], QUESTIONS[:2])
    header, (first, second) = question_table({"m": result}, count=2)
    assert header == ["query", "type", "right clip", "m"]
    assert first == ["query 0", "inter", "0", "✓ 0 (0.90)"]
    assert second == ["query 1", "intra", "1", "✗ 2 (0.90, right: 0.10)"]


@pytest.mark.parametrize(("count", "shown"), [(1, [0]), (3, [0, 10, 19]), (99, list(range(20)))])
def test_the_questions_shown_are_spread_over_all(count: int, shown: list[int]) -> None:
    header, rows = question_table(RESULTS, count=count)
    assert header == ["query", "type", "right clip", *RESULTS]
    assert [row[0] for row in rows] == [f"query {at}" for at in shown]
