"""Exact one-dimensional replacements of radius search and k-NN search.

Segments lie on a line, so a radius graph is a band around the diagonal once rows are sorted: node ``i`` can only
be joined to ``i + o`` for small offsets ``o``. That needs neither torch-cluster nor an edge list, runs on any
device, and its memory accesses are contiguous. What is notable: distances on a regular grid take only some tens of
distinct values, so an edge stores the number of its *kind* (distance, sign, weight), and whatever depends on a
distance, like the gates of TDGC, is computed once a kind instead of once an edge.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

_AT_ONCE = 2  # offsets whose gates a GPU keeps: neighbours in a thread, or in time with the published radius


@dataclass(frozen=True)
class TemporalGraph:
    """Edges between nodes that are near in time, as a band over sorted rows.

    Shapes:
        order: ``[N]`` input row of each sorted row, and inverse: ``[N]`` sorted row of each input row; None where the
        input is sorted already;
        offsets: the distances in rows, each in both directions;
        kinds: ``[len(offsets), N]`` kind of the edge from row ``i + offset`` into row ``i``; 0 is no edge;
        distance: ``[K]`` ``|pos_j - pos_i|`` of each kind, in the unit of ``pos``;
        weight: ``[K]`` ``sign(pos_j - pos_i) / degree_i`` of each kind (without the sign where ``signed`` is false);
        one_hot: ``[len(offsets), N, K]`` the kinds, gates: ``[len(offsets), N, H]`` of the edges (:func:`for_gpu`).
    """

    order: Int[Tensor, " N"] | None
    offsets: tuple[int, ...]
    kinds: Int[Tensor, "O N"]
    distance: Float[Tensor, " K"]
    weight: Float[Tensor, " K"]
    inverse: Int[Tensor, " N"] | None = None
    one_hot: Float[Tensor, "O N K"] | None = None
    gates: Float[Tensor, "O N H"] | None = None

    @property
    def num_nodes(self) -> int:
        """Number of rows N."""
        return self.kinds.shape[1]

    def sort(self, x: Shaped[Tensor, "N ..."]) -> Shaped[Tensor, "N ..."]:
        """Rows of ``x`` in the graph's order."""
        return x if self.order is None else _Permuted.apply(x, self.order, self.inverse)

    def unsort(self, x: Shaped[Tensor, "N ..."]) -> Shaped[Tensor, "N ..."]:
        """Rows of ``x``, given in the graph's order, back in the input's order."""
        return x if self.inverse is None else _Permuted.apply(x, self.inverse, self.order)

    def narrow(self, start: int, stop: int) -> TemporalGraph:
        """The graph of some consecutive sorted rows; edges to rows outside are gone, degrees are as they were."""
        return dataclasses.replace(self, order=None, inverse=None, kinds=self.kinds[:, start:stop])

    def edge_index(self) -> Int[Tensor, "2 E"]:
        """``[2, E]`` the same edges as PyG writes them (source, target), sorted by target; for looking and tests."""
        rows = torch.arange(self.num_nodes, device=self.kinds.device)
        pairs = []
        for o, offset in enumerate(self.offsets):
            target = rows[self.kinds[o] > 0]
            pairs.append(torch.stack([target + offset, target]))
        edges = torch.cat(pairs, dim=1) if pairs else rows.new_zeros((2, 0))
        if self.order is not None:
            edges = self.order[edges]
        by_source = edges[:, torch.argsort(edges[0], stable=True)]
        return by_source[:, torch.argsort(by_source[1], stable=True)]


def for_gpu(
    graph: TemporalGraph, tables: Float[Tensor, "L K H"], one_hot: Float[Tensor, "K K"]
) -> list[TemporalGraph]:
    """The same graph for each of L layers with their tables of gates, so that a GPU has little to start.

    ``one_hot``: the identity.

    The gates of all layers' edges are looked up at once, where they are not too many, and kept for the backward pass.
    Gradients of a table are added up by kinds as a product with one-hot rows. That adds in one order always, and in
    float32. What a GPU has for it otherwise, ``index_add``, adds in the order in which its threads come, and in the
    precision of the numbers.
    """
    kinds = graph.kinds.reshape(-1)
    graph = dataclasses.replace(graph, one_hot=one_hot.index_select(0, kinds).unflatten(0, graph.kinds.shape))
    if len(graph.offsets) > _AT_ONCE:
        return [graph] * len(tables)
    gates = tables.detach().index_select(1, kinds).unflatten(1, graph.kinds.shape)
    return [dataclasses.replace(graph, gates=of_layer) for of_layer in gates]


