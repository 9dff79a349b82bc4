"""The videos of an explorer: a few stay open, and the menu lists what is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.thread_recovery.files import LEVELS
from hiero_lib.data.paths import DataPaths
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


def test_the_menu_finds_videos_by_their_scenario_where_it_is_known(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    folder = DataPaths.at(opened.collection.profile.data_root).truth
    folder.mkdir(parents=True)
    levels: dict[str, list[str]] = {level: [] for level in LEVELS}
    for number, scenario in enumerate(("cooking", "laundry", "cooking")):
        truth = {"version": 1, "video_uid": f"v{number}", "split": "val", "scenario": scenario, "duration_s": 32.0}
        (folder / f"v{number}.json").write_text(json.dumps(truth | {"levels": levels}))
    videos = Videos(opened.collection, opened.method, run_folder=None, num_threads=None)
    assert [one["uid"] for one in videos.listed("Cook")["matches"]] == ["v0", "v2"]
    assert [one["uid"] for one in videos.listed("2 cook")["matches"]] == ["v2"]
    (one,) = videos.listed("laundry")["matches"]
    assert one["about"].startswith("laundry, 00:32, ")
    shown = [(one["name"], one["about"]) for one in videos.listed("")["matches"]]
    assert len(set(shown)) == 9
    (folder / "v0.json").write_text("{}")  # the lane of the truth says what is wrong with it
    again = Videos(opened.collection, opened.method, run_folder=None, num_threads=None)
    assert again.listed("")["total"] == 9
    assert again.listed("cooking")["total"] == 0
