"""Thread recovery for people: rows of the results table, a table, threads beside the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hiero_lib.benchmarks.controls import UNIFORM
from hiero_lib.benchmarks.number_found import CLOSE, number_cells, number_header
from hiero_lib.benchmarks.thread_recovery.files import Truth, read_truth
from hiero_lib.benchmarks.thread_recovery.score import SCALES, ThreadRecovery
from hiero_lib.config import Profile
from hiero_lib.data.paths import DataPaths
from hiero_lib.hierarchy.spans import Span, match_labels, relabelled, shared_seconds, spans_of
from hiero_lib.methods.levels import times_of
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method
from hiero_lib.results.row import Row
from hiero_lib.viz.bars import TimelineRow

BENCHMARK = "Thread recovery (adjusted Rand index in hundredths, over n held-out videos)"
COUNTS = "Number of threads (share of n held-out videos in which it is found)"


def thread_rows(recovery: ThreadRecovery, methods: Mapping[str, Method], profile: Profile) -> list[Row]:
    """Rows of the results table.

    For each method and level: as many threads as are true, coherent and plain; the hierarchy as it is shown against
    each scale of the truth; how often the number of threads is found within 2. Then HiERO's distance from the others.
    """
    rows, counts = [], []
    for name, levels in recovery.levels.items():
        method = methods.get(name)
        making: dict[str, Any] = {}
        if method is not None and method.thread_graph is not None:
            making = {"thread_graph": method.thread_graph, "segment_times": times_of(method, profile)}

        def row(metric: str, values: Sequence[float] | np.ndarray, note: str = "") -> Row:
            return Row(BENCHMARK, name, metric, recovery.metric(np.asarray(values)), note=note, **making)  # noqa: B023

        for number, level in enumerate(levels):
            rows.append(
                row(f"level {number}", level.coherent, _spans_note(level.spans, recovery.true_spans["thread"]))
            )
            if method is None:
                continue
            plain = _spans_note(level.plain_spans, recovery.true_spans["thread"])
            rows.append(row(f"level {number}, plain", level.plain, plain))
            rows += [row(f"level {number} as shown, {scale}s", level.shown[scale]) for scale in SCALES]
            close = np.abs(np.array(level.found) - recovery.true_threads) <= CLOSE
            counted = recovery.metric(close.astype(float))
            counts.append(Row(COUNTS, name, f"level {number}, within {CLOSE}", counted, **making))
    note = "points, on the same videos"
    for other in (name for name in (UNTRAINED, PROBE) if {HIERO, name} <= recovery.levels.keys()):
        for at in range(len(recovery.levels[HIERO])):
            above = recovery.difference(HIERO, other, at)
            rows.append(Row(BENCHMARK, f"{HIERO} minus {other}", f"level {at}", above, note=note))
    return rows + counts


def _spans_note(spans: Sequence[int], true: Sequence[int]) -> str:
    return f"{np.mean(spans):.0f} spans a video, {np.mean(true):.0f} true"


def thread_table(recovery: ThreadRecovery) -> tuple[list[str], list[list[str]]]:
    """Header and rows: a line a method and kind of division, a column a level: 95 % interval, spans a video."""
    rows = []
    for name, levels in recovery.levels.items():
        for kind in ("coherent", "plain") if name != UNIFORM else ("coherent",):
            cells = [name if kind == "coherent" else f"{name}, plain"]
            for level in levels:
                metric = recovery.metric(getattr(level, kind))
                low, high = metric.interval or (metric.value, metric.value)
                spans = level.spans if kind == "coherent" else level.plain_spans
                interval = f"({_hundredths(low)} to {_hundredths(high)})"
                cells.append(f"{_hundredths(metric.value)} {interval}, {np.mean(spans):.0f} spans")
            rows.append(cells)
    true = np.mean(recovery.true_spans["thread"])
    depth = max(len(levels) for levels in recovery.levels.values())
    return ["method", *(f"level {level} (true: {true:.0f} spans)" for level in range(depth))], rows


def scale_table(recovery: ThreadRecovery) -> tuple[list[str], list[list[str]]]:
    """Header and rows: the hierarchy as it is shown, level by level, against each scale of the truth."""
    spans = ", ".join(f"{np.mean(recovery.true_spans[scale]):.0f} {scale}s" for scale in SCALES)
    rows = []
    for name, levels in recovery.levels.items():
        for at, level in enumerate(levels if name != UNIFORM else []):
            scales = [_hundredths(float(np.mean(level.shown[scale]))) for scale in SCALES]
            rows.append([name, str(at), *scales, f"{np.mean(level.shown_spans):.0f}"])
    return ["method", "level", *(f"true {scale}s" for scale in SCALES), f"spans a video (true: {spans})"], rows


def count_table(recovery: ThreadRecovery) -> tuple[list[str], list[list[str]]]:
    """Header and rows: how far the number of threads found is from the true one, beside the eigenvalues' gap."""
    rows = []
    for name, levels in recovery.levels.items():
        for at, level in enumerate(levels if name != UNIFORM else []):
            rows.append([name, str(at), *number_cells(level.found, level.gap, recovery.true_threads)])
    return ["method", "level", *number_header(recovery.true_threads, of="threads")], rows


