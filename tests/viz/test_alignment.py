"""Two videos aligned, drawn: bands between what corresponds, in the same colour; grey for what stands alone."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.patches import Polygon

from hiero_lib.hierarchy.alignment import align
from hiero_lib.hierarchy.spans import Span
from hiero_lib.viz.alignment import plot_alignment
from hiero_lib.viz.bars import TimelineRow
from hiero_lib.viz.palette import THEMES, thread_color
from tests.helpers.made_up import record

STEPS = torch.nn.functional.normalize(torch.eye(12) + 0.1, dim=1)


def video_of(steps, uid, stretch=1):
    labels = [step for step in steps for _ in range(16 * stretch)]
    made = record([labels, labels[::2], labels[::4]], channels=12, video_uid=uid)
    order = list(dict.fromkeys(steps))
    levels = [
        dataclasses.replace(level, span_x=STEPS[[order[span.label] for span in level.spans]]) for level in made.levels
    ]
    return dataclasses.replace(made, levels=tuple(levels))


ONE, OTHER = video_of([0, 1, 2, 3], "one"), video_of([1, 5, 3], "other", stretch=2)
GREY = THEMES["light"].neutral[1]


def test_every_pair_is_a_band_in_the_colour_of_its_thread() -> None:
    found = align(ONE, OTHER, level=0)
    assert [(pair.one, pair.other) for pair in found.pairs] == [(1, 0), (3, 2)]
    figure = plot_alignment(ONE, OTHER, level=0, title="t")
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert [list(trace.marker.color) for trace in bars] == [
        [GREY, thread_color(1), GREY, thread_color(3)],
        [thread_color(1), GREY, thread_color(3)],
    ]
    assert list(bars[0].base) == pytest.approx([0, 0.25, 0.5, 0.75], abs=1e-3)
    assert list(bars[1].base) == pytest.approx([0, 1 / 3, 2 / 3], abs=1e-3)
    scatters = [trace for trace in figure.data if trace.type == "scatter"]
    bands = [trace for trace in scatters if trace.fill == "toself"]
    assert [trace.line.color for trace in bands] == [thread_color(1), thread_color(3)]
    assert list(bands[0].x[:4]) == pytest.approx([0.25, 0.5, 1 / 3, 0], abs=1e-3)
    assert "50 % of the upper video and 67 % of the lower" in figure.layout.title.text
    (told,) = [trace for trace in scatters if trace.mode == "markers"]
    assert "cosine 1.00" in told.hovertext[0]
    assert "no counterpart" in bars[0].hovertext[0]


def test_each_axis_has_the_times_of_its_own_video() -> None:
    figure = plot_alignment(ONE, OTHER, level=0, title="t")
    upper, lower = figure.layout.xaxis2, figure.layout.xaxis
    assert upper.side == "top"
    assert (upper.ticktext[1], lower.ticktext[1]) == ("00:05", "00:10")
    assert upper.tickvals[1] == pytest.approx(5 / ONE.end_s)
    assert lower.tickvals[1] == pytest.approx(10 / OTHER.end_s)


def test_the_truth_stands_outside_in_colours_that_mean_the_same_in_both() -> None:
    names = {0: "cut", 1: "cook"}
    truth = (
        TimelineRow("true key-steps", [Span(0, 10, 0), Span(10, 20, 1)], names),
        TimelineRow("true key-steps", [Span(0, 10, 1), Span(10, 20, -1)], names),
    )
    figure = plot_alignment(ONE, OTHER, level=0, title="t", truth=truth, names=("A", "B"))
    rows = {trace.y[0]: trace for trace in figure.data if trace.type == "bar"}
    assert list(figure.layout.yaxis.ticktext) == ["true key-steps", "A", "B", "true key-steps"]
    assert sorted(rows) == list(figure.layout.yaxis.tickvals)
    first, *_, last = (rows[row] for row in sorted(rows))
    assert first.marker.color[1] == last.marker.color[0]
    assert last.marker.color[1] == thread_color(-1)
    listed = {trace.name: trace.marker.color for trace in figure.data if trace.showlegend is not False}
    assert listed == {"cut": first.marker.color[0], "cook": first.marker.color[1], "none": thread_color(-1)}
    assert list(listed) == ["cut", "cook", "none"]
    assert figure.layout.legend.title.text == "threads"
    printed = plot_alignment(ONE, OTHER, level=0, title="t", truth=truth, engine="matplotlib")
    (legend,) = printed.legends
    assert [text.get_text() for text in legend.get_texts()] == list(listed)
    assert [to_hex(patch.get_facecolor()).upper() for patch in legend.get_patches()] == list(listed.values())


def test_without_truth_there_is_no_legend() -> None:
    assert all(trace.showlegend is False for trace in plot_alignment(ONE, OTHER, level=0, title="t").data)
    assert plot_alignment(ONE, OTHER, level=0, title="t", engine="matplotlib").legends == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_in_print_as_on_the_screen(theme) -> None:
    figure = plot_alignment(ONE, OTHER, level=0, title="t", engine="matplotlib", theme=theme)
    (axes,) = figure.axes
    bars = [to_hex(one.get_facecolor()[0]).upper() for one in axes.collections if isinstance(one, PolyCollection)]
    grey = THEMES[theme].neutral[1]
    assert bars == [grey, thread_color(1), grey, thread_color(3), thread_color(1), grey, thread_color(3)]
    assert len([one for one in axes.patches if isinstance(one, Polygon)]) == 2
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one", "other"]


def test_a_level_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match="no such level"):
        plot_alignment(ONE, OTHER, level=7, title="t")
