"""The explorer without a browser: what each action changes, and what it refuses."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from hiero_lib.explorer.session import Session
from hiero_lib.sources.preview import make_preview
from hiero_lib.viz.rows import level_of, truth_beside
from tests.helpers.explored import Opened, do, told, truth_of
from tests.helpers.videos import write_video


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
    assert again.state["edits"] == {"lines": [], "agreement": [], "followed": [], "redo": True} | {
        name: again.state["edits"][name] for name in ("saved", "refused")
    }
    assert not list(tmp_path.rglob("corrections/*/*.json"))
    do(again, "redo")
    assert len(again.state["edits"]["lines"]) == 1


def test_undo_goes_back_to_what_was_chosen_before(opened: Opened, tmp_path: Path) -> None:
    session = opened.session(tmp_path, num_threads=[6, 3, 2])
    do(session, "edit", operation="rename", thread=0, name="another day")
    session = opened.session(tmp_path, num_threads=[6, 3, 2])
    for number in range(len(session.state["scene"]["levels"][2]["spans"])):
        start, end, thread = session.state["scene"]["levels"][2]["spans"][number][:3]
        do(session, "choose", level=0, start_s=start, end_s=end)
        before, details = session.state["choice"], session.state["details"]
        others = {span[2] for span in session.state["scene"]["levels"][2]["spans"]} - {thread}
        do(session, "edit", operation="merge", level=0, thread=thread, into=min(others))
        do(session, "undo")
        assert (session.state["choice"], session.state["details"]) == (before, details)
        do(session, "redo")
        do(session, "redo")  # nothing to do again
        do(session, "choose", level=1, start_s=20.0, end_s=21.0)
        do(session, "undo")
        assert (session.state["choice"], session.state["level"]) == (before, 0)
    do(session, "undo")
    assert session.state["edits"]["lines"] == []
    do(session, "undo")
    assert session.state["choice"] == before


def test_the_truth_keeps_its_colours_while_one_corrects(opened: Opened) -> None:
    session = opened.session(None, num_threads=[6, 3, 2])
    before = session.state["scene"]["truth"]
    spans = session.state["scene"]["levels"][0]["spans"]
    assert {span[2] for span in before["spans"]} & {span[2] for span in spans}
    first, other = sorted({span[2] for span in spans})[:2]
    do(session, "edit", operation="merge", level=2, thread=other, into=first)
    assert told(session) == ""
    assert session.state["scene"]["truth"] == before
    expected = truth_beside(truth_of("v0"), opened.session(None, num_threads=[6, 3, 2]).hierarchy)
    assert {int(label): one["name"] for label, one in before["labels"].items()} == expected.names


def test_the_rest_follows_what_was_corrected_and_is_undone_as_one(opened: Opened, tmp_path: Path) -> None:
    session = opened.session(tmp_path, num_threads=[6, 3, 2])
    do(session, "follow", level=0)
    assert "could follow" in told(session)
    spans = session.state["scene"]["levels"][2]["spans"]
    do(session, "edit", operation="mark", level=0, start_s=spans[0][0], end_s=spans[0][1], wrong=True)
    assert session.state["edits"]["followed"] == []
    other = next(span[2] for span in spans if span[2] != spans[0][2])
    do(session, "edit", operation="merge", level=0, thread=spans[0][2], into=other)
    do(session, "edit", operation="assign", level=0, start_s=spans[0][0], end_s=spans[0][0] + 1.1, thread=None)
    assert session.state["edits"]["followed"] == [0]
    before = session.state["scene"]
    changed = do(session, "follow", level=0)
    assert told(session) == ""
    assert "the rest divided anew" in changed["edits"]["lines"][-1]
    assert "kept" in session.state["note"]["text"]
    assert session.state["scene"]["levels"][:2] == before["levels"][:2]
    again = opened.session(tmp_path)
    assert again.state["scene"]["levels"] == session.state["scene"]["levels"]
    do(again, "undo")
    assert again.state["scene"]["levels"] == before["levels"]


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


def test_a_preview_is_made_and_plays(opened: Opened, tmp_path: Path) -> None:
    folder = opened.root / "data" / "raw" / "videos"
    folder.mkdir(parents=True, exist_ok=True)
    video = write_video(folder / "v2.mkv", [number / 30 for number in range(30)])
    try:
        session = opened.session(tmp_path, video_uid="v2", make_preview=make_preview)
        assert session.state["preview"]["state"] == "offered"
        assert session.played("v2") == video
        before = session.state["media"]["key"]
        do(session, "preview", ask="make")
        for _ in range(200):
            do(session, "preview", ask="look")
            if session.state["preview"]["state"] != "making":
                break
            time.sleep(0.05)
        assert session.state["preview"]["state"] == "ready"
        assert session.state["media"]["key"] != before
        assert session.state["media"]["uid"] == "v2"
        assert session.played("v2").parent == tmp_path / "previews"
        do(session, "preview", ask="all of them")
        assert "make, stop or look" in told(session)
        plain = opened.session(tmp_path, video_uid="v2")
        assert plain.state["preview"] is None
        assert plain.played("v2") == video
        assert opened.session(tmp_path, video_uid="v2", make_preview=make_preview).played("v2") != video
    finally:
        video.unlink()
    do(session, "preview", ask="make")
    assert "no video" in told(session)


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
