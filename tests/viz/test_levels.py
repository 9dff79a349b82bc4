import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_hex

from hiero_lib.viz.levels import level_edges, plot_levels
from hiero_lib.viz.palette import thread_color
from tests.helpers.made_up import THREE, record

# The network's own threads: at level 1 every third node, at level 2 two that alternate.
NETWORK = [[-1] * 40, [i % 3 for i in range(20)], [i % 2 for i in range(10)]]


@pytest.fixture(scope="module")
def hierarchy():
    return record(THREE, network=NETWORK)


def pairs(edges) -> set[tuple[int, int]]:
    return {tuple(pair) for pair in edges.tolist()}


def test_one_step_joins_neighbours_in_time_and_in_the_thread(hierarchy) -> None:
    first, second, third = level_edges(hierarchy, at_s=10.0, radius=1.0, thread_graph="within_threads", hops=1)
    assert (first.node, second.node, third.node) == (18, 9, 4)
    assert pairs(first.temporal) == {(17, 18), (18, 19)}
    assert pairs(first.threads) == set()
    assert pairs(second.temporal) == {(8, 9), (9, 10)}
    assert pairs(second.threads) == {(6, 9), (9, 12)}
    assert pairs(third.threads) == {(2, 4), (4, 6)}


def test_the_released_segment_times_leave_no_temporal_edge(hierarchy) -> None:
    released = dataclasses.replace(hierarchy, segment_times="released")
    options = {"at_s": 10.0, "radius": 1.0, "thread_graph": "within_threads"}
    for edges, same in zip(level_edges(released, **options), level_edges(hierarchy, **options)):
        assert pairs(edges.temporal) == set() != pairs(same.temporal)
        assert pairs(edges.threads) == pairs(same.threads)


def test_more_steps_reach_further_and_the_radius_counts(hierarchy) -> None:
    first, second, _ = level_edges(hierarchy, at_s=10.0, radius=1.2, thread_graph="within_threads", hops=2)
    reach = {tuple(sorted((a, a + o))) for a in range(14, 23) for o in (1, 2) if abs(a - 18) <= 4 and a + o <= 22}
    assert {a for pair in pairs(first.temporal) for a in pair} == set(range(14, 23))
    assert pairs(first.temporal) <= reach
    assert pairs(second.threads) == {(3, 6), (6, 9), (9, 12), (12, 15)}
    assert second.span() == pytest.approx((3 * 2 * 16 / 30 - 16 / 60, (15 * 2 + 1.5) * 16 / 30))


def test_the_released_graph_and_none(hierarchy) -> None:
    released = level_edges(hierarchy, at_s=10.0, radius=1.0, thread_graph="released")
    assert pairs(released[1].threads) != pairs(
        level_edges(hierarchy, at_s=10.0, radius=1.0, thread_graph="within_threads")[1].threads
    )
    without = level_edges(hierarchy, at_s=10.0, radius=1.0, thread_graph=None)
    assert all(len(edges.temporal) == len(edges.threads) == 0 for edges in without)
    with pytest.raises(ValueError, match="not 99"):
        level_edges(hierarchy, at_s=99, radius=1.0, thread_graph=None)


@pytest.mark.parametrize("engine", ["plotly", "matplotlib"])
def test_arcs_end_at_the_nodes_and_strips_are_the_spans(hierarchy, engine) -> None:
    options = {"at_s": 10.0, "radius": 1.0, "thread_graph": "within_threads"}
    found = level_edges(hierarchy, **options)
    figure = plot_levels(hierarchy, title="t", engine=engine, **options)
    for edges in found:
        row = 2 - edges.level.level
        for kind, joined, sign in (("edges in time", edges.temporal, -1), ("thread edges", edges.threads, 1)):
            if engine == "plotly":
                (line,) = [t for t in figure.data if t.name == f"{kind}, level {edges.level.level}"]
                x, y = np.array(line.x, dtype=float), np.array(line.y, dtype=float)
            else:
                lines = figure.axes[0].lines[4 * row : 4 * row + 2]
                x, y = lines[0 if sign < 0 else 1].get_data()
            arcs = np.split(x, np.flatnonzero(np.isnan(x)))
            ends = [(arc[~np.isnan(arc)][0], arc[~np.isnan(arc)][-1]) for arc in arcs if (~np.isnan(arc)).any()]
            assert ends == [pytest.approx(pair, abs=2e-3) for pair in edges.level.pos[joined].tolist()]
            assert all(sign * (value - row) > 0 for value in y[~np.isnan(y)])
    if engine == "plotly":
        colors = set(figure.data[0].marker.color)
        assert all(len(trace.x) == len(trace.y) for trace in figure.data)
    else:
        colors = {to_hex(c).upper() for bars in figure.axes[0].collections for c in bars.get_facecolors()}
    assert colors <= {thread_color(t) for level in hierarchy.levels for t in level.seconds()}
