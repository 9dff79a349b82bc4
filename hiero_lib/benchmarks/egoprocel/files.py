"""EgoProceL: the six datasets and their tasks, label files in both layouts, and labels per frame.

A label file is a csv per video without header (start_s, end_s, "<key-step number>[.] text"), or one JSON for all
tasks (``keysteps.json``: per task ``handles``, ``hdl_actions``, ``hdl_start_times``, ``hdl_end_times``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import csv_rows, read_csv_table, read_csv_text, read_json, visible

_MOST = 10**9  # of a frame's number or a key-step's id: a year at 30 frames a second


@dataclass(frozen=True)
class Task:
    """One procedure, performed in many videos; ``n_keysteps`` is the K that the authors evaluate with."""

    dataset: str
    name: str
    n_keysteps: int
    annotation_folder: str
    feature_folder: str
    json_key: str  # of keysteps.json


def _tasks() -> tuple[Task, ...]:
    single = [
        Task("MECCANO", "MECCANO", 17, "MECCANO", "MECCANO", "meccano"),
        Task("EPIC-Tents", "EPIC-Tents", 12, "EPIC-Tents", "EPIC-Tent", "tent"),
        Task("PC assembly", "pc_assembly", 9, "pc_assembly", "PC", "pc_assembly"),
        Task("PC disassembly", "pc_disassembly", 9, "pc_disassembly", "PC", "pc_disassembly"),
    ]
    egtea = {
        "BaconAndEggs": 11,
        "Cheeseburger": 10,
        "ContinentalBreakfast": 10,
        "Pizza": 8,
        "GreekSalad": 4,
        "PastaSalad": 8,
        "TurkeySandwich": 6,
    }
    cmu = {"Brownie": 9, "Eggs": 8, "Pizza": 5, "Salad": 9, "Sandwich": 4}
    return (
        *single,
        *(Task("EGTEA", name, k, f"EGTEA_Gaze+/{name}", "EGTEA", f"{name}.egtea") for name, k in egtea.items()),
        *(Task("CMU", name, k, f"CMU_Kitchens/{name}/ego", "CMU_Kitchens", f"{name}.cmu") for name, k in cmu.items()),
    )


TASKS: tuple[Task, ...] = _tasks()  # METHOD.md, "Benchmarks"; 16 tasks of 6 datasets


class KeystepSpan(NamedTuple):
    """A key-step (1..K of its task) from its first to its last frame, both included."""

    first: int
    last: int
    step: int
    text: str


@dataclass(frozen=True)
class KeystepVideo:
    """The key-steps of one video on its own frames."""

    video_uid: str
    task: Task
    fps: float
    num_frames: int
    spans: tuple[KeystepSpan, ...]

    def frame_labels(self) -> np.ndarray:
        """``[num_frames]`` int64, 0 is background; a later span overwrites an earlier one."""
        labels = np.zeros(self.num_frames, dtype=np.int64)
        for first, last, step, _ in self.spans:
            labels[first : last + 1] = step
        return labels

    def half_rate_labels(self) -> np.ndarray:
        """``[num_frames // 2]``: every second frame from index 1 on, as the reference takes them."""
        return self.frame_labels()[1::2]


def read_label_csv(path: str | Path, *, fps: float, n_keysteps: int) -> tuple[KeystepSpan, ...]:
    """Read one video's rows (start_s, end_s, "<key-step number>[.] text").

    Seconds become frames floor(start * fps) to floor(end * fps), both included, with ``int(fps)`` as released.

    Raises:
        DataError: the file is missing or empty, a row is not of that form (a header for instance), starts after
            its end, or names a key-step outside 1..n_keysteps; the message gives the line.
    """
    rate = int(fps)
    spans: list[KeystepSpan] = []
    for line, row in csv_rows(read_csv_text(path), ",", path):
        at = f"line {line}"
        # A text may hold commas without being quoted.
        label = re.fullmatch(r"\s*([0-9]{1,18})\b\.?\s*(.*)", ",".join(row[2:]))
        try:
            start, end = float(row[0]), float(row[1])
        except (ValueError, IndexError):
            start = end = math.nan
        if label is None or not (math.isfinite(start) and math.isfinite(end)):
            raise DataError(
                "expected start_s, end_s, '<key-step number> text'",
                file=path,
                field=at,
                value=row,
                hint="The file has no header",
            )
        step = int(label[1])
        if not 0 <= start <= end:
            raise DataError("the step starts after its end, or before 0", file=path, field=at, value=(start, end))
        if not 1 <= step <= n_keysteps:
            raise DataError(f"expected a key-step of 1 to {n_keysteps}", file=path, field=at, value=step)
        spans.append(KeystepSpan(math.floor(start * rate), math.floor(end * rate), step, label[2].strip()))
    if not spans:
        raise DataError("the file is empty", file=path)
    return tuple(spans)


def read_frame_table(path: str | Path) -> dict[str, tuple[float, int]]:
    """Read frame rates and counts, for users without the videos: a csv ``video,fps,num_frames`` with header.

    Raises:
        DataError: a column is missing, a video occurs twice, or a number is not positive.
    """
    table: dict[str, tuple[float, int]] = {}
    columns, rows = read_csv_table(path)
    missing = {"video", "fps", "num_frames"} - set(columns)
    if missing:
        raise DataError("a column is missing", file=path, field=", ".join(sorted(missing)))
    for line, row in rows:
        at, uid = f"line {line}", row["video"]
        try:
            fps, num_frames = float(row["fps"]), int(row["num_frames"])
        except ValueError:
            fps, num_frames = 0.0, 0
        if not (1 <= fps < math.inf) or num_frames < 2:
            raise DataError("expected fps of 1 or more and 2 frames or more", file=path, field=at, value=row)
        if uid in table:
            raise DataError("the video occurs twice", file=path, field=at, value=uid)
        table[uid] = fps, num_frames
    return table


def read_csv_task(
    task: Task, annotations: str | Path, frame_table: Mapping[str, tuple[float, int]]
) -> list[KeystepVideo]:
    """All videos of a task from its annotation folder, one csv each.

    Raises:
        DataError: no csv in the folder, a bad csv, or a video that ``frame_table`` lacks (named).
    """
    folder = Path(annotations) / task.annotation_folder
    files = visible(folder, "*.csv")
    if not files:
        raise DataError("no label file (*.csv) here", file=folder)
    videos = []
    for file in files:
        if file.stem not in frame_table:
            raise DataError(
                "the frame rate and count of this video are not known",
                file=file,
                field="video",
                value=file.stem,
                hint="Add it to the table of video,fps,num_frames, or put the video there",
            )
        fps, num_frames = frame_table[file.stem]
        spans = read_label_csv(file, fps=fps, n_keysteps=task.n_keysteps)
        if all(span.first >= num_frames for span in spans):
            problem = f"all key-steps lie after the video's end ({num_frames / fps:.4g} s)"
            raise DataError(problem, file=file, field="line 1", value=f"{spans[0].first / int(fps):g} s")
        videos.append(KeystepVideo(file.stem, task, fps, num_frames, spans))
    return videos


def read_keysteps_json(
    path: str | Path, *, fps: float, names: Mapping[int, str] | None = None, tasks: Sequence[Task] = TASKS
) -> list[KeystepVideo]:
    """All timelines of the given tasks from the JSON layout.

    Ids are global there; they are numbered per task in increasing order from 1. Frames run from start (included)
    to end (not included, for it is the next span's start). CMU has several cameras of one recording and the file
    does not say which timeline is whose, so timelines are named ``<task>.<handle>`` where there is one handle
    each and ``<task>.<index>`` otherwise.

    Args:
        path: the JSON file.
        fps: frames per second of its frame numbers (10 in EgoProceL's), one rate for the file.
        names: texts of the global ids (``read_step_names``); without them the texts are empty.
        tasks: what to read; a task that the file lacks is an error.

    Raises:
        DataError: not the layout, lines of different lengths, a span that ends before it starts, more key-steps
            than the task has, or duplicated handles.
    """
    document = read_json(path)
    if not isinstance(document, dict):
        raise DataError("expected an object of tasks", file=path, field="(top level)", value=type(document).__name__)
    videos = []
    for task in tasks:
        raw = document.get(task.json_key)
        if not isinstance(raw, dict):
            raise DataError("the task is missing", file=path, field=task.json_key)
        handles = _column(raw, "handles", path, task)
        actions, starts, ends = (
            _column(raw, f"hdl_{name}", path, task) for name in ("actions", "start_times", "end_times")
        )
        twice = [name for index, name in enumerate(map(str, handles)) if name in map(str, handles[:index])]
        if twice:
            raise DataError("a handle occurs twice", file=path, field=f"{task.json_key}.handles", value=twice[0])
        if not len(actions) == len(starts) == len(ends):
            lengths = len(actions), len(starts), len(ends)
            raise DataError(
                "actions, starts and ends differ in length", file=path, field=task.json_key, value=lengths
            )
        rows = [
            _timeline(a, s, e, path, f"{task.json_key}[{i}]")
            for i, (a, s, e) in enumerate(zip(actions, starts, ends))
        ]
        known = sorted({step for row in rows for _, _, step in row} - {0})
        if len(known) > task.n_keysteps:
            raise DataError(
                f"the task has {task.n_keysteps} key-steps", file=path, field=task.json_key, value=len(known)
            )
        number = {global_id: index for index, global_id in enumerate(known, start=1)}
        for index, row in enumerate(rows):
            name = handles[index] if len(handles) == len(rows) else f"{index:03d}"
            spans = tuple(
                KeystepSpan(first, last, number[step], (names or {}).get(step, ""))
                for first, last, step in row
                if step and last >= first
            )
            num_frames = max((last for _, last, _ in row), default=-1) + 1
            if num_frames < 2:
                raise DataError("the timeline is empty", file=path, field=f"{task.json_key}[{index}]")
            videos.append(KeystepVideo(f"{task.json_key}.{name}", task, fps, num_frames, spans))
    return videos


def _column(raw: dict[str, Any], name: str, path: str | Path, task: Task) -> list[Any]:
    column = raw.get(name)
    if not isinstance(column, list):
        raise DataError("expected a list", file=path, field=f"{task.json_key}.{name}", value=column)
    return column


def _timeline(actions: Any, starts: Any, ends: Any, path: str | Path, at: str) -> list[tuple[int, int, int]]:
    """One timeline as (first frame, last frame, global id)."""
    try:
        rows = [(_whole(s), _whole(e), _whole(a)) for a, s, e in zip(actions, starts, ends, strict=True)]
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError("expected three lists of whole numbers of the same length", file=path, field=at) from error
    for start, end, action in rows:
        if not 0 <= start <= end or action < 0 or max(end, action) > _MOST:
            problem = f"a step starts after its end, or before 0, or lies beyond {_MOST:,}"
            raise DataError(problem, file=path, field=at, value=(start, end, action))
    return [(start, end - 1, action) for start, end, action in rows]


def _whole(value: Any) -> int:
    """A whole number, as digits (so EgoProceL's ids) or as ``1.0``, too; ValueError where it is none."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ValueError(value)
    return int(value)


def read_step_names(path: str | Path) -> dict[int, str]:
    """Names of the global ids of the JSON layout: lines ``<id> <name_with_underscores>``; words come with spaces.

    Raises:
        DataError: a line of another form, or an id that occurs twice.
    """
    names: dict[int, str] = {}
    for index, line in enumerate(read_csv_text(path).splitlines(), start=1):
        match = re.fullmatch(r"([0-9]{1,18})\s+(\S.*)", line)
        if match is None or int(match[1]) in names:
            raise DataError("expected '<id> <name>', each id once", file=path, field=f"line {index}", value=line)
        names[int(match[1])] = match[2].replace("_", " ").strip()
    return names
