"""What a person can correct of a hierarchy, as values: each says of seconds, a thread or a level what is right."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from hiero_lib.base.errors import DataError
from hiero_lib.hierarchy.spans import Span

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


@dataclass(frozen=True)
class Follow:
    """Seconds of which no correction speaks are of these threads, since the level was divided anew to follow them.

    ``spans`` in time order, those alone that are of another thread than before; see `hiero_lib.hierarchy.following`.
    """

    level: int
    spans: tuple[Span, ...]


Operation: TypeAlias = Rename | Merge | Split | Assign | Border | Mark | Replace | Follow


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
        case Follow(level, spans):
            seconds = sum(span.length_s for span in spans)
            return f"level {level}: the rest divided anew, {seconds:.1f} s in other threads"


def _clock(seconds: float) -> str:
    if not math.isfinite(seconds):
        return str(seconds)
    minutes, rest = divmod(round(seconds * 10), 600)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}:" if hours else "") + f"{minutes:02d}:{rest / 10:04.1f}"
