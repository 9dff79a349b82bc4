"""Sentences, their times, and the table of them."""

import numpy as np
import pytest

from hiero_lib.sources.sample.english import past, plural, third_person
from hiero_lib.sources.sample.grammar import grammar
from hiero_lib.sources.sample.narrations import Narration, clip_windows, narrate
from hiero_lib.sources.sample.story import sample_story


@pytest.mark.parametrize(
    ("word", "expected"),
    [("pick up", "picks up"), ("wash", "washes"), ("carry", "carries"), ("spray", "sprays"), ("press", "presses")],
)
def test_third_person(word, expected):
    assert third_person(word) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stir the soup", "stirred the soup"),
        ("open the tap", "opened the tap"),
        ("carry the can", "carried the can"),
        ("cut the bread", "cut the bread"),
        ("wipe the table", "wiped the table"),
        ("pour the water", "poured the water"),
        ("draw the line", "drew the line"),
    ],
)
def test_past(text, expected):
    assert past(text) == expected


@pytest.mark.parametrize(
    ("noun", "expected"), [("berry", "berries"), ("knife", "knives"), ("power supply", "power supplies")]
)
def test_plural(noun, expected):
    assert plural(noun) == expected


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
