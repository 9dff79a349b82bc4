"""The linear probe: segments to text space without any temporal reasoning, as a point of comparison."""

from __future__ import annotations

import torch
from torch import nn
from torch_geometric.data import Data

from hiero_lib.models.hiero import HierarchyLevel


class SegmentProbe(nn.Module):
    """A backbone that does nothing: level 0 is the segment features, and there is no other level.

    With a linear visual head it is trained by the same loss on the same batches as HiERO, so that what is left
    between the two is the graph.
    """

    def forward(self, data: Data, *, cluster: bool | None = None) -> list[HierarchyLevel]:
        """Level 0: x ``[N, F]`` as it came, pos, indices and batch ``[N]``, assignments -1.

        ``cluster`` is there because HiERO has it; without levels above 0 there are no threads to find.
        """
        batch = data.batch if data.batch is not None else torch.zeros_like(data.indices)
        return [HierarchyLevel(0, data.x, data.pos, data.indices, batch, torch.full_like(batch, -1))]
