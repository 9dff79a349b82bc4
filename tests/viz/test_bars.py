import pytest

from hiero_lib.data.narrations import Narrations
from hiero_lib.hierarchy.spans import Span
from hiero_lib.viz.bars import (
    Bar,
    TimelineRow,
    legend_names,
    legend_title,
    timeline_bars,
)
from hiero_lib.viz.page import clock, tick_times
from hiero_lib.viz.palette import THEMES, thread_color


@pytest.mark.parametrize(
    ("seconds", "decimals", "text"),
    [
        (0, 0, "00:00"),
        (65.25, 0, "01:05"),
        (65.25, 1, "01:05.2"),
        (59.97, 1, "01:00.0"),
        (59.5, 0, "01:00"),
        (3599.96, 1, "1:00:00.0"),
        (7265, 0, "2:01:05"),
        (-0.0001, 0, "00:00"),
        (-61, 0, "-01:01"),
    ],
)
def test_clock(seconds: float, decimals: int, text: str) -> None:
    assert clock(seconds, decimals=decimals) == text


@pytest.mark.parametrize("end_s", [0.4, 1, 59, 61, 600, 1800, 7200, 86_400])
def test_ticks_are_few_and_round(end_s: float) -> None:
    ticks = tick_times(end_s, most=14)
    assert ticks[0] == 0
    assert ticks[-1] <= end_s
    assert len(ticks) <= 14
    assert end_s < 10 or len(ticks) >= 5


def test_bars_say_what_a_span_is() -> None:
    row = TimelineRow("HiERO level 1", [Span(70.0, 80.0, 3), Span(0.0, 4.5, 1)], {1: "cut"})
    narrations = Narrations([2.0, 60.0, 76.0], ["#C C cuts", "#C C walks", "#C C opens the tap"])
    first, second = timeline_bars([row], narrations)
    assert first == Bar(0, row.spans[1], thread_color(1), "cut", first.hover, "1")
    assert first.hover == "HiERO level 1: cut\n00:00.0 – 00:04.5 (4.5 s)\n00:02 “cuts”"
    assert second.text == "3"
    assert second.hover == "HiERO level 1: thread 3\n01:10.0 – 01:20.0 (10.0 s)\n01:16 “opens the tap”"


def test_a_negative_label_is_grey_and_wears_no_number() -> None:
    (bar,) = timeline_bars([TimelineRow("truth", [Span(0, 1, -1)])])
    assert (bar.color, bar.text, bar.hover) == (thread_color(-1), "", "truth: none\n00:00.0 – 00:01.0 (1.0 s)")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_key_steps_take_no_threads_color_and_neighbours_differ(theme) -> None:
    steps = TimelineRow(
        "key-steps", [Span(0, 1, 0), Span(1, 2, 1), Span(2, 3, 1)], {0: "cut", 1: "cook"}, threads=False
    )
    bars = timeline_bars([steps], theme=theme)
    assert [bar.text for bar in bars] == ["cut", "cook", "cook"]
    assert [bar.color for bar in bars] == [THEMES[theme].neutral[i] for i in (0, 1, 0)]


def test_the_legend_names_each_thread_once() -> None:
    rows = [
        TimelineRow("raw", [Span(0, 1, 8), Span(1, 2, 2)]),
        TimelineRow("truth", [Span(0, 1, 2), Span(1, 2, -1)], {2: "wash"}),
        TimelineRow("key-steps", [Span(0, 1, 5)], {5: "cook"}, threads=False),
    ]
    assert legend_names(rows) == {-1: "none", 2: "2 wash", 8: "thread 8"}
    assert list(legend_names(rows)) == [-1, 2, 8]
    assert legend_title(rows) == "threads"


def test_the_legend_says_key_steps_where_they_are_key_steps() -> None:
    rows = [TimelineRow("truth", [Span(0, 1, 0), Span(1, 2, 3)], {0: "cut"}, kind="key-step")]
    assert legend_title(rows) == "key-steps"
    assert legend_names(rows) == {0: "0 cut", 3: "key-step 3"}
    assert legend_title([*rows, TimelineRow("x", [])]) == "key-steps, threads"
    assert legend_title([TimelineRow("x", [], threads=False)]) == "threads"
