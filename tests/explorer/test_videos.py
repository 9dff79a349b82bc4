"""The videos of an explorer: a few stay open, and the menu lists what is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.explorer.videos import Videos
from hiero_lib.hierarchy.operations import Rename
from tests.helpers.explored import Opened


def test_eight_stay_open_and_what_was_corrected_is_found_again(opened: Opened, tmp_path: Path) -> None:
    videos = Videos(opened.collection, opened.method, run_folder=tmp_path, num_threads=None)
    first = videos.open("v0")
    assert videos.open("v0") is first
    first.edit(Rename(0, "x"))
    for number in range(1, 9):
        videos.open(f"v{number}")
    assert len(videos.opened) == 8
    assert "v0" not in videos.opened
    assert videos.open("v0").done == [Rename(0, "x")]
    with pytest.raises(DataError, match="no feature file"):
        videos.open("nobody")


def test_the_one_that_was_not_asked_for_longest_is_given_up(opened: Opened, tmp_path: Path) -> None:
    videos = Videos(opened.collection, opened.method, run_folder=tmp_path, num_threads=None)
    shown = videos.open("v0")
    for number in range(1, 9):
        videos.open("v0")
        videos.open(f"v{number}")
    assert videos.open("v0") is shown
    assert "v1" not in videos.opened


def test_the_menu_lists_names_lengths_and_what_was_corrected(opened: Opened, tmp_path: Path) -> None:
    names = {"v3": ["peels", "stirs"]}
    videos = Videos(
        opened.collection,
        opened.method,
        run_folder=tmp_path,
        num_threads=None,
        names_of=lambda uid: names.get(uid, []),
    )
    videos.open("v3").edit(Rename(0, "x"))
    listed = videos.listed("V3")
    about = {"what": "peels, stirs", "about": "00:32, 7 narrations, corrected"}
    assert listed == {"matches": [{"uid": "v3", "name": "v3", **about}], "total": 1}
    assert videos.listed("v4")["matches"][0]["what"] == ""
    assert videos.listed("")["total"] == 9
    assert videos.listed("v nobody") == {"matches": [], "total": 0}