class _Permuted(torch.autograd.Function):
    """Rows in another order; the gradient's go back to theirs, where ``index_select`` would add them up."""

    @staticmethod
    def forward(ctx, x: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
        ctx.inverse = inverse
        return x.index_select(0, order)

    @staticmethod
    def backward(ctx, grad: Tensor):
        return grad.index_select(0, ctx.inverse), None, None


def inverse_of(order: Int[Tensor, " N"]) -> Int[Tensor, " N"]:
    """The permutation that undoes ``order``."""
    return torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))


def radius_graph(
    pos: Float[Tensor, " N"],
    group: Int[Tensor, " N"],
    radius: float,
    *,
    scale: float = 1.0,
    signed: bool = True,
    is_sorted: bool = False,
) -> TemporalGraph:
    """Join the nodes of a group whose distance in time is under ``radius`` (strictly, without self loops).

    Equals ``torch_cluster.radius_graph(pos / scale, radius, group)`` where no node has more than 32 neighbours
    (the reference's search stops there; nothing in practice reaches it). A device is waited for: it says how far the
    edges reach and how many kinds there are.

    Args:
        pos: ``[N]`` positions; distances and signs are taken from them unscaled.
        group: ``[N]`` integer; nodes of different groups are never joined.
        radius: in the unit of ``pos / scale``.
        scale: what positions are divided by for the search alone (2^level in the encoder).
        signed: keep the sign of ``pos_j - pos_i`` in the weights.
        is_sorted: rows are sorted by group and position already.
    """
    order = inverse = None
    if not is_sorted:
        by_pos = torch.argsort(pos, stable=True)
        order = by_pos[torch.argsort(group[by_pos], stable=True)]
        inverse = inverse_of(order)
        pos, group = pos[order], group[order]
    n = len(pos)
    scaled = pos / scale
    linked: list[Tensor] = []  # linked[o - 1][i]: rows i and i + o are joined
    for offset in range(1, n):
        near = ((scaled[offset:] - scaled[:-offset]) ** 2 < radius**2) & (group[offset:] == group[:-offset])
        if not bool(near.any()):
            break
        linked.append(near)

    degree = torch.zeros(n, dtype=torch.int64, device=pos.device)
    for offset, near in enumerate(linked, start=1):
        degree[:-offset] += near
        degree[offset:] += near
    offsets: list[int] = []
    distances, codes, joined = [], [], []
    for offset, near in enumerate(linked, start=1):
        difference = pos[offset:] - pos[:-offset]
        for step in (offset, -offset):
            head = slice(0, n - offset) if step > 0 else slice(offset, n)  # rows that receive
            sign = torch.sign(difference).long() * (1 if step > 0 else -1)
            offsets.append(step)
            distances.append(_padded(difference.abs(), head, n))
            # sign in {-1, 0, 1} and degree in one integer
            codes.append(_padded(degree[head] * 3 + (sign + 1 if signed else 2), head, n))
            joined.append(_padded(near, head, n))
    if not offsets:
        empty = pos.new_zeros(1)
        none = torch.zeros((0, n), dtype=torch.int64, device=pos.device)
        return TemporalGraph(order, (), none, empty, empty, inverse)
    kinds, distance, weight = _kinds(torch.stack(distances), torch.stack(codes), torch.stack(joined))
    return TemporalGraph(order, tuple(offsets), kinds, distance, weight, inverse)


def _padded(values: Tensor, rows: slice, n: int) -> Tensor:
    """``values`` at ``rows`` of a zero tensor of n rows."""
    out = values.new_zeros(n)
    out[rows] = values
    return out


