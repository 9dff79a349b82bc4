"""Two hours, with as many spans as two hours of the sample have: figures stay small, and say what they leave out."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from hiero_lib.data.narrations import Narrations
from hiero_lib.viz.levels import plot_levels
from hiero_lib.viz.map import pca, plot_map
from hiero_lib.viz.query import plot_query
from hiero_lib.viz.rows import hierarchy_rows
from hiero_lib.viz.similarity import plot_similarity
from hiero_lib.viz.threads import plot_threads
from hiero_lib.viz.timeline import plot_timeline
from hiero_lib.viz.tree import plot_tree
from tests.helpers.made_up import record

SEGMENTS = 13_500


@pytest.fixture(scope="module")
def hierarchy():
    random = np.random.default_rng(0)
    labels = []
    for level, threads in enumerate((16, 8, 4)):
        spans = 1200 // 2**level
        borders = np.sort(random.integers(0, SEGMENTS // 2**level, spans))
        which = random.integers(0, threads, spans + 1)
        labels.append(which[np.searchsorted(borders, np.arange(SEGMENTS // 2**level), side="right")].tolist())
    found = record(labels, channels=16)
    assert sum(len(level.spans) for level in found.levels) > 1700
    return found


def test_all_figures_of_two_hours_take_less_than_two_megabytes_beside_plotly(hierarchy) -> None:
    times = np.arange(0, hierarchy.end_s, 60 / 13).tolist()
    narrations = Narrations(times, ["#C C takes the knife from the drawer"] * len(times))
    figures = [
        plot_timeline(hierarchy_rows(hierarchy), title="t", narrations=narrations),
        plot_threads(hierarchy, level=1, title="t", narrations=narrations),
        plot_tree(hierarchy, title="t"),
        plot_similarity(hierarchy, level=0, title="t"),
        plot_map(hierarchy, level=0, title="t", embed=pca),
        plot_levels(hierarchy, at_s=3600, radius=1.0, thread_graph="within_threads", title="t"),
        plot_query(hierarchy, "take the knife", torch.randn(16), title="t"),
    ]
    assert sum(len(figure.to_html(include_plotlyjs=False)) for figure in figures) < 2_000_000
    assert "57 x 57 nodes" in figures[3].layout.title.text
    assert "the mean of up to 9 nodes" in figures[4].layout.title.text
    assert "the highest of up to 12 nodes" in figures[6].layout.title.text
    assert len(figures[2].data[0].ids) < 600
    ticks = next(trace for trace in figures[0].data if trace.name == "narrations")
    assert ticks.opacity == 0.25  # 1,560 ticks show how dense they are, not a solid bar


@pytest.mark.parametrize("characters", [3, 40])
def test_printed_times_keep_apart_however_wide_the_names_are(hierarchy, characters) -> None:
    level = hierarchy.levels[1]
    named = dataclasses.replace(level, names={thread: "n" * characters for thread in level.seconds()})
    video = dataclasses.replace(hierarchy, levels=(hierarchy.levels[0], named, hierarchy.levels[2]))
    figure = plot_threads(video, level=1, title="t", engine="matplotlib")
    figure.canvas.draw()
    (axes,) = figure.axes
    boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
    assert 6 <= len(boxes) <= 14
    for left, right in itertools.pairwise(boxes):
        assert right.x0 - left.x1 >= 4
