"""The HiERO backbone: a temporal encoder, and a decoder that reasons along activity threads (paper section 3).

Forward takes a PyG batch of :class:`hiero_lib.data.segments.VideoSegments` and returns one
:class:`HierarchyLevel` per level, level 0 (segments) first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch_geometric.data import Data

from hiero_lib.config import ModelConfig
from hiero_lib.models.plan import BatchPlan, LevelPlan, PlanSettings, VideoRows, plan_batch
from hiero_lib.models.tdgc import TDGC, Linears, StageGates, joined_linears, stage_gates
from hiero_lib.models.temporal import TemporalGraph, for_gpu, joined_layer
from hiero_lib.models.threads import SpectralThreads, ThreadDiscovery, thread_graph

# Without gradients a stage works on so many rows at a time: what it holds in between is bounded, whatever the length
# of the video, and small enough for the allocator to use again (25 MB at H 768) instead of asking the system.
_ROWS_AT_ONCE = 8192

# Of a stage: its gates, None where its edges are not known yet; its linear maps joined, none where nothing is gained.
_MadeAtOnce: TypeAlias = tuple[StageGates | None, Sequence[Linears]]


@dataclass(frozen=True)
class HierarchyLevel:
    """Nodes of one level of the hierarchy, of all videos of the batch.

    Shapes:
        x: ``[n, H]`` features; pos: ``[n]`` seconds; indices: ``[n]`` number of the node in its video at this level;
        batch: ``[n]`` video; assignments: ``[n]`` thread, unique over videos, -1 throughout at level 0.

    ``rows``: the nodes by videos, where that is known.
    """

    level: int
    x: Float[Tensor, "n H"]
    pos: Float[Tensor, " n"]
    indices: Int[Tensor, " n"]
    batch: Int[Tensor, " n"]
    assignments: Int[Tensor, " n"]
    rows: VideoRows | None = None


def _few_kernels_wanted(device: torch.device) -> bool:
    return torch.is_grad_enabled() and device.type != "cpu"


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

    def forward(
        self,
        x: Float[Tensor, "N H"],
        graph: TemporalGraph,
        gates: StageGates | None = None,
        linears: Sequence[Linears] = (),
    ) -> Float[Tensor, "N H"]:
        """See the class; what is made at once for all stages is made here where it is not given."""
        x = graph.sort(x)
        if gates is None:
            (gates,) = stage_gates([self.layers()], graph.distance[None], graph.weight[None])
        if _few_kernels_wanted(x.device):
            assert gates.one_hot is not None
            linears = linears or joined_linears(self.layers())
            return graph.unsort(self._few_kernels(x, for_gpu(graph, gates.together, gates.one_hot), gates, linears))
        if torch.is_grad_enabled() or len(x) <= _ROWS_AT_ONCE:
            return graph.unsort(self._rows(x, graph, gates))
        # A layer reaches as far as the largest offset, so rows and that margin on both sides are all that is needed.
        margin = len(self.convs) * max((abs(offset) for offset in graph.offsets), default=0)
        parts = []
        for start in range(0, len(x), _ROWS_AT_ONCE):
            first, last = max(0, start - margin), min(len(x), start + _ROWS_AT_ONCE + margin)
            part = self._rows(x[first:last], graph.narrow(first, last), gates)
            parts.append(part[start - first : start - first + _ROWS_AT_ONCE])
        return graph.unsort(torch.cat(parts))

    def layers(self) -> list[TDGC]:
        """The layers in their order."""
        return [conv for conv in self.convs if isinstance(conv, TDGC)]

    def _rows(self, x: Tensor, graph: TemporalGraph, gates: StageGates) -> Tensor:
        """The stage on rows in the graph's order."""
        x = self.dropout(x)
        for layer, (conv, table) in enumerate(zip(self.convs, gates.tables)):
            x = conv(x, graph, table)
            if layer < len(self.convs) - 1:
                x = nn.functional.leaky_relu(x, 0.2, inplace=True)
        return nn.functional.leaky_relu(self.norm(x), 0.2, inplace=True)

    def _few_kernels(
        self, x: Tensor, graphs: Sequence[TemporalGraph], gates: StageGates, linears: Sequence[Linears]
    ) -> Tensor:
        """The same with gradients, as a GPU has least to start; a graph for each layer."""
        x = self.dropout(x)
        for layer, (graph, table, linear) in enumerate(zip(graphs, gates.tables, linears, strict=True)):
            inner = layer < len(graphs) - 1
            x = joined_layer(x, linear.weight, linear.bias, table, graph, slope=0.2, activate=inner)
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
        self.discover_threads = discover_threads or SpectralThreads(num_clusters=config.n_clusters)
        self.projection = nn.Linear(config.input_size, config.hidden_size)
        self.encoder_stages = nn.ModuleList(Stage(config) for _ in range(config.depth))
        self.decoder_stages = nn.ModuleList(Stage(config) for _ in range(config.depth))

    def forward(self, data: Data, *, cluster: bool | None = None) -> list[HierarchyLevel]:
        """Levels 0 to depth - 1 of every video of the batch.

        Args:
            data: a ``VideoSegments`` or a PyG ``Batch`` of them, rows sorted by video and time; rows where an
                optional ``mask`` is false are dropped first. Its ``plan`` (:func:`plan_batch`) is taken where it has
                one for this model; otherwise it is made here, for which a device is waited.
            cluster: find threads and reason along them; None: when training or where the configuration says so.
                Without, and where the configuration has no threads, the whole video is one thread.
        """
        if cluster is None:
            cluster = self.training or self.config.clustering_at_inference
        settings = PlanSettings.of(self.config, cluster=cluster and self.config.threads)
        plan = data.get("plan")
        if not isinstance(plan, BatchPlan) or plan.settings != settings:
            plan = plan_batch(data, settings)
        x = data.x if plan.kept is None else data.x.index_select(0, plan.kept)
        x = self.projection(x.flatten(1))
        made = self._made_at_once(plan)
        return self._decode(self._encode(x, plan, made), plan, made)

    def _made_at_once(self, plan: BatchPlan) -> Iterator[_MadeAtOnce]:
        """What is made for all stages at once, in the order in which they work."""
        stages: list[tuple[nn.Module, bool]] = [(stage, True) for stage in self.encoder_stages]
        for level, stage in zip(range(self.config.depth - 1, -1, -1), self.decoder_stages):
            stages.append((stage, plan.settings.kinds_known(level)))
        layers = [stage.layers() for stage, known in stages if known and isinstance(stage, Stage)]
        gates = iter(stage_gates(layers, plan.distance, plan.weight))
        linears: Iterator[Linears] = iter(())
        if _few_kernels_wanted(plan.distance.device):
            each_stage = [stage.layers() for stage, _ in stages if isinstance(stage, Stage)]
            linears = iter(joined_linears([layer for layers in each_stage for layer in layers]))
        each = self.config.n_layers
        return iter([(next(gates) if known else None, list(islice(linears, each))) for _, known in stages])

    def _encode(self, x: Tensor, plan: BatchPlan, made: Iterator[_MadeAtOnce]) -> list[Tensor]:
        """Features of the levels 0 (the projected input) to depth."""
        encoded = [x]
        for stage, level in zip(self.encoder_stages, plan.levels[1:]):
            assert level.below is not None
            x = level.below(x)
            x = x + stage(x, level.graph, *next(made))
            encoded.append(x)
        return encoded

    def _decode(self, encoded: list[Tensor], plan: BatchPlan, made: Iterator[_MadeAtOnce]) -> list[HierarchyLevel]:
        """From the deepest level back to the segments, along threads above level 0."""
        decoded: list[HierarchyLevel] = []
        x = encoded[-1]
        for stage, fine, level in zip(self.decoder_stages, encoded[-2::-1], plan.levels[-2::-1]):
            assert level.above is not None
            x = fine + level.above(x)
            assignments, graph = self._reasoning(x.detach(), level)
            x = stage(x, graph, *next(made))
            decoded.append(
                HierarchyLevel(level.level, x, level.pos, level.indices, level.batch, assignments, level.rows)
            )
        return decoded[::-1]

    def _reasoning(self, x: Tensor, level: LevelPlan) -> tuple[Tensor, TemporalGraph]:
        """The threads of a level, and the graph that its stage of the decoder reasons along."""
        if level.level == 0:
            return level.unassigned, level.graph
        if level.line is not None:
            return level.batch, level.line
        assignments = self.discover_threads(
            x, indices=level.indices, batch=level.batch, num_videos=level.rows.videos, samples=level.samples
        )
        signed = self.config.use_signed_temporal_distance
        return assignments, thread_graph(assignments, variant=self.config.thread_graph, signed=signed)
