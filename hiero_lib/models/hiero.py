"""The HiERO backbone: a temporal encoder, and a decoder that reasons along activity threads (paper section 3).

Forward takes a PyG batch of :class:`hiero_lib.data.segments.VideoSegments` and returns one
:class:`HierarchyLevel` per level, level 0 (segments) first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch_geometric.data import Data

from hiero_lib.config import ModelConfig
from hiero_lib.models.tdgc import TDGC
from hiero_lib.models.temporal import TemporalGraph, interpolate, pool_in_time, radius_graph, video_pointer
from hiero_lib.models.threads import SpectralThreads, ThreadDiscovery, thread_graph

# Without gradients a stage works on so many rows at a time: what it holds in between is bounded, whatever the length
# of the video, and small enough for the allocator to use again (25 MB at H 768) instead of asking the system.
_ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class HierarchyLevel:
    """Nodes of one level of the hierarchy, of all videos of the batch.

    Shapes:
        x: ``[n, H]`` features; pos: ``[n]`` seconds; indices: ``[n]`` number of the node in its video at this level;
        batch: ``[n]`` video; assignments: ``[n]`` thread, unique over videos, -1 throughout at level 0.
    """

    level: int
    x: Float[Tensor, "n H"]
    pos: Float[Tensor, " n"]
    indices: Int[Tensor, " n"]
    batch: Int[Tensor, " n"]
    assignments: Int[Tensor, " n"]


class Stage(nn.Module):
    """Dropout, then TDGC layers with LeakyReLU_0.2 between them, LayerNorm, LeakyReLU_0.2; no residual of its own.

    Shapes: x ``[N, H]`` in the input's order; result the same.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.dropout = nn.Dropout(config.dropout)
        self.convs = nn.ModuleList(
            TDGC(
                config.hidden_size,
                pos_hidden_channels=config.pos_hidden_channels,
                pos_act=config.pos_act,
                use_pos_attr=config.use_pos_attr,
            )
            for _ in range(config.n_layers)
        )
        self.norm = nn.LayerNorm(config.hidden_size)

    def forward(self, x: Float[Tensor, "N H"], graph: TemporalGraph) -> Float[Tensor, "N H"]:
        """See the class."""
        x = graph.sort(x)
        if torch.is_grad_enabled() or len(x) <= _ROWS_AT_ONCE:
            return graph.unsort(self._rows(x, graph))
        # A layer reaches as far as the largest offset, so rows and that margin on both sides are all that is needed.
        margin = len(self.convs) * max((abs(offset) for offset in graph.offsets), default=0)
        parts = []
        for start in range(0, len(x), _ROWS_AT_ONCE):
            first, last = max(0, start - margin), min(len(x), start + _ROWS_AT_ONCE + margin)
            part = self._rows(x[first:last], graph.narrow(first, last))
            parts.append(part[start - first : start - first + _ROWS_AT_ONCE])
        return graph.unsort(torch.cat(parts))

    def _rows(self, x: Tensor, graph: TemporalGraph) -> Tensor:
        """The stage on rows in the graph's order."""
        x = self.dropout(x)
        for layer, conv in enumerate(self.convs):
            x = conv(x, graph)
            if layer < len(self.convs) - 1:
                x = nn.functional.leaky_relu(x, 0.2, inplace=True)
        return nn.functional.leaky_relu(self.norm(x), 0.2, inplace=True)


class HiERO(nn.Module):
    """HiERO's encoder and decoder.

    Args:
        config: sizes and variants.
        discover_threads: finds the threads of the decoder's levels; None takes the paper's spectral clustering.

    ``decoder_stages[0]`` is the deepest level, as in the reference's ``down_stages``.
    """

    def __init__(self, config: ModelConfig, discover_threads: ThreadDiscovery | None = None) -> None:
        super().__init__()
        self.config = config
        self.discover_threads = discover_threads or SpectralThreads(
            num_clusters=config.n_clusters, sample_points=config.clustering_sample_points
        )
        self.projection = nn.Linear(config.input_size, config.hidden_size)
        self.encoder_stages = nn.ModuleList(Stage(config) for _ in range(config.depth))
        self.decoder_stages = nn.ModuleList(Stage(config) for _ in range(config.depth))

    def forward(self, data: Data, *, cluster: bool | None = None) -> list[HierarchyLevel]:
        """Levels 0 to depth - 1 of every video of the batch.

        Args:
            data: a ``VideoSegments`` or a PyG ``Batch`` of them, rows sorted by video and time; rows where an
                optional ``mask`` is false are dropped first.
            cluster: find threads and reason along them; None: when training or where the configuration says so.
                Without, and where the configuration has no threads, the whole video is one thread.
        """
        x, pos, indices, batch = data.x, data.pos, data.indices, data.batch
        if batch is None:
            batch = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        num_videos = data.num_graphs if hasattr(data, "num_graphs") else 1
        if data.get("mask") is not None:
            x, pos, indices, batch = x[data.mask], pos[data.mask], indices[data.mask], batch[data.mask]
        if cluster is None:
            cluster = self.training or self.config.clustering_at_inference
        cluster = cluster and self.config.threads

        encoded, graphs = self._encode(self.projection(x.flatten(1)), pos, indices, batch)
        return self._decode(encoded, graphs[0], cluster=cluster, num_videos=num_videos)

    def _encode(
        self, x: Tensor, pos: Tensor, indices: Tensor, batch: Tensor
    ) -> tuple[list[HierarchyLevel], list[TemporalGraph]]:
        """Levels 0 (the projected input) to depth, with the temporal graphs they were computed on."""
        config = self.config
        signed = config.use_signed_temporal_distance
        unassigned = torch.full_like(batch, -1)
        levels = [HierarchyLevel(0, x, pos, indices, batch, unassigned)]
        graphs = [radius_graph(pos, batch, config.radius, signed=signed, is_sorted=True)]
        for depth, stage in enumerate(self.encoder_stages, start=1):
            x, pos, indices, batch = pool_in_time(x, pos, indices, batch, pool=config.pool)
            graph = radius_graph(pos, batch, config.radius, scale=2.0**depth, signed=signed, is_sorted=True)
            x = x + stage(x, graph)
            levels.append(HierarchyLevel(depth, x, pos, indices, batch, batch))
            graphs.append(graph)
        return levels, graphs

    def _decode(
        self, encoded: list[HierarchyLevel], temporal: TemporalGraph, *, cluster: bool, num_videos: int
    ) -> list[HierarchyLevel]:
        """From the deepest level back to the segments, along threads above level 0."""
        config = self.config
        signed = config.use_signed_temporal_distance
        decoded: list[HierarchyLevel] = []
        coarse = encoded[-1]
        for stage, fine in zip(self.decoder_stages, reversed(encoded[:-1])):
            ptr = video_pointer(coarse.batch, num_videos)
            x = fine.x + interpolate(coarse.x, coarse.pos, fine.pos, ptr_x=ptr, batch_y=fine.batch, neighbours=2)
            if fine.level == 0:
                assignments, graph = fine.assignments, temporal
            elif cluster:
                assignments = self.discover_threads(
                    x.detach(), indices=fine.indices, batch=fine.batch, num_videos=num_videos
                )
                graph = thread_graph(assignments, variant=config.thread_graph, signed=signed)
            else:
                assignments = fine.batch
                graph = radius_graph(fine.indices.float(), fine.batch, 1.5, signed=signed, is_sorted=True)
            coarse = HierarchyLevel(fine.level, stage(x, graph), fine.pos, fine.indices, fine.batch, assignments)
            decoded.append(coarse)
        return decoded[::-1]
