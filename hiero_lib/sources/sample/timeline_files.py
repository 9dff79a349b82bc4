"""Layouts of annotations (video, start, end, text, and perhaps step and task) that a sample can be made from.

    - csv, tsv or a JSON list of objects with ``video``, ``start``, ``end``, ``text`` and, if known, ``step`` and
      ``task``; times in seconds or ``HH:MM:SS.ss``. A ``step`` is a key-step's number in its task, or its name; a
      ``task`` that is one of EgoProceL's (``MECCANO/MECCANO``, ``EGTEA/Pizza``, ...) gives EgoProceL files.
    - EPIC-KITCHENS-100's csv and EPIC-KITCHENS-55's (``EPIC_train_action_labels.csv``); ``EPIC_100_video_info.csv``
      or ``EPIC_video_info.csv`` beside it gives the videos' lengths.
    - EgoProceL's ``keysteps.json`` (10 frames per second), with ``id2action.txt`` beside it.
    - Goal-Step's ``goalstep_{train,val}.json``: steps, or the sub-steps of those that have some, which are then of
      that step; and its queries for step grounding (``train.json``, ``val.json``), which name no steps.

A column that is none of the layout's is an error.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_csv_table, read_json
from hiero_lib.benchmarks.egoprocel.files import TASKS, read_keysteps_json, read_step_names
from hiero_lib.benchmarks.grounding.files import read_grounding
from hiero_lib.benchmarks.step_localization.files import Step, read_goalstep, step_text
from hiero_lib.data.subtitles import MISSING, seconds_of

KEYSTEPS_FPS = 10.0
LONGEST_S = 7 * 24 * 3600.0  # of a video: features are made for each second of it
_LONGEST_NAME = 240  # bytes: files of 255 have a suffix, too

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
        ("uid", "narration_id", "participant_id", "start_frame", "stop_frame", "verb_class", "noun_class"), False
    ),
    **dict.fromkeys(("all_nouns", "all_noun_classes"), False),
}
_EPIC_INFO = {"EPIC_100_": ("EPIC_100_video_info.csv", "video_id"), "EPIC_": ("EPIC_video_info.csv", "video")}


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
class Annotations:
    """Rows in the order of their file, lengths of videos in seconds where it has them, and counts of what is odd."""

    rows: list[Row]
    lengths: Mapping[str, float] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)


def read_annotations(path: str | Path) -> Annotations:
    """Read annotations in one of the layouts above.

    Raises:
        DataError: no such file or layout, an unknown or missing column, a time that is none, a video's name that
            cannot be a file's; names the file, the line and the value.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such file", file=path)
    found = _of_json(path) if path.suffix.lower() == ".json" else Annotations(_table(path), _epic_lengths(path))
    _check_times(found.rows, path)
    return found


def _of_json(path: Path) -> Annotations:
    document = read_json(path)
    if isinstance(document, list):
        return Annotations([_row(raw, path, f"[{i}]") for i, raw in enumerate(_objects(document, path))])
    videos = document.get("videos") if isinstance(document, dict) else None
    if isinstance(videos, list) and any(isinstance(video, dict) and "clips" in video for video in videos):
        return _queries(path)
    if isinstance(videos, list):
        return _goalstep(path)
    rows, lengths = _keysteps(path, document)
    empty = len(lengths.keys() - {row.video for row in rows})
    return Annotations(rows, lengths, Counter({"videos without a row (left out)": empty}))


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
            hint = f"Expected {', '.join(_OWN)} (step and task may be missing), or EPIC-KITCHENS' columns"
            raise DataError(problem, file=path, field=", ".join(map(str, names)), hint=hint)


def _row(raw: Mapping[Any, Any], path: Path, at: str) -> Row:
    names = ("video_id", "start_timestamp", "stop_timestamp", "narration") if "video_id" in raw else tuple(_OWN)[:4]
    cells = {name: _cell(value, path, f"{at} {name}") for name, value in raw.items()}
    video = cells[names[0]]
    _check_video(video, path, f"{at} {names[0]}")
    start, end = (_seconds(cells[name], path, f"{at} {name}") for name in names[1:3])
    stamp = cells.get("narration_timestamp", "")
    return Row(
        video,
        start,
        end,
        "" if cells[names[3]].lower() in MISSING else " ".join(cells[names[3]].split()),
        _step(cells.get("step", ""), path, f"{at} step"),
        _task(cells.get("task", ""), path, f"{at} task"),
        cells.get("verb", ""),
        cells.get("noun", ""),
        time_s=_seconds(stamp, path, f"{at} narration_timestamp") if stamp else None,
    )


