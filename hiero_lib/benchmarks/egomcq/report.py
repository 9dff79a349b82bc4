"""EgoMCQ for people: rows of the results table, some of the questions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hiero_lib.benchmarks.egomcq.score import EgoMCQResult
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method
from hiero_lib.results.published import published_rows
from hiero_lib.results.row import Row

BENCHMARK = "EgoMCQ"
METRICS = {"inter": "inter-video accuracy", "intra": "intra-video accuracy"}


def egomcq_rows(results: Mapping[str, EgoMCQResult], methods: Mapping[str, Method] | None = None) -> list[Row]:
    """Rows for each method, for HiERO against the others, and the published ones.

    ``methods`` tell which thread graph each was made with.
    """
    graphs = {name: method.thread_graph for name, method in (methods or {}).items()}
    rows = [
        Row(BENCHMARK, method, METRICS[name], metric, thread_graph=graphs.get(method))
        for method, result in results.items()
        for name, metric in result.metrics().items()
    ]
    note = "points, on the same questions"
    for other in (name for name in (UNTRAINED, PROBE) if HIERO in results and name in results):
        rows += [
            Row(BENCHMARK, f"{HIERO} minus {other}", METRICS[name], metric, note=note, thread_graph=graphs.get(HIERO))
            for name, metric in results[HIERO].difference(results[other]).items()
        ]
    return rows + published_rows("egomcq", BENCHMARK)


def question_table(results: Mapping[str, EgoMCQResult], *, count: int) -> tuple[list[str], list[list[str]]]:
    """Header and rows of some questions, evenly spread over all, with each method's answer.

    An answer is the number of the chosen clip (0 to 4) and its cosine, with the right clip's where they differ.
    """
    first = next(iter(results.values()))
    rows = []
    for at in np.linspace(0, len(first.questions) - 1, min(count, len(first.questions))).round().astype(int):
        question = first.questions[at]
        cells = [question.query, "inter" if question.type == 1 else "intra", str(question.answer)]
        for result in results.values():
            cosines = result.similarity[at]
            chosen = int(cosines.argmax())
            right = "" if chosen == question.answer else f", right: {cosines[question.answer]:.2f}"
            mark = "✗" if right else "✓"
            cells.append(f"{mark} {chosen} ({cosines[chosen]:.2f}{right})")
        rows.append(cells)
    return ["query", "type", "right clip", *results], rows
