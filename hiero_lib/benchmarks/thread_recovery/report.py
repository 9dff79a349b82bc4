"""Thread recovery for people: rows of the results table, a table, threads beside the truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hiero_lib.benchmarks.thread_recovery.score import ThreadRecovery
from hiero_lib.methods.method import Method
from hiero_lib.results.row import Row

BENCHMARK = "Thread recovery (adjusted Rand index in hundredths, over n held-out videos)"


def thread_rows(recovery: ThreadRecovery, methods: Mapping[str, Method] | None = None) -> list[Row]:
    """Adjusted Rand index of each method and level; ``methods`` tell the thread graph of each."""
    graphs = {name: method.thread_graph for name, method in (methods or {}).items()}
    return [
        Row(BENCHMARK, method, f"level {level}", metric, thread_graph=graphs.get(method))
        for (method, level), metric in recovery.metrics().items()
    ]


def thread_table(recovery: ThreadRecovery) -> tuple[list[str], list[list[str]]]:
    """Header and rows: a line a method, a column a level, with the 95 % interval over videos."""
    metrics = recovery.metrics()
    levels = sorted({level for _, level in metrics})
    rows = []
    for method in recovery.scores:
        cells = [method]
        for level in levels:
            metric = metrics[method, level]
            low, high = metric.interval or (metric.value, metric.value)
            cells.append(f"{100 * metric.value:.1f} ({100 * low:.1f} to {100 * high:.1f})")
        rows.append(cells)
    return ["method", *(f"level {level}" for level in levels)], rows


def typical_video(recovery: ThreadRecovery, *, method: str, level: int) -> str:
    """The video whose adjusted Rand index is the median one, so that a picture is neither luck nor its opposite."""
    order = np.argsort(recovery.scores[method][level], kind="stable")
    return list(recovery.threads[method][level])[order[len(order) // 2]]
