"""Real timelines: annotations (video, start, end, text, and perhaps step and task) as stories to make features for.

Layouts:
    - csv, tsv or a JSON list of objects with ``video``, ``start``, ``end``, ``text`` and, if known, ``step`` and
      ``task``; times in seconds or ``HH:MM:SS.ss``. A ``step`` is a key-step's number in its task, or its name; a
      ``task`` that is one of EgoProceL's (``MECCANO/MECCANO``, ``EGTEA/Pizza``, ...) gives EgoProceL files.
    - EPIC-KITCHENS-100's csv; ``EPIC_100_video_info.csv`` beside it gives the videos' lengths.
    - EgoProceL's ``keysteps.json`` (10 frames per second), with ``id2action.txt`` beside it.
A column that is none of the layout's is an error. What is only untidy is put right or left out, and counted.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_csv_table, read_json
from hiero_lib.benchmarks.egoprocel.files import TASKS, read_keysteps_json, read_step_names
from hiero_lib.data.subtitles import seconds_of
from hiero_lib.sources.sample.annotations import egoprocel_task
from hiero_lib.sources.sample.narrations import Narration
from hiero_lib.sources.sample.questions import SECONDS_OFF
from hiero_lib.sources.sample.story import Beat, Story

KEYSTEPS_FPS = 10.0

_OWN = {"video": True, "start": True, "end": True, "text": True, "step": False, "task": False}  # True: needed
_EPIC = {
    "video_id": True,
    "start_timestamp": True,
    "stop_timestamp": True,
    "narration": True,
    "verb": False,
    "noun": False,
    "narration_timestamp": False,
    **dict.fromkeys(
        ("narration_id", "participant_id", "start_frame", "stop_frame", "verb_class", "noun_class"), False
    ),
    **dict.fromkeys(("all_nouns", "all_noun_classes"), False),
}
_EPIC_INFO = "EPIC_100_video_info.csv"


@dataclass(frozen=True)
class Row:
    """One annotation as the file has it; times in seconds."""

    video: str
    start_s: float
    end_s: float
    text: str
    step: str = ""
    task: str = ""
    verb: str = ""
    noun: str = ""
    time_s: float | None = None  # of the narration, where it is not known to be the middle


@dataclass(frozen=True)
class Timelines:
    """Stories and narrations of real timelines, and what was wrong with them (counts by description)."""

    stories: list[Story]
    narrations: dict[str, list[Narration]]
    broken: dict[str, int]


def read_timelines(path: str | Path) -> Timelines:
    """Read annotations in one of the layouts above.

    Raises:
        DataError: no such file or layout, an unknown or missing column, a time that is none, a video's name that
            cannot be a file's, no usable row; names the file, the line and the value.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such file", file=path)
    lengths: Mapping[str, float] = {}
    empty = 0
    if path.suffix.lower() == ".json":
        document = read_json(path)
        if isinstance(document, list):
            rows = [_row(raw, path, f"[{i}]") for i, raw in enumerate(_objects(document, path))]
        else:
            rows, lengths = _keysteps(path, document)
            empty = len(lengths.keys() - {row.video for row in rows})
    else:
        rows = _table(path)
        info = path.parent / _EPIC_INFO
        if info.is_file() and path.name.startswith("EPIC_100_"):
            lengths = _epic_lengths(info)
    timelines = _stories(rows, lengths, path)
    if empty:
        timelines.broken["videos without a row (left out)"] = empty
    return timelines


def _objects(document: Iterable[Any], path: Path) -> list[dict[str, Any]]:
    rows = list(document)
    for index, raw in enumerate(rows):
        if not isinstance(raw, dict):
            raise DataError("expected an object", file=path, field=f"[{index}]", value=raw)
        _check_columns(raw, path)
    return rows


def _table(path: Path) -> list[Row]:
    """Rows of a csv or tsv; the header's own delimiter counts, whatever the file is called."""
    columns, rows = read_csv_table(path)
    _check_columns(columns, path)
    return [_row(cells, path, f"line {line}") for line, cells in rows]


