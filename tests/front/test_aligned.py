"""Two videos that are aligned, as plain values."""

from __future__ import annotations

import dataclasses
import json

import pytest

from hiero_lib.front.aligned import aligned_value
from hiero_lib.hierarchy import alignment
from tests.helpers.made_up import THREE, record

VIDEO = record(THREE, channels=6, video_uid="v")


def test_a_counterpart_has_the_label_of_the_first_videos_thread() -> None:
    value = aligned_value(VIDEO, dataclasses.replace(VIDEO, video_uid="w"), name="W <b>")
    json.dumps(value, allow_nan=False)
    assert (value["uid"], value["name"], value["end_s"]) == ("w", "W <b>", VIDEO.end_s)
    assert [one["level"] for one in value["levels"]] == [2, 1, 0]
    for one, level in zip(value["levels"], VIDEO.levels[::-1]):
        assert [tuple(span[:2]) for span in one["spans"]] == [
            (round(s.start_s, 3), round(s.end_s, 3)) for s in level.spans
        ]
        paired = {other: first for first, other, _ in one["pairs"]}
        for row, (_, _, label, title) in enumerate(one["spans"]):
            assert title == f"thread {level.spans[row].label}"
            assert label == (level.spans[paired[row]].label if row in paired else -1)
        assert all(cosine > one["threshold"] for _, _, cosine in one["pairs"])
    assert any(one["pairs"] for one in value["levels"])


def test_a_level_that_cannot_be_aligned_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "MOST_PAIRS", 20)
    value = aligned_value(VIDEO, VIDEO, name="v")
    notes = {one["level"]: one["note"] for one in value["levels"]}
    assert notes[2] == ""
    assert "too many to be aligned" in notes[0]
    assert all(label == -1 for _, _, label, _ in value["levels"][-1]["spans"])


def test_a_level_that_the_other_lacks_is_not_there() -> None:
    value = aligned_value(VIDEO, dataclasses.replace(VIDEO, levels=VIDEO.levels[:2]), name="v")
    assert [one["level"] for one in value["levels"]] == [1, 0]
