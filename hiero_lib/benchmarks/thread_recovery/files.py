"""The truth of a sample's videos: one JSON a video with the spans of every level.

``{"version": 1, "video_uid", "split": "train" | "val", "scenario", "duration_s", "num_segments", "stride_s",
"levels": {"action" | "step" | "thread" | "procedure": [{"start_s", "end_s", "id", "text", ...}]}}``; spans in time
order. An ``id`` means the same label of its level in every video of the sample. Actions also carry ``verb`` and
``noun``, steps ``keystep`` (1..K of the procedure, 0 beside it). Time with no label at a level has no span there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_json, visible

VERSION = 1
_LONGEST_S = 1e9  # whatever a video may last
Level = Literal["action", "step", "thread", "procedure"]
LEVELS: tuple[Level, ...] = ("action", "step", "thread", "procedure")


@dataclass(frozen=True)
class TruthSpan:
    """Seconds ``[start_s, end_s)`` of a video that carry one label."""

    start_s: float
    end_s: float
    id: int
    text: str


@dataclass(frozen=True)
class Truth:
    """A video's latent hierarchy as it was drawn (or as a real timeline gives it)."""

    video_uid: str
    split: str
    scenario: str
    duration_s: float
    levels: Mapping[str, tuple[TruthSpan, ...]]

    def labels(self, level: Level, pos: ArrayLike) -> np.ndarray:
        """Label ids at the given times.

        Args:
            level: "action", "step", "thread" or "procedure".
            pos: ``[N]`` seconds.

        Returns:
            ``[N]`` int64; -1 where the level has no label. Where spans overlap the later start counts.
        """
        times = np.asarray(pos, dtype=np.float64)
        labels = np.full(times.shape, -1, dtype=np.int64)
        for span in self.levels[level]:
            labels[(times >= span.start_s) & (times < span.end_s)] = span.id
        return labels


def read_truth(path: str | Path) -> Truth:
    """Read one video's truth.

    Raises:
        DataError: no such file, not this version of the layout, or a field is missing or of another type.
    """
    raw = read_json(path)
    version = raw.get("version") if isinstance(raw, dict) else None
    if version != VERSION or isinstance(version, bool):
        raise DataError(f"expected version {VERSION}", file=path, field="version", value=version)
    video_uid, split, scenario = (_get(raw, name, str, path) for name in ("video_uid", "split", "scenario"))
    given = _get(raw, "levels", dict, path)
    levels: dict[str, tuple[TruthSpan, ...]] = {
        level: tuple(
            _span(span, path, f"levels.{level}[{number}]")
            for number, span in enumerate(_get(given, level, list, path, "levels."))
        )
        for level in LEVELS
    }
    return Truth(video_uid, split, scenario, _seconds(raw, "duration_s", path, ""), levels)


def read_truths(folder: str | Path) -> list[Truth]:
    """The truth of every video of a folder.

    Raises:
        DataError: as `read_truth`, or two files are of one video (a copy under another name).
    """
    files: dict[str, Path] = {}
    truths = []
    for path in visible(folder, "*.json"):
        truths.append(read_truth(path))
        uid = truths[-1].video_uid
        if files.setdefault(uid, path) != path:
            problem = f"the truth of this video is in {files[uid].name}, too"
            raise DataError(problem, file=path, field="video_uid", value=uid)
    return truths


def _span(raw: Any, path: str | Path, at: str) -> TruthSpan:
    if not isinstance(raw, dict):
        raise DataError("expected an object", file=path, field=at, value=raw)
    start_s, end_s = (_seconds(raw, name, path, f"{at}.") for name in ("start_s", "end_s"))
    if end_s < start_s:
        raise DataError("the span ends before it starts", file=path, field=at, value=(start_s, end_s))
    label = _get(raw, "id", int, path, f"{at}.")
    if not 0 <= label < 2**31:
        raise DataError("expected a number from 0", file=path, field=f"{at}.id", value=label)
    return TruthSpan(start_s, end_s, label, _get(raw, "text", str, path, f"{at}."))


def _seconds(raw: Mapping[str, Any], name: str, path: str | Path, at: str) -> float:
    value = _get(raw, name, (int, float), path, at)
    if not 0 <= value <= _LONGEST_S:
        raise DataError("expected seconds from 0", file=path, field=f"{at}{name}", value=value)
    return float(value)


def _get(raw: Mapping[str, Any], name: str, kind: Any, path: str | Path, at: str = "") -> Any:
    if name not in raw:
        raise DataError("a field of the truth is missing", file=path, field=f"{at}{name}")
    value = raw[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        expected = getattr(kind, "__name__", "number")
        raise DataError(f"expected {expected}", file=path, field=f"{at}{name}", value=value)
    return value
