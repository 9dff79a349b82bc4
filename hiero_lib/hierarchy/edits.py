"""Corrections of a hierarchy by hand: pure functions over the record, as a list of operations.

What the model found is the base; a corrected video is the base with operations done one after the other, so that
undoing is leaving the last one out. Spans follow each other without overlap before and after. Levels are corrected
each for itself: a thread may then lie in several of the level above, and its parent is the one that covers most.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.hierarchy.spans import Span, shared_seconds
from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy

_SAME_S = 1.5e-3  # two borders, which are whole milliseconds
LONGEST_NAME = 200


class EditError(DataError):
    """A correction that cannot be made: what it names is not there, or nothing would be left."""


@dataclass(frozen=True)
class Rename:
    """A thread's name, at every level; an empty one takes it away."""

    thread: int
    name: str


@dataclass(frozen=True)
class Merge:
    """All spans of a thread become another's, at one level."""

    level: int
    thread: int
    into: int


@dataclass(frozen=True)
class Split:
    """What a thread does from a second on is a new thread, at one level."""

    level: int
    thread: int
    at_s: float


@dataclass(frozen=True)
class Assign:
    """Seconds of a level belong to a thread; None: to a new one."""

    level: int
    start_s: float
    end_s: float
    thread: int | None


@dataclass(frozen=True)
class Border:
    """The border between two neighbours, which is at ``at_s``, is at ``to_s``."""

    level: int
    at_s: float
    to_s: float


@dataclass(frozen=True)
class Mark:
    """Seconds of a level are marked as wrong, whatever is right; or the mark is taken away."""

    level: int
    start_s: float
    end_s: float
    wrong: bool


@dataclass(frozen=True)
class Replace:
    """A whole level as another program has it: spans in time order, names of threads, rows marked as wrong."""

    level: int
    spans: tuple[Span, ...]
    names: Mapping[int, str]
    wrong: frozenset[int] = frozenset()


Operation: TypeAlias = Rename | Merge | Split | Assign | Border | Mark | Replace


@dataclass(frozen=True)
class _Piece:
    start_s: float
    end_s: float
    label: int
    wrong: bool


@dataclass
class _Draft:
    """Levels while they are corrected; ``free`` is the next number that no thread has had."""

    hierarchy: VideoHierarchy
    levels: dict[int, list[_Piece]]
    names: dict[int, str]
    free: int

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
    names = {thread: name for level in hierarchy.levels for thread, name in level.names.items()}
    labels = {span.label for level in hierarchy.levels for span in level.spans}
    pieces = {level.level: _pieces(level.spans, level.wrong) for level in hierarchy.levels}
    draft = _Draft(hierarchy, pieces, names, max(labels, default=-1) + 1)
    for number, operation in enumerate(operations, start=1):
        try:
            _MAKE[type(operation)](draft, operation)
        except EditError as error:
            error.add_note(f"correction {number}: {in_words(operation)}")
            raise
    return _rebuilt(draft)


def in_words(operation: Operation) -> str:
    """An operation in a line for people."""
    match operation:
        case Rename(thread, name):
            return f"thread {thread} is “{name}”" if name else f"thread {thread} has no name"
        case Merge(level, thread, into):
            return f"level {level}: thread {thread} merged into {into}"
        case Split(level, thread, at_s):
            return f"level {level}: thread {thread} split at {_clock(at_s)}"
        case Assign(level, start_s, end_s, to):
            whose = "a thread of its own" if to is None else "no thread" if to < 0 else f"thread {to}"
            return f"level {level}: {_clock(start_s)} to {_clock(end_s)} is {whose}"
        case Border(level, at_s, to_s):
            return f"level {level}: border from {_clock(at_s)} to {_clock(to_s)}"
        case Mark(level, start_s, end_s, wrong):
            return f"level {level}: {_clock(start_s)} to {_clock(end_s)} {'marked as wrong' if wrong else 'unmarked'}"
        case Replace(level, spans, _, _):
            return f"level {level}: {len(spans)} spans as read from a file"


def _clock(seconds: float) -> str:
    if not math.isfinite(seconds):
        return str(seconds)
    minutes, rest = divmod(round(seconds * 10), 600)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}:" if hours else "") + f"{minutes:02d}:{rest / 10:04.1f}"


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
    draft.levels[operation.level] = [
        dataclasses.replace(piece, label=operation.into) if piece.label == operation.thread else piece
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
        dataclasses.replace(piece, label=new) if piece.label == operation.thread and piece.start_s >= at_s else piece
        for piece in pieces
    ]


