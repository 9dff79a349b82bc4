import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from hiero_lib.hierarchy.spans import Span
from hiero_lib.viz.palette import thread_color
from hiero_lib.viz.query import nearest_spans, plot_query, query_curve
from tests.helpers.made_up import THREE, record

TEXT = torch.tensor([0.3, -1.0, 0.5, 0.2])


@pytest.fixture(scope="module")
def hierarchy():
    return record(THREE, channels=5, project=lambda x: x[:, 1:])


def cosine(a, b):
    return torch.nn.functional.cosine_similarity(a, b[None]).numpy()


def test_answers_are_the_spans_of_the_highest_cosine(hierarchy) -> None:
    level = hierarchy.levels[0]
    order = np.argsort(-cosine(level.span_x, TEXT))
    assert nearest_spans(level, TEXT, most=4) == [level.spans[i] for i in order[:4]]


def test_a_long_line_keeps_its_peaks(hierarchy) -> None:
    level = hierarchy.levels[0]
    every = query_curve(level, TEXT)
    np.testing.assert_allclose(every.cosine, cosine(level.text_x, TEXT), atol=1e-6)
    np.testing.assert_allclose(every.times, level.pos)
    blocks = query_curve(level, TEXT, most_points=9)
    np.testing.assert_allclose(blocks.cosine, [every.cosine[i : i + 5].max() for i in range(0, 40, 5)])
    assert blocks.block == 5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_plotly_draws_lines_and_marks_the_answers(hierarchy, theme) -> None:
    figure = plot_query(hierarchy, "cut <it>", TEXT, title="t", theme=theme)
    for row, level in enumerate(reversed(hierarchy.levels)):
        (line,) = [trace for trace in figure.data if trace.name == f"level {level.level}"]
        np.testing.assert_allclose(line.y, cosine(level.text_x, TEXT), atol=6e-4)
        spans = [trace for trace in figure.data if trace.name.endswith(f", level {level.level}")]
        assert [(min(s.x), max(s.x), s.fillcolor) for s in spans] == [
            (span.start_s, span.end_s, thread_color(span.label)) for span in nearest_spans(level, TEXT)
        ]
        assert {s.xaxis for s in spans} == {line.xaxis}
        assert figure.layout[f"yaxis{row + 1 if row else ''}"].title.text == f"level {level.level}"
    assert "“cut &lt;it&gt;”" in figure.layout.title.text
    assert [a.text for a in figure.layout.annotations][:2] == ["1", "2"]


def test_matplotlib_does_the_same_with_answers_from_outside(hierarchy) -> None:
    answers = {0: [Span(2, 5, 1), Span(9, 12, 3)]}
    figure = plot_query(hierarchy, "cut it", TEXT, title="t", engine="matplotlib", answers=answers, most_points=10)
    assert len(figure.axes) == 3
    marked = [[p for p in axes.patches if isinstance(p, Rectangle)] for axes in figure.axes]
    assert [len(spans) for spans in marked] == [0, 0, 2]
    assert [(p.get_x(), p.get_x() + p.get_width(), to_hex(p.get_facecolor()).upper()) for p in marked[2]] == [
        (2, 5, thread_color(1)),
        (9, 12, thread_color(3)),
    ]
    assert "the highest of up to 4 nodes" in figure.get_supxlabel()
    assert len(figure.axes[2].lines[0].get_xdata()) == 10


def test_numbers_of_answers_that_are_close_do_not_overlap(hierarchy) -> None:
    answers = {0: [Span(2, 3, 1), Span(2.2, 3, 1), Span(2.1, 3.1, 1), Span(15, 16, 2)]}
    figure = plot_query(hierarchy, "cut it", TEXT, title="t", engine="matplotlib", answers=answers)
    figure.draw_without_rendering()
    axes = figure.axes[2]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert [text.get_text() for text in axes.texts] == ["1", "2", "3", "4"]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert boxes[3].y0 == boxes[0].y0  # far from the others, so on the first line
    top = axes.transData.transform((0, axes.lines[0].get_ydata().max()))[1]
    assert all(box.y0 > top for box in boxes)  # and none on the curve


def test_the_number_of_an_answer_at_an_end_keeps_off_the_axis(hierarchy) -> None:
    """At 00:00 it stood on a tick: 0.6 with a 2 was read as 0.62."""
    ends = {0: [Span(0, 0.5, 1), Span(9, 12, 3), Span(hierarchy.end_s - 0.5, hierarchy.end_s, 2)]}
    printed = plot_query(hierarchy, "cut it", TEXT, title="t", engine="matplotlib", answers=ends)
    assert [text.get_ha() for text in printed.axes[2].texts] == ["left", "center", "right"]
    figure = plot_query(hierarchy, "cut it", TEXT, title="t", answers=ends)
    assert [note.xanchor for note in figure.layout.annotations] == ["left", "center", "right"]
    assert "1 is the best answer" in figure.layout.title.text
