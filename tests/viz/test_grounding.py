"""Answers beside the truth: both engines draw the same spans."""

import pytest
from matplotlib.colors import to_hex

from hiero_lib.viz.grounding import GroundingPanel, plot_grounding
from hiero_lib.viz.palette import thread_color

ANSWERS = {"untrained features": [(10.0, 20.0), (0.0, 4.0)], "HiERO": [(31.0, 39.0), (30.0, 50.0)]}
PANEL = GroundingPanel("Where is <it>, at $5?", 100.0, (30.0, 40.0), ANSWERS)
TEST_PANEL = GroundingPanel("And here?", 60.0, None, {"untrained features": [(1.0, 2.0)], "HiERO": []})


def plotly_spans(figure):
    bars = [trace for trace in figure.data if trace.type == "bar"]
    return [[(base, base + length) for base, length in zip(trace.base, trace.x)] for trace in bars]


def matplotlib_spans(figure):
    found = []
    for axes in figure.axes:
        boxes = [path.get_extents() for bars in axes.collections for path in bars.get_paths()]
        found.append([(box.x0, box.x1) for box in boxes])
    return found


@pytest.mark.parametrize(("engine", "spans"), [("plotly", plotly_spans), ("matplotlib", matplotlib_spans)])
def test_the_spans_of_each_panel_are_drawn(engine, spans):
    figure = plot_grounding([PANEL, TEST_PANEL], title="t", engine=engine)
    assert spans(figure) == [[(30, 40), (10, 20), (0, 4), (31, 39), (30, 50)], [(1, 2)]]


def test_headings_are_queries_and_rows_say_how_well_the_first_answers_fit():
    interactive = plot_grounding([PANEL, TEST_PANEL], title="a <b>", theme="dark")
    printed = plot_grounding([PANEL, TEST_PANEL], title="a <b>", theme="dark", engine="matplotlib")
    assert [note.text for note in interactive.layout.annotations] == ["Where is &lt;it&gt;, at &#36;5?", "And here?"]
    assert [axes.get_title(loc="left") for axes in printed.axes] == ["Where is <it>, at $5?", "And here?"]
    rows = [["truth", "untrained features, IoU 0.00", "HiERO, IoU 0.80"], ["truth", "untrained features", "HiERO"]]
    layout = interactive.layout
    assert [list(axis.ticktext) for axis in (layout.yaxis, layout.yaxis2)] == rows
    assert [[label.get_text() for label in axes.get_yticklabels()] for axes in printed.axes] == rows
    assert layout.title.text == "a &lt;b&gt;"
    assert "IoU 0.50" in interactive.data[0].hovertext[4]
    printed.draw_without_rendering()


def test_the_first_answer_is_on_top_and_in_full_colour():
    (bars,) = plot_grounding([PANEL], title="t").data
    assert bars.y[0] == 0
    assert 0.5 < bars.y[1] < bars.y[2] < 1.5 < bars.y[3] < bars.y[4] < 2.5
    assert [color.endswith(",1)") for color in bars.marker.color] == [True, True, False, True, False]
    assert len({bars.marker.color[i] for i in (0, 1, 3)}) == 3
    assert bars.marker.line.color[1] == bars.marker.line.color[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_later_answers_are_outlined_in_full_colour_so_that_they_are_seen_on_any_page(theme):
    full = [thread_color(0), thread_color(0), thread_color(1), thread_color(1)]
    (bars,) = plot_grounding([PANEL], title="t", theme=theme).data
    assert list(bars.marker.line.color[1:]) == full
    assert bars.marker.line.width >= 1
    assert bars.marker.opacity is None
    (axes,) = plot_grounding([PANEL], title="t", theme=theme, engine="matplotlib").axes
    bars = [one for one in axes.collections if one.get_label() != "truth"]
    assert [to_hex(one.get_edgecolor()[0]).upper() for one in bars if one.get_edgecolor()[0][3] == 1] == full
    assert [one.get_facecolor()[0][3] == 1 for one in bars] == [True, False, True, False]


def test_what_cannot_be_drawn():
    with pytest.raises(ValueError, match="at least one"):
        plot_grounding([], title="t")
    with pytest.raises(ValueError, match="same methods"):
        plot_grounding([PANEL, GroundingPanel("q", 1.0, None, {"HiERO": []})], title="t")
    with pytest.raises(ValueError, match="'svg'"):
        plot_grounding([PANEL], title="t", engine="svg")  # type: ignore[call-overload]