def _assign(draft: _Draft, operation: Assign) -> None:
    thread = operation.thread
    if thread is None:
        thread = draft.new_thread()
    elif thread >= 0:
        draft.check_thread(operation.level, thread)
    _within(draft, operation, lambda piece: dataclasses.replace(piece, label=thread))


def _mark(draft: _Draft, operation: Mark) -> None:
    _within(draft, operation, lambda piece: dataclasses.replace(piece, wrong=operation.wrong))


def _within(draft: _Draft, operation: Assign | Mark, change: Callable[[_Piece], _Piece]) -> None:
    """Change what lies between two seconds, cut there."""
    start, end = _time(operation.start_s, "start_s"), _time(operation.end_s, "end_s")
    if not start < end:
        raise EditError("a span ends after it starts", field="end_s", value=end)
    pieces = _cut(_cut(draft.pieces(operation.level), start), end)
    inside = [start <= piece.start_s and piece.end_s <= end for piece in pieces]
    if not any(inside):
        raise EditError("there is nothing of the video", field="start_s", value=start)
    draft.levels[operation.level] = [change(piece) if hit else piece for piece, hit in zip(pieces, inside)]


def _border(draft: _Draft, operation: Border) -> None:
    pieces = draft.pieces(operation.level)
    to_s = _time(operation.to_s, "to_s")
    for row in range(1, len(pieces)):
        before, after = pieces[row - 1], pieces[row]
        if abs(before.end_s - operation.at_s) < _SAME_S and abs(after.start_s - operation.at_s) < _SAME_S:
            if not before.start_s < to_s < after.end_s:
                problem = f"a border moves between {before.start_s} and {after.end_s} s, its neighbours' ends"
                raise EditError(problem, field="to_s", value=to_s)
            moved = [dataclasses.replace(before, end_s=to_s), dataclasses.replace(after, start_s=to_s)]
            draft.levels[operation.level] = [*pieces[: row - 1], *moved, *pieces[row + 1 :]]
            return
    raise EditError(f"level {operation.level} has no border there", field="at_s", value=operation.at_s)


def _replace(draft: _Draft, operation: Replace) -> None:
    draft.pieces(operation.level)
    start, end, before = draft.hierarchy.start_s, draft.hierarchy.end_s, draft.hierarchy.start_s
    for span in operation.spans:
        if not before - _SAME_S <= span.start_s < span.end_s <= end + _SAME_S:
            problem = f"spans follow each other between {start} and {end} s, and end after they start"
            raise EditError(problem, field="spans", value=(span.start_s, span.end_s))
        before = span.end_s
    draft.levels[operation.level] = _without_holes(_pieces(operation.spans, operation.wrong), start, end)
    draft.free = max([draft.free, *(span.label + 1 for span in operation.spans)])
    for thread, name in operation.names.items():
        _name(draft, thread, name)


_MAKE: Mapping[type, Callable[..., None]] = {
    Rename: _rename,
    Merge: _merge,
    Split: _split,
    Assign: _assign,
    Border: _border,
    Mark: _mark,
    Replace: _replace,
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


@dataclass(frozen=True)
class LevelAgreement:
    """How far a level of the model agrees with its corrections.

    Attributes:
        ari: adjusted Rand index over the level's nodes, 1 where nothing was changed; NaN where all is excluded.
        nodes: how many were compared; excluded: how many lie in spans that are marked as wrong, of which the right
            thread is not known.
    """

    level: int
    ari: float
    nodes: int
    excluded: int


def agreement(base: VideoHierarchy, edited: VideoHierarchy) -> list[LevelAgreement]:
    """Of each level, the finest first: the base against what was made of it.

    Raises:
        ValueError: the two are of different nodes.
    """
    from sklearn.metrics import adjusted_rand_score

    found = []
    for before, after in zip(base.levels, edited.levels, strict=True):
        if before.pos.shape != after.pos.shape:
            raise ValueError(f"level {before.level}: {len(before.pos)} nodes against {len(after.pos)}")
        kept = ~np.isin(after.span_of_node(), list(after.wrong))
        ari = float(adjusted_rand_score(after.threads[kept], before.threads[kept])) if kept.any() else math.nan
        found.append(LevelAgreement(after.level, ari, int(kept.sum()), int((~kept).sum())))
    return found
