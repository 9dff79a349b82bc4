import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import to_hex

from hiero_lib.viz.palette import thread_color
from hiero_lib.viz.similarity import plot_similarity, similarity_matrix
from tests.helpers.made_up import THREE, record


@pytest.fixture(scope="module")
def hierarchy():
    return record(THREE, channels=6)


def slow_means(level, order, size):
    """Every pair of nodes, then means over blocks, as the docstring says."""
    unit = torch.nn.functional.normalize(level.x, dim=1)
    cosine = (unit @ unit.T).numpy()
    blocks = []
    for thread in sorted(set(level.threads.tolist())) if order == "threads" else [None]:
        nodes = np.flatnonzero(level.threads == thread) if order == "threads" else np.arange(len(level.pos))
        blocks += [nodes[i : i + size] for i in range(0, len(nodes), size)]
    return np.array([[cosine[np.ix_(a, b)].mean() for b in blocks] for a in blocks])


@pytest.mark.parametrize("order", ["time", "threads"])
@pytest.mark.parametrize(("most_blocks", "size"), [(40, 1), (13, 4)])
def test_blocks_are_means_of_cosines(hierarchy, order, most_blocks, size) -> None:
    level = hierarchy.levels[0]
    matrix = similarity_matrix(level, order=order, most_blocks=most_blocks)
    np.testing.assert_allclose(matrix.cosine, slow_means(level, order, size), atol=1e-5)
    assert ("4 x 4 nodes" in matrix.note) == (size == 4)
    assert "a node is 0.53 s" in matrix.note
    if order == "time":
        assert matrix.bands == tuple((span.label, span.start_s, span.end_s) for span in level.spans)
        assert (matrix.edges[0], matrix.edges[-1]) == (0, hierarchy.end_s)
    else:
        threads, counts = np.unique(level.threads, return_counts=True)
        ends = np.cumsum(counts)
        assert matrix.bands == tuple(zip(threads, ends - counts, ends))
        assert set(ends) <= set(matrix.edges)  # a block is of one thread


@pytest.mark.parametrize("order", ["time", "threads"])
def test_plotly_shows_the_matrix_and_draws_the_borders(hierarchy, order) -> None:
    level = hierarchy.levels[0]
    matrix = similarity_matrix(level, order=order)
    figure = plot_similarity(hierarchy, level=0, title="t", order=order)
    (heatmap,) = figure.data
    np.testing.assert_allclose(np.array(heatmap.z) / 100, matrix.cosine, atol=0.0051)
    np.testing.assert_allclose(heatmap.x, matrix.edges, atol=1e-3)
    lines = {shape.x0 for shape in figure.layout.shapes if shape.type == "line" and shape.x0 == shape.x1}
    assert lines == {start for _, start, _ in matrix.bands[1:]}
    strips = [s for s in figure.layout.shapes if s.type == "rect" and s.y1 < 0]
    assert [(s.x0, s.x1, s.fillcolor) for s in strips] == [(a, b, thread_color(t)) for t, a, b in matrix.bands]
    assert matrix.note in figure.layout.title.text


@pytest.mark.parametrize("order", ["time", "threads"])
def test_matplotlib_shows_the_same(hierarchy, order) -> None:
    matrix = similarity_matrix(hierarchy.levels[0], order=order)
    figure = plot_similarity(hierarchy, level=0, title="t", order=order, engine="matplotlib", theme="dark")
    axes = figure.axes[0]
    (mesh,) = [c for c in axes.collections if isinstance(c, QuadMesh)]
    np.testing.assert_allclose(np.asarray(mesh.get_array()).reshape(matrix.cosine.shape), matrix.cosine)
    lines = [c for c in axes.collections if isinstance(c, LineCollection)]
    assert {s[0][0] for s in lines[0].get_segments()} == {start for _, start, _ in matrix.bands[1:]}
    strip = axes.collections[1]
    assert [to_hex(c).upper() for c in strip.get_facecolors()] == [thread_color(t) for t, _, _ in matrix.bands]
    assert figure.get_supxlabel() == matrix.note


def test_many_spans_have_no_borders_but_strips() -> None:
    figure = plot_similarity(record([[0, 1] * 60], channels=4), level=0, title="t")
    assert not [shape for shape in figure.layout.shapes if shape.type == "line"]
    assert len([shape for shape in figure.layout.shapes if shape.type == "rect"]) == 240


def test_one_node_and_what_is_refused(hierarchy) -> None:
    (heatmap,) = plot_similarity(record([[0]], channels=4), level=0, title="t").data
    assert np.array(heatmap.z).tolist() in ([[100]], [[0]])  # made-up features may be zero
    with pytest.raises(ValueError, match="'size'"):
        plot_similarity(hierarchy, level=0, title="t", order="size")
