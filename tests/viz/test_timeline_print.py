"""The printed timeline: texts keep to their bars and off one another, and the figure belongs to nobody else."""

import io

from matplotlib import rcParams
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from hiero_lib.data.narrations import Narrations
from hiero_lib.hierarchy.spans import Span
from hiero_lib.viz.bars import TimelineRow
from hiero_lib.viz.palette import thread_color
from hiero_lib.viz.timeline import plot_timeline
from hiero_lib.viz.timeline_print import fitted
from tests.helpers.made_rows import NARRATIONS, ROWS, STEPS


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


def test_a_text_is_broken_into_as_few_lines_as_fit() -> None:
    assert fitted("wash the pan", 200, 30, size=7) == "wash the pan"
    assert fitted("wash the pan", 40, 20, size=7) == "wash the\npan"
    assert fitted("wash the pan", 40, 10, size=7) is None  # one line is too wide, two are too high
    assert fitted("a\nb", 200, 20, size=7) == "a\nb"
    assert fitted("", 200, 20, size=7) is None
    assert fitted("x", 6, 20, size=7) is None
