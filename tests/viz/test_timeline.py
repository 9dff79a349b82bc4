import io

import pytest
from matplotlib import rcParams
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex

from hiero_lib.data.narrations import Narrations
from hiero_lib.hierarchy.spans import Span
from hiero_lib.viz.palette import THEMES, thread_color
from hiero_lib.viz.timeline import TimelineRow, plot_timeline

TRUTH = TimelineRow("truth", [Span(0, 40, 0), Span(40, 100, 1), Span(100, 180, 0)], {0: "wash <up> & dry", 1: "cook"})
LEVEL = TimelineRow("HiERO level 1", [Span(0, 32, 0), Span(32, 36, 7), Span(36, 176, 1)])
STEPS = TimelineRow("key-steps", [Span(10, 90, 0), Span(90, 150, 1)], {0: "fill the sink", 1: "rinse"}, threads=False)
ROWS = [TRUTH, LEVEL, STEPS]
NARRATIONS = Narrations([5.0, 34.0, 95.0], ["#C C opens the tap", "#C C walks", "#C C stirs the <soup>"])


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


def test_matplotlib_axes_and_texts() -> None:
    figure = plot_timeline(ROWS, title="Video <7>", engine="matplotlib", narrations=NARRATIONS)
    axes = figure.axes[0]
    assert axes.get_title(loc="left") == "Video <7>"
    assert axes.get_xlabel() == "time (mm:ss)"
    assert axes.get_xlim() == (0, 180)
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    labels = dict(zip(axes.get_xticks(), [label.get_text() for label in axes.get_xticklabels()]))
    assert labels[90] == "01:30"
    assert [label.get_text() for label in axes.get_yticklabels()] == [row.name for row in ROWS] + ["narrations"]
    (ticks,) = [c for c in axes.collections if isinstance(c, LineCollection)]
    assert sorted(float(segment[0][0]) for segment in ticks.get_segments()) == [5, 34, 95]
    texts = {text.get_text(): text.get_position() for text in axes.texts}
    assert texts["fill the sink"] == (50, 2)
    assert texts["cook"] == (70, 0)
    assert "7" in texts
    assert {"opens the tap", "walks", "stirs the <soup>"} <= set(texts)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["0 wash <up> & dry", "1 cook", "thread 7"]
    assert [to_hex(p.get_facecolor()).upper() for p in legend.get_patches()] == [thread_color(n) for n in (0, 1, 7)]


def test_print_has_no_text_beyond_its_bar_or_over_another() -> None:
    """Measured on the drawn figure, with more narrations and shorter spans than there is room for."""
    spans = [Span(t, t + 1 + t % 7, t % 12) for t in range(0, 240, 8)]
    narrations = Narrations(list(range(0, 240, 2)), [f"#C C does the thing number {n}" for n in range(120)])
    rows = [TimelineRow("a row with a fairly long name", spans, {3: "name of a thread"}), STEPS]
    figure = plot_timeline(rows, title="t", engine="matplotlib", narrations=narrations)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) > 20
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)
    assert all(box.y0 >= axes.get_window_extent().y0 for box in boxes)
    by_middle = {(span.start_s + span.end_s) / 2: span for span in spans}
    for text in axes.texts:
        if text.get_position()[1] == 0:
            span = by_middle[text.get_position()[0]]
            left, right = axes.transData.transform([(span.start_s, 0), (span.end_s, 0)])[:, 0]
            assert left <= text.get_window_extent().x0
            assert text.get_window_extent().x1 <= right


def test_print_is_vectors_and_leaves_the_settings_alone() -> None:
    before = dict(rcParams)
    figure = plot_timeline(ROWS, title="t", engine="matplotlib", narrations=NARRATIONS)
    file = io.BytesIO()
    figure.savefig(file, format="svg")
    assert b"<image" not in file.getvalue()
    assert dict(rcParams) == before
    assert type(figure.canvas).__name__ == "FigureCanvasBase"  # pyplot knows nothing of it


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
