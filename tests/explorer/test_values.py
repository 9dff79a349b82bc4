"""Plain values of the panels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hiero_lib.explorer.answers import Answers
from hiero_lib.explorer.opened import open_video
from hiero_lib.explorer.span_details import span_details
from hiero_lib.explorer.values import (
    answer_value,
    counts_value,
    details_value,
    edits_value,
    verdict_value,
    written_value,
)
from hiero_lib.hierarchy.operations import Mark
from hiero_lib.search.index import Answer
from tests.helpers.made_up import THREE, record

VIDEO = record(THREE, channels=6, video_uid="v")


def test_numbers_of_threads_nest_and_are_fixed_by_corrections() -> None:
    video = open_video(lambda counts: VIDEO, method="m", fingerprint="f", file=None)
    counts = counts_value(video)
    assert [one["level"] for one in counts] == [2, 1, 0]
    assert [one["least"] for one in counts] == [1, min(counts[0]["count"], counts[1]["count"]), counts[1]["count"]]
    assert {one["fixed"] for one in counts} == {""}
    video.edit(Mark(0, VIDEO.start_s, VIDEO.end_s, True))
    assert all("undo" in one["fixed"] for one in counts_value(video))
    edits = edits_value(video)
    assert edits["agreement"][0] == {"level": 0, "ari": None}  # all of it is marked
    json.dumps(edits, allow_nan=False)


def test_answers_say_whose_they_are_and_whether_they_are_good() -> None:
    answer = Answer("video", 1.0, 2.0, 0, 3, "", 0.51)
    value = answer_value(answer, "v", {"video": "vid"})
    assert (value["name"], value["here"], value["title"]) == ("vid", False, "thread 3")
    assert "95 of 100" in verdict_value(Answers((answer,), True, 0.4))["note"]
    assert verdict_value(Answers((), False, 0.4))["verdict"] == "none"


def test_details_are_of_the_span() -> None:
    found = span_details(VIDEO, level=0, at_s=0.1)
    value = details_value(found, VIDEO, {})
    assert (value["start_s"], value["end_s"]) == (found.span.start_s, found.span.end_s)
    assert len(value["like"]) == len(found.here)


def test_a_written_page_is_told_by_its_whole_path_and_from_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "me")
    monkeypatch.chdir(tmp_path)
    value = written_value(Path("me/a b/ä#1.html"), "Written: x")
    whole = (tmp_path / "me" / "a b" / "ä#1.html").resolve().as_posix()
    expected = {"note": "Written: x", "name": "ä#1.html", "path": whole, "home": "~/a b/ä#1.html", "url": None}
    assert value == expected
    assert written_value(Path("elsewhere.html"), "")["home"] == ""
