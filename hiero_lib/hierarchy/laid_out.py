"""Threads laid out over seconds, whatever they were made of: what a video's alignment, and a list of spans, needs.

`hiero_lib.hierarchy.video` has the whole record of a division, features of all nodes included. The spans alone are
also what an index of many videos keeps (`hiero_lib.search.update`), so that another video can be laid beside one
without being divided again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hiero_lib.hierarchy.spans import Span

ROUNDING_S = 1.5e-3  # of two borders, which are whole milliseconds


@dataclass(frozen=True)
class LevelSpans:
    """The threads of one level, over seconds.

    Attributes:
        level: 0 is the finest.
        spans: threads over seconds, in time order, from the start of the video to its end.
        span_x: ``[len(spans), D]`` features of each span in the text space.
        names: thread -> a few words; see `hiero_lib.hierarchy.names`.
    """

    level: int
    spans: tuple[Span, ...]
    span_x: Tensor
    names: Mapping[int, str] = field(default_factory=dict, kw_only=True)

    def seconds(self) -> dict[int, float]:
        """Thread -> seconds, threads in rising order."""
        total: dict[int, float] = dict.fromkeys(sorted({span.label for span in self.spans}), 0.0)
        for span in self.spans:
            total[span.label] += span.length_s
        return {label: round(value, 3) for label, value in total.items()}

    def thread_at(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """``[n]`` thread at each second; in a hole, the one before."""
        return np.array([span.label for span in self.spans])[row_at(self.spans, times)]


@dataclass(frozen=True)
class VideoSpans:
    """A video's levels, level 0 (the finest) first."""

    video_uid: str
    start_s: float
    end_s: float
    levels: tuple[LevelSpans, ...]


def row_at(spans: Sequence[Span], pos: NDArray[np.float64]) -> NDArray[np.int64]:
    """``[n]`` row of the span at each time; on a border, of the later one; in a hole, of the one before."""
    rows = np.searchsorted([span.start_s for span in spans], pos + ROUNDING_S, side="right") - 1
    return np.clip(rows, 0, None)
