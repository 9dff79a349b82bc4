"""The points of a collection: groups, colours, and what the page draws."""

from __future__ import annotations

import base64
import json

import numpy as np

from hiero_lib.front import collection as module
from hiero_lib.front.collection import collection_value, groupings, point_groups, point_value, points_of_video
from hiero_lib.hierarchy.spans import Span
from hiero_lib.search.layout import Layout
from hiero_lib.search.table import SpanTable, join, table_of
from hiero_lib.viz.bars import TimelineRow
from hiero_lib.viz.palette import NO_THREAD_COLOR, thread_color


def spans_of(labels: dict[str, list[str]]) -> SpanTable:
    return join(
        [
            table_of(
                uid,
                np.random.default_rng(0).normal(size=(len(names), 4)),
                level=np.zeros(len(names), int),
                thread=np.arange(len(names)),
                start_s=np.arange(len(names)) * 10.0,
                end_s=np.arange(len(names)) * 10.0 + 10,
                labels=names,
            )
            for uid, names in labels.items()
        ]
    )


SPANS = spans_of({"aaa": ["cuts", "washes <b>", "cuts"], "bbb": ["", "cuts"]})
LAYOUT = Layout(0, np.arange(5), np.linspace(0, 1, 10).reshape(5, 2).astype(np.float32), 7)
SHORT = {"aaa": "a", "bbb": "b"}


def truth(video_uid: str) -> TimelineRow | None:
    return None if video_uid == "bbb" else TimelineRow("truth", [Span(0.0, 12.0, 4)], {4: "cooking"})


def test_groups_are_the_largest_first_and_others_are_grey() -> None:
    threads, videos, true = groupings(LAYOUT, SPANS, short=SHORT, truth=truth)
    assert threads.names == ("cuts", "no name", "washes <b>")
    assert [threads.names[n] for n in threads.of] == ["cuts", "washes <b>", "cuts", "no name", "cuts"]
    assert threads.colors == [thread_color(n) for n in range(3)]
    assert [videos.names[n] for n in videos.of] == ["a", "a", "a", "b", "b"]
    assert [true.names[n] for n in true.of] == ["cooking", "none", "none", "none", "none"]
    assert len(groupings(LAYOUT, SPANS, short=SHORT, truth=lambda uid: None)) == 2
    many = spans_of({"v": [f"name {n}" for n in range(30)] + ["name 7"]})
    places = Layout(0, np.arange(31), np.zeros((31, 2), np.float32), 31)
    found = groupings(places, many, short={}, truth=lambda uid: None)[0]
    assert len(found.names) == 20
    assert found.names[0] == "name 7"
    assert (found.names[-1], found.colors[-1]) == ("all others", NO_THREAD_COLOR)
    assert (found.of == 19).sum() == 30 - 19


def test_the_page_gets_numbers_and_no_texts_of_points() -> None:
    groups = groupings(LAYOUT, SPANS, short=SHORT, truth=truth)
    value = collection_value(LAYOUT, groups, of="all 2 videos")
    json.dumps(value, allow_nan=False)
    places = np.frombuffer(base64.b64decode(value["places"]), dtype="<u2").reshape(-1, 2) / 65535
    np.testing.assert_allclose(places, LAYOUT.xy, atol=1e-4)
    for one, group in zip(value["groupings"], groups):
        assert np.frombuffer(base64.b64decode(one["of"]), dtype=np.uint8).tolist() == group.of.tolist()
        assert [entry["name"] for entry in one["groups"]] == list(group.names)
    assert value["note"].startswith("all 2 videos: 5 spans of level 0 (2 more have no point)")
    assert points_of_video(LAYOUT, SPANS, "bbb") == [3, 4]
    assert points_of_video(LAYOUT, SPANS, "zzz") == []


def test_a_point_says_what_it_is() -> None:
    assert point_value(LAYOUT, SPANS, 1, short=SHORT) == {
        **{"number": 1, "uid": "aaa", "name": "a", "level": 0, "start_s": 10.0, "end_s": 20.0},
        "title": "1 washes <b>",
    }
    assert point_value(LAYOUT, SPANS, 3, short=SHORT)["title"] == "thread 0"
    threads = groupings(LAYOUT, SPANS, short=SHORT, truth=truth)[0]
    groups = point_groups(LAYOUT, SPANS, threads, short=SHORT)
    assert [group.name for group in groups] == ["washes <b>", "no name", "cuts"]
    assert groups[0].texts == ["1 washes <b>\na, 00:10.0 – 00:20.0"]
    np.testing.assert_allclose(groups[-1].xy, LAYOUT.xy[[0, 2, 4]])


def test_the_truth_of_the_first_videos_alone_is_read(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_TRUTHS", 1)
    asked = []

    def counted(video_uid: str) -> TimelineRow | None:
        asked.append(video_uid)
        return truth("aaa")

    groupings(LAYOUT, SPANS, short=SHORT, truth=counted)
    assert set(asked) == {"aaa"}
