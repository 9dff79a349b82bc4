"""Corrections of a hierarchy by hand: pure functions over the record, as a list of operations.

What the model found is the base; a corrected video is the base with operations done one after the other, so that
undoing is leaving the last one out. Spans follow each other without overlap before and after. Levels are corrected
each for itself: a thread may then lie in several of the level above, and its parent is the one that covers most.

Of each second it is known which correction was the last to say whose it is (`sayings`): a merged or split thread's,
those that were assigned, those between a border's two places and a node on either side of it, those that a file has
otherwise. What is said last stands; a mark as wrong takes back what was said, and says nothing of what is right.
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hiero_lib.hierarchy.operations import (
    LONGEST_NAME,
    Assign,
    Border,
    EditError,
    Follow,
    Mark,
    Merge,
    Operation,
    Rename,
    Replace,
    Split,
    in_words,
)
from hiero_lib.hierarchy.spans import Span, shared_seconds
from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy

_SAME_S = 1.5e-3  # two borders, which are whole milliseconds


@dataclass(frozen=True)
class _Piece:
    """``said``: number of the correction that was the last to say whose these seconds are; 0: none has."""

    start_s: float
    end_s: float
    label: int
    wrong: bool
    said: int = 0


@dataclass(frozen=True)
class Saying:
    """Seconds ``[start_s, end_s)`` of a level are of ``thread``, by the correction of this number, from 1."""

    start_s: float
    end_s: float
    thread: int
    number: int


@dataclass
class _Draft:
    """Levels while they are corrected; ``free`` is the next number that no thread has had.

    ``made``: the corrections up to the one that is being made.
    """

    hierarchy: VideoHierarchy
    levels: dict[int, list[_Piece]]
    names: dict[int, str]
    free: int
    made: list[Operation] = dataclasses.field(default_factory=list)

    @property
    def number(self) -> int:
        return len(self.made)

    def new_thread(self) -> int:
        self.free += 1
        return self.free - 1

    def pieces(self, level: int) -> list[_Piece]:
        if level not in self.levels:
            raise EditError(f"there are levels {sorted(self.levels)}", field="level", value=level)
        return self.levels[level]

    def check_thread(self, level: int, thread: int, field: str = "thread") -> None:
        if all(piece.label != thread for piece in self.pieces(level)):
            raise EditError(f"level {level} has no such thread", field=field, value=thread)


def corrected(hierarchy: VideoHierarchy, operations: Iterable[Operation]) -> VideoHierarchy:
    """The video with corrections made, in their order; nodes, means of spans and parents follow the spans.

    Raises:
        EditError: an operation cannot be made; names it by its number.
    """
    return _rebuilt(_replayed(hierarchy, operations))


def sayings(hierarchy: VideoHierarchy, operations: Iterable[Operation], level: int) -> list[Saying]:
    """What corrections say of a level, in time order; of what it leaves out, none says whose it is.

    Raises:
        EditError: as `corrected`, or there is no such level.
    """
    pieces = _replayed(hierarchy, operations).pieces(level)
    return [Saying(one.start_s, one.end_s, one.label, one.said) for one in pieces if one.said]


def _replayed(hierarchy: VideoHierarchy, operations: Iterable[Operation]) -> _Draft:
    names = {thread: name for level in hierarchy.levels for thread, name in level.names.items()}
    labels = {span.label for level in hierarchy.levels for span in level.spans}
    pieces = {level.level: _pieces(level.spans, level.wrong) for level in hierarchy.levels}
    draft = _Draft(hierarchy, pieces, names, max(labels, default=-1) + 1)
    for operation in operations:
        draft.made.append(operation)
        try:
            _MAKE[type(operation)](draft, operation)
        except EditError as error:
            error.add_note(f"correction {draft.number}: {in_words(operation)}")
            raise
    return draft


def _rename(draft: _Draft, operation: Rename) -> None:
    if all(piece.label != operation.thread for pieces in draft.levels.values() for piece in pieces):
        raise EditError("the video has no such thread", field="thread", value=operation.thread)
    if operation.thread < 0:
        raise EditError("time without a thread has no name", field="thread", value=operation.thread)
    _name(draft, operation.thread, operation.name)


def _name(draft: _Draft, thread: int, name: str) -> None:
    line = " ".join(name.split())
    if len(line) > LONGEST_NAME:
        raise EditError(f"a name has at most {LONGEST_NAME} characters", field="name", value=line)
    if line:
        draft.names[thread] = line
    else:
        draft.names.pop(thread, None)


def _merge(draft: _Draft, operation: Merge) -> None:
    draft.check_thread(operation.level, operation.thread)
    draft.check_thread(operation.level, operation.into, "into")
    if operation.thread == operation.into:
        raise EditError("a thread cannot be merged into itself", field="into", value=operation.into)
    both = (operation.thread, operation.into)
    draft.levels[operation.level] = [
        dataclasses.replace(piece, label=operation.into, said=draft.number) if piece.label in both else piece
        for piece in draft.pieces(operation.level)
    ]


def _split(draft: _Draft, operation: Split) -> None:
    draft.check_thread(operation.level, operation.thread)
    at_s = _time(operation.at_s, "at_s")
    pieces = _cut(draft.pieces(operation.level), at_s, only=operation.thread)
    sides = {piece.start_s >= at_s for piece in pieces if piece.label == operation.thread}
    if len(sides) < 2:
        raise EditError("nothing of the thread lies on one side of it", field="at_s", value=at_s)
    new = draft.new_thread()
    draft.levels[operation.level] = [
        dataclasses.replace(piece, label=new if piece.start_s >= at_s else piece.label, said=draft.number)
        if piece.label == operation.thread
        else piece
        for piece in pieces
    ]


def _assign(draft: _Draft, operation: Assign) -> None:
    thread = operation.thread
    if thread is None:
        thread = draft.new_thread()
    elif thread >= 0:
        draft.check_thread(operation.level, thread)
    _within(draft, operation, lambda piece: dataclasses.replace(piece, label=thread, said=draft.number))


def _mark(draft: _Draft, operation: Mark) -> None:
    wrong = operation.wrong
    _within(draft, operation, lambda one: dataclasses.replace(one, wrong=wrong, said=0 if wrong else one.said))


def _within(draft: _Draft, operation: Assign | Mark, change: Callable[[_Piece], _Piece]) -> None:
    """Change what lies between two seconds, cut there."""
    start, end = _time(operation.start_s, "start_s"), _time(operation.end_s, "end_s")
    if not start < end:
        raise EditError("a span ends after it starts", field="end_s", value=end)
    pieces, inside = _between(draft.pieces(operation.level), start, end)
    if not any(inside):
        raise EditError("there is nothing of the video", field="start_s", value=start)
    draft.levels[operation.level] = [change(piece) if hit else piece for piece, hit in zip(pieces, inside)]


def _border(draft: _Draft, operation: Border) -> None:
    pieces = draft.pieces(operation.level)
    spans = _joined(pieces)
    to_s = _time(operation.to_s, "to_s")
    for before, after in itertools.pairwise(spans):
        if abs(before.end_s - operation.at_s) < _SAME_S and abs(after.start_s - operation.at_s) < _SAME_S:
            if not before.start_s < to_s < after.end_s:
                problem = f"a border moves between {before.start_s} and {after.end_s} s, its neighbours' ends"
                raise EditError(problem, field="to_s", value=to_s)
            # A node on either side is said too: else the border would not stay where it was put.
            node_s = next(one.stride_s for one in draft.hierarchy.levels if one.level == operation.level)
            first = max(before.start_s, min(before.end_s, round(to_s - node_s, 3)))
            last = min(after.end_s, max(after.start_s, round(to_s + node_s, 3)))
            for start, end, side in ((first, to_s, before), (to_s, last, after)):
                pieces, inside = _between(pieces, start, end)
                own = dataclasses.replace(side, said=draft.number)
                pieces = [
                    dataclasses.replace(own, start_s=one.start_s, end_s=one.end_s) if hit else one
                    for one, hit in zip(pieces, inside)
                ]
            draft.levels[operation.level] = pieces
            return
    raise EditError(f"level {operation.level} has no border there", field="at_s", value=operation.at_s)


def _replace(draft: _Draft, operation: Replace) -> None:
    was = draft.pieces(operation.level)
    start, end, before = draft.hierarchy.start_s, draft.hierarchy.end_s, draft.hierarchy.start_s
    for span in operation.spans:
        if not before - _SAME_S <= span.start_s < span.end_s <= end + _SAME_S:
            problem = f"spans follow each other between {start} and {end} s, and end after they start"
            raise EditError(problem, field="spans", value=(span.start_s, span.end_s))
        before = span.end_s
    pieces = _without_holes(_pieces(operation.spans, operation.wrong), start, end)
    draft.levels[operation.level] = _said_where_changed(was, pieces, draft.number)
    draft.free = max([draft.free, *(span.label + 1 for span in operation.spans)])
    for thread, name in operation.names.items():
        _name(draft, thread, name)


def _said_where_changed(was: Sequence[_Piece], pieces: list[_Piece], number: int) -> list[_Piece]:
    """Cut where the level was, too: what is of another thread now is said, and what is not stays as it was said."""
    for border in [piece.start_s for piece in was]:
        pieces = _cut(pieces, border)
    starts = [piece.start_s for piece in was]
    found = []
    for piece in pieces:
        before = was[max(0, bisect.bisect_right(starts, (piece.start_s + piece.end_s) / 2) - 1)]
        same = before.label == piece.label
        said = 0 if piece.wrong and not before.wrong else before.said if same else number
        found.append(dataclasses.replace(piece, said=said))
    return found


def _follow(draft: _Draft, operation: Follow) -> None:
    pieces = draft.pieces(operation.level)
    for span in operation.spans:
        start, end = _time(span.start_s, "spans"), _time(span.end_s, "spans")
        if not start < end:
            raise EditError("a span ends after it starts", field="spans", value=(start, end))
        draft.check_thread(operation.level, span.label, "spans")
        pieces, inside = _between(pieces, start, end)
        said = next((one for one, hit in zip(pieces, inside) if hit and one.said), None)
        if said is not None and said.label != span.label:
            problem = (
                f"correction {said.said} ({in_words(draft.made[said.said - 1])}) says that they are of thread "
                f"{said.label}, and correction {draft.number} ({in_words(operation)}) has them in {span.label}"
            )
            raise EditError(problem, field="spans", value=(start, end))
        pieces = [dataclasses.replace(one, label=span.label) if hit else one for one, hit in zip(pieces, inside)]
    draft.levels[operation.level] = pieces


_MAKE: Mapping[type, Callable[..., None]] = {
    Rename: _rename,
    Merge: _merge,
    Split: _split,
    Assign: _assign,
    Border: _border,
    Mark: _mark,
    Replace: _replace,
    Follow: _follow,
}


def _time(seconds: float, field: str) -> float:
    if not math.isfinite(seconds):
        raise EditError("a number of seconds is expected", field=field, value=seconds)
    return round(seconds, 3)


def _pieces(spans: Sequence[Span], wrong: frozenset[int]) -> list[_Piece]:
    return [_Piece(span.start_s, span.end_s, span.label, row in wrong) for row, span in enumerate(spans)]


def _cut(pieces: Sequence[_Piece], at_s: float, only: int | None = None) -> list[_Piece]:
    """Cut the piece that goes on at a second, if it is of the thread ``only`` (None: any)."""
    found: list[_Piece] = []
    for piece in pieces:
        if piece.start_s < at_s < piece.end_s and (only is None or piece.label == only):
            found += [dataclasses.replace(piece, end_s=at_s), dataclasses.replace(piece, start_s=at_s)]
        else:
            found.append(piece)
    return found


def _between(pieces: Sequence[_Piece], start_s: float, end_s: float) -> tuple[list[_Piece], list[bool]]:
    """Cut at two seconds, and which pieces lie between them."""
    cut = _cut(_cut(pieces, start_s), end_s)
    return cut, [start_s <= piece.start_s and piece.end_s <= end_s for piece in cut]


def _without_holes(pieces: Sequence[_Piece], start_s: float, end_s: float) -> list[_Piece]:
    """Time that no span covers is of no thread."""
    found: list[_Piece] = []
    at = start_s
    for piece in [*pieces, _Piece(end_s, end_s, -1, False)]:
        if piece.start_s - at > _SAME_S:
            found.append(_Piece(at, piece.start_s, -1, False))
        at = max(at, piece.end_s)
        found.append(piece)
    return found[:-1]


def _joined(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Neighbours of one thread, both marked or both not, are one span."""
    found: list[_Piece] = []
    for piece in pieces:
        last = found[-1] if found else None
        if last and (last.label, last.wrong) == (piece.label, piece.wrong) and piece.start_s - last.end_s < _SAME_S:
            found[-1] = dataclasses.replace(last, end_s=piece.end_s)
        else:
            found.append(piece)
    return found


