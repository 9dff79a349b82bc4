"""Corrections that are used: a level divided anew, so that what a person said of it holds and the rest follows.

Nodes of which corrections say whose they are (`hiero_lib.hierarchy.edits.sayings`) must be together where they are of
one thread, and cannot be where they are of two; both hold between all of them, whichever correction said it, for they
are the threads of one line of corrections, of which the last word stands. The rest is divided as the level was: on
the same features, at the same temperature and coherence (`hiero_lib.models.clustering.linked`). Threads keep their
numbers and names. Below the coarsest level a node stays within what its coarser thread holds: it comes only into
threads that have a part there already.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hiero_lib.config import HierarchyConfig
from hiero_lib.hierarchy.division import points_of
from hiero_lib.hierarchy.edits import Saying, corrected, sayings
from hiero_lib.hierarchy.operations import EditError, Follow, Operation
from hiero_lib.hierarchy.spans import Span, stretches
from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy
from hiero_lib.models.clustering.linked import linked_clusters


def divided_anew(
    base: VideoHierarchy, operations: Sequence[Operation], level: int, config: HierarchyConfig
) -> Follow:
    """The rest of a level, divided anew, as one more correction after those that were made.

    Args:
        base: the video as it was divided.
        operations: what was corrected of it.
        level: its number.
        config: the profile's section ``hierarchy``.

    Raises:
        EditError: a correction cannot be made, no correction says anything of the level, or nothing would change.
    """
    said = sayings(base, operations, level)
    if not said:
        hint = "A merge, a split, a border or a span that is given to a thread does; a mark as wrong does not"
        problem = f"no correction says whose anything of level {level} is, so that nothing could follow"
        raise EditError(problem, field="level", value=level, hint=hint)
    edited = corrected(base, operations)
    row = next(row for row, one in enumerate(edited.levels) if one.level == level)
    here = edited.levels[row]
    above = edited.levels[row + 1] if row + 1 < len(edited.levels) else None
    within = np.zeros(len(here.pos), dtype=np.int64) if above is None else above.thread_at(here.pos)
    threads = _threads(here, within, known_nodes(here, said), config)
    spans = _moved(here, threads, said)
    if not spans:
        problem = "divided anew, the rest stays as it is: nothing follows from the corrections"
        raise EditError(problem, field="level", value=level)
    return Follow(level, spans)


def known_nodes(level: LevelThreads, said: Sequence[Saying]) -> NDArray[np.bool_]:
    """``[n]`` whether it is said whose each node is: its middle lies in seconds of which a correction speaks."""
    known = np.zeros(len(level.pos), dtype=bool)
    for one in said:
        known |= (one.start_s <= level.pos) & (level.pos < one.end_s)
    return known


def _threads(
    level: LevelThreads, within: NDArray[np.int64], known: NDArray[np.bool_], config: HierarchyConfig
) -> NDArray[np.int64]:
    """``[n]`` thread of each node, divided anew; what is of no thread stays so."""
    point_of, points = points_of(level.x, config.most_points)
    size = np.bincount(point_of)
    middle = np.flatnonzero(np.diff(point_of, prepend=-1)) + size // 2
    now, coarser = level.threads[middle].copy(), within[middle]
    # Where neighbours are one point, it is known if those of its nodes are that are known, and agree.
    is_known = np.zeros(len(size), dtype=bool)
    mixed = np.zeros(len(size), dtype=bool)
    for node in np.flatnonzero(known):
        point = point_of[node]
        mixed[point] |= bool(is_known[point]) and now[point] != level.threads[node]
        now[point], is_known[point] = level.threads[node], True
    is_known &= ~mixed
    rows = np.flatnonzero(now >= 0)
    if not len(rows):
        return level.threads
    clusters, ids = np.unique(now[rows], return_inverse=True)
    parts = {(int(a), int(thread)) for a, thread in zip(within, level.threads)}
    allowed = np.array([[(int(a), int(thread)) in parts for thread in clusters] for a in coarser[rows]])
    found = now.copy()
    found[rows] = clusters[
        linked_clusters(
            points[rows],
            ids.reshape(-1),
            is_known[rows],
            temperature=config.temperature,
            switch_cost=config.coherence_s / (level.stride_s * int(size[0])),
            allowed=allowed,
            where=rows,
        )
    ]
    moves = found != now
    may = np.array([(int(a), int(thread)) in parts for a, thread in zip(within, found[point_of])])
    free = ~known & (level.threads >= 0) & (level.threads == now[point_of]) & moves[point_of] & may
    return np.where(free, found[point_of], level.threads)


def _moved(level: LevelThreads, threads: NDArray[np.int64], said: Sequence[Saying]) -> tuple[Span, ...]:
    """The seconds of nodes that are of another thread now: half-way to their neighbours, within their old span and
    beside what is said."""
    row = level.span_of_node()
    starts, ends = (np.array([getattr(span, name) for span in level.spans]) for name in ("start_s", "end_s"))
    first, last = starts[row], ends[row]
    same = row[1:] == row[:-1]
    half = ((level.pos[:-1] + level.pos[1:]) / 2).round(3)
    first[1:], last[:-1] = np.where(same, half, first[1:]), np.where(same, half, last[:-1])
    found = []
    for begin, stop in stretches(np.stack([threads, row, threads != level.threads], axis=1)):
        if threads[begin] != level.threads[begin]:
            whole = Span(float(first[begin]), float(last[stop - 1]), int(threads[begin]))
            found += _without(whole, said)
    return tuple(found)


def _without(span: Span, said: Sequence[Saying]) -> list[Span]:
    """What is left of a span beside what is said, which is in time order."""
    left, at = [], span.start_s
    for one in said:
        if one.start_s < span.end_s and at < one.end_s:
            if at < one.start_s:
                left.append(Span(at, one.start_s, span.label))
            at = one.end_s
    if at < span.end_s:
        left.append(Span(at, span.end_s, span.label))
    return left
