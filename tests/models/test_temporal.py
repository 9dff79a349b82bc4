"""The one-dimensional operations against slow literal versions."""

import pytest
import torch

from hiero_lib.models.temporal import nearest_nodes, radius_graph, video_pointer


def scattered(seed, sizes=(13, 1, 30, 4)):
    """Positions of some videos, increasing in each, with gaps of all sizes."""
    generator = torch.Generator().manual_seed(seed)
    pos = torch.cat([torch.rand(n, generator=generator).mul(12).sort().values for n in sizes])
    return pos, torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("radius", "scale"), [(1.0, 1.0), (1.0, 4.0), (0.2, 1.0), (100.0, 1.0)])
def test_radius_graph_has_the_edges_of_a_double_loop(seed, radius, scale):
    pos, batch = scattered(seed)
    shuffle = torch.randperm(len(pos), generator=torch.Generator().manual_seed(seed))
    for p, b, is_sorted in ((pos, batch, True), (pos[shuffle], batch[shuffle], False)):
        graph = radius_graph(p, b, radius, scale=scale, is_sorted=is_sorted)
        expected = {
            (j, i)
            for i in range(len(p))
            for j in range(len(p))
            if i != j and b[i] == b[j] and (p[i] / scale - p[j] / scale) ** 2 < radius**2
        }
        edges = graph.edge_index()
        assert set(map(tuple, edges.T.tolist())) == expected
        assert len(expected) == edges.shape[1], "no edge twice"
        degree = torch.bincount(edges[1], minlength=len(p))
        # what the edges carry: distance, and sign over degree
        rows = graph.order if graph.order is not None else torch.arange(len(p))
        for o, offset in enumerate(graph.offsets):
            for at in (graph.kinds[o] > 0).nonzero().squeeze(1).tolist():
                target, source, kind = rows[at], rows[at + offset], graph.kinds[o, at]
                assert graph.distance[kind] == (p[source] - p[target]).abs()
                assert graph.weight[kind] == pytest.approx(
                    float(torch.sign(p[source] - p[target]) / degree[target]), rel=1e-6
                )


def test_radius_is_strict():
    pos = torch.tensor([0.0, 1.0, 2.0])
    assert radius_graph(pos, torch.zeros(3, dtype=torch.int64), 1.0).edge_index().shape[1] == 0
    assert radius_graph(pos, torch.zeros(3, dtype=torch.int64), 1.001).edge_index().shape[1] == 4


def test_sorting_and_unsorting_are_inverse():
    pos, batch = scattered(0)
    shuffle = torch.randperm(len(pos))
    graph = radius_graph(pos[shuffle], batch[shuffle], 1.0)
    x = torch.randn(len(pos), 3)
    assert torch.equal(graph.unsort(graph.sort(x)), x)
    assert torch.equal(graph.sort(pos[shuffle]), pos)


def test_the_nearest_of_a_video_are_never_anothers():
    pos = torch.tensor([0.0, 1.0, 100.0, 0.1])
    batch = torch.tensor([0, 0, 0, 1])
    nearest, squared = nearest_nodes(
        pos, torch.tensor([0.1, 99.0]), ptr_x=video_pointer(batch, 2), batch_y=torch.tensor([1, 0]), neighbours=2
    )
    assert nearest[0, 0] == 3
    assert squared[0, 1] == torch.inf  # the second video has one node
    assert nearest[1].tolist() == [2, 1]


def test_a_video_without_nodes_gets_an_empty_range():
    assert video_pointer(torch.tensor([0, 0, 2]), 4).tolist() == [0, 2, 2, 3, 3]
