"""A second video beside the first, as plain values: its spans, and which of them are whose counterpart."""

from __future__ import annotations

from typing import Any, Protocol

from hiero_lib.base.errors import DataError
from hiero_lib.hierarchy.alignment import Alignment, align
from hiero_lib.hierarchy.laid_out import LevelSpans, VideoSpans
from hiero_lib.viz.rows import thread_name


class Align(Protocol):
    """As `hiero_lib.hierarchy.alignment.align`."""

    def __call__(self, one: VideoSpans, other: VideoSpans, *, level: int) -> Alignment:
        """What corresponds at a level."""


def aligned_value(one: VideoSpans, other: VideoSpans, *, name: str, align: Align = align) -> dict[str, Any]:
    """What is drawn of two videos that are aligned, for each level that both have, the coarsest first.

    A span of the other video is ``[start_s, end_s, label, title]``: the label of the thread of its nearest
    counterpart, in whose colour it is drawn, -1 without one, and what its own thread is called. A pair is
    ``[row in the first, row in the other, cosine]``. A level that cannot be aligned says why in ``note``. ``align``
    may know what it was asked before.
    """
    levels = []
    for level in one.levels[::-1]:
        theirs = next((found for found in other.levels if found.level == level.level), None)
        if theirs is not None:
            levels.append(_level(one, other, level, theirs, align))
    times = {"start_s": other.start_s, "end_s": other.end_s}
    return {"uid": other.video_uid, "name": name, **times, "levels": levels}


def _level(one: VideoSpans, other: VideoSpans, level: LevelSpans, theirs: LevelSpans, align: Align) -> dict[str, Any]:
    value: dict[str, Any] = {"level": level.level, "pairs": [], "threshold": 0.0, "shares": [0.0, 0.0], "note": ""}
    nearest = {}
    try:
        found = align(one, other, level=level.level)
    except DataError as error:
        value["note"] = str(error)
    else:
        nearest = found.nearest_to_other()
        value["pairs"] = [[pair.one, pair.other, round(pair.cosine, 3)] for pair in found.pairs]
        value["shares"] = [round(share, 3) for share in found.shares]
        value["threshold"] = round(found.threshold, 3)
    value["spans"] = [
        [
            *(round(span.start_s, 3), round(span.end_s, 3)),
            level.spans[nearest[row].one].label if row in nearest else -1,
            thread_name(theirs, span.label),
        ]
        for row, span in enumerate(theirs.spans)
    ]
    return value
