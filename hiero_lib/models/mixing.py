"""Weighted sums of rows: how the nodes of one level are made of those of another (pooling, interpolation, sampling).

What is notable: such a sum is kept as a sparse matrix and as its transpose, so that its gradient is a weighted sum of
rows too. Each way is one operation (``embedding_bag``, which no other is nearly as fast as on a CPU) and adds in one
order always, where scattering the gradient would on a GPU add in whatever order its threads come.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hiero_lib.config import Pooling
from hiero_lib.models.temporal import nearest_nodes


@dataclass(frozen=True)
class Mix:
    """``y_i = sum_e weights[e] x[rows[e]]`` over the entries e of i, ``starts[i]`` to ``starts[i + 1]``.

    Shapes: rows, weights ``[E]``, starts ``[N]``; of the transpose back_rows, back_weights ``[E]``, back_starts
    ``[M]``.
    """

    rows: Int[Tensor, " E"]
    starts: Int[Tensor, " N"]
    weights: Float[Tensor, " E"]
    back_rows: Int[Tensor, " E"]
    back_starts: Int[Tensor, " M"]
    back_weights: Float[Tensor, " E"]

    def __call__(self, x: Float[Tensor, "M C"]) -> Float[Tensor, "N C"]:
        """``[M, C]`` to ``[N, C]``, differentiable in ``x``."""
        return _Mixed.apply(x, self)


class _Mixed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, mix: Mix) -> Tensor:
        ctx.mix = mix
        return _sums(x, mix.rows, mix.starts, mix.weights)

    @staticmethod
    def backward(ctx, grad: Tensor):
        mix = ctx.mix
        return _sums(grad, mix.back_rows, mix.back_starts, mix.back_weights), None


def _sums(x: Tensor, rows: Tensor, starts: Tensor, weights: Tensor) -> Tensor:
    if x.device.type == "mps":
        return _added(x, rows, starts, weights)
    return torch.nn.functional.embedding_bag(
        rows, x.contiguous(), starts, mode="sum", per_sample_weights=weights.to(x.dtype)
    )


def _added(x: Tensor, rows: Tensor, starts: Tensor, weights: Tensor) -> Tensor:
    """The same sums for Apple's MPS, where torch has had ``embedding_bag`` since some version after 2.6 only."""
    owner = torch.searchsorted(starts, torch.arange(len(rows), device=rows.device), right=True) - 1
    parts = x.index_select(0, rows) * weights.to(x.dtype)[:, None]
    return x.new_zeros((len(starts), x.shape[1])).index_add_(0, owner, parts)


def mix_of(rows: Int[Tensor, "N k"], weights: Float[Tensor, "N k"], num_rows: int) -> Mix:
    """The sums of k weighted rows each, of ``num_rows`` rows."""
    n, k = rows.shape
    flat, order = torch.sort(rows.reshape(-1), stable=True)
    back_starts = torch.searchsorted(flat, torch.arange(num_rows, device=rows.device))
    starts = torch.arange(0, n * k, k, device=rows.device)
    flat_weights = weights.reshape(-1)
    return Mix(rows.reshape(-1), starts, flat_weights, order // k, back_starts, flat_weights[order])


def interpolation(
    pos_x: Float[Tensor, " M"],
    pos_y: Float[Tensor, " N"],
    *,
    ptr_x: Int[Tensor, " P"],
    batch_y: Int[Tensor, " N"],
    neighbours: int,
) -> Mix:
    """Inverse squared distance interpolation from the nearest nodes in time, as ``knn_interpolate``.

    Shapes:
        pos_x: ``[M]`` increasing within a video; ptr_x: ``[B + 1]`` rows of each video in ``x``;
        pos_y: ``[N]``; batch_y: ``[N]``.

    Squared distances are clamped at 1e-16. A video with fewer than ``neighbours`` nodes uses those it has; with none,
    the result is 0.
    """
    nearest, squared = nearest_nodes(pos_x, pos_y, ptr_x=ptr_x, batch_y=batch_y, neighbours=neighbours)
    weights = 1.0 / squared.clamp(min=1e-16)  # 1 / inf = 0 where there is no such node
    weights = torch.nan_to_num(weights / weights.sum(dim=1, keepdim=True), nan=0.0)
    return mix_of(nearest, weights, len(pos_x))


@dataclass(frozen=True)
class Halving:
    """The half of the nodes of a level that the next one keeps, and what becomes of their features.

    Shapes: ``kept`` ``[M]`` rows; ``mean``: of each and its neighbours; ``window`` ``[3, M]`` rows whose maximum is
    taken. Both None: the kept rows as they are.
    """

    kept: Int[Tensor, " M"]
    mean: Mix | None = None
    window: Int[Tensor, "3 M"] | None = None

    def __call__(self, x: Float[Tensor, "N C"]) -> Float[Tensor, "M C"]:
        """``[N, C]`` to ``[M, C]``, differentiable."""
        if self.mean is not None:
            return self.mean(x)
        if self.window is None:
            return x.index_select(0, self.kept)
        left, centre, right = (x.index_select(0, rows) for rows in self.window)
        return torch.maximum(torch.maximum(left, centre), right)


def halving(indices: Int[Tensor, " N"], batch: Int[Tensor, " N"], *, pool: Pooling, dtype: torch.dtype) -> Halving:
    """Halve the temporal resolution (METHOD.md, "Formulas").

    ``mean`` and ``max`` pool each node with its index neighbours i - 1 and i + 1 of the same video, then keep even
    indices (in the mean the node itself counts twice, as in the released code); ``video_subsampling`` only keeps
    even indices; ``batch_subsampling`` keeps every second row of the whole batch.

    Args:
        indices, batch: number of each node in its video, and its video.
        pool: which of them.
        dtype: of the weights.
    """
    n = len(indices)
    if pool == "batch_subsampling":
        return Halving(torch.arange(0, n, 2, device=indices.device))
    kept = (indices % 2 == 0).nonzero().squeeze(1)
    if pool == "video_subsampling":
        return Halving(kept)
    joined = torch.zeros(n + 1, dtype=torch.bool, device=indices.device)  # [i]: rows i - 1 and i are neighbours
    joined[1:n] = (indices[1:] - indices[:-1] == 1) & (batch[1:] == batch[:-1])
    before, after = joined[kept], joined[kept + 1]
    left, right = torch.where(before, kept - 1, kept), torch.where(after, kept + 1, kept)
    if pool == "max":
        return Halving(kept, window=torch.stack([left, kept, right]))
    # the released code adds a self loop to neighbours that include the node already, so it counts twice
    parts = torch.stack([before.long(), torch.full_like(kept, 2), after.long()], dim=1)
    weights = parts.to(dtype) / parts.sum(1, keepdim=True)
    return Halving(kept, mean=mix_of(torch.stack([left, kept, right], dim=1), weights, n))
