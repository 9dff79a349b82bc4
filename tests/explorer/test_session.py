"""The explorer without a browser: what each action changes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.explorer.session import _ACTIONS, Session
from hiero_lib.hierarchy.collection import named_hierarchy
from hiero_lib.methods.method import UNTRAINED
from hiero_lib.methods.opening import open_methods
from hiero_lib.viz.rows import level_of
from tests.helpers.explored import Opened


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    return Opened(tmp_path_factory.mktemp("session"))


@pytest.fixture
def session(opened: Opened, tmp_path: Path) -> Session:
    return opened.session(tmp_path)


def do(session: Session, action: str, **given: Any) -> dict[str, Any]:
    """What has changed; all of it can be written as JSON."""
    changed = session.do({"do": action, "id": 1, **given})
    json.dumps(changed, allow_nan=False)
    return changed


def told(session: Session) -> str:
    note = session.state["note"]
    return note["text"] if note and note["kind"] == "error" else ""


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


def test_a_choice_brings_what_is_like_it_here_and_elsewhere(session: Session) -> None:
    start, end, label = session.state["scene"]["levels"][1]["spans"][0][:3]
    changed = do(session, "choose", level=1, start_s=start, end_s=end)
    assert changed["choice"] == {"level": 1, "start_s": start, "end_s": end, "label": label}
    here = [one for one in changed["details"]["like"] if one["here"]]
    elsewhere = [one for one in changed["details"]["like"] if not one["here"]]
    assert len(elsewhere) == 5
    assert all(one["uid"] != session.video_uid for one in elsewhere)
    assert [one["score"] for one in here] == sorted((one["score"] for one in here), reverse=True)
    do(session, "like", **{name: elsewhere[0][name] for name in ("uid", "level", "start_s", "end_s")})
    assert session.video_uid == elsewhere[0]["uid"]
    assert session.state["choice"]["start_s"] == elsewhere[0]["start_s"]


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


def test_a_search_frames_the_best_answer_here_and_an_empty_one_ends_it(session: Session) -> None:
    do(session, "search", text="  washes the   plate ")
    assert session.state["query"] == "washes the plate"
    best = next(one for one in session.state["answers"]["items"] if one["here"])
    assert session.state["choice"]["start_s"] == best["start_s"]
    assert {one["level"] for one in session.state["answers"]["curves"]} == {0, 1, 2}
    do(session, "search", text=" ")
    assert session.state["answers"] is None


def test_dividing_is_within_bounds_and_kept_when_one_comes_back(session: Session) -> None:
    first = session.video_uid
    counts = {one["level"]: one for one in session.state["counts"]}
    assert counts[1]["least"] == counts[2]["count"]
    do(session, "divide", level=2, count=1)
    assert len(level_of(session.hierarchy, 2).seconds()) == 1
    do(session, "divide", level=1, count=0)
    assert "are possible" in told(session)
    do(session, "open", uid="v5")
    assert session.video_uid == "v5"
    assert told(session) == ""
    do(session, "open", uid=first)
    assert len(level_of(session.hierarchy, 2).seconds()) == 1
    do(session, "divide", level=2, count="auto")
    assert told(session) == ""


def test_corrections_stay_and_keep_the_division(opened: Opened, tmp_path: Path) -> None:
    session = opened.session(tmp_path)
    do(session, "divide", level=2, count=1)
    spans = session.state["scene"]["levels"][2]["spans"]
    do(session, "edit", operation="assign", level=0, start_s=spans[0][0], end_s=spans[0][1], thread=None)
    do(session, "edit", operation="rename", thread=spans[1][2], name="x")
    assert len(session.state["edits"]["lines"]) == 2
    do(session, "divide", level=2, count=2)
    assert "would drop 2 corrections" in told(session)
    again = opened.session(tmp_path)
    assert again.state["scene"]["levels"] == session.state["scene"]["levels"]
    assert again.state["edits"]["lines"] == session.state["edits"]["lines"]
    do(again, "undo")
    do(again, "undo")
    do(again, "undo")
    assert again.state["edits"] == {"lines": [], "agreement": [], "redo": True} | {
        name: again.state["edits"][name] for name in ("saved", "refused")
    }
    assert not list(tmp_path.rglob("corrections/*/*.json"))
    do(again, "redo")
    assert len(again.state["edits"]["lines"]) == 1


def test_corrections_of_another_division_are_told_and_left_alone(opened: Opened, tmp_path: Path) -> None:
    session = opened.session(tmp_path)
    do(session, "edit", operation="rename", thread=0, name="x")
    (file,) = tmp_path.rglob("corrections/*/*.json")
    value = json.loads(file.read_text("utf-8")) | {"division": "0" * 16}
    file.write_text(json.dumps(value), encoding="utf-8")
    before = file.read_bytes()
    again = opened.session(tmp_path)
    assert "another division" in again.state["edits"]["refused"]
    do(again, "edit", operation="rename", thread=0, name="y")
    assert "another division" in told(again)
    assert file.read_bytes() == before


def test_what_cannot_be_written_is_not_made(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "corrections").write_text("a file, where a folder is needed")
    session = opened.session(tmp_path)
    do(session, "edit", operation="rename", thread=0, name="x")
    assert told(session)
    assert session.state["edits"]["lines"] == []


def test_every_figure_below_can_be_chosen(session: Session) -> None:
    for view in session.state["options"]["views"]:
        do(session, "search", text="cuts the onion")
        do(session, "view", name=view, theme="dark")
        assert session.state["below"]["view"] == view
        layout = json.loads(session.state["below"]["figure"])["layout"]
        assert layout["paper_bgcolor"] == "#16181D"
    do(session, "view", name="erase")
    assert "expected" in told(session)


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


def test_a_second_video_that_is_gone_is_told_and_the_first_is_shown(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_the_page_has_the_second_video(session: Session, tmp_path: Path) -> None:
    do(session, "align", uid="v5")
    do(session, "export")
    (page,) = (tmp_path / "exports").glob("*.html")
    content = page.read_text("utf-8").split('id="content">')[1].split("</script>")[0]
    assert json.loads(content)["values"]["aligned"] == json.loads(json.dumps(session.state["aligned"]))


def test_the_collection_is_shown_and_a_point_of_it_opened(session: Session) -> None:
    changed = do(session, "collection")
    assert changed["collection"]["level"] == 1
    mine = session.state["mine"]
    assert mine
    other = next(number for number in range(changed["collection"]["count"]) if number not in mine)
    point = do(session, "point", number=other)["point"]
    assert point["uid"] != session.video_uid
    do(session, "open point", number=other)
    assert session.video_uid == point["uid"]
    assert session.state["choice"]["start_s"] == point["start_s"]
    assert other in session.state["mine"]
    do(session, "point", number=10**6)
    assert "no such point" in told(session)


def test_the_page_is_written_with_the_corrections(session: Session, tmp_path: Path) -> None:
    do(session, "edit", operation="rename", thread=0, name="peels & slices")
    do(session, "export")
    (page,) = (tmp_path / "exports").glob("*.html")
    text = page.read_text("utf-8")
    assert "peels & slices" in text
    assert "with 1 corrections by hand" in text


@pytest.mark.parametrize(
    "message",
    [
        *({}, {"do": None}, {"do": ["x"]}, {"do": "erase"}, {"do": "choose"}, {"do": "choose", "level": "x"}),
        *({"do": "choose", "level": 9, "start_s": 0, "end_s": 1}, {"do": "level", "level": 7}),
        *({"do": "open", "uid": "../../etc"}, {"do": "open"}, {"do": "jump", "number": 99}, {"do": "jump"}),
        *({"do": "align"}, {"do": "align", "uid": "../x"}, {"do": "point"}, {"do": "point", "number": "x"}),
        *({"do": "open point", "number": 0}, {"do": "point", "number": -1}),
        *({"do": "edit"}, {"do": "edit", "operation": "rename", "thread": 0}, {"do": "videos"}),
        *({"do": "edit", "operation": "merge", "level": 0, "thread": 0, "into": 0}, {"do": "divide", "level": 1}),
        *({"do": "like", "uid": "nobody", "level": 0, "start_s": 0, "end_s": 1}, {"do": "search", "id": "x"}),
    ],
)
def test_a_mistake_is_told_and_changes_nothing_else(session: Session, message: dict[str, Any]) -> None:
    before = {name: value for name, value in session.state.items() if name not in ("note", "heard")}
    session.do(message)
    assert told(session)
    assert {name: value for name, value in session.state.items() if name not in ("note", "heard")} == before


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
    assert len(_ACTIONS) == 19
