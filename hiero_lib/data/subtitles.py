"""Narrations of a video of one's own: subtitles (.srt, .vtt), or a table (.csv, .tsv) of times and texts.

Subtitles are read here since no package keeps to what a file says: pysubs2 1.8.1 drops the sign of ``-00:00:01`` and
leaves the word timestamps of rolling captions in their texts, webvtt-py 0.6.0 passes over cues whose time it cannot
read and takes ``a < 5 g then b >`` for a tag, and neither names the line that is wrong.
"""

from __future__ import annotations

import csv
import html
import io
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from hiero_lib.base.errors import DataError
from hiero_lib.data.narrations import Narrations

_ARROW = re.compile(r"^\s*(\S+)\s+-->\s+(\S+)")
_TAG = re.compile(r"<[^>]*>|\{\\[^}]*\}")
_TIMES, _ENDS, _TEXTS = ("time", "start", "narration_time", "start_s"), ("end", "end_s"), ("text", "narration")


def read_narrations(path: str | Path) -> Narrations:
    """The narrations of a file, by its suffix.

    A subtitle counts at the middle of its time. A table has a header: ``text``, and ``time``, or ``start`` with or
    without ``end`` (then the middle); times are seconds or ``[hh:]mm:ss[.fff]``. Empty texts are left out.

    Raises:
        DataError: no such file, another suffix, a time or line that cannot be read, or not one narration.
    """
    path = Path(path)
    readers: dict[str, Callable[[str, Path], Iterator[tuple[float, str]]]] = {
        ".srt": _subtitles,
        ".vtt": _subtitles,
        ".csv": _table,
        ".tsv": _table,
    }
    if path.suffix.lower() not in readers:
        raise DataError("narrations are read from .srt, .vtt, .csv and .tsv", file=path, value=path.suffix)
    if not path.is_file():
        raise DataError("there is no such file", file=path)
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8 text", file=path, field=f"byte {error.start}") from error
    lines = ((time, " ".join(words.split())) for time, words in readers[path.suffix.lower()](text, path))
    narrations = sorted(((time, words) for time, words in lines if words), key=lambda narration: narration[0])
    if not narrations:
        raise DataError("not one narration is in the file", file=path)
    return Narrations([time for time, _ in narrations], [words for _, words in narrations])


def seconds_of(text: str) -> float | None:
    """``83.5``, ``1:23.5``, ``00:01:23,500`` in seconds; None where it is no time."""
    parts = text.strip().replace(",", ".").split(":")
    try:
        values = [float(part) for part in parts]
    except ValueError:
        return None
    if not 1 <= len(values) <= 3 or not all(math.isfinite(value) and value >= 0 for value in values):
        return None
    seconds = sum(value * 60**power for power, value in enumerate(reversed(values)))
    return seconds if math.isfinite(seconds) else None


def _subtitles(text: str, path: Path) -> Iterator[tuple[float, str]]:
    """The middle and the text of each cue of SubRip or WebVTT, whose blocks differ in what is around the cues."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        arrow = _ARROW.match(lines[at])
        at += 1
        if arrow is None:
            continue
        start, end = seconds_of(arrow[1]), seconds_of(arrow[2])
        if start is None or end is None or end < start:
            raise DataError("not a time", file=path, field=f"line {at}", value=lines[at - 1].strip())
        words = []
        while at < len(lines) and lines[at].strip():
            words.append(lines[at])
            at += 1
        yield (start + end) / 2, html.unescape(_TAG.sub("", " ".join(words)))


def _table(text: str, path: Path) -> Iterator[tuple[float, str]]:
    """The rows of a table with a header; commas, semicolons or tabs between the columns."""
    header = text.partition("\n")[0]
    delimiter = max("\t;,", key=header.count)
    rows = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    columns = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
    time = next((columns[name] for name in _TIMES if name in columns), None)
    end = next((columns[name] for name in _ENDS if name in columns), None)
    words = next((columns[name] for name in _TEXTS if name in columns), None)
    if time is None or words is None:
        problem = "the columns time (or start) and text are needed"
        raise DataError(problem, file=path, field="header", value=header.strip())
    for row in rows:
        start = seconds_of(row[time] or "")
        stop = seconds_of(row[end] or "") if end is not None else start
        if start is None or stop is None or stop < start:
            value = f"{row[time]}, {row[end]}" if end is not None else row[time]
            raise DataError("not a time", file=path, field=f"line {rows.line_num}", value=value)
        yield (start + stop) / 2, row[words] or ""
