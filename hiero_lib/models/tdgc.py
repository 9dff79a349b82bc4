"""Temporal-distance gated convolution (TDGC), the layer of HiERO's encoder and decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hiero_lib.models.temporal import TemporalGraph, gated_neighbours


class TDGC(nn.Module):
    r"""Graph convolution whose messages are gated by the distance in time and signed by its direction.

    For node i with neighbours N(i) (paper section 3.2; the sign is the released code's, see METHOD.md)::

        h_j  = LeakyReLU_0.2(W_rel x_j + b_rel)
        g_ij = act(W2 LeakyReLU_0.01(W1 |pos_j - pos_i| + b1) + b2)
        y_i  = mean_{j in N(i)} sign(pos_j - pos_i) g_ij h_j + W_root x_i + b

    ``W_rel`` starts as the identity, ``b_rel`` and ``b`` as zero. A node without neighbours keeps the root term.
    Parameter names and shapes are the reference's (``bias`` is ``[1, H]``), so that its weights load.

    Args:
        channels: H, of input and output.
        pos_hidden_channels: width of the gates' hidden layer.
        pos_act: last activation of the gates.
        use_pos_attr: gate the messages; without it g = 1 (the gates' weights stay, unused, as in the reference).

    Shapes:
        x: ``[N, H]`` in the graph's order; result: ``[N, H]`` in the same order.
    """

    def __init__(
        self,
        channels: int,
        *,
        pos_hidden_channels: int = 256,
        pos_act: Literal["tanh", "sigmoid", "relu"] = "tanh",
        use_pos_attr: bool = True,
    ) -> None:
        super().__init__()
        self.lin_rel = nn.Linear(channels, channels)
        self.lin_root = nn.Linear(channels, channels, bias=False)
        self.bias = nn.Parameter(torch.zeros(1, channels))
        self.pos_act = pos_act
        self.use_pos_attr = use_pos_attr
        self.lin_pos = nn.Sequential(
            nn.Linear(1, pos_hidden_channels), nn.LeakyReLU(0.01), nn.Linear(pos_hidden_channels, channels)
        )
        with torch.no_grad():
            self.lin_rel.weight.copy_(torch.eye(channels))
            self.lin_rel.bias.zero_()

    def gates(self, distance: Float[Tensor, " K"]) -> Float[Tensor, "K H"]:
        """Gates ``[K, H]`` of distances ``[K]``, in the unit of the graph's positions."""
        return _gates([self], distance[None])[0]

    def forward(
        self, x: Float[Tensor, "N H"], graph: TemporalGraph, table: Float[Tensor, "K H"] | None = None
    ) -> Float[Tensor, "N H"]:
        """See the class.

        Args:
            x: the nodes.
            graph: carries the neighbours, their distances, signs and degrees.
            table: of :func:`stage_gates`; None computes it.
        """
        if table is None:
            (table,) = stage_gates([[self]], graph.distance[None], graph.weight[None])[0].tables
        root = nn.functional.linear(x, self.lin_root.weight, self.bias.view(-1))
        return gated_neighbours(root, self.lin_rel(x), table, graph, slope=0.2)


@dataclass(frozen=True)
class StageGates:
    """What a message of each kind of edge is multiplied by in each layer of a stage: ``w g``.

    Shapes: tables: ``[K, H]`` for each of L layers; together: ``[L, K, H]`` the same, without gradients;
    one_hot: ``[K, K]`` the identity, where gradients are kept.
    """

    tables: tuple[Tensor, ...]
    together: Float[Tensor, "L K H"]
    one_hot: Float[Tensor, "K K"] | None


@dataclass(frozen=True)
class Linears:
    """Both linear maps of a layer as one: ``[2 H, H]`` and ``[2 H]``, those of the root above ``lin_rel``'s."""

    weight: Float[Tensor, "H2 H"]
    bias: Float[Tensor, " H2"]


def joined_linears(layers: Sequence[TDGC]) -> list[Linears]:
    """Of each layer; all are copied at once, and so are their gradients."""
    if not layers:
        return []
    weights = torch.stack([weight for layer in layers for weight in (layer.lin_root.weight, layer.lin_rel.weight)])
    biases = torch.stack([bias for layer in layers for bias in (layer.bias.view(-1), layer.lin_rel.bias)])
    parts = zip(weights.view(len(layers), -1, weights.shape[-1]).unbind(0), biases.view(len(layers), -1).unbind(0))
    return [Linears(*part) for part in parts]


def stage_gates(
    stages: Sequence[Sequence[TDGC]], distance: Float[Tensor, "S K"], weight: Float[Tensor, "S K"]
) -> list[StageGates]:
    """The gates of stages of equally many layers that are alike; of each stage, distances and weights of its kinds.

    All at once: one by one, gates would be most of what a GPU is asked to start.
    """
    layers = [layer for stage in stages for layer in stage]
    if not layers:
        return []
    each = len(stages[0])
    distance, weight = (values[:, None].expand(-1, each, -1).flatten(0, 1) for values in (distance, weight))
    gates = _gates(layers, distance)
    gates = (gates * weight[..., None].to(gates.dtype)).contiguous()
    tables, together = gates.unbind(0), gates.detach()
    one_hot = torch.eye(gates.shape[1], dtype=gates.dtype, device=gates.device) if torch.is_grad_enabled() else None
    starts = range(0, len(layers), each)
    return [StageGates(tables[start : start + each], together[start : start + each], one_hot) for start in starts]


def _gates(layers: Sequence[TDGC], distance: Float[Tensor, "L K"]) -> Float[Tensor, "L K H"]:
    first = layers[0]
    if not first.use_pos_attr:
        return distance.new_ones((*distance.shape, first.lin_rel.out_features))
    # What is of one distance is a column here: so the gradient of a weight comes out as the weight lies in memory.
    hidden = _linears([layer.lin_pos[0] for layer in layers], distance[:, None])
    gates = _linears([layer.lin_pos[2] for layer in layers], nn.functional.leaky_relu(hidden, 0.01, inplace=True))
    return getattr(torch, first.pos_act)(gates).mT


def _linears(layers: Sequence[nn.Module], x: Float[Tensor, "L C K"]) -> Float[Tensor, "L D K"]:
    """Linear layer l of the columns of ``x[l]``."""
    weight, bias = (torch.stack([getattr(layer, name) for layer in layers]) for name in ("weight", "bias"))
    return torch.baddbmm(bias[..., None], weight, x)
