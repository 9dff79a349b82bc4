import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex

from hiero_lib.data.narrations import Narrations
from hiero_lib.hierarchy.spans import Span
from hiero_lib.viz.palette import THEMES, thread_color
from hiero_lib.viz.timeline import TimelineRow, plot_timeline
from tests.helpers.made_rows import LEVEL, NARRATIONS, ROWS, TRUTH


def plotly_bars(figure) -> set[tuple[int, float, float, str]]:
    """(row, start, length, colour) of every bar."""
    found = set()
    for trace in figure.data:
        if trace.type == "bar":
            color = trace.marker.color
            colors = [color] * len(trace.x) if isinstance(color, str) else color
            found |= set(zip(trace.y, trace.base, trace.x, colors))
    return found


def matplotlib_bars(figure) -> set[tuple[int, float, float, str]]:
    found = set()
    for collection in figure.axes[0].collections:
        if isinstance(collection, PolyCollection):
            for path, color in zip(collection.get_paths(), collection.get_facecolors()):
                box = path.get_extents()
                found.add(
                    (round((box.y0 + box.y1) / 2), float(box.x0), float(box.x1 - box.x0), to_hex(color).upper())
                )
    return found


BARS = {"plotly": plotly_bars, "matplotlib": matplotlib_bars}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("engine", ["plotly", "matplotlib"])
def test_bars_are_the_spans_in_the_threads_colors(engine, theme) -> None:
    figure = plot_timeline(ROWS, title="t", engine=engine, narrations=NARRATIONS, theme=theme)
    expected = {
        (index, span.start_s, span.length_s, thread_color(span.label))
        for index, row in enumerate([TRUTH, LEVEL])
        for span in row.spans
    }
    expected |= {(2, 10, 80, THEMES[theme].neutral[0]), (2, 90, 60, THEMES[theme].neutral[1])}
    assert BARS[engine](figure) == expected


def test_plotly_axes() -> None:
    figure = plot_timeline(ROWS, title="Video <7>", narrations=NARRATIONS)
    layout = figure.layout
    assert layout.title.text == "Video &lt;7&gt;"
    assert layout.barmode == "overlay"  # else x is not a length from the base
    assert tuple(layout.xaxis.range) == (0, 180)
    assert layout.xaxis.type in (None, "linear")
    assert layout.xaxis.title.text == "time (mm:ss)"
    assert dict(zip(layout.xaxis.tickvals, layout.xaxis.ticktext))[90] == "01:30"
    assert layout.yaxis.ticktext == ("truth", "HiERO level 1", "key-steps", "narrations")
    assert layout.yaxis.range[0] > layout.yaxis.range[1]  # the first row is uppermost
    assert layout.yaxis.fixedrange  # zoom is along time only, for all rows together
    assert layout.xaxis2.matches == "x"
    assert {trace.xaxis for trace in figure.data if trace.type == "bar"} == {None}


def test_plotly_hover_and_legend() -> None:
    figure = plot_timeline(ROWS, title="t", narrations=NARRATIONS)
    traces = {trace.name: trace for trace in figure.data if trace.type == "bar"}
    assert list(traces) == ["0 wash &lt;up&gt; &amp; dry", "1 cook", "thread 7", "spans"]
    assert [traces[name].showlegend for name in traces] == [None, None, None, False]
    hover = dict(zip(traces["1 cook"].base, traces["1 cook"].hovertext))
    assert hover[40] == "truth: cook<br>00:40.0 – 01:40.0 (60.0 s)<br>01:35 “stirs the &lt;soup&gt;”"
    assert hover[36] == "HiERO level 1: thread 1<br>00:36.0 – 02:56.0 (140.0 s)<br>01:35 “stirs the &lt;soup&gt;”"
    assert all(trace.hovertemplate == "%{hovertext}<extra></extra>" for trace in traces.values())
    (ticks,) = [trace for trace in figure.data if trace.name == "narrations"]
    assert list(ticks.x) == [5, 34, 95]
    assert set(ticks.y) == {3}
    assert ticks.hovertext[2] == "01:35.0 “stirs the &lt;soup&gt;”"


@pytest.mark.parametrize("engine", ["plotly", "matplotlib"])
def test_the_same_thread_has_the_same_color_in_another_figure(engine) -> None:
    alone = plot_timeline([TimelineRow("x", [Span(0, 5, 7)])], title="t", engine=engine)
    together = plot_timeline(ROWS, title="t", engine=engine)
    assert {color for *_, color in BARS[engine](alone)} <= {color for *_, color in BARS[engine](together)}


@pytest.mark.parametrize("engine", ["plotly", "matplotlib"])
def test_rows_without_spans_and_one_segment(engine) -> None:
    empty = plot_timeline([TimelineRow("a", []), TimelineRow("a", [])], title="t", engine=engine)
    assert BARS[engine](empty) == set()
    one = plot_timeline(
        [TimelineRow("a", [Span(0, 0.5, 0)])], title="t", engine=engine, narrations=Narrations(), end_s=3600
    )
    assert BARS[engine](one) == {(0, 0, 0.5, thread_color(0))}
    label = one.layout.xaxis.title.text if engine == "plotly" else one.axes[0].get_xlabel()
    assert label == "time (h:mm:ss)"


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        plot_timeline([], title="t")
    with pytest.raises(ValueError, match="'bokeh'"):
        plot_timeline(ROWS, title="t", engine="bokeh")


def test_two_hours_make_a_small_figure() -> None:
    spans = [Span(t, t + 2, (t // 2) % 20) for t in range(0, 7200, 2)]
    figure = plot_timeline([TimelineRow("level 0", spans)], title="t")
    assert len([trace for trace in figure.data if trace.type == "bar"]) == 20
    assert len(figure.to_json()) < 500_000


def test_a_name_that_a_narrow_page_has_no_room_for_is_a_number_on_every_page() -> None:
    """Plotly draws no text that does not fit: a long bar whose name fits only a wide page was left blank."""
    row = TimelineRow("a", [Span(0, 60, 0), Span(60, 100, 1)], {0: "wash the pan", 1: "preparing the pizza dough"})
    texts = {bar: text for trace in bar_traces(plot_timeline([row], title="t")) for bar, text in trace}
    assert {bar: text.strip("\u00a0") for bar, text in texts.items()} == {0: "wash the pan", 60: "1"}


def bar_traces(figure):
    return [zip(trace.base, trace.text) for trace in figure.data if trace.type == "bar"]


def test_a_long_legend_does_not_stretch_the_rows() -> None:
    spans = [Span(t, t + 1, t) for t in range(60)]
    heights = [plot_timeline([TimelineRow("a", spans[:n])] * 2, title="t").layout.height for n in (3, 8, 60)]
    assert heights == [262, 360, 370]
