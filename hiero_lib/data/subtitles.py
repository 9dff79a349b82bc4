"""Narrations of a video of one's own: subtitles, a table of times and texts, or what ELAN and whisper write.

Subtitles are read here since no package keeps to what a file says: pysubs2 1.8.1 drops the sign of ``-00:00:01`` and
leaves the word timestamps of rolling captions in their texts, webvtt-py 0.6.0 passes over cues whose time it cannot
read and takes ``a < 5 g then b >`` for a tag, and neither names the line that is wrong.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import check_width, csv_rows
from hiero_lib.base.progress import quiet
from hiero_lib.data.decoding import read_text
from hiero_lib.data.elan import Tier, read_eaf, read_elan_table
from hiero_lib.data.narrations import Narrations
from hiero_lib.data.whisper import read_whisper

SUFFIXES = (".srt", ".vtt", ".csv", ".tsv", ".json", ".eaf", ".txt")
_TIME = re.compile(r"[0-9]{1,12}(?::[0-9]{1,12}){0,2}(?:[.,][0-9]{0,30})?")
_ARROW = re.compile(r"^\s*([-+]?\d\S*?)\s*-->\s*(\S+)")
_LONGEST_TIMES = 200  # characters of a line of a cue's times
_CLOCK = r"[\dOoIl]+\s*:\s*[\dOoIl]+[\s\dOoIl:.,]*"  # or with letters that look like digits
_WHOLE = r"\d+:\d\d:\d\d[.,;:]?\d*"
_ALMOST = re.compile(  # meant as a cue's times
    rf"^\s*[-+]?{_CLOCK}\s*[-–—=>→⟶⇒]+\s*[-+]?{_CLOCK}\s*$|{_CLOCK}-->|-->\s*[-+]?{_CLOCK}"
    rf"|^\s*{_WHOLE}(?:\s*(?:to|bis|[,;|/])?\s*{_WHOLE})?\s*$"
)
# Marks of no width, of files that were joined, or read from right to left
_INVISIBLE = re.compile("[\ufeff\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069]")
_TAG = re.compile(r"</?(?:b|i|u|s|font|c|v|lang|ruby|rt)(?:[.\s][^<>]*)?>|<\d+(?::\d+)+[.,]\d+>|\{\\[^{}]*\}", re.I)
MISSING = {"nan", "none", "null", "na", "n/a", "#n/a", "<na>"}  # as table tools write that there is no text
_WORD_TIME = re.compile(r"<\d+(?::\d+)+[.,]\d+>")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_HEADER = re.compile(r"^(?:WEBVTT|NOTE|STYLE|REGION)(?:\s|$)")
_SECONDS, _MILLISECONDS = ("time", "start", "narration_time", "start_s"), ("start_ms", "time_ms")
_END = re.compile(r"(?:end|stop|duration)(?:_?(?:ms|s|time|seconds?|timestamp)|\W.*|)$")
_ENDS, _ENDS_MS, _TEXTS = ("end", "end_s"), ("end_ms",), ("text", "narration")
_NARRATIONS = ("narrations", "narration")  # the tier that is taken where there are several
_WHISPER = ["start", "end", "text"]  # header of whisper's tsv, whose times are whole milliseconds

Line = tuple[float, str]  # seconds, text


def read_narrations(
    path: str | Path,
    *,
    duration_s: float | None = None,
    encoding: str | None = None,
    tier: str | None = None,
    say: Callable[[str], None] = quiet,
) -> Narrations:
    """The narrations of a file, by its suffix: one of ``SUFFIXES``.

    A subtitle counts at the middle of its time, and so do a segment of whisper's JSON and an annotation of ELAN
    (``.eaf``, and its tab-delimited ``.txt``). A table has a header: ``text``, and ``time``, or ``start`` with or
    without ``end`` (then the middle); times are seconds or ``[hh:]mm:ss[.fff]``; in ``start_ms``, ``end_ms`` they
    are milliseconds, and in whisper's tsv where the length of the video says so.

    Args:
        path: the file.
        duration_s: of the video, in seconds; narrations after its end are left out. None: not known.
        encoding: of the text, see `hiero_lib.data.decoding.read_text`; XML says its own.
        tier: of ELAN; None: the one called narrations, or all where none is.
        say: receives a line for each kind of narration that is left out, with how many.

    Raises:
        DataError: no such file, another suffix or encoding, a time or line that cannot be read, or not one
            narration; names the line.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"narrations are read from {', '.join(SUFFIXES)}", file=path, value=path.suffix)
    if not path.is_file():
        raise DataError("there is no such file", file=path)
    text = read_text(path, encoding=encoding) if suffix != ".eaf" else ""
    if suffix in (".srt", ".vtt"):
        found = _subtitles(text, path)
    elif suffix == ".json":
        found = read_whisper(text, path)
    elif suffix in (".eaf", ".txt"):
        found = _of_tiers(read_eaf(path) if suffix == ".eaf" else read_elan_table(text, path), tier, path, say)
    else:
        found = _table(text, path, duration_s)
    lines = [(time, " ".join(words.split())) for time, words in found]
    for time, words in lines:
        if any("\ud800" <= character <= "\udfff" for character in words):
            raise DataError("half a character (a surrogate)", file=path, field=f"at {time:.3f} s", value=words[:80])
    told = sorted(((time, words) for time, words in lines if words), key=lambda line: line[0])
    if len(told) < len(lines):
        say(f"{path.name}: {len(lines) - len(told)} of {len(lines)} have no text and are left out")
    inside = [line for line in told if duration_s is None or line[0] <= duration_s]
    if duration_s is not None and len(inside) < len(told):
        late = f"{len(told) - len(inside)} of {len(told)} lie after the end ({duration_s:.4g} s)"
        if not inside:
            raise DataError(late, file=path)
        say(f"{path.name}: {late} and are left out")
    if not inside:
        raise DataError("not one narration is in the file", file=path)
    return Narrations([time for time, _ in inside], [words for _, words in inside])


