"""What was changed of an exported video elsewhere, in ELAN or in a table, as corrections.

Of an ``.eaf`` the tiers ``level N`` are read, and ``level N wrong``; of a ``.csv`` the columns of
`hiero_lib.export.text`. A span's thread is the number that its text begins with; a text without a number is a thread
of that name, or a new one. Spans that were deleted leave time without a thread.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hiero_lib.base.cells import plain_cell
from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_csv_table
from hiero_lib.data.elan import Tier, read_eaf
from hiero_lib.export.record import one_line
from hiero_lib.hierarchy.edits import corrected
from hiero_lib.hierarchy.operations import EditError, Replace
from hiero_lib.hierarchy.spans import Span
from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy

_NUMBERED = re.compile(r"(-1|\d{1,6})(?:\s+(.*))?", re.DOTALL)
_NEEDED = ("level", "start_s", "end_s", "thread", "title")
_LEVEL = re.compile(r"level (\d{1,2})( wrong)?")
_ROUNDING_S = 1.5e-3


@dataclass(frozen=True)
class _Told:
    """A span as a file has it; ``at``: where in the file."""

    start_s: float
    end_s: float
    text: str
    at: str
    wrong: bool = False


@dataclass
class _Threads:
    """Numbers of threads by what they are called; a name that is new takes the next number."""

    names: dict[int, str]
    free: int
    new: dict[int, str] = field(default_factory=dict)

    def number(self, text: str) -> int:
        numbered = _NUMBERED.fullmatch(text)
        if numbered:
            thread, name = int(numbered[1]), one_line(numbered[2] or "")
            self.free = max(self.free, thread + 1)
        else:
            name = one_line(text)
            known = {**{title: one for one, title in self.names.items()}, **{t: one for one, t in self.new.items()}}
            thread = known.get(name, self.free)
            self.free = max(self.free, thread + 1)
        own = self.new.get(thread, self.names.get(thread, ""))
        if thread >= 0 and name and name not in (own, f"thread {thread}"):
            self.new[thread] = name
        return thread


def read_back(path: str | Path, hierarchy: VideoHierarchy) -> list[Replace]:
    """The levels that a file has otherwise than a video, the finest first.

    Args:
        path: ``.eaf`` or ``.csv``, as the export wrote it and another program saved it.
        hierarchy: the video as it is now.

    Raises:
        DataError: it is neither, cannot be read, has no level of the video, or spans of one level overlap or lie
            outside the video; names the tier or the line.
    """
    path = Path(path)
    match path.suffix.lower():
        case ".eaf":
            told = _of_tiers(read_eaf(path), path)
        case ".csv" | ".tsv":
            told = _of_table(path, hierarchy.video_uid)
        case _:
            raise DataError("an .eaf or a .csv is expected", file=path, field="suffix", value=path.suffix)
    known = {level.level for level in hierarchy.levels}
    if not told.keys() & known:
        raise DataError("there is no level of the video in it", file=path, field="level", value=sorted(told))
    if told.keys() - known:
        raise DataError(f"the video has levels {sorted(known)}", file=path, field="level", value=max(told))
    names = {thread: one_line(name) for level in hierarchy.levels for thread, name in level.names.items()}
    labels = [span.label for level in hierarchy.levels for span in level.spans]
    threads = _Threads(names, max(labels, default=-1) + 1)
    found = []
    for level in hierarchy.levels:
        if level.level in told:
            replaced = _level(level, told[level.level], threads, hierarchy, path)
            if replaced is not None:
                found.append(replaced)
    return found


def _level(
    level: LevelThreads, told: Sequence[_Told], threads: _Threads, hierarchy: VideoHierarchy, path: Path
) -> Replace | None:
    """The level as the file has it; None where that is what it is."""
    threads.new = {}
    spans, wrong, before = [], set[int](), hierarchy.start_s
    for row, one in enumerate(sorted(told, key=lambda one: (one.start_s, one.end_s))):
        start, end = one.start_s, one.end_s
        if not before - _ROUNDING_S <= start < end <= hierarchy.end_s + _ROUNDING_S:
            problem = f"spans of a level follow each other within {hierarchy.start_s} to {hierarchy.end_s} s"
            raise DataError(problem, file=path, field=one.at, value=f"{start} to {end} s")
        start, end = max(start, before), min(end, hierarchy.end_s)
        spans.append(Span(round(start, 3), round(end, 3), threads.number(one.text)))
        before = spans[-1].end_s
        if one.wrong:
            wrong.add(row)
    replace = Replace(level.level, tuple(spans), dict(threads.new), frozenset(wrong))
    try:
        after = corrected(hierarchy, [replace])
    except EditError as error:
        raise DataError(error.problem, file=path, field=f"level {level.level}, {error.field}") from error
    made = next(one for one in after.levels if one.level == level.level)
    return None if _same(made, level) and not threads.new else replace


def _same(one: LevelThreads, other: LevelThreads) -> bool:
    return (
        len(one.spans) == len(other.spans)
        and one.wrong == other.wrong
        and all(
            a.label == b.label and abs(a.start_s - b.start_s) < _ROUNDING_S and abs(a.end_s - b.end_s) < _ROUNDING_S
            for a, b in zip(one.spans, other.spans)
        )
    )


def _of_tiers(tiers: Sequence[Tier], path: Path) -> Mapping[int, list[_Told]]:
    found: dict[int, list[_Told]] = {}
    marked: dict[int, list[tuple[float, float]]] = {}
    for tier in tiers:
        named = _LEVEL.fullmatch(tier.name.strip())
        if named is None:
            continue
        if tier.untimed:
            raise DataError(f"{tier.untimed} annotations have no time", file=path, field=f"tier {tier.name}")
        times = [(one.start_ms / 1000, one.end_ms / 1000, one.text.strip()) for one in tier.annotations]
        if named[2]:
            marked[int(named[1])] = [(start, end) for start, end, _ in times]
        else:
            at = f"tier {tier.name}"
            found[int(named[1])] = [_Told(start, end, text or "-1", at) for start, end, text in times]
    return {
        level: [
            _Told(one.start_s, one.end_s, one.text, one.at, _is_within(one, marked.get(level, []))) for one in told
        ]
        for level, told in found.items()
    }


def _is_within(one: _Told, marks: Sequence[tuple[float, float]]) -> bool:
    """A span is marked where most of it is: marks are drawn by hand."""
    shared = sum(max(0.0, min(one.end_s, end) - max(one.start_s, start)) for start, end in marks)
    return shared > (one.end_s - one.start_s) / 2


def _of_table(path: Path, video_uid: str) -> Mapping[int, list[_Told]]:
    columns, rows = read_csv_table(path)
    for name in _NEEDED:
        if name not in columns:
            raise DataError("the column is missing", file=path, field=name)
    found: dict[int, list[_Told]] = {}
    for line, row in rows:
        at = f"line {line}"
        if row.get("video_uid", video_uid) != video_uid and plain_cell(row["video_uid"]) != video_uid:
            raise DataError(f"a span of another video than {video_uid}", file=path, field=at, value=row["video_uid"])
        try:
            level, start, end = int(row["level"]), float(row["start_s"]), float(row["end_s"])
        except ValueError as error:
            raise DataError("a level and two times are expected", file=path, field=at, value=str(error)) from error
        thread, title = row["thread"].strip(), plain_cell(row["title"]).strip()
        if thread and not _NUMBERED.fullmatch(thread):
            raise DataError("a thread's number is expected", file=path, field=at, value=thread)
        text = f"{thread} {title}".strip() if thread else title or "-1"
        if row.get("wrong", "0").strip() not in ("", "0", "1"):
            raise DataError("1 or 0 is expected", file=path, field=f"{at}, wrong", value=row["wrong"])
        wrong = row.get("wrong", "0").strip() == "1"
        found.setdefault(level, []).append(_Told(start, end, text, at, wrong))
    return found
