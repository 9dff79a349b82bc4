"""Ego4D's narrations as EgoClip's rows: the rule of lengths, and every one that is dropped is counted."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.data.egoclip import EgoClipIndex
from hiero_lib.sources.ego4d_narrations import COLUMNS, read_ego4d_narrations, write_egoclip
from hiero_lib.sources.sample.narrations import EGOCLIP_COLUMNS


def told(*narrations: tuple[Any, Any]) -> dict[str, Any]:
    entries = [
        {"timestamp_sec": time, "timestamp_frame": 0, "narration_text": text, "annotation_uid": f"{index}"}
        for index, (time, text) in enumerate(narrations)
    ]
    return {"narrations": entries, "summaries": [{"start_sec": 0, "end_sec": 9, "summary_text": "C cooks"}]}


VIDEOS = {
    "a": {
        "status": "complete",
        "narration_pass_1": told((1.0, "#C C cuts"), (3.0, "#C C washes"), (5.0, "#O man X walks")),
        "narration_pass_2": told((9.0, "#C C puts down"), (1.0, "#C C takes\na knife")),
    },
    "b": {"status": "complete", "narration_pass_1": told((2.0, "#C C looks around"))},
}


def save(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("top", [False, True])
def test_rows_by_the_rule_of_egovlp(tmp_path: Path, top: bool) -> None:
    document = {"date": "x", "version": "v1", **VIDEOS} if top else {"version": "v2", "videos": VIDEOS}
    found = read_ego4d_narrations(save(tmp_path / "n.json", document))
    assert found.alpha_s == (2.0 + 8.0) / 2  # of pass 1 and pass 2 of a; b has one narration
    half = {("a", "narration_pass_1"): 0.2, ("a", "narration_pass_2"): 0.8, ("b", "narration_pass_1"): 0.5}
    assert all(row.half_clip_s == pytest.approx(half[row.video_uid, row.source]) for row in found.rows)
    assert (found.videos, found.told, found.dropped, found.single) == (2, 6, {}, 1)
    write_egoclip(found, tmp_path / "egoclip.csv")
    with (tmp_path / "egoclip.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert COLUMNS == EGOCLIP_COLUMNS
    assert tuple(rows[0]) == COLUMNS
    assert list(rows[0].values()) == [
        "0", "a", "", "narration_pass_1", "0", "1.0", "0.8", "1.2", "#C C cuts", "[]", "[]",
    ]  # fmt: skip
    assert [(row["narration_ind"], row["clip_start"], row["clip_text"]) for row in rows[3:5]] == [
        ("1", "0.2", "#C C takes a knife"),
        ("0", "8.2", "#C C puts down"),
    ]
    index = EgoClipIndex.open(tmp_path / "egoclip.csv", tmp_path / "cache")
    assert (index.rows, index.unreadable_rows, index.video_uids) == (6, 0, ["a", "b"])
    assert index.narrations("a").times == (1.0, 1.0, 3.0, 5.0, 9.0)


def test_the_first_row_of_egoclip_has_that_form() -> None:
    """EgoVLP's README prints it: the clip lies around its narration to a tenth of a millisecond."""
    assert pytest.approx(3.3445, abs=1e-4) == (2.967651 + 3.721266) / 2


def test_what_is_dropped_is_counted_by_reason(tmp_path: Path) -> None:
    many = told(
        (1.0, "#C C cuts"), (2.0, ""), (2.0, None), (2.0, "#C C "), (2.0, "#C C"), (3.0, "#C C picks #unsure"),
        (3.0, "#C C picks #Unsure"), (None, "#C C a"), (math.nan, "#C C b"), (math.inf, "#C C c"), (-1, "#C C d"),
        ("5", "#C C e"), (10**400, "#C C f"), (1.0, "#C C cuts"), (4.0, "#redacted"), (5, "#C C washes"),
    )  # fmt: skip
    document = {
        "a": {"status": "complete", "narration_pass_1": many},
        "b": {"status": "redacted", "narration_pass_1": told((1.0, "x"))},
        "c": {"status": "incomplete", "narration_pass_1": told((1.0, "x")), "narration_pass_2": told((2.0, "y"))},
        "d": {"status": "complete"},
        "e": {"narration_pass_1": {"summaries": []}},
    }
    found = read_ego4d_narrations(save(tmp_path / "n.json", {"videos": document}))
    assert [(row.index, row.text) for row in found.rows] == [(0, "#C C cuts"), (15, "#C C washes")]
    assert found.dropped == {
        "without text": 4,
        "with #unsure": 2,
        "at no finite time from 0": 6,
        "told twice in one pass": 1,
        "redacted": 1,
        "of videos that are not complete (redacted)": 1,
        "of videos that are not complete (incomplete)": 2,
    }
    assert found.told == len(found.rows) + sum(found.dropped.values())
    assert "left out: 6 at no finite time from 0" in found.summary()
    assert found.summary().startswith("2 of 19 narrations of 1 videos (alpha 4 s)")


def test_some_videos_with_the_alpha_of_all(tmp_path: Path) -> None:
    path = save(tmp_path / "n.json", {"videos": VIDEOS})
    found = read_ego4d_narrations(path, videos=["b"])
    assert ({row.video_uid for row in found.rows}, found.told, found.alpha_s) == ({"b"}, 1, 5.0)
    with pytest.raises(DataError, match=r"field 'videos', value 'x, y': 2 of the videos asked for"):
        read_ego4d_narrations(path, videos=["a", "x", "y"])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "videos by their uid"),
        ({}, "videos by their uid"),
        ({"videos": []}, "videos by their uid"),
        ({"videos": {"a": 1}}, "'a': not Ego4D's narration.json"),
        ({"videos": {"a\tb": {}}}, "a video is expected"),
        ({"videos": {"a": {"status": "complete"}}}, "no video has narration_pass_1"),
        ({"a": {"narration_pass_1": []}}, r"a\.narration_pass_1\.narrations.*a list of narrations"),
        ({"a": {"narration_pass_1": {"narrations": {}}}}, "a list of narrations"),
        ({"a": {"narration_pass_1": {"narrations": [1]}}}, r"narrations\[0\].*an object is expected"),
        ({"a": {"narration_pass_1": told((1.0, 7))}}, r"narrations\[0\]\.narration_text.*a text is expected"),
        ({"a": {"narration_pass_1": told((1.0, "\ud800"))}}, r"narrations\[0\]\.narration_text.*half a character"),
        ({"a": {"narration_pass_1": told((1.0, ""))}}, "not one narration is left"),
    ],
)
def test_what_is_no_such_file_is_named(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_ego4d_narrations(save(tmp_path / "n.json", document))


def test_passes_of_any_name_and_texts_that_are_none(tmp_path: Path) -> None:
    videos = {"a": {"narration_pass_A": told((1.0, "#C C cuts"), (2.0, "nan"), (3.0, "#C C stirs"))}}
    found = read_ego4d_narrations(save(tmp_path / "n.json", videos))
    assert [(row.source, row.text) for row in found.rows] == [
        ("narration_pass_A", "#C C cuts"),
        ("narration_pass_A", "#C C stirs"),
    ]
    assert found.dropped["without text"] == 1
