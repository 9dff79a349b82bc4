import sys
import types

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

from hiero_lib.viz import map as viz_map
from hiero_lib.viz.map import map_points, pca, plot_map
from hiero_lib.viz.palette import thread_color
from tests.helpers.made_up import THREE, record


@pytest.fixture(scope="module")
def hierarchy():
    return record(THREE, channels=6)


def test_pca_keeps_the_two_largest_variances_and_its_signs() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4)) * [1, 5, 0.1, 3] @ np.linalg.qr(np.ones((4, 4)) + np.eye(4))[0]
    places, note = pca(x.astype(np.float32))
    values = np.linalg.eigvalsh(np.cov(x.T))[::-1]
    np.testing.assert_allclose(places.var(0, ddof=1), values[:2], rtol=1e-4)
    assert note == f"PCA: {100 * values[:2].sum() / values.sum():.0f} % of the variance"
    np.testing.assert_allclose(pca(x.astype(np.float32) + 7)[0], places, atol=1e-4)
    assert pca(np.ones((1, 4), np.float32))[0].tolist() == [[0, 0]]


@pytest.mark.parametrize("engine", ["plotly", "matplotlib"])
def test_every_node_is_a_point_in_its_threads_color_joined_in_time(hierarchy, engine) -> None:
    level = hierarchy.levels[0]
    points = map_points(level, embed=pca)
    assert points.threads.tolist() == level.threads.tolist()
    np.testing.assert_allclose(points.times, level.pos)
    figure = plot_map(hierarchy, level=0, title="t", engine=engine, embed=pca, theme="dark")
    if engine == "plotly":
        line, *groups = figure.data
        path = np.stack([line.x, line.y], 1)
        found = {group.marker.color: np.stack([group.x, group.y], 1) for group in groups}
        assert points.note in figure.layout.title.text
    else:
        (line,) = figure.axes[0].lines
        path = line.get_xydata()
        groups = [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]
        found = {to_hex(group.get_facecolor()[0]).upper(): group.get_offsets() for group in groups}
        assert figure.get_supxlabel() == points.note
    np.testing.assert_allclose(path, points.xy, atol=1e-4)
    assert set(found) == {thread_color(thread) for thread in level.seconds()}
    for thread in level.seconds():
        np.testing.assert_allclose(found[thread_color(thread)], points.xy[points.threads == thread], atol=1e-4)


def test_a_long_level_is_drawn_by_means_that_stay_within_a_span(hierarchy) -> None:
    level = hierarchy.levels[0]
    points = map_points(level, embed=pca, most_points=10)
    assert len(points.xy) == sum(-(-count // 4) for count in np.bincount(level.span_of_node()))
    assert "the mean of up to 4 nodes of a span" in points.note
    for thread, time in zip(points.threads, points.times):
        assert [span.label for span in level.spans if span.start_s <= time < span.end_s] == [thread]


def test_umap_where_it_is_installed(hierarchy, monkeypatch) -> None:
    class UMAP:
        def __init__(self, **options) -> None:
            assert options["random_state"] == 0

        def fit_transform(self, x):
            return x[:, :2]

    module = types.ModuleType("umap")
    module.UMAP = UMAP
    module.__spec__ = types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "umap", module)
    assert viz_map.best_embedding() is viz_map.umap
    assert "UMAP" in plot_map(hierarchy, level=0, title="t").layout.title.text
    assert "PCA" in viz_map.umap(np.eye(5, dtype=np.float32))[1]  # too few points for it
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert viz_map.best_embedding() is pca
