"""Spans as a CSV table, and as WebVTT chapters that a video player shows."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from hiero_lib.base.cells import csv_cell, plain_cell
from hiero_lib.base.files import read_csv_table, write_text
from hiero_lib.export.record import VideoRecord, milliseconds, one_line, thread_title
from hiero_lib.hierarchy.video import LevelThreads

COLUMNS = (
    "video_uid",
    "level",
    "run",
    "start_s",
    "end_s",
    "length_s",
    "thread",
    "title",
    "parent",
    "parent_title",
    "wrong",
)


def spans_csv(record: VideoRecord) -> str:
    """A line for each span, the finest level first, in time order (RFC 4180, with a header).

    ``parent`` is the thread of the next coarser level that covers most of the thread; empty at the coarsest.
    ``wrong`` is 1 where a person has marked the span as wrong, else 0. A text
    that a spreadsheet would run has an apostrophe in front (`hiero_lib.base.cells`).
    """
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    levels = record.hierarchy.levels
    for level, coarser in zip(levels, [*levels[1:], None]):
        for number, span in enumerate(level.spans):
            parent = level.parents.get(span.label)
            above = "" if parent is None or coarser is None else thread_title(coarser, parent)
            times = (f"{value:.3f}" for value in (span.start_s, span.end_s, span.length_s))
            about = (span.label, thread_title(level, span.label), "" if parent is None else parent, above)
            wrong = int(number in level.wrong)
            writer.writerow(map(csv_cell, [record.video_uid, level.level, number, *times, *about, wrong]))
    return stream.getvalue()


def write_csv(record: VideoRecord, path: str | Path) -> None:
    """Write `spans_csv`, atomically."""
    write_text(path, spans_csv(record))


def read_spans(path: str | Path) -> list[dict[str, str]]:
    """The lines of `write_csv` by column, texts as they were given.

    Raises:
        DataError: as :func:`hiero_lib.base.files.read_csv_table`.
    """
    return [{column: plain_cell(cell) for column, cell in row.items()} for _, row in read_csv_table(path)[1]]


def chapters(record: VideoRecord, level: LevelThreads) -> str:
    """One level as WebVTT chapters: ``<track kind="chapters">``, or a file beside the video.

    A level is a file of its own, since a thread may cross the borders of a coarser level and chapters of one file
    must nest. Spans without any length are left out: a cue must end after it starts.
    """
    lines = ["WEBVTT", "", f"NOTE {_plain(record.title)}, level {level.level}", ""]
    for number, span in enumerate(level.spans, start=1):
        start, end = max(0, milliseconds(span.start_s)), milliseconds(span.end_s)
        if start < end:
            title = _escaped(thread_title(level, span.label))
            title += " (marked as wrong)" if number - 1 in level.wrong else ""
            lines += [str(number), f"{_timestamp(start)} --> {_timestamp(end)}", title, ""]
    return "\n".join(lines)


def write_chapters(record: VideoRecord, path: str | Path) -> list[Path]:
    """Write a file for each level, ``<path without .vtt>.level2.vtt`` and so on, atomically; their paths."""
    base = Path(path)
    written = []
    for level in record.hierarchy.levels:
        target = base.with_name(f"{base.name.removesuffix('.vtt')}.level{level.level}.vtt")
        write_text(target, chapters(record, level))
        written.append(target)
    return written


def _timestamp(ms: int) -> str:
    hours, rest = divmod(ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _plain(text: str) -> str:
    """Text of a NOTE, in which ``-->`` would begin a cue."""
    return one_line(text).replace("-->", "→")


def _escaped(text: str) -> str:
    """Cue text: ``&``, ``<`` and ``>`` begin something else there."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