def _check_columns(columns: Iterable[str], path: Path) -> None:
    given = list(columns)
    layout = _EPIC if "video_id" in given else _OWN
    for problem, names in (
        ("unknown columns", [name for name in given if name not in layout]),
        ("columns are missing", [name for name, needed in layout.items() if needed and name not in given]),
    ):
        if names:
            hint = f"Expected {', '.join(_OWN)} (step and task may be missing), or EPIC-KITCHENS-100's columns"
            raise DataError(problem, file=path, field=", ".join(map(str, names)), hint=hint)


def _row(raw: Mapping[Any, Any], path: Path, at: str) -> Row:
    names = ("video_id", "start_timestamp", "stop_timestamp", "narration") if "video_id" in raw else tuple(_OWN)[:4]
    cells = {name: "" if value is None else str(value).strip() for name, value in raw.items()}
    video = cells[names[0]]
    if not video or video.startswith(".") or any(mark in video for mark in "/\\\0"):
        raise DataError("not a name that a file can have", file=path, field=f"{at} {names[0]}", value=video)
    start, end = (_seconds(cells[name], path, f"{at} {name}") for name in names[1:3])
    stamp = cells.get("narration_timestamp", "")
    return Row(
        video,
        start,
        end,
        " ".join(cells[names[3]].split()),
        _step(cells.get("step", ""), path, f"{at} step"),
        cells.get("task", ""),
        cells.get("verb", ""),
        cells.get("noun", ""),
        time_s=_seconds(stamp, path, f"{at} narration_timestamp") if stamp else None,
    )


def _step(cell: str, path: Path, at: str) -> str:
    """A key-step's number, as digits, or its name. Table tools write numbers as ``1.0``, and ``nan`` for none."""
    number = re.fullmatch(r"([0-9]{1,6})(?:\.0*)?", cell)
    if number is not None:
        return str(int(number[1]))
    is_number = cell.lower() in ("nan", "inf", "none", "null") or re.fullmatch(
        r"[-+]?[\d.,]+(?:e[-+]?\d+)?", cell, re.I
    )
    if is_number or (cell and cell.isnumeric()):
        raise DataError("expected a key-step's number from 1, or its name", file=path, field=at, value=cell)
    return cell


def _seconds(cell: str, path: Path, at: str) -> float:
    """Seconds of ``12.5`` or ``00:00:12.50``."""
    value = seconds_of(cell)
    if value is None:
        raise DataError("expected seconds from 0, or HH:MM:SS.ss", file=path, field=at, value=cell)
    return value


def _epic_lengths(path: Path) -> dict[str, float]:
    columns, rows = read_csv_table(path)
    for needed in ("video_id", "duration"):
        if needed not in columns:
            raise DataError("a column is missing", file=path, field=needed)
    return {cells["video_id"]: _seconds(cells["duration"], path, f"line {line} duration") for line, cells in rows}


def _keysteps(path: Path, document: Any) -> tuple[list[Row], dict[str, float]]:
    """Rows of EgoProceL's JSON; time between key-steps has no row."""
    tasks = [task for task in TASKS if isinstance(document, dict) and task.json_key in document]
    if not tasks:
        raise DataError("neither a list of annotations nor EgoProceL's key-steps", file=path)
    names = path.parent / "id2action.txt"
    if not names.is_file():
        raise DataError("the names of the key-steps are missing", file=names, hint="It belongs beside keysteps.json")
    videos = read_keysteps_json(path, fps=KEYSTEPS_FPS, names=read_step_names(names), tasks=tasks)
    rows = [
        Row(
            video.video_uid,
            span.first / video.fps,
            (span.last + 1) / video.fps,
            span.text,
            str(span.step),
            f"{video.task.dataset}/{video.task.name}",
        )
        for video in videos
        for span in video.spans
    ]
    return rows, {video.video_uid: video.num_frames / video.fps for video in videos}


