"""A video as the plain values that the explorer's module draws: spans, threads with their colours, narrations, truth.

All values can be written as JSON; no text in them is markup.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from hiero_lib.data.narrations import NO_NARRATIONS, Narrations
from hiero_lib.hierarchy.spans import Span, match_labels, relabelled
from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy
from hiero_lib.viz.bars import TimelineRow
from hiero_lib.viz.palette import text_color_on, thread_color
from hiero_lib.viz.query import query_curve

_POINTS = 800  # of a curve


def scene(
    hierarchy: VideoHierarchy,
    *,
    name: str,
    title: str,
    narrations: Narrations = NO_NARRATIONS,
    truth: TimelineRow | None = None,
    beside: tuple[str, VideoHierarchy] | None = None,
) -> dict[str, Any]:
    """Everything of a video that is drawn in its rows.

    Args:
        hierarchy: the video.
        name: of the video, for people; title: stands above all.
        narrations: of the video.
        truth: a row of spans with names of its own, in the colours of its labels: `hiero_lib.viz.rows.truth_beside`.
        beside: another method's or run's name, and its hierarchy of the same video.
    """
    levels = hierarchy.levels[::-1]
    names = {thread: text for level in hierarchy.levels for thread, text in level.names.items()}
    threads = sorted({span.label for level in levels for span in level.spans})
    value: dict[str, Any] = {
        "uid": hierarchy.video_uid,
        "name": name,
        "title": title,
        "start_s": hierarchy.start_s,
        "end_s": hierarchy.end_s,
        "levels": [_level(level) for level in levels],
        "threads": {},
        "narrations": [[round(time, 3), text] for time, text in narrations.without_tags()],
        "truth": None if truth is None else _truth(truth),
        "beside": None,
    }
    if beside is not None:
        value["beside"], more = _beside(*beside, hierarchy)
        threads = sorted({*threads, *more})
    value["threads"] = {
        str(thread): {"name": names.get(thread), **_colors(thread_color(thread))} for thread in threads
    }
    return value


def _level(level: LevelThreads) -> dict[str, Any]:
    spans = [
        [*_rounded(span), span.label, *([1] if row in level.wrong else [])] for row, span in enumerate(level.spans)
    ]
    return {"level": level.level, "stride_s": round(level.stride_s, 4), "spans": spans}


def _rounded(span: Span) -> tuple[float, float]:
    return round(span.start_s, 3), round(span.end_s, 3)


def _colors(color: str) -> dict[str, str]:
    return {"color": color, "ink": text_color_on(color)}


def _truth(truth: TimelineRow) -> dict[str, Any]:
    labels = sorted({span.label for span in truth.spans})
    return {
        "name": truth.name,
        "spans": [[*_rounded(span), span.label] for span in sorted(truth.spans, key=lambda span: span.start_s)],
        "labels": {str(label): {"name": truth.label_name(label), **_colors(thread_color(label))} for label in labels},
    }


def _beside(name: str, other: VideoHierarchy, own: VideoHierarchy) -> tuple[dict[str, Any], set[int]]:
    """The other's levels with the numbers of the threads that they match here, and where the two differ."""
    levels, differs, labels = [], [], set[int]()
    for level, theirs in zip(own.levels[::-1], other.levels[::-1]):
        spans = relabelled(theirs.spans, match_labels(theirs.spans, level.spans))
        labels |= {span.label for span in spans}
        levels.append({"level": level.level, "spans": [[*_rounded(span), span.label] for span in spans]})
        apart = _apart(level.spans, spans)
        share = sum(end - start for start, end in apart) / max(own.end_s - own.start_s, 1e-9)
        differs.append({"level": level.level, "share": share, "spans": [[start, end, 0] for start, end in apart]})
    return {"name": name, "levels": levels, "differs": differs}, labels


def _apart(one: Sequence[Span], other: Sequence[Span]) -> list[tuple[float, float]]:
    """Where two rows of spans that follow each other have different labels."""
    edges = sorted({edge for span in (*one, *other) for edge in _rounded(span)})
    found: list[tuple[float, float]] = []
    rows = [0, 0]
    for start, end in itertools.pairwise(edges):
        labels = []
        for side, spans in enumerate((one, other)):
            while rows[side] < len(spans) and round(spans[rows[side]].end_s, 3) <= start:
                rows[side] += 1
            at = spans[rows[side]] if rows[side] < len(spans) else None
            labels.append(at.label if at is not None and round(at.start_s, 3) <= start else None)
        if labels[0] != labels[1]:
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
    return found


def curves(hierarchy: VideoHierarchy, text: Tensor) -> list[dict[str, Any]]:
    """For each level, the coarsest first: cosine with a text's features ``[D]`` along time."""
    found = []
    for level in hierarchy.levels[::-1]:
        curve = query_curve(level, text, most_points=_POINTS)
        values = {"times": curve.times.round(2).tolist(), "values": curve.cosine.round(4).tolist()}
        found.append({"level": level.level, **values})
    return found
