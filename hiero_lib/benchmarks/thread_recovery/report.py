"""Thread recovery for people: rows of the results table, a table, threads beside the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hiero_lib.benchmarks.thread_recovery.files import Truth, read_truth
from hiero_lib.benchmarks.thread_recovery.score import ThreadRecovery
from hiero_lib.data.paths import DataPaths
from hiero_lib.hierarchy.spans import Span, match_labels, relabelled, spans_of
from hiero_lib.methods.method import Method
from hiero_lib.results.row import Row
from hiero_lib.viz.bars import TimelineRow

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


def truth_of_video(paths: DataPaths, video_uid: str) -> TimelineRow | None:
    """The true threads of a video; None where there is no truth, which only the sample has.

    Raises:
        DataError: the file of the truth cannot be used.
    """
    path = paths.truth / f"{video_uid}.json"
    return truth_row(read_truth(path)) if path.is_file() else None


def truth_row(truth: Truth, *, level: str = "thread", name: str = "truth") -> TimelineRow:
    """The spans of one level of a video's truth, numbered in the order in which they first appear.

    Args:
        truth: of the video.
        level: "action", "step", "thread" or "procedure"; spans of all but threads are drawn in neutral shades.
        name: of the row.
    """
    number: dict[int, int] = {}
    for span in truth.levels[level]:
        number.setdefault(span.id, len(number))
    spans = [Span(span.start_s, span.end_s, number[span.id]) for span in truth.levels[level]]
    names = {number[span.id]: span.text for span in truth.levels[level]}
    return TimelineRow(name, spans, names, threads=level == "thread")


def recovered_rows(
    recovery: ThreadRecovery, truth: Truth, *, methods: Sequence[str], levels: Sequence[int], stride_s: float
) -> list[TimelineRow]:
    """The truth of a video above the threads that methods find, each in the colour of the true thread it covers.

    Args:
        recovery: of the benchmark; has the video.
        truth: of the video.
        methods, levels: a row for each pair, level by level of the first method, then of the next.
        stride_s: seconds between two segments of level 0.
    """
    rows = [truth_row(truth)]
    for method in methods:
        for level in levels:
            pos, threads = recovery.threads[method][level][truth.video_uid]
            spans = spans_of(threads, pos, stride_s * 2**level)
            spans = relabelled(spans, match_labels(spans, rows[0].spans))
            rows.append(TimelineRow(f"{method}, level {level}", spans, rows[0].names))
    return rows
