"""The spans of a whole collection as points: their groups with names and colours, and what the explorer draws."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hiero_lib.search.layout import Layout
from hiero_lib.search.table import SpanTable
from hiero_lib.viz.bars import TimelineRow
from hiero_lib.viz.page import clock
from hiero_lib.viz.palette import NO_THREAD_COLOR, THREAD_COLORS, thread_color
from hiero_lib.viz.points import Group

_OTHER = "all others"
MOST_TRUTHS = 500  # videos whose truth is read


@dataclass(frozen=True)
class Grouping:
    """What colours mean: the name of the whole, the names of the groups, and ``[n]`` the group of each point.

    The last group, where there is one of that name, is all others, in grey.
    """

    name: str
    names: tuple[str, ...]
    of: np.ndarray

    @property
    def colors(self) -> list[str]:
        """``#RRGGBB`` of each group."""
        return [NO_THREAD_COLOR if name == _OTHER else thread_color(n) for n, name in enumerate(self.names)]


def groupings(
    layout: Layout, spans: SpanTable, *, short: Mapping[str, str], truth: Callable[[str], TimelineRow | None]
) -> list[Grouping]:
    """By the threads' names, by video and, where there is one, by the truth: the largest groups, and all others.

    Args:
        layout: of ``spans``.
        short: uid -> a shorter name.
        truth: of a video, whose labels have names; asked for the first videos alone where there are many.
    """
    labels = spans.labels
    threads = [labels[row] or "no name" for row in layout.rows.tolist()]
    videos = [short.get(uid, uid) for uid in spans.video_uids]
    found = [
        _grouping("name of the thread", threads),
        _grouping("video", [videos[number] for number in spans.video[layout.rows].tolist()]),
    ]
    true = _true_names(layout, spans, truth)
    return [*found, _grouping("truth", true)] if any(true) else found


def _grouping(name: str, values: Sequence[str]) -> Grouping:
    names, number, counts = np.unique(
        np.array(values, dtype=object).astype(str), return_inverse=True, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")
    kept = order if len(order) <= len(THREAD_COLORS) else order[: len(THREAD_COLORS) - 1]
    place = np.full(len(names), len(kept), dtype=np.uint8)
    place[kept] = np.arange(len(kept))
    shown = [str(names[row]) or "none" for row in kept]
    return Grouping(name, (*shown, *([_OTHER] if len(kept) < len(names) else [])), place[number.reshape(-1)])


def _true_names(layout: Layout, spans: SpanTable, truth: Callable[[str], TimelineRow | None]) -> list[str]:
    """The name of the true span in which the middle of each span lies; empty where there is none."""
    names = [""] * len(layout.rows)
    video, middle = spans.video[layout.rows], (spans.start_s[layout.rows] + spans.end_s[layout.rows]) / 2
    if not len(video) or truth(spans.video_uids[int(video[0])]) is None:
        return names
    for number in np.unique(video)[:MOST_TRUTHS].tolist():
        row = truth(spans.video_uids[number])
        if row is None:
            continue
        for at in np.flatnonzero(video == number).tolist():
            inside = [span.label for span in row.spans if span.start_s <= middle[at] < span.end_s]
            names[at] = row.label_name(inside[0]) if inside else ""
    return names


def collection_value(layout: Layout, groups: Sequence[Grouping], *, of: str) -> dict[str, Any]:
    """What the explorer draws; numbers of points are those of the layout.

    Args:
        layout: the places; groups: `groupings` of its points.
        of: what the collection is, in words.

    Returns:
        places as base64 of little-endian uint16, x and y in turn, of [0, 65535]; groups as base64 of uint8.
    """
    return {
        "level": layout.level,
        "count": len(layout.rows),
        "note": f"{of}: {layout.note}",
        "places": _base64(np.ascontiguousarray((layout.xy * 65535).round().astype("<u2"))),
        "groupings": [
            {
                "name": group.name,
                "groups": [{"name": name, "color": color} for name, color in zip(group.names, group.colors)],
                "of": _base64(group.of),
            }
            for group in groups
        ],
    }


def points_of_video(layout: Layout, spans: SpanTable, video_uid: str) -> list[int]:
    """Numbers of the points of a video; none where it is not among them."""
    uids = spans.video_uids
    number = uids.index(video_uid) if video_uid in uids else -1
    return [int(point) for point in np.flatnonzero(spans.video[layout.rows] == number)]


def point_value(layout: Layout, spans: SpanTable, number: int, *, short: Mapping[str, str]) -> dict[str, Any]:
    """A point's span: where it is, and its thread."""
    row = int(layout.rows[number])
    uid = spans.video_uids[int(spans.video[row])]
    thread, label = int(spans.thread[row]), spans.labels[row]
    start, end = round(float(spans.start_s[row]), 3), round(float(spans.end_s[row]), 3)
    title = f"{thread} {label}" if label else f"thread {thread}"
    place = {"uid": uid, "name": short.get(uid, uid), "level": int(spans.level[row]), "start_s": start, "end_s": end}
    return place | {"number": number, "title": title}


def point_groups(layout: Layout, spans: SpanTable, grouping: Grouping, *, short: Mapping[str, str]) -> list[Group]:
    """For `hiero_lib.viz.points.plot_points`; all others undermost."""
    texts = [point_text(layout, spans, number, short=short) for number in range(len(layout.rows))]
    groups = []
    for group, (name, color) in enumerate(zip(grouping.names, grouping.colors)):
        of = np.flatnonzero(grouping.of == group)
        groups.append(Group(name, color, layout.xy[of], [texts[number] for number in of.tolist()]))
    return groups[::-1]


def point_text(layout: Layout, spans: SpanTable, number: int, *, short: Mapping[str, str]) -> str:
    """The same in two lines."""
    value = point_value(layout, spans, number, short=short)
    times = f"{clock(value['start_s'], decimals=1)} – {clock(value['end_s'], decimals=1)}"
    return f"{value['title']}\n{value['name']}, {times}"


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
