"""Points in the colours of their groups, for the screen and for print."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from hiero_lib.viz.palette import THEMES, thread_color
from hiero_lib.viz.points import Group, plot_points

GROUPS = [
    Group("all others", "#8C8C8C", np.zeros((1, 2)), ["x <b>"]),
    Group("cuts <i>", thread_color(0), np.array([[0.1, 0.2], [0.3, 0.4]]), ["one\na", "two"]),
]


def test_on_the_screen_a_group_is_a_trace() -> None:
    figure = plot_points(GROUPS, title="t <b>", legend="threads", note="n", theme="dark")
    assert [trace.type for trace in figure.data] == ["scatter", "scatter"]
    assert [trace.name for trace in figure.data] == ["all others", "cuts &lt;i&gt;"]
    assert figure.data[1].legendrank < figure.data[0].legendrank
    assert list(figure.data[1].hovertext) == ["one<br>a", "two"]
    assert figure.data[0].hovertext[0] == "x &lt;b&gt;"
    assert list(figure.data[1].y) == [0.2, 0.4]
    assert figure.data[1].marker.color == thread_color(0)
    assert "t &lt;b&gt;" in figure.layout.title.text
    assert figure.layout.paper_bgcolor == THEMES["dark"].background


def test_in_print() -> None:
    figure = plot_points(GROUPS, title="t", legend="threads", engine="matplotlib")
    (axes,) = figure.axes
    drawn = [(to_hex(one.get_facecolor()[0]).upper(), len(one.get_offsets())) for one in axes.collections]
    assert drawn == [("#8C8C8C", 1), (thread_color(0), 2)]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["cuts <i>", "all others"]


def test_many_points_are_small_and_drawn_by_webgl() -> None:
    many = [Group("g", "#000000", np.random.default_rng(0).random((50_000, 2)), ["x"] * 50_000)]
    (trace,) = plot_points(many, title="t", legend="l").data
    assert trace.type == "scattergl"
    assert trace.marker.size < 5
    assert plot_points(GROUPS, title="t", legend="l").data[0].marker.size == 7


def test_another_engine_is_an_error() -> None:
    with pytest.raises(ValueError, match="engine"):
        plot_points(GROUPS, title="t", legend="l", engine="svg")  # type: ignore[arg-type]
