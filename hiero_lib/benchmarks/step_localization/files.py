"""Goal-Step's own annotation files (``goalstep_{train,val}.json``): the steps and sub-steps of a video.

Layout: ``{"videos": [{"video_uid", "goal_category", "segments": [{"start_time", "end_time", "step_category",
"step_description", "segments": [...]}]}]}``, times in seconds of the video. No official file was at hand when this
was written: it follows the published description, and only the sample's files have been read with it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_json, write_json

_MOST = sys.float_info.max  # an integer may be more, and is no float then


@dataclass(frozen=True)
class Step:
    """A step (depth 0) or sub-step (depth 1 and more) with its time in seconds of the video."""

    start_s: float
    end_s: float
    category: str  # of the step taxonomy, such as "cook_rice"
    description: str
    depth: int = 0
    substeps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class StepVideo:
    """A video with its steps in the order of the file."""

    video_uid: str
    steps: tuple[Step, ...]

    def all_steps(self) -> list[Step]:
        """Steps and sub-steps in one list, each step before its sub-steps."""
        steps_of_all: list[Step] = []

        def walk(steps: Sequence[Step]) -> None:
            for step in steps:
                steps_of_all.append(step)
                walk(step.substeps)

        walk(self.steps)
        return steps_of_all


def read_goalstep(path: str | Path) -> list[StepVideo]:
    """Read the videos of an official Goal-Step file.

    Raises:
        DataError: not the layout, a time that is no finite number from 0, a step that starts after its end or has no
            category, or a video that occurs twice; names the file, the field and the value.
    """
    document = read_json(path)
    raw_videos = document.get("videos") if isinstance(document, dict) else None
    if not isinstance(raw_videos, list) or not raw_videos:
        raise DataError("expected a list of videos", file=path, field="videos")
    videos: dict[str, StepVideo] = {}
    for index, raw in enumerate(raw_videos):
        at = f"videos[{index}]"
        uid = raw.get("video_uid") if isinstance(raw, dict) else None
        if not isinstance(uid, str) or not uid:
            raise DataError("expected a text", file=path, field=f"{at}.video_uid", value=uid)
        if uid in videos:
            raise DataError("the video occurs twice", file=path, field=f"{at}.video_uid", value=uid)
        videos[uid] = StepVideo(uid, _steps(raw.get("segments"), path, f"{at}.segments", 0))
    return list(videos.values())


def _steps(raw: Any, path: str | Path, at: str, depth: int) -> tuple[Step, ...]:
    if not isinstance(raw, list):
        raise DataError("expected a list", file=path, field=at, value=raw)
    steps = []
    for index, entry in enumerate(raw):
        here = f"{at}[{index}]"
        if not isinstance(entry, dict):
            raise DataError("expected an object", file=path, field=here, value=entry)
        times = entry.get("start_time"), entry.get("end_time")
        if not all(isinstance(t, int | float) and not isinstance(t, bool) and 0 <= t <= _MOST for t in times):
            raise DataError(
                "expected finite seconds from 0", file=path, field=f"{here}.start_time, end_time", value=times
            )
        start, end = float(times[0]), float(times[1])  # type: ignore[arg-type]
        if start > end:
            raise DataError("the step starts after its end", file=path, field=f"{here}.start_time", value=times)
        category = entry.get("step_category")
        if not isinstance(category, str) or not category.strip():
            raise DataError("expected a text", file=path, field=f"{here}.step_category", value=category)
        description, parts = entry.get("step_description"), entry.get("segments")
        if description is not None and not isinstance(description, str):
            raise DataError("expected a text", file=path, field=f"{here}.step_description", value=description)
        substeps = _steps([] if parts is None else parts, path, f"{here}.segments", depth + 1)
        steps.append(Step(start, end, category, description or "", depth, substeps))
    return tuple(steps)


def write_goalstep(path: str | Path, videos: Sequence[StepVideo]) -> None:
    """Write videos in the official layout (the sample does), atomically."""

    def plain(step: Step) -> dict[str, Any]:
        return {
            "start_time": step.start_s,
            "end_time": step.end_s,
            "step_category": step.category,
            "step_description": step.description,
            "segments": [plain(s) for s in step.substeps],
        }

    rows = [{"video_uid": v.video_uid, "segments": [plain(s) for s in v.steps]} for v in videos]
    write_json(path, {"version": "v1", "videos": rows})


def step_text(category: str) -> str:
    """A taxonomy label as text for the text encoder: ``cook_rice`` becomes ``cook rice``."""
    return category.replace("_", " ").replace(":", ",").strip()
