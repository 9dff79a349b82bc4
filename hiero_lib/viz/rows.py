"""Rows of a timeline from a video's hierarchy, and the truth in the colours of what it is compared with."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hiero_lib.hierarchy.laid_out import LevelSpans
from hiero_lib.hierarchy.spans import Span, match_labels, relabelled, shared_seconds, spans_of
from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy
from hiero_lib.viz.bars import TimelineRow

if TYPE_CHECKING:
    from hiero_lib.models.hiero import HierarchyLevel


def thread_name(level: LevelSpans, thread: int) -> str:
    """What figures call a thread: its number, and its name where it has one."""
    if thread < 0:
        return "no thread"
    return f"{thread} {level.names[thread]}" if thread in level.names else f"thread {thread}"


def level_of(hierarchy: VideoHierarchy, level: int) -> LevelThreads:
    """One level of the video; ValueError names those that there are."""
    for level_threads in hierarchy.levels:
        if level_threads.level == level:
            return level_threads
    levels = [level_threads.level for level_threads in hierarchy.levels]
    raise ValueError(f"level must be one of {levels}, not {level!r}")


def hierarchy_rows(hierarchy: VideoHierarchy) -> list[TimelineRow]:
    """One row a level, the coarsest uppermost, for `hiero_lib.viz.timeline.plot_timeline`."""
    return [TimelineRow(f"level {level.level}", level.spans, level.names) for level in reversed(hierarchy.levels)]


def network_rows(
    levels: Sequence[HierarchyLevel], *, stride_s: float, start_s: float = 0.0, name: str = "level"
) -> list[TimelineRow]:
    """The threads that the network itself found in one video or chunk, a row a level, the coarsest uppermost.

    Args:
        levels: of a batch of one; the segments have no row, for nothing is clustered there.
        stride_s: seconds of a segment.
        start_s: of a chunk in its video, from where on time is counted.
        name: of a row, before the level's number.
    """
    rows = []
    for level in sorted(levels[1:], key=lambda level: -level.level):
        threads, pos = level.assignments.cpu().numpy(), level.pos.cpu().numpy() - start_s
        rows.append(TimelineRow(f"{name} {level.level}", spans_of(threads, pos, stride_s * 2**level.level)))
    return rows


def truth_beside(truth: TimelineRow, hierarchy: VideoHierarchy) -> TimelineRow:
    """The truth with each of its threads in the number and colour of the thread that it matches.

    Matched is the level whose threads share the most seconds with the truth, one to one, so that a true thread has
    one colour whatever level is looked at. The video's own numbers stay as they are, whatever it is compared with; a
    true thread without a match takes a number that no level uses.

    Args:
        truth: row of the video; hierarchy: as it was divided.
    """
    matched = [_matched(truth, level) for level in hierarchy.levels[::-1]]
    _, pairs = max(matched, key=lambda one: one[0])  # of equal ones the coarsest
    unused = itertools.count(max((span.label for level in hierarchy.levels for span in level.spans), default=-1) + 1)
    labels = sorted({span.label for span in truth.spans})
    mapping = {label: label if label < 0 else pairs[label] if label in pairs else next(unused) for label in labels}
    names = {mapping[label]: name for label, name in truth.names.items() if label in mapping}
    return dataclasses.replace(truth, spans=relabelled(truth.spans, mapping), names=names)


def stretch_of(row: TimelineRow, *, start_s: float, end_s: float) -> TimelineRow:
    """What a row has of a stretch of its video, on a time that is counted from ``start_s`` on; the labels stay."""
    spans = [
        Span(max(span.start_s, start_s) - start_s, min(span.end_s, end_s) - start_s, span.label)
        for span in row.spans
        if span.start_s < end_s and span.end_s > start_s
    ]
    return dataclasses.replace(row, spans=spans)


def in_colors_of(truth: TimelineRow, rows: Sequence[TimelineRow]) -> list[TimelineRow]:
    """Rows, each with its threads in the number, colour and name of the true thread that it matches.

    The other way round than :func:`truth_beside`: for rows that number their threads each for itself.
    """
    there = {span.label for span in truth.spans}
    names = {label: name for label, name in truth.names.items() if label in there}  # the others' numbers are free
    matched = [relabelled(row.spans, match_labels(row.spans, truth.spans)) for row in rows]
    return [dataclasses.replace(row, spans=spans, names=names) for row, spans in zip(rows, matched)]


def _matched(truth: TimelineRow, level: LevelThreads) -> tuple[float, dict[int, int]]:
    """Seconds that true threads share with those that they match, and who matches whom."""
    rows, columns, seconds = shared_seconds(truth.spans, level.spans)
    number = {label: column for column, label in enumerate(columns)}
    found = match_labels(truth.spans, level.spans)
    pairs = {label: found[label] for label in rows if found[label] in number}
    return sum(float(seconds[rows.index(one), number[other]]) for one, other in pairs.items()), pairs