def _rebuilt(draft: _Draft) -> VideoHierarchy:
    coarser: LevelThreads | None = None
    levels = []
    for level in draft.hierarchy.levels[::-1]:
        pieces = _joined(draft.levels[level.level])
        spans = tuple(Span(piece.start_s, piece.end_s, piece.label) for piece in pieces)
        names = {span.label: draft.names[span.label] for span in spans if span.label in draft.names}
        wrong = frozenset(row for row, piece in enumerate(pieces) if piece.wrong)
        if spans != level.spans:
            level = dataclasses.replace(level, spans=spans)
            level = dataclasses.replace(level, threads=level.thread_at(level.pos), span_x=_span_means(level))
        parents = {} if coarser is None else _parents(spans, coarser.spans)
        coarser = dataclasses.replace(level, names=dict(sorted(names.items())), wrong=wrong, parents=parents)
        levels.append(coarser)
    return dataclasses.replace(draft.hierarchy, levels=tuple(levels[::-1]))


def _parents(spans: Sequence[Span], coarser: Sequence[Span]) -> dict[int, int]:
    labels, above, seconds = shared_seconds(spans, coarser)
    return {} if not above else {label: above[column] for label, column in zip(labels, seconds.argmax(1))}


def _span_means(level: LevelThreads) -> Tensor:
    """``[spans, D]``; a span that is shorter than a node has the features of the nearest one."""
    which = torch.from_numpy(level.span_of_node())
    total = level.text_x.new_zeros((len(level.spans), level.text_x.shape[1])).index_add_(0, which, level.text_x)
    count = torch.bincount(which, minlength=len(level.spans))
    means = total / count.clamp(min=1)[:, None]
    for row in np.flatnonzero(count.numpy() == 0):
        middle = (level.spans[row].start_s + level.spans[row].end_s) / 2
        means[row] = level.text_x[int(np.abs(level.pos - middle).argmin())]
    return means
