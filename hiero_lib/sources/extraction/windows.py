"""Windows of frames along the grid: segment i is centred at (i + 0.5) * stride / fps seconds."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from hiero_lib.config import FeatureConfig
from hiero_lib.sources.extraction.decode import GridFrame


@dataclass(frozen=True)
class Windows:
    """Which grid frames make up which segment.

    Grid frame k covers ``[k, k + 1) / fps`` seconds, so segment i's window starts at frame
    ``i * stride + (stride - window) // 2`` and its middle is the segment's centre (half a frame earlier where stride
    and window differ by an odd number). With window 32 and stride 16 it begins 8 frames before the segment.

    Args:
        stride: frames from one segment to the next; window: frames that a segment is seen through.
        sampled: frames that the extractor takes of a window; all of them where it takes more than there are.
    """

    stride: int
    window: int
    sampled: int

    @classmethod
    def of(cls, features: FeatureConfig, sampled: int) -> Windows:
        """The windows that a profile's features are described by."""
        return cls(features.stride_frames, features.window_frames, sampled)

    @property
    def offsets(self) -> list[int]:
        """The sampled frames of a window: the middle of each of ``sampled`` equal parts, as EgoVLP takes them."""
        count = min(self.sampled, self.window)
        edges = [part * self.window // count for part in range(count + 1)]
        return [(begin + end - 1) // 2 for begin, end in itertools.pairwise(edges)]

    def frames(self, segment: int) -> list[int]:
        """Grid frames of a segment; those before 0 and after the end stand for the first and the last."""
        first = segment * self.stride + (self.stride - self.window) // 2
        return [first + offset for offset in self.offsets]

    def first_frame(self, segment: int) -> int:
        """Where decoding for ``segment`` and all later ones has to begin."""
        return max(0, self.frames(segment)[0])

    def count(self, num_frames: int) -> int:
        """Segments of a video of so many grid frames: those whose centre it reaches, one at least.

        So at least half of the last segment's stride is really there.
        """
        return max(1, (num_frames + self.stride // 2) // self.stride)


def clips(frames: Iterable[GridFrame], windows: Windows, *, start: int = 0) -> Iterator[np.ndarray]:
    """The sampled frames ``[T, H, W, 3]`` uint8 of segments ``start, start + 1, ...``, in order.

    Only frames that a window takes are converted to images, and only those of open windows are held.

    Args:
        frames: of the grid, from ``windows.first_frame(start)`` or earlier to the video's end.
        windows: see there.
        start: first segment.
    """
    held: dict[int, np.ndarray] = {}
    pending: deque[tuple[int, list[int]]] = deque()  # segments whose first frame was reached
    upcoming = start
    last: GridFrame | None = None
    for last in frames:
        while windows.first_frame(upcoming) <= last.index:
            pending.append((upcoming, [max(0, k) for k in windows.frames(upcoming)]))
            upcoming += 1
        if any(last.index in wanted for _, wanted in pending):
            held[last.index] = last.image()
        while pending and pending[0][1][-1] <= last.index:
            _, wanted = pending.popleft()
            yield np.stack([held[k] for k in wanted])
            needed = min((wanted[0] for _, wanted in pending), default=last.index + 1)
            held = {k: image for k, image in held.items() if k >= needed}
    if last is None:
        return
    # The windows that reach beyond the end see the last frame again.
    for segment in range(pending[0][0] if pending else upcoming, windows.count(last.index + 1)):
        wanted = [min(max(0, k), last.index) for k in windows.frames(segment)]
        if last.index in wanted and last.index not in held:
            held[last.index] = last.image()
        yield np.stack([held[k] for k in wanted])
