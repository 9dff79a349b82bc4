"""Weighted sums of rows against slow literal versions, and their gradients against torch's own."""

import pytest
import torch

from hiero_lib.models.mixing import _added, halving, interpolation, mix_of
from hiero_lib.models.temporal import video_pointer
from tests.models.test_temporal import scattered


def test_a_mix_is_the_product_with_its_matrix_and_so_is_its_gradient():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(0, 9, (20, 3), generator=generator)
    rows[rows == 4] = 5  # a row that nothing is made of
    weights = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    matrix = torch.zeros(20, 9, dtype=torch.float64).index_put_(
        (torch.arange(20)[:, None], rows), weights, accumulate=True
    )
    x = torch.randn(9, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    mix = mix_of(rows, weights, 9)
    torch.testing.assert_close(mix(x), matrix @ x)
    torch.testing.assert_close(_added(x, mix.rows, mix.starts, mix.weights), matrix @ x)
    back = _added(matrix @ x, mix.back_rows, mix.back_starts, mix.back_weights)  # of one row there is no entry
    torch.testing.assert_close(back, matrix.T @ matrix @ x)
    assert torch.autograd.gradcheck(mix, [x])
    assert torch.equal(torch.autograd.grad(mix(x).sum(), x)[0][4], torch.zeros(5, dtype=torch.float64))


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
    ours = interpolation(pos_x, pos_y, ptr_x=ptr, batch_y=batch_y, neighbours=neighbours)(x)
    for row, (point, video) in enumerate(zip(pos_y, batch_y)):
        found = literal_nearest(pos_x, batch_x, point, video, neighbours)
        weights = torch.stack([1 / squared.clamp(min=1e-16) for squared, _ in found])
        expected = (x[[at for _, at in found]] * weights[:, None]).sum(0) / weights.sum()
        torch.testing.assert_close(ours[row], expected, rtol=1e-4, atol=1e-5)


def test_interpolation_into_a_video_without_nodes_is_zero():
    mix = interpolation(
        torch.tensor([1.0, 2.0]),
        torch.tensor([1.5, 7.0]),
        ptr_x=torch.tensor([0, 2, 2]),
        batch_y=torch.tensor([0, 1]),
        neighbours=2,
    )
    assert mix(torch.tensor([[2.0], [4.0]])).tolist() == [[3.0], [0.0]]


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
    half = halving(indices, batch, pool=pool, dtype=x.dtype)
    torch.testing.assert_close(half(x), literal_pool(x, indices, batch, pool))
    assert half.kept.tolist() == (indices % 2 == 0).nonzero().squeeze(1).tolist()


def test_subsampling_takes_rows_as_they_are():
    indices, batch = torch.tensor([0, 1, 2, 0, 1]), torch.tensor([0, 0, 0, 1, 1])
    x = torch.arange(5.0)[:, None]
    of_videos = halving(indices, batch, pool="video_subsampling", dtype=x.dtype)
    assert of_videos(x).squeeze(1).tolist() == [0, 2, 3]
    of_batch = halving(indices, batch, pool="batch_subsampling", dtype=x.dtype)
    assert of_batch(x).squeeze(1).tolist() == of_batch.kept.tolist() == [0, 2, 4]
