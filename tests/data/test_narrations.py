"""One type of narrations, and one way to add and strip their tags."""

from __future__ import annotations

import math

import pytest

from hiero_lib.data.narrations import Narrations, add_tag, strip_tag

NARRATIONS = Narrations([1.0, 2.5, 2.5, 7.0], ["#C C cuts", "#O a man X sits", "plain", "#C C  eats\n it"])


def test_they_are_pairs_in_time_order() -> None:
    assert len(NARRATIONS) == 4
    assert list(NARRATIONS)[1] == (2.5, "#O a man X sits")
    assert Narrations((1.0,), ("a",)) == Narrations([1.0], ["a"])
    assert not Narrations()


def test_without_tags_they_read_as_plain_words() -> None:
    plain = NARRATIONS.without_tags()
    assert plain == Narrations(NARRATIONS.times, ["cuts", "a man X sits", "plain", "eats it"])


def test_those_of_a_span_start_with_it_and_end_before_it_does() -> None:
    assert NARRATIONS.between(1.0, 2.5) == Narrations([1.0], ["#C C cuts"])
    assert NARRATIONS.between(2.5, 7.0).texts == NARRATIONS.texts[1:3]
    assert not NARRATIONS.between(3, 4)


@pytest.mark.parametrize(
    ("times", "texts", "message"),
    [
        ([0.0, 1.0], ["#C C cuts"], "2 narration times but 1 texts"),
        ([1.0, 0.5], ["a", "b"], "0.5 s comes after 1.0 s"),
        ([math.nan], ["a"], "nan s, which is no time"),
        ([0.0, math.inf], ["a", "b"], "inf s, which is no time"),
    ],
)
def test_what_is_no_line_of_narrations_is_refused(times: list[float], texts: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Narrations(times, texts)


@pytest.mark.parametrize(
    ("plain", "tagged"),
    [
        ("cut  the onion\n", "#C C cut the onion"),
        ("#O a man sits", "#O a man sits"),
        ("#C C cuts", "#C C cuts"),
    ],
)
def test_a_tag_is_added_where_there_is_none(plain: str, tagged: str) -> None:
    assert add_tag(plain) == tagged


@pytest.mark.parametrize(
    ("tagged", "plain"),
    [
        ("#C C washes\n the pan ", "washes the pan"),
        ("#O A man X talks to C #unsure", "A man X talks to C #unsure"),
        ("washes the pan", "washes the pan"),
        ("C washes", "C washes"),
        ("#Cwashes", "#Cwashes"),
    ],
)
def test_a_tag_is_stripped(tagged: str, plain: str) -> None:
    assert strip_tag(tagged) == plain


def test_stripping_undoes_adding() -> None:
    assert strip_tag(add_tag("cuts the onion")) == "cuts the onion"
    assert add_tag(strip_tag("#C C cuts the onion")) == "#C C cuts the onion"
