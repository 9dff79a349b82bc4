"""The second video of the explorer, aligned with the one that is shown; after a correction, only what it changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hiero_lib.front.aligned import aligned_value
from hiero_lib.hierarchy.alignment import Alignment, align, coarsest_threads, level_of
from hiero_lib.hierarchy.laid_out import VideoSpans
from hiero_lib.hierarchy.spans import Interval, Span


class Second:
    """Aligns one video with whatever is shown.

    Args:
        spans_of: gives a video's spans, corrections and all, by uid.
        name_of: what a video is called.
    """

    def __init__(self, spans_of: Callable[[str], VideoSpans], name_of: Callable[[str], str]) -> None:
        self._spans_of, self._name_of = spans_of, name_of
        self._known: dict[int, tuple[VideoSpans, str, list[Interval], tuple[Span, ...], Alignment]] = {}

    def value(self, one: VideoSpans, uid: str) -> dict[str, Any] | None:
        """What is drawn below the video ``one`` (`hiero_lib.front.aligned`); None without a second video.

        Raises:
            DataError: there is no such video, or its features cannot be used.
        """
        if not uid:
            self._known.clear()
            return None
        return aligned_value(one, self._spans_of(uid), name=self._name_of(uid), align=self._align)

    def _align(self, one: VideoSpans, other: VideoSpans, *, level: int) -> Alignment:
        """`align`, once for the same borders: another name, or another thread of a span, moves nothing.

        But of the threads of the coarsest level: they say which spans are unlike.
        """
        borders = [(span.start_s, span.end_s) for span in level_of(one, level).spans]
        divided = coarsest_threads(one)
        threads = () if divided is None else divided.spans
        known = self._known.get(level)
        if known is None or known[0] is not other or known[1:4] != (one.video_uid, borders, threads):
            known = self._known[level] = other, one.video_uid, borders, threads, align(one, other, level=level)
        return known[4]
