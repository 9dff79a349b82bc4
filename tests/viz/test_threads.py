import dataclasses

import pytest

from hiero_lib.data.narrations import Narrations
from hiero_lib.viz.palette import thread_color
from hiero_lib.viz.threads import plot_threads, thread_lanes
from tests.helpers.made_up import THREE, record
from tests.viz.test_timeline import BARS


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("engine", ["plotly", "matplotlib"])
def test_a_lane_holds_the_spans_of_its_thread_and_no_others(engine, theme) -> None:
    hierarchy = record(THREE)
    level = hierarchy.levels[0]
    lanes = list(level.seconds())
    figure = plot_threads(hierarchy, level=0, title="t", engine=engine, theme=theme)
    expected = {
        (lanes.index(span.label), round(span.start_s, 3), round(span.length_s, 3), thread_color(span.label))
        for span in level.spans
    }
    assert {
        (row, round(start, 3), round(length, 3), color) for row, start, length, color in BARS[engine](figure)
    } == (expected)


def test_lanes_are_named_and_say_how_long_and_how_often() -> None:
    hierarchy = record(THREE)
    level = dataclasses.replace(hierarchy.levels[0], names={0: "washes " + "very " * 20 + "well"})
    hierarchy = dataclasses.replace(hierarchy, levels=(level, *hierarchy.levels[1:]))
    first, *others = thread_lanes(hierarchy, 0)
    number = first.spans[0].label
    assert first.name.startswith("0 washes very")
    assert first.name.endswith("…  00:07")
    assert len(first.name) < 54
    assert first.names == {number: "2 spans"}
    assert others[0].name.startswith("thread 1")


def test_plotly_has_no_legend_that_repeats_the_lanes_and_hover_says_what_is_narrated() -> None:
    narrations = Narrations([1.0, 15.0], ["#C C cuts", "#C C cooks"])
    figure = plot_threads(record(THREE), level=2, title="t", narrations=narrations)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert [trace.showlegend for trace in bars] == [False, False]
    assert bars[0].hovertext[0] == "thread 0  00:15: 2 spans<br>00:00.0 – 00:07.7 (7.7 s)<br>00:01 “cuts”"
    assert figure.layout.yaxis.ticktext == ("thread 0  00:15", "thread 1  00:06", "narrations")
    assert figure.layout.xaxis.range == (0, 21.333)
