"""The explorer without a browser: what it shows, and what stands beside or below."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.explorer.session import Session
from hiero_lib.hierarchy.collection import named_hierarchy
from hiero_lib.methods.method import UNTRAINED
from hiero_lib.methods.opening import open_methods
from hiero_lib.viz.rows import level_of
from tests.helpers.explored import Opened, do, told


def test_the_first_picture_has_the_spans_of_every_level(session: Session) -> None:
    levels = session.state["scene"]["levels"]
    assert [one["level"] for one in levels] == [2, 1, 0]
    for one in levels:
        spans = level_of(session.hierarchy, one["level"]).spans
        assert [tuple(span[:3]) for span in one["spans"]] == [
            (round(s.start_s, 3), round(s.end_s, 3), s.label) for s in spans
        ]
    assert session.state["level"] == 1
    assert "sample" in session.state["scene"]["title"]
    json.dumps(session.state, allow_nan=False)


def test_answers_are_spans_of_the_explorer_even_where_it_is_divided_otherwise(opened: Opened, tmp_path: Path) -> None:
    session = opened.session(tmp_path, num_threads=[3, 2, 2])
    do(session, "search", text="washes the plate")
    for _ in range(3):
        other = [n for n, one in enumerate(session.state["answers"]["items"]) if not one["here"]]
        do(session, "jump", number=other[0])
        here = [one for one in session.state["answers"]["items"] if one["here"]]
        assert here
        for one in here:
            spans = level_of(session.hierarchy, one["level"]).spans
            assert (one["start_s"], one["end_s"]) in [(round(s.start_s, 3), round(s.end_s, 3)) for s in spans]
        number = session.state["answers"]["items"].index(here[0])
        do(session, "jump", number=number)
        choice, answer = session.state["choice"], session.state["answers"]["items"][number]
        assert {name: choice[name] for name in ("level", "start_s", "end_s")} == {
            name: answer[name] for name in ("level", "start_s", "end_s")
        }


def test_another_method_stands_beside_in_the_numbers_of_its_matches(session: Session) -> None:
    do(session, "beside", name="linear probe")
    beside = session.state["scene"]["beside"]
    assert [one["level"] for one in beside["levels"]] == [2, 1, 0]
    assert all(0 <= one["share"] <= 1 for one in beside["differs"])
    do(session, "beside", name="nobody")
    assert told(session)
    do(session, "beside", name="")
    assert session.state["scene"]["beside"] is None


def test_what_stands_beside_is_divided_once(opened: Opened) -> None:
    asked: list[str] = []

    def beside(uid: str) -> Any:
        asked.append(uid)
        return named_hierarchy(opened.collection, opened.probe, uid)

    session = opened.session(None, besides={"other": beside}, index=False)
    do(session, "beside", name="other")
    do(session, "edit", operation="rename", thread=0, name="x")
    do(session, "undo")
    assert asked == [session.video_uid]
    do(session, "open", uid="v5")
    assert asked[1:] == ["v5"]


def test_the_menu_says_what_goes_on_in_a_video(session: Session) -> None:
    (video,) = do(session, "videos", filter="v5")["videos"]["matches"]
    coarsest = named_hierarchy(session.collection, session.method, "v5").levels[-1]
    longest = sorted(coarsest.names, key=lambda thread: -coarsest.seconds()[thread])
    assert video["what"] == ", ".join(coarsest.names[thread] for thread in longest[:3])


def test_a_second_video_is_aligned_and_the_two_change_places(session: Session) -> None:
    first = session.video_uid
    second = next(uid for uid in session.videos.uids if uid != first)
    changed = do(session, "align", uid=second)
    value = changed["aligned"]
    assert value["uid"] == second
    assert [one["level"] for one in value["levels"]] == [2, 1, 0]
    named = named_hierarchy(session.collection, session.method, second)
    finest = value["levels"][-1]["spans"]
    assert [span[1] for span in finest] == [round(s.end_s, 3) for s in named.levels[0].spans]
    do(session, "edit", operation="rename", thread=0, name="x")
    assert session.state["aligned"]["uid"] == second
    do(session, "open", uid=second)
    assert session.state["aligned"]["uid"] == first
    do(session, "align", uid=second)
    assert "another video than the one that is shown" in told(session)
    do(session, "align", uid="nobody")
    assert told(session)
    assert session.state["aligned"]["uid"] == first
    do(session, "align", uid="")
    assert session.state["aligned"] is None


def test_a_second_video_is_as_it_is_corrected(session: Session) -> None:
    first, second = session.video_uid, "v5"
    do(session, "align", uid=second)
    do(session, "open", uid=second)
    thread = session.state["scene"]["levels"][-1]["spans"][0][2]
    do(session, "edit", operation="rename", thread=thread, name="peels")
    do(session, "open", uid=first)
    assert session.state["aligned"]["levels"][-1]["spans"][0][3] == f"{thread} peels"


@pytest.mark.parametrize("index", [True, False])
def test_a_second_video_is_divided_only_where_the_index_does_not_know_it(opened: Opened, index: bool) -> None:
    session = opened.session(None, index=index)
    do(session, "align", uid="v5")
    assert ("v5" in session.videos.opened) is not index
    otherwise = opened.session(None, index=index, num_threads=3)  # than the index knows it
    do(otherwise, "align", uid="v5")
    assert "v5" in otherwise.videos.opened
    seen = session.state["aligned"]
    do(session, "open", uid="v5")
    do(session, "open", uid=session.state["aligned"]["uid"])
    divided = session.state["aligned"]
    assert divided["uid"] == "v5"
    for one, other in zip(seen["levels"], divided["levels"]):
        assert [(*span[:2], span[3]) for span in one["spans"]] == [(*span[:2], span[3]) for span in other["spans"]]
        assert one["threshold"] == pytest.approx(other["threshold"], abs=2e-3)  # the index has float16
        assert one["shares"] == pytest.approx(other["shares"], abs=0.1)


def test_a_video_that_was_corrected_is_not_aligned_as_the_index_knows_it(opened: Opened, tmp_path: Path) -> None:
    before = opened.session(tmp_path)
    do(before, "open", uid="v5")
    thread = before.state["scene"]["levels"][-1]["spans"][0][2]
    do(before, "edit", operation="rename", thread=thread, name="peels")
    session = opened.session(tmp_path)
    do(session, "align", uid="v5")
    assert session.state["aligned"]["levels"][-1]["spans"][0][3] == f"{thread} peels"


def test_what_is_prepared_is_there_when_it_is_asked_for(opened: Opened) -> None:
    asked: list[str] = []

    def beside(uid: str) -> Any:
        asked.append(threading.current_thread().name)
        return named_hierarchy(opened.collection, opened.probe, uid)

    session = opened.session(None, besides={"other": beside})
    do(session, "prepare")
    do(session, "prepare")
    do(session, "search", text="washes the pan")
    do(session, "collection")
    while not session._ahead.idle:
        time.sleep(0.01)
    do(session, "beside", name="other")
    assert len(asked) == 1
    assert asked[0].startswith("hiero-ahead")
    fresh = opened.session(None, besides={"other": beside})
    for name, message in (("search", {"text": "washes the pan"}), ("collection", {}), ("beside", {"name": "other"})):
        do(fresh, name, **message)
    for name in ("answers", "collection", "scene"):
        assert session.state[name] == fresh.state[name]


def test_a_second_video_that_is_gone_is_told_and_the_first_is_shown(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened.session(None, index=False)
    do(session, "align", uid="v5")
    opened = session.videos.open

    def gone(uid: str) -> Any:
        if uid == "v5":
            raise DataError("no such file", file="v5.pt")
        return opened(uid)

    monkeypatch.setattr(session.videos, "open", gone)
    do(session, "open", uid="v3")
    assert session.video_uid == "v3"
    assert session.state["aligned"] is None
    assert "v5.pt" in told(session)


def test_without_a_text_space_nothing_is_searched(opened: Opened) -> None:
    raw = open_methods(opened.collection.profile, checkpoints={}, device=torch.device("cpu"))[UNTRAINED]
    session = Session(opened.collection, raw)
    assert session.state["options"]["searchable"] is False
    do(session, "search", text="cuts")
    assert "text space" in told(session)


def test_it_shows_what_it_was_asked_for(opened: Opened) -> None:
    session = opened.session(None, video_uid="v3", level=9, query="cuts the onion", num_threads=[3, 2, 2])
    assert session.video_uid == "v3"
    assert session.state["answers"]["text"] == "cuts the onion"
    expected = named_hierarchy(opened.collection, opened.method, "v3", num_threads=[3, 2, 2])
    assert [level.spans for level in session.hierarchy.levels] == [level.spans for level in expected.levels]
    assert session.state["scene"]["truth"]["labels"]["1"]["name"] == "washing <up>"