def _of_tiers(tiers: Sequence[Tier], wanted: str | None, path: Path, say: Callable[[str], None]) -> list[Line]:
    """The annotations of one tier of ELAN's or of all; which, is said where there are several."""
    names = [tier.name for tier in tiers]
    if wanted is not None and wanted not in names:
        raise DataError(
            "there is no such tier", file=path, field="tier", value=wanted, hint=f"There are {names}"[:300]
        )
    wanted = wanted or next((name for name in names if name.strip().lower() in _NARRATIONS), None)
    chosen = [tier for tier in tiers if wanted is None or tier.name == wanted]
    if len(names) > 1:
        listed = ", ".join(f"{tier.name!r} ({len(tier.annotations)})" for tier in chosen)[:200]
        say(f"{path.name}: read from {len(chosen)} of {len(tiers)} tiers: {listed}")
    if untimed := sum(tier.untimed for tier in chosen):
        say(f"{path.name}: {untimed} have no time and are left out")
    return [((one.start_ms + one.end_ms) / 2000, one.text) for tier in chosen for one in tier.annotations]


def seconds_of(text: str) -> float | None:
    """``83.5``, ``1:23.5``, ``00:01:23,500`` in seconds; None where it is no time, as 1:61 is none."""
    if not _TIME.fullmatch(text.strip()):
        return None
    parts = text.strip().replace(",", ".").split(":")
    if any(float(part) >= 60 for part in parts[1:]):
        return None
    return sum(float(part) * 60**power for power, part in enumerate(reversed(parts)))


def _subtitles(text: str, path: Path) -> list[Line]:
    """The middle and the text of each cue of SubRip or WebVTT.

    A cue begins with its times and ends before the next one's, whatever blank lines there are: files are written
    without any, and with some inside a text. A bare number (in WebVTT any line after a blank one) right before the
    times is the cue's name. Rolling captions, which carry the times of their words, show each line in several cues.
    """
    lines = _INVISIBLE.sub("", text).splitlines()
    starts = [row for row, line in enumerate(lines) if _ARROW.match(line)]
    _check_head(lines[: starts[0]] if starts else lines, path)
    rolling = bool(_WORD_TIME.search(text))
    cues: list[Line] = []
    before: list[str] = []
    for row, stop in zip(starts, [*starts[1:], len(lines)]):
        arrow = _ARROW.match(lines[row])
        assert arrow is not None
        start, end = seconds_of(arrow[1]), seconds_of(arrow[2])
        if start is None or end is None or end < start:
            raise DataError("not a time", file=path, field=f"line {row + 1}", value=lines[row].strip())
        for at in range(row + 1, stop):
            if len(lines[at]) < _LONGEST_TIMES and _ALMOST.search(lines[at]):
                raise DataError("not a time", file=path, field=f"line {at + 1}", value=lines[at].strip())
        if stop == len(lines):
            _check_end(lines, row, path)
        told = [_plain(line) for line in _of_cue(lines[row + 1 : stop], path, last=stop == len(lines))]
        new = [line for line in told if line and line not in before] if rolling else told
        before = told
        if new or not rolling:
            cues.append(((start + end) / 2, " ".join(new)))
    return cues


def _check_end(lines: Sequence[str], row: int, path: Path) -> None:
    """The last cue, whose times are in ``row``, is not followed by the number of one that is cut off."""
    filled = [at for at in range(row, len(lines)) if lines[at].strip()]
    number, last = lines[row - 1].strip() if row else "", filled[-1]
    apart = last > row + 1 and not lines[last - 1].strip()
    if apart and number.isdecimal() and lines[last].strip() == str(int(number) + 1):
        hint = "The file may be cut off"
        raise DataError("a number without times", file=path, field=f"line {last + 1}", value=lines[last], hint=hint)