def _stories(rows: Sequence[Row], lengths: Mapping[str, float], path: Path) -> Timelines:
    """Sort, mend and count; one story a video in the order of the file."""
    broken: Counter[str] = Counter()
    by_video: dict[str, list[Row]] = {}
    seen: set[tuple[str, float, float, str]] = set()
    stamped = any(row.time_s is not None for row in rows)
    for row in rows:
        identity = row.video, row.start_s, row.end_s, row.text
        length = lengths.get(row.video, math.inf)
        if not row.text.removeprefix("#C C").strip():
            broken["rows without text (left out)"] += 1
        elif row.end_s < row.start_s:
            broken["rows that end before they start (left out)"] += 1
        elif row.start_s >= length:
            broken["rows after their video's end (left out)"] += 1
        elif identity in seen:
            broken["rows given twice (left out)"] += 1
        else:
            broken["rows without a narration time (their middle taken)"] += stamped and row.time_s is None
            broken["rows of no length (kept)"] += row.end_s == row.start_s
            broken["rows that end after their video (cut)"] += row.end_s > length
            by_video.setdefault(row.video, []).append(dataclasses.replace(row, end_s=min(row.end_s, length)))
        seen.add(identity)
    if not by_video:
        raise DataError("no row can be used", file=path, value=dict(broken))
    numbers = _keystep_numbers(row for kept in by_video.values() for row in kept)

    stories, narrations = [], {}
    for video, given in by_video.items():
        kept = sorted(given, key=lambda row: (row.start_s, row.end_s))
        broken["rows out of order (sorted)"] += sum(a.start_s > b.start_s for a, b in pairwise(given))
        until = 0.0
        for row in kept:
            broken["rows that overlap an earlier one (kept)"] += row.start_s < until - 1e-6
            until = max(until, row.end_s)
        length = lengths.get(video, max(until, *(row.time_s or 0.0 for row in kept)))
        beats = [_beat(row, numbers) for row in kept]
        story = Story(video, "", length, tuple(beats), _egoprocel(kept, beats, broken))
        stories.append(story)
        narrations[video] = sorted((_narration(r, b, story, broken) for r, b in zip(kept, beats)), key=_time)
    return Timelines(stories, narrations, {what: count for what, count in broken.items() if count})


def _time(narration: Narration) -> float:
    return narration.time_s


def _keystep_numbers(rows: Iterable[Row]) -> dict[tuple[str, str], int]:
    """Numbers of the steps that are given by name: 1, 2, ... in alphabetical order, per task."""
    names: dict[str, set[str]] = {}
    for row in rows:
        if row.step and not row.step.isdigit():
            names.setdefault(row.task, set()).add(row.step)
    return {(task, step): i for task, steps in names.items() for i, step in enumerate(sorted(steps), start=1)}


def _beat(row: Row, numbers: Mapping[tuple[str, str], int]) -> Beat:
    """A numbered step's name is the row's text."""
    text = row.text.removeprefix("#C C").strip()
    step = text if row.step.isdigit() else row.step
    number = int(row.step) if row.step.isdigit() else numbers.get((row.task, row.step), 0)
    return Beat(row.start_s, row.end_s, text, row.verb, row.noun, step, "", row.task, number)


def _narration(row: Row, beat: Beat, story: Story, broken: Counter[str]) -> Narration:
    time = (row.start_s + row.end_s) / 2 if row.time_s is None else row.time_s
    text = row.text if row.text.startswith("#") else f"#C C {row.text}"
    narration = Narration(row.video, min(time, story.duration_s), text, beat)
    broken["narration times after their video's end (moved to it)"] += time > story.duration_s
    broken["narration times outside their row's span (kept)"] += narration.seconds_off > 0
    broken["of them by more than a second (not asked for in EgoMCQ)"] += narration.seconds_off > SECONDS_OFF
    return narration


def _egoprocel(rows: Sequence[Row], beats: Sequence[Beat], broken: Counter[str]) -> str:
    """The EgoProceL task that the whole video is of, or nothing."""
    tasks = {row.task for row in rows if row.task}
    if not tasks:
        return ""
    task = egoprocel_task(next(iter(tasks))) if len(tasks) == 1 else None
    if task is None or max(beat.keystep for beat in beats) > task.n_keysteps:
        broken["videos that are not of one EgoProceL task (no EgoProceL files)"] += 1
        return ""
    return f"{task.dataset}/{task.name}"
