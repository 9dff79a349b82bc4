"""Real timelines: annotations (`timeline_files.py`) as stories to make features for.

What is only untidy in them is put right or left out, and counted.
"""

from __future__ import annotations

import dataclasses
import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hiero_lib.base.errors import DataError
from hiero_lib.sources.sample.annotations import egoprocel_task
from hiero_lib.sources.sample.narrations import Narration
from hiero_lib.sources.sample.questions import SECONDS_OFF
from hiero_lib.sources.sample.story import Beat, Story
from hiero_lib.sources.sample.timeline_files import Row, read_annotations


@dataclass(frozen=True)
class Timelines:
    """Stories and narrations of real timelines, and what was wrong with them (counts by description)."""

    stories: list[Story]
    narrations: dict[str, list[Narration]]
    broken: dict[str, int]


def read_timelines(path: str | Path) -> Timelines:
    """Read annotations in one of the layouts of `timeline_files.py`.

    Raises:
        DataError: as `read_annotations`, or no row can be used.
    """
    found = read_annotations(path)
    timelines = _stories(found.rows, found.lengths, Path(path))
    for note, count in found.notes.items():
        if count:
            timelines.broken[note] = timelines.broken.get(note, 0) + count
    return timelines


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
    _check_names(by_video, path)
    if lengths:
        broken["videos of unknown length (the end of their last row taken)"] += len(by_video.keys() - lengths.keys())
    numbers = _keystep_numbers((row for kept in by_video.values() for row in kept), path)

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


def _check_names(videos: Iterable[str], path: Path) -> None:
    """Two names must not be one file's where file systems ignore case, or how accents are put together."""
    seen: dict[str, str] = {}
    for video in videos:
        other = seen.setdefault(unicodedata.normalize("NFC", video).casefold(), video)
        if other != video:
            problem = "two videos whose names differ only in case, or in how accents are written"
            raise DataError(problem, file=path, field="video", value=ascii(f"{other}, {video}")[:80])


def _keystep_numbers(rows: Iterable[Row], path: Path) -> dict[tuple[str, str], int]:
    """Numbers of the steps that are given by name: 1, 2, ... in alphabetical order, per task.

    Raises:
        DataError: a task has steps by number and by name, which would get the numbers of others.
    """
    names: dict[str, set[str]] = {}
    numbers: dict[str, str] = {}
    for row in rows:
        if row.step.isdigit():
            numbers.setdefault(row.task, row.step)
        elif row.step:
            names.setdefault(row.task, set()).add(row.step)
    if both := sorted(names.keys() & numbers.keys()):
        value = f"{numbers[both[0]]}, {min(names[both[0]])}"[:80]
        raise DataError("key-steps by number and by name in one task", file=path, field="step", value=value)
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
