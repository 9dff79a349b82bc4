"""Sentences, their times, and the table of them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from hiero_lib.base.files import read_json
from hiero_lib.sources.sample.grammar import grammar
from hiero_lib.sources.sample.narrations import Narration, clip_windows, narrate
from hiero_lib.sources.sample.story import sample_story


def test_clips_have_the_length_of_egovlps_rule():
    rows = {"a": [0.0, 4.0, 8.0], "b": [0.0, 2.0, 4.0], "c": [5.0]}
    narrations = {uid: [Narration(uid, t, "#C C x", None) for t in times] for uid, times in rows.items()}
    # Mean gaps 4 and 2, of mean 3; a single narration has the mean.
    assert clip_windows(narrations) == pytest.approx({"a": 4 / 6, "b": 2 / 6, "c": 0.5})


def test_narrations_are_irregular_varied_and_in_order():
    procedure = grammar().procedures[0]
    story = sample_story(
        np.random.default_rng(0),
        video_uid="v",
        procedures=[procedure],
        beside=grammar().beside_of(procedure.scenario),
        duration_s=1800,
    )
    rows = narrate(np.random.default_rng(1), story)
    times = [n.time_s for n in rows]
    assert times == sorted(times)
    gaps = np.diff(times)
    assert gaps.std() > 0.4 * gaps.mean()
    told = [id(n.beat) for n in rows if n.beat is not None]
    assert 0.75 < len(set(told)) / len(story.beats) < 0.95
    assert len(told) > len(set(told))
    assert any(n.text.startswith("#O") for n in rows)
    assert any("#unsure" in n.text for n in rows)
    by_action: dict[str, set[str]] = {}
    for n in rows:
        if n.beat is not None:
            by_action.setdefault(n.beat.text, set()).add(n.text)
    assert max(len(texts) for texts in by_action.values()) > 4


COLUMNS = (
    "clip_idx video_uid video_dur narration_source narration_ind narration_time clip_start clip_end clip_text "
    "tag_verb tag_noun"
)


def egoclip(root: Path) -> list[dict[str, str]]:
    with (root / "raw/annotations/egoclip.csv").open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_egoclip_has_all_columns_and_only_training_videos(small):
    root, report = small
    rows = egoclip(root)
    marker = read_json(root / "sample.json")
    assert list(rows[0]) == COLUMNS.split()
    assert len(rows) == report.counts["training_narrations"]
    assert {r["video_uid"] for r in rows} == set(marker["training_videos"])
    assert [int(r["clip_idx"]) for r in rows] == list(range(len(rows)))
    for row in rows:
        assert row["clip_text"].startswith("#")
        assert row["narration_source"] in ("narration_pass_1", "narration_pass_2")
        assert isinstance(json.loads(row["tag_verb"]), list)
        start, moment, end = (float(row[k]) for k in ("clip_start", "narration_time", "clip_end"))
        assert 0 <= start <= moment <= end <= float(row["video_dur"])
    per_minute = len(rows) / sum({r["video_uid"]: float(r["video_dur"]) / 60 for r in rows}.values())
    assert 9 < per_minute < 17


def test_narrations_lie_about_where_their_action_is(small):
    root, _ = small
    off = []
    for row in egoclip(root):
        if row["tag_noun"] == "[]" or "#unsure" in row["clip_text"]:
            continue
        raw = read_json(root / "truth" / f"{row['video_uid']}.json")["levels"]["action"]
        moment = float(row["narration_time"])
        around = [a for a in raw if a["start_s"] - 1.5 <= moment <= a["end_s"] + 1.5]
        off.append(not any(a["noun"] in row["clip_text"] for a in around))
    assert np.mean(off) < 0.04  # typing errors