def _kinds(distances: Tensor, codes: Tensor, joined: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Number the distinct (distance, code) pairs of the joined entries from 1 on; kind 0 is no edge."""
    values, which = torch.unique(distances, return_inverse=True)
    keys = torch.where(joined, 1 + which * (codes.max() + 1) + codes, 0)
    keys, kinds = torch.unique(keys, return_inverse=True)
    if bool(keys[0] != 0):  # every entry is an edge: make room for kind 0 all the same
        keys, kinds = torch.cat([keys.new_zeros(1), keys]), kinds + 1
    code = (keys - 1) % (codes.max() + 1)
    distance = values[(keys - 1).clamp(min=0) // (codes.max() + 1)]
    weight = (code % 3 - 1) / (code // 3).clamp(min=1)
    distance, weight = distance.clone(), weight.to(distances.dtype)
    distance[0], weight[0] = 0, 0
    return kinds, distance, weight


class _GatedNeighbours(torch.autograd.Function):
    """``out += sum_o table[kinds[o]] * leaky_relu(h)[i + offset_o]``, a block of rows at a time.

    One pass over blocks that stay in the processor's cache replaces a dozen passes over ``[N, H]`` tensors.
    """

    @staticmethod
    def forward(ctx, out: Tensor, h: Tensor, table: Tensor, graph: TemporalGraph, slope: float) -> Tensor:
        activated = torch.nn.functional.leaky_relu(h, slope)
        for _, source, rows, gate in _edges(graph, table, h):
            out[rows].addcmul_(gate, activated[source])
        ctx.mark_dirty(out)
        ctx.save_for_backward(activated, table)
        ctx.graph, ctx.slope = graph, slope
        return out

    @staticmethod
    def backward(ctx, grad: Tensor):
        activated, table = ctx.saved_tensors
        grad = grad.contiguous()
        grad_h = torch.zeros_like(activated)
        grad_table = torch.zeros_like(table)
        for o, source, rows, gate in _edges(ctx.graph, table, activated):
            grad_h[source].addcmul_(gate, grad[rows])
            grad_table.index_add_(0, ctx.graph.kinds[o, rows], grad[rows] * activated[source])
        # True: what is handed in is the activation's result, which has the sign of its input
        grad_h = torch.ops.aten.leaky_relu_backward(grad_h, activated, ctx.slope, True)
        return grad, grad_h, grad_table, None, None


class _JoinedLayer(torch.autograd.Function):
    """A layer as a GPU has least to start for it: both linear maps are one product, also in the backward pass."""

    @staticmethod
    def forward(
        ctx,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        table: Tensor,
        graph: TemporalGraph,
        slope: float,
        activate: bool,
    ) -> Tensor:
        out, h = torch.addmm(bias, x, weight.T).tensor_split(2, dim=1)
        torch.nn.functional.leaky_relu(h, slope, inplace=True)
        for _, source, rows, gate in _edges(graph, table, h):
            out[rows].addcmul_(gate, h[source])
        if activate:
            torch.nn.functional.leaky_relu(out, slope, inplace=True)
        ctx.save_for_backward(x, weight, table, out if activate else None)
        ctx.h, ctx.graph, ctx.slope = h, graph, slope
        return out

    @staticmethod
    def backward(ctx, grad: Tensor):
        x, weight, table, out = ctx.saved_tensors
        h, graph = ctx.h, ctx.graph
        both = grad.new_empty(len(x), len(weight))
        grad_out, grad_h = both.tensor_split(2, dim=1)
        backward_of_leaky_relu = torch.ops.aten.leaky_relu_backward.grad_input
        if out is None:
            grad_out.copy_(grad)
        else:  # True, here and below: what is handed in is the activation's result, which has the sign of its input
            backward_of_leaky_relu(grad, out, ctx.slope, True, grad_input=grad_out)
        grad_h.zero_()
        grad_table, one_hot = None, graph.one_hot.to(table.dtype)
        for o, source, rows, gate in _edges(graph, table, h):
            grad_h[source].addcmul_(gate, grad_out[rows])
            grad_gate, kinds = grad_out[rows] * h[source], one_hot[o, rows].T
            grad_table = kinds @ grad_gate if grad_table is None else grad_table.addmm_(kinds, grad_gate)
        backward_of_leaky_relu(grad_h, h, ctx.slope, True, grad_input=grad_h)
        if grad_table is None:  # no edges
            grad_table = torch.zeros_like(table)
        return both @ weight, both.T @ x, both.sum(0), grad_table, None, None, None


def joined_layer(
    x: Float[Tensor, "N H"],
    weight: Float[Tensor, "H2 H"],
    bias: Float[Tensor, " H2"],
    table: Float[Tensor, "K H"],
    graph: TemporalGraph,
    *,
    slope: float,
    activate: bool,
) -> Float[Tensor, "N H"]:
    """``W_root x_i + b + sum_j table[kind_ij] * LeakyReLU_slope(W_rel x_j + b_rel)``, differentiable, in few kernels.

    Args:
        x: ``[N, H]`` in the graph's order.
        weight, bias: ``[2 H, H]`` and ``[2 H]``: those of the root above those of the neighbours.
        table: ``[K, H]`` with a zero row for kind 0.
        graph: with one-hot kinds (:func:`for_gpu`).
        slope: of LeakyReLU.
        activate: put the result through it, too.

    Shapes: result ``[N, H]``, in autocast's dtype where that is on.
    """
    device = x.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
    with torch.autocast(device, enabled=False):
        x, weight, bias, table = (values.to(dtype) for values in (x, weight, bias, table))
        return _JoinedLayer.apply(x, weight, bias, table, graph, slope, activate)


def _edges(graph: TemporalGraph, table: Tensor, like: Tensor) -> Iterator[tuple[int, slice, slice, Tensor]]:
    """(number of the offset, rows that send, rows that receive, their gates) of blocks of edges.

    On a CPU they are small enough for its cache, elsewhere as large as can be.
    """
    n, channels = like.shape
    size = max(32, 2**18 // max(1, channels)) if like.device.type == "cpu" else max(1, n)
    for o, offset in enumerate(graph.offsets):
        first, last = max(0, -offset), min(n, n - offset)
        for start in range(first, last, size):
            stop = min(last, start + size)
            rows = slice(start, stop)
            kept = None if graph.gates is None else graph.gates[o, rows].to(table.dtype)
            gate = table.index_select(0, graph.kinds[o, rows]) if kept is None else kept
            yield o, slice(start + offset, stop + offset), rows, gate


def gated_neighbours(
    out: Float[Tensor, "N H"],
    h: Float[Tensor, "N H"],
    table: Float[Tensor, "K H"],
    graph: TemporalGraph,
    *,
    slope: float,
) -> Float[Tensor, "N H"]:
    """``out_i + sum_j table[kind_ij] * LeakyReLU_slope(h_j)`` over the neighbours j of i, differentiable.

    Shapes: out, h ``[N, H]`` in the graph's order; table ``[K, H]`` with a zero row for kind 0; result ``[N, H]``
    in the dtype of ``h`` (under autocast the three arrive in different ones). It is added to ``out`` in place, where
    that has this dtype.
    """
    table, out = table.to(h.dtype), out.to(h.dtype)
    return _GatedNeighbours.apply(out, h, table, graph, slope)


def video_pointer(batch: Int[Tensor, " N"], num_videos: int) -> Int[Tensor, " {num_videos}+1"]:
    """``[num_videos + 1]`` first row of each video in sorted rows; a video without rows gets an empty range."""
    counts = torch.zeros(num_videos, dtype=torch.int64, device=batch.device)
    counts.scatter_add_(0, batch, torch.ones_like(batch))
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def nearest_nodes(
    pos_x: Float[Tensor, " M"],
    pos_y: Float[Tensor, " N"],
    *,
    ptr_x: Int[Tensor, " P"],
    batch_y: Int[Tensor, " N"],
    neighbours: int,
) -> tuple[Int[Tensor, "N k"], Float[Tensor, "N k"]]:
    """The nodes of the same video that are nearest in time: rows ``[N, k]`` and squared distances ``[N, k]``.

    Where a video has fewer nodes, the distance is infinite and the row is any valid one. Ties go to the earlier node.
    """
    first, end = ptr_x[batch_y], ptr_x[batch_y + 1]
    low, high = first.clone(), end.clone()
    for _ in range(max(1, len(pos_x)).bit_length()):  # binary search, all rows at once
        middle = (low + high) // 2
        right = (low < high) & (pos_x[middle.clamp(max=len(pos_x) - 1)] < pos_y)
        low, high = torch.where(right, middle + 1, low), torch.where(right, high, torch.maximum(low, middle))
    candidates = low[:, None] + torch.arange(-neighbours, neighbours, device=pos_y.device)
    inside = (candidates >= first[:, None]) & (candidates < end[:, None])
    candidates = candidates.clamp(min=0, max=len(pos_x) - 1)
    squared = torch.where(inside, (pos_x[candidates] - pos_y[:, None]) ** 2, torch.inf)
    squared, which = torch.sort(squared, dim=1, stable=True)
    return candidates.gather(1, which[:, :neighbours]), squared[:, :neighbours]
