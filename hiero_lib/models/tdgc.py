"""Temporal-distance gated convolution (TDGC), the layer of HiERO's encoder and decoder."""

from __future__ import annotations

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
        if not self.use_pos_attr:
            return distance.new_ones((len(distance), self.lin_rel.out_features))
        return getattr(torch, self.pos_act)(self.lin_pos(distance[:, None]))

    def forward(self, x: Float[Tensor, "N H"], graph: TemporalGraph) -> Float[Tensor, "N H"]:
        """See the class; ``graph`` carries the neighbours, their distances, signs and degrees."""
        root = nn.functional.linear(x, self.lin_root.weight, self.bias[0])
        table = self.gates(graph.distance) * graph.weight[:, None].to(x.dtype)
        return gated_neighbours(root, self.lin_rel(x), table, graph, slope=0.2)