def _cell(value: Any, path: Path, at: str) -> str:
    """A text, or a number as JSON has it, as text."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | int | float)):
        raise DataError("a text or a number is expected", file=path, field=at, value=str(value)[:80])
    cell = "" if value is None else str(value).strip()
    if "\0" in cell or any(map(_surrogate, cell)):
        raise DataError("no text: a zero, or half a character (a surrogate)", file=path, field=at, value=cell[:80])
    return cell


def _step(cell: str, path: Path, at: str) -> str:
    """A key-step's number, as digits, or its name. Table tools write numbers as ``1.0``, and ``nan`` for none."""
    number = re.fullmatch(r"([0-9]{1,6})(?:\.0*)?", cell)
    if number is not None and int(number[1]):
        return str(int(number[1]))
    is_number = cell.lower() in {*MISSING, "inf"} or re.fullmatch(r"[-+]?[\d.,]+(?:e[-+]?\d+)?", cell, re.I)
    if is_number or (cell and (cell.isnumeric() or not any(map(str.isalnum, cell)))):
        problem, hint = "expected a key-step's number from 1, or its name", "Where there is none, leave it empty"
        raise DataError(problem, file=path, field=at, value=cell, hint=hint)
    return cell


def _task(cell: str, path: Path, at: str) -> str:
    if cell.lower() in MISSING:
        hint = "Where there is none, leave it empty"
        raise DataError("expected the name of a task", file=path, field=at, value=cell, hint=hint)
    return cell


def _seconds(cell: str, path: Path, at: str) -> float:
    """Seconds of ``12.5`` or ``00:00:12.50``."""
    if re.fullmatch(r"[0-9]{1,3}(?:,[0-9]{3})+", cell):
        problem, hint = "thousands or a decimal comma?", "Write seconds with a point, or as HH:MM:SS.ss"
        raise DataError(problem, file=path, field=at, value=cell, hint=hint)
    value = seconds_of(cell)
    if value is None:
        raise DataError("expected seconds from 0, or HH:MM:SS.ss", file=path, field=at, value=cell)
    return value


def _epic_lengths(path: Path) -> dict[str, float]:
    """Lengths of EPIC-KITCHENS' videos by the file beside theirs; empty where there is none."""
    name, video = next((_EPIC_INFO[begin] for begin in _EPIC_INFO if path.name.startswith(begin)), ("", ""))
    info = path.parent / name
    if not name or not info.is_file():
        return {}
    columns, rows = read_csv_table(info)
    for needed in (video, "duration"):
        if needed not in columns:
            raise DataError("a column is missing", file=info, field=needed)
    lengths: dict[str, float] = {}
    for line, cells in rows:
        if cells[video] in lengths:
            raise DataError("the video occurs twice", file=info, field=f"line {line}", value=cells[video])
        lengths[cells[video]] = _seconds(cells["duration"], info, f"line {line} duration")
    return lengths


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


def _goalstep(path: Path) -> Annotations:
    """Goal-Step's steps; where a step has sub-steps these are its rows, and their text is their own."""
    rows: list[Row] = []
    notes: Counter[str] = Counter()
    for video in read_goalstep(path):
        _check_video(video.video_uid, path, "video_uid")
        notes["videos without a row (left out)"] += not video.steps
        for step in video.steps:
            notes["steps with sub-steps (these are taken)"] += bool(step.substeps)
            for part in _leaves(step):
                text = " ".join((part.description or step_text(part.category)).split())
                rows.append(Row(video.video_uid, part.start_s, part.end_s, text, step_text(step.category)))
    return Annotations(rows, notes=notes)


def _leaves(step: Step) -> Iterator[Step]:
    for part in step.substeps:
        yield from _leaves(part)
    if not step.substeps:
        yield step


def _queries(path: Path) -> Annotations:
    """Step grounding's queries, in seconds of their video; its clips' ends are the lengths."""
    clips, report = read_grounding(path)
    rows: list[Row] = []
    lengths: dict[str, float] = {}
    for clip in clips:
        _check_video(clip.video_uid, path, "video_uid")
        lengths[clip.video_uid] = max(clip.end_s, lengths.get(clip.video_uid, 0.0))
        for query in clip.queries:
            if query.start_s is None or query.end_s is None:
                raise DataError("the queries have no times: a test file", file=path, field="clip_start_sec")
            start, end = clip.start_s + query.start_s, clip.start_s + query.end_s
            rows.append(Row(clip.video_uid, start, end, " ".join(query.text.split())))
    empty = len(lengths.keys() - {row.video for row in rows})
    left_out = {"rows without text (left out)": report.without_text, "videos without a row (left out)": empty}
    return Annotations(rows, lengths, Counter(left_out))


def _check_times(rows: Iterable[Row], path: Path) -> None:
    for row in rows:
        if row.start_s < 0 or max(row.start_s, row.end_s) > LONGEST_S:
            problem = f"expected seconds from 0 to {LONGEST_S:.0f}, which is a week"
            raise DataError(problem, file=path, field=row.video, value=f"{row.start_s:g} to {row.end_s:g}")


def _check_video(name: str, path: Path, at: str) -> None:
    if name.lower() in MISSING:
        raise DataError("the name of a video is missing", file=path, field=at, value=name)
    odd = not name or name.startswith(".") or any(mark in "/\\\x7f" or mark < " " for mark in name)
    if odd or len(name.encode("utf-8", "surrogatepass")) > _LONGEST_NAME or any(map(_surrogate, name)):
        raise DataError("not a name that a file can have", file=path, field=at, value=name[:80])


def _surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"