def extra(recovery: ThreadRecovery) -> dict[str, Any]:
    """What ``results.json`` has beside the rows: spans and numbers of threads, means over the videos."""
    return {
        "true spans a video": {scale: float(np.mean(spans)) for scale, spans in recovery.true_spans.items()},
        "true threads a video": float(np.mean(recovery.true_threads)),
        "levels": {
            name: [
                {
                    "spans": float(np.mean(level.spans)),
                    "spans, plain": float(np.mean(level.plain_spans)),
                    "spans as shown": float(np.mean(level.shown_spans)),
                    "threads found": float(np.mean(level.found)),
                    "error of the number": float(np.abs(np.array(level.found) - recovery.true_threads).mean()),
                    "error of the gap's number": float(np.abs(np.array(level.gap) - recovery.true_threads).mean()),
                }
                for level in levels
            ]
            for name, levels in recovery.levels.items()
            if name != UNIFORM
        },
    }


def _hundredths(value: float) -> str:
    return f"{100 * value:.1f}"


def typical_video(recovery: ThreadRecovery, *, method: str, level: int) -> str:
    """The video whose adjusted Rand index is the median one, so that a picture is neither luck nor its opposite."""
    scores = recovery.levels[method][level]
    order = np.argsort(scores.coherent, kind="stable")
    return list(scores.threads)[order[len(order) // 2]]


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

    A row's name says how much of the time has the right colour.

    Args:
        recovery: of the benchmark; has the video.
        truth: of the video.
        methods, levels: a row for each pair, level by level of the first method, then of the next.
        stride_s: seconds between two segments of level 0.
    """
    rows = [truth_row(truth, name="true threads")]
    for method in methods:
        for level in levels:
            pos, threads = recovery.levels[method][level].threads[truth.video_uid]
            spans = spans_of(threads, pos, stride_s * 2**level)
            spans = relabelled(spans, match_labels(spans, rows[0].spans))
            where = f", level {level}" if len(levels) > 1 else ""
            name = f"{method}{where}: {100 * _agreement(rows[0].spans, spans):.0f} % right"
            others = {span.label: "no true thread" for span in spans if span.label not in rows[0].names}
            rows.append(TimelineRow(name, spans, {**rows[0].names, **others}))
    return rows


def _agreement(truth: Sequence[Span], found: Sequence[Span]) -> float:
    """Share of the true seconds that have their own number."""
    true_labels, found_labels, seconds = shared_seconds(truth, found)
    same = np.array(true_labels)[:, None] == np.array(found_labels)[None]
    return float((seconds * same).sum() / sum(span.length_s for span in truth))
