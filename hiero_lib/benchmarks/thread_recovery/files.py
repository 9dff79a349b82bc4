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
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_json

VERSION = 1
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
        DataError: no such file, not this version of the layout, or a field is missing.
    """
    raw = read_json(path)
    version = raw.get("version") if isinstance(raw, dict) else None
    if version != VERSION:
        raise DataError(f"expected version {VERSION}", file=path, field="version", value=version)
    try:
        levels: dict[str, tuple[TruthSpan, ...]] = {
            level: tuple(TruthSpan(s["start_s"], s["end_s"], s["id"], s["text"]) for s in raw["levels"][level])
            for level in LEVELS
        }
        return Truth(raw["video_uid"], raw["split"], raw["scenario"], raw["duration_s"], levels)
    except (KeyError, TypeError) as error:
        raise DataError("a field of the truth is missing", file=path, field=str(error)) from error
