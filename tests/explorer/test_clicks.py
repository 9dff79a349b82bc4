"""A click on each figure means the level and the moment that one sees there."""

from __future__ import annotations

import pytest
import torch

from hiero_lib.data.narrations import Narrations
from hiero_lib.explorer.clicks import meant_by
from hiero_lib.explorer.live import Click, read_click
from hiero_lib.viz.bars import TimelineRow
from hiero_lib.viz.levels import plot_levels
from hiero_lib.viz.query import nearest_spans, plot_query
from hiero_lib.viz.rows import hierarchy_rows
from hiero_lib.viz.similarity import plot_similarity
from hiero_lib.viz.threads import plot_threads
from hiero_lib.viz.timeline import plot_timeline
from hiero_lib.viz.tree import plot_tree
from tests.helpers.made_up import THREE, record

HIERARCHY = record(THREE, channels=6, network=[[-1] * 40, [0] * 20, [0] * 10])
NARRATIONS = Narrations([1.0, 6.0], ["#C C cuts", "#C C cooks"])


def bars_of(figure):
    """Number of the trace, number of the bar, row and middle of each bar."""
    for curve, trace in enumerate(figure.data):
        if trace.type == "bar":
            for point, (row, start, length) in enumerate(zip(trace.y, trace.base, trace.x)):
                yield curve, point, int(row), start + length / 2


@pytest.mark.parametrize("view", ["timeline", "levels"])
def test_a_bar_means_the_level_of_its_row(view) -> None:
    truth = TimelineRow("truth", HIERARCHY.levels[0].spans)
    figure = plot_timeline([*hierarchy_rows(HIERARCHY), truth], title="t", narrations=NARRATIONS)
    if view == "levels":
        figure = plot_levels(HIERARCHY, at_s=10, radius=1.0, thread_graph="within_threads", title="t")
    rows = set()
    for curve, point, row, middle in bars_of(figure):
        level = (2, 1, 0, 1)[row]  # the truth is no level: the one that was chosen
        assert meant_by(Click(view, curve, point, 0.0), figure, HIERARCHY, level=1) == (level, pytest.approx(middle))
        rows.add(row)
    assert rows == ({0, 1, 2, 3} if view == "timeline" else {0, 1, 2})


def test_a_narration_means_its_time_at_the_chosen_level() -> None:
    figure = plot_timeline(hierarchy_rows(HIERARCHY), title="t", narrations=NARRATIONS)
    curve = next(i for i, trace in enumerate(figure.data) if trace.name == "narrations")
    assert meant_by(Click("timeline", curve, 1, 6.0), figure, HIERARCHY, level=0) == (0, 6.0)


def test_a_node_of_the_network_means_its_level() -> None:
    figure = plot_levels(HIERARCHY, at_s=10, radius=1.0, thread_graph="within_threads", title="t")
    for curve, trace in enumerate(figure.data):
        if trace.name.startswith("nodes, level "):
            at_s = float(trace.x[0])
            expected = int(trace.name[-1]), at_s
            assert meant_by(Click("levels", curve, 0, at_s), figure, HIERARCHY, level=1) == expected


def test_the_span_of_an_answer_and_the_curve_mean_their_level() -> None:
    text = torch.tensor([0.3, -1.0, 0.5, 0.2, 0.1, 0.4])
    figure = plot_query(HIERARCHY, "cut", text, title="t")
    for level in HIERARCHY.levels:
        for rank, span in enumerate(nearest_spans(level, text), start=1):
            name = f"answer {rank}, level {level.level}"
            curve = next(i for i, trace in enumerate(figure.data) if trace.name == name)
            middle = pytest.approx((span.start_s + span.end_s) / 2)
            assert meant_by(Click("query", curve, None, None), figure, HIERARCHY, level=1) == (level.level, middle)
        curve = next(i for i, trace in enumerate(figure.data) if trace.name == f"level {level.level}")
        assert meant_by(Click("query", curve, 3, 7.0), figure, HIERARCHY, level=1) == (level.level, 7.0)


def test_lanes_and_the_matrix_mean_the_chosen_level_and_a_tree_no_moment() -> None:
    lanes = plot_threads(HIERARCHY, level=0, title="t")
    curve, point, _, middle = next(bars_of(lanes))
    assert meant_by(Click("threads", curve, point, 0.0), lanes, HIERARCHY, level=0) == (0, pytest.approx(middle))
    matrix = plot_similarity(HIERARCHY, level=0, title="t")
    assert meant_by(Click("similarity, in time", 0, None, 9.5), matrix, HIERARCHY, level=0) == (0, 9.5)
    assert meant_by(Click("similarity, by thread", 0, None, 9.5), matrix, HIERARCHY, level=0) is None
    assert meant_by(Click("tree", 0, 2, None), plot_tree(HIERARCHY, title="t"), HIERARCHY, level=0) is None


def test_what_the_page_tells_of_a_filled_span() -> None:
    told = '{"view": "query", "curve": 2, "point": null, "x": null, "at": 1}'
    assert read_click(told) == Click("query", 2, None, None)
