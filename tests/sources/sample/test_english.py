"""The little English of the sample's sentences."""

import pytest

from hiero_lib.sources.sample.english import past, plural, third_person


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
