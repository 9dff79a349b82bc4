"""The one-dimensional operations against slow literal versions."""

import pytest
import torch

from hiero_lib.models.temporal import interpolate, nearest_nodes, pool_in_time, radius_graph, video_pointer


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


def literal_nearest(pos_x, batch_x, point, video, neighbours):
    """Distances of the nearest nodes of a video, ascending."""
    mine = [((p - point) ** 2, row) for row, (p, b) in enumerate(zip(pos_x, batch_x)) if b == video]
    return sorted(mine, key=lambda pair: (float(pair[0]), pair[1]))[:neighbours]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("neighbours", [1, 2, 3])
def test_interpolation_equals_the_literal_one(seed, neighbours):
    pos_x, batch_x = scattered(seed)
    pos_y, batch_y = scattered(seed + 100, sizes=(5, 9, 2, 7))
    pos_y[3] = pos_x[2]  # exactly on a node
    x = torch.randn(len(pos_x), 4, generator=torch.Generator().manual_seed(seed))
    ptr = video_pointer(batch_x, 4)
    ours = interpolate(x, pos_x, pos_y, ptr_x=ptr, batch_y=batch_y, neighbours=neighbours)
    for row, (point, video) in enumerate(zip(pos_y, batch_y)):
        found = literal_nearest(pos_x, batch_x, point, video, neighbours)
        weights = torch.stack([1 / squared.clamp(min=1e-16) for squared, _ in found])
        expected = (x[[at for _, at in found]] * weights[:, None]).sum(0) / weights.sum()
        torch.testing.assert_close(ours[row], expected, rtol=1e-4, atol=1e-5)


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


def literal_pool(x, indices, batch, pool):
    """One kept node at a time; in the mean the node itself counts twice."""
    rows = []
    for i in range(len(x)):
        if indices[i] % 2:
            continue
        near = [j for j in range(len(x)) if batch[j] == batch[i] and abs(int(indices[j] - indices[i])) <= 1]
        values = torch.stack([x[j] for j in near] + ([x[i]] if pool == "mean" else []))
        rows.append(values.amax(0) if pool == "max" else values.mean(0))
    return torch.stack(rows)


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_pooling_equals_the_literal_one(pool):
    indices = torch.tensor([0, 1, 2, 3, 4, 0, 0, 1, 3, 4, 5, 6])  # a video of one node, and one with a gap
    batch = torch.tensor([0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 2])
    x = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
    pos = torch.arange(12.0)
    pooled, kept_pos, kept_indices, kept_batch = pool_in_time(x, pos, indices, batch, pool=pool)
    torch.testing.assert_close(pooled, literal_pool(x, indices, batch, pool))
    even = indices % 2 == 0
    assert torch.equal(kept_pos, pos[even])
    assert torch.equal(kept_indices, indices[even] // 2)
    assert torch.equal(kept_batch, batch[even])


def test_subsampling_takes_rows_as_they_are():
    indices, batch = torch.tensor([0, 1, 2, 0, 1]), torch.tensor([0, 0, 0, 1, 1])
    x = torch.arange(5.0)[:, None]
    of_videos = pool_in_time(x, x[:, 0], indices, batch, pool="video_subsampling")
    assert of_videos[0].squeeze(1).tolist() == [0, 2, 3]
    assert of_videos[2].tolist() == [0, 1, 0]
    of_batch = pool_in_time(x, x[:, 0], indices, batch, pool="batch_subsampling")
    assert of_batch[0].squeeze(1).tolist() == [0, 2, 4]
    assert of_batch[2].tolist() == [0, 2, 1], "indices stay as they are"