def _check_head(lines: Sequence[str], path: Path) -> None:
    """What stands before the first cue is a header, a remark, or a cue's name (the last line)."""
    if path.suffix.lower() != ".srt":
        return
    for row, line in enumerate(lines, start=1):
        if line.strip() and not line.strip().isdecimal():
            raise DataError("text before the first time", file=path, field=f"line {row}", value=line.strip()[:60])


def _of_cue(lines: Sequence[str], path: Path, *, last: bool) -> list[str]:
    """The lines of a cue's text, without the name of the next cue and, in WebVTT, without remarks and styles."""
    kept = list(lines)
    if not last and kept:
        vtt = path.suffix.lower() == ".vtt"
        named = kept[-1].strip() and (
            kept[-1].strip().isdecimal() or (vtt and len(kept) > 1 and not kept[-2].strip())
        )
        if named:
            kept.pop()
    if path.suffix.lower() == ".vtt":
        for row, line in enumerate(kept):
            if _HEADER.match(line) and (row == 0 or not kept[row - 1].strip()):
                return kept[:row]
    return kept


def _plain(line: str) -> str:
    """Without the tags that subtitles have, and no others: ``<2 cups`` is text."""
    return _ENTITY.sub(lambda found: html.unescape(found[0]), _TAG.sub("", line)).strip()


def _table(text: str, path: Path, duration_s: float | None) -> list[Line]:
    """The rows of a table with a header; commas, semicolons or tabs between the columns."""
    header = text.partition("\n")[0]
    delimiter = max("\t;,", key=header.count)
    rows = csv_rows(text, delimiter, path)
    names = [name.strip().lower() for name in rows[0][1]] if rows else []
    for name in names:
        if names.count(name) > 1:
            raise DataError("the column occurs twice", file=path, field="header", value=name)

    def column(*wanted: str) -> int | None:
        found = [name for name in wanted if name in names]
        if len(found) > 1:
            raise DataError("one of these columns is expected", file=path, field="header", value=", ".join(found))
        return names.index(found[0]) if found else None

    time, end, words = column(*_SECONDS), column(*_ENDS), column(*_TEXTS)
    unit = 1.0
    if time is None and column(*_MILLISECONDS) is not None:
        time, end, unit = column(*_MILLISECONDS), column(*_ENDS_MS), 1e-3
    elif path.suffix.lower() == ".tsv" and names == _WHISPER:
        unit = _whisper_unit([cells for _, cells in rows[1:]], path, duration_s)
    other = next((name for name in names if _END.match(name) and (end is None or name != names[end])), None)
    if time is not None and other is not None:
        hint = f"Call it {(_ENDS if unit == 1 else _ENDS_MS)[0]} if it is meant, or leave it out"
        raise DataError("not a column of ends", file=path, field="header", value=other, hint=hint)
    if time is None or words is None:
        problem = "the columns time (or start) and text are needed"
        raise DataError(problem, file=path, field="header", value=header.strip())
    found = []
    for line, cells in rows[1:]:
        check_width(cells, names, line=line, delimiter=delimiter, path=path)
        start = seconds_of(cells[time])
        stop = seconds_of(cells[end]) if end is not None else start
        both = cells[time] if end is None else f"{cells[time]} {cells[end]}"
        if delimiter == "," and re.search(r"(?<![\d:])\d+,\d", both):
            hint = "Write seconds with a point"
            raise DataError("thousands or a decimal comma?", file=path, field=f"line {line}", value=both, hint=hint)
        if start is None or stop is None or stop < start:
            value = f"{cells[time]}, {cells[end]}" if end is not None else cells[time]
            hint = "Expected seconds or [hours:]minutes:seconds, the end not before the start"
            raise DataError("not a time", file=path, field=f"line {line}", value=value, hint=hint)
        missing = cells[words].strip().lower() in MISSING
        found.append((unit * (start + stop) / 2, "" if missing else cells[words]))
    return found


def _whisper_unit(rows: Sequence[Sequence[str]], path: Path, duration_s: float | None) -> float:
    """Seconds of the unit of whisper's columns, which are those of any table of seconds, too."""
    times = [cell.strip() for cells in rows for cell in cells[:2]]
    if not times or not all(re.fullmatch(r"[0-9]{1,15}", time) for time in times):
        return 1.0
    last = max(map(int, times))
    if duration_s is not None and last > duration_s >= last / 1000 - 1:
        return 1e-3
    if duration_s is not None and last <= duration_s and last < 1000:
        return 1.0
    hint = "Call the columns start_ms and end_ms, or start_s and end_s"
    raise DataError("seconds or milliseconds?", file=path, field="header", value="start, end, text", hint=hint)
