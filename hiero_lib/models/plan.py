"""What positions alone decide about a batch: its levels, their temporal graphs, pooling, interpolation, sampling.

None of it needs features or weights. It is computed on the CPU, in training by the workers that load the batch
(:func:`plan_batch`), elsewhere when the model meets a batch without it. A GPU then gets tables of numbers, and is
never asked how many edges or nodes there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch_geometric.data import Data

from hiero_lib.base.packing import Packed, pack
from hiero_lib.config import ModelConfig, Pooling, ThreadGraph
from hiero_lib.models.mixing import Halving, Mix, halving, interpolation
from hiero_lib.models.temporal import TemporalGraph, radius_graph, video_pointer

T = TypeVar("T")
_SAMPLED_OF = 3  # nearest nodes, of which a sampled point is made


@dataclass(frozen=True)
class PlanSettings:
    """The settings of a model that decide a plan; ``cluster``: threads are found, and joined as ``threads`` says."""

    depth: int
    pool: Pooling
    radius: float
    signed: bool
    sample_points: int
    cluster: bool
    threads: ThreadGraph

    @classmethod
    def of(cls, config: ModelConfig, *, cluster: bool) -> PlanSettings:
        """Of a model's configuration."""
        return cls(
            depth=config.depth,
            pool=config.pool,
            radius=config.radius,
            signed=config.use_signed_temporal_distance,
            sample_points=config.clustering_sample_points,
            cluster=cluster,
            threads=config.thread_graph,
        )

    def kinds_known(self, level: int) -> bool:
        """Whether the decoder's kinds of edges at a level are known before its threads are."""
        return not level or not self.cluster or self.threads == "within_threads"


@dataclass(frozen=True)
class VideoRows:
    """The nodes of a level as a table ``[videos, width]``, a row a video, padded at its end.

    Shapes: ``slot`` ``[n]`` place of each node in the flattened table.
    """

    slot: Int[Tensor, " n"]
    videos: int
    width: int

    def table(self, x: Tensor, *, padding: int = 0) -> Tensor:
        """``[n, ...]`` to ``[videos, width, ...]``, differentiable."""
        flat = x.new_full((self.videos * self.width, *x.shape[1:]), padding)
        return flat.index_copy_(0, self.slot, x).unflatten(0, (self.videos, self.width))


def levels_apart(levels: Sequence[VideoRows]) -> VideoRows:
    """The nodes of several levels, one level after the other, as one table in which each video has a row a level."""
    width = max((rows.width for rows in levels), default=0)
    slots, videos = [], 0
    for rows in levels:
        slot = rows.slot
        if rows.width < width:
            slot = torch.add(slot, slot // max(1, rows.width), alpha=width - rows.width)
        slots.append(slot + videos * width if videos else slot)
        videos += rows.videos
    return VideoRows(torch.cat(slots), videos, width)


def video_rows(batch: Int[Tensor, " n"], num_videos: int | None = None) -> VideoRows:
    """The table of nodes whose videos are ``batch``, in any order; the device of ``batch`` is waited for.

    Args:
        batch: video of each node.
        num_videos: None: as many as occur, numbered anew.
    """
    video = batch.cpu()
    if num_videos is None:
        kinds, video = torch.unique(video, return_inverse=True)
        num_videos = len(kinds)
    order = torch.argsort(video, stable=True)
    ptr = video_pointer(video, num_videos)
    width = int((ptr[1:] - ptr[:-1]).max()) if num_videos else 0
    slot = torch.empty_like(video)
    slot[order] = torch.arange(len(video)) - ptr[video[order]] + video[order] * width
    return VideoRows(slot.to(batch.device), num_videos, width)


@dataclass(frozen=True)
class Samples:
    """The points at which the threads of videos are looked for, uniform over a video's normalised index.

    Shapes: mix: nodes ``[n, C]`` to points ``[videos * points, C]``; nearest ``[n]`` the point nearest to each node.
    """

    points: int
    mix: Mix
    nearest: Int[Tensor, " n"]


@dataclass(frozen=True)
class LevelPlan:
    """One level of a batch.

    Shapes: pos ``[n]`` seconds; indices ``[n]`` number of the node in its video; batch ``[n]`` video; unassigned
    ``[n]`` -1 throughout.

    Attributes:
        graph: nodes near in time (distances in seconds).
        below: how its nodes are made of those of the level below; None at level 0.
        above: how features of the level above come to it; None at the deepest level.
        line: the whole video as one thread; None where threads are found, or at a level that has none.
        samples: where threads are looked for; None elsewhere.
        rows: its nodes by videos.
    """

    level: int
    pos: Float[Tensor, " n"]
    indices: Int[Tensor, " n"]
    batch: Int[Tensor, " n"]
    unassigned: Int[Tensor, " n"]
    graph: TemporalGraph
    below: Halving | None
    above: Mix | None
    line: TemporalGraph | None
    samples: Samples | None
    rows: VideoRows


@dataclass(frozen=True)
class BatchPlan:
    """The levels 0 to ``depth`` of a batch, and which of its rows are in them (None: all).

    Shapes: distance, weight ``[S, K]``: kinds of the edges (:class:`TemporalGraph`) of the S stages for which they
    are known before any feature is, first the encoder's, then the decoder's from the deepest level on; filled up with
    kind 0, which is no edge.

    A batch of PyG's that carries one takes it to a device, into pinned memory, and out of a worker.
    """

    settings: PlanSettings
    kept: Int[Tensor, " N"] | None
    levels: tuple[LevelPlan, ...]
    distance: Float[Tensor, "S K"]
    weight: Float[Tensor, "S K"]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> BatchPlan:
        """On a device, by one copy for the integers and one for the others."""
        packed = pack(self)
        if self.distance.is_pinned():  # packing has copied it out of there
            packed = packed.apply(Tensor.pin_memory)
        return packed.apply(lambda flat: flat.to(device, non_blocking=non_blocking)).unpack()

    def pin_memory(self) -> BatchPlan:
        """In memory from which a GPU copies while the CPU goes on."""
        return pack(self).apply(Tensor.pin_memory).unpack()

    def __reduce__(self) -> tuple[Any, ...]:
        return Packed.unpack, (pack(self),)


def _moved(record: T, device: torch.device) -> T:
    """A record of the CPU's on a device."""
    return record if device.type == "cpu" else pack(record).apply(lambda flat: flat.to(device)).unpack()


def plan_batch(data: Data, settings: PlanSettings) -> BatchPlan:
    """The plan of a ``VideoSegments`` or a PyG batch of them, on its device.

    It is computed on the CPU, for which a device is waited.

    Args:
        data: rows sorted by video and time; rows where an optional ``mask`` is false are in no level.
        settings: of the model.
    """
    pos, indices = data.pos.cpu(), data.indices.cpu()
    batch = torch.zeros_like(indices) if data.batch is None else data.batch.cpu()
    num_videos = data.num_graphs if hasattr(data, "num_graphs") else 1
    kept = None
    if data.get("mask") is not None:
        kept = data.mask.cpu().nonzero().squeeze(1)
        pos, indices, batch = pos[kept], indices[kept], batch[kept]
    levels = _levels(pos, indices, batch, num_videos, settings)
    distance, weight = _kinds(levels, settings)
    return _moved(BatchPlan(settings, kept, levels, distance, weight), data.pos.device)


def _kinds(levels: tuple[LevelPlan, ...], settings: PlanSettings) -> tuple[Tensor, Tensor]:
    """See :class:`BatchPlan`."""
    kinds = [(level.graph.distance, level.graph.weight) for level in levels[1:]]
    for level in levels[-2::-1]:
        if level.samples is None:
            graph = level.line or level.graph
            kinds.append((graph.distance, graph.weight))
        elif settings.kinds_known(level.level):
            distance, weight = rank_kinds(signed=settings.signed).to(level.pos.dtype)
            kinds.append((distance, weight))
    distances, weights = (pad_sequence(list(values), batch_first=True) for values in zip(*kinds))
    return distances, weights


def rank_kinds(*, signed: bool) -> Float[Tensor, "2 5"]:
    """Distance and weight of the kinds of edges in a thread: no edge; the next node's, of one or two; the last one's.

    Distances are in ranks: neighbours are one apart.
    """
    back = -1.0 if signed else 1.0
    return torch.tensor([[0.0, 1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 0.5, back, 0.5 * back]])


def _levels(
    pos: Tensor, indices: Tensor, batch: Tensor, num_videos: int, settings: PlanSettings
) -> tuple[LevelPlan, ...]:
    nodes: list[tuple[Tensor, Tensor, Tensor]] = [(pos, indices, batch)]
    halvings: list[Halving | None] = [None]
    for _ in range(settings.depth):
        half = halving(indices, batch, pool=settings.pool, dtype=pos.dtype)
        divisor = 1 if settings.pool == "batch_subsampling" else 2  # which leaves the indices as they are
        pos, indices, batch = pos[half.kept], indices[half.kept] // divisor, batch[half.kept]
        nodes.append((pos, indices, batch))
        halvings.append(half)

    planned = []
    for level, ((pos, indices, batch), below) in enumerate(zip(nodes, halvings)):
        line = samples = None
        if 0 < level < settings.depth and settings.cluster:
            samples = sample_videos(indices, batch, num_videos=num_videos, points=settings.sample_points)
        elif 0 < level < settings.depth:
            line = radius_graph(indices.float(), batch, 1.5, signed=settings.signed, is_sorted=True)
        planned.append(
            LevelPlan(
                level=level,
                pos=pos,
                indices=indices,
                batch=batch,
                unassigned=torch.full_like(batch, -1),
                graph=radius_graph(
                    pos, batch, settings.radius, scale=2.0**level, signed=settings.signed, is_sorted=True
                ),
                below=below,
                above=None if level == settings.depth else _from_above(nodes[level], nodes[level + 1], num_videos),
                line=line,
                samples=samples,
                rows=video_rows(batch, num_videos),
            )
        )
    return tuple(planned)


def _from_above(fine: tuple[Tensor, Tensor, Tensor], coarse: tuple[Tensor, Tensor, Tensor], num_videos: int) -> Mix:
    """The 2 nearest nodes in time of the coarser level."""
    ptr = video_pointer(coarse[2], num_videos)
    return interpolation(coarse[0], fine[0], ptr_x=ptr, batch_y=fine[2], neighbours=2)


def sample_videos(indices: Int[Tensor, " n"], batch: Int[Tensor, " n"], *, num_videos: int, points: int) -> Samples:
    """Where the threads of a level are looked for (paper section 3.3).

    A point is made of the 3 nearest nodes by inverse squared distance, a video without nodes has points of zeros, and
    a node belongs to its nearest point, of two to the earlier. Computed on the CPU, for which a device is waited.

    Args:
        indices, batch: number of each node in its video, increasing, and its video, sorted.
        num_videos: how many there are.
        points: of each video.
    """
    device, indices, batch = batch.device, indices.cpu(), batch.cpu()
    ptr = video_pointer(batch, num_videos)
    last = torch.zeros(num_videos, dtype=indices.dtype).scatter_reduce_(0, batch, indices, reduce="amax")
    where = indices / last[batch].clamp(min=1)  # a video of one node lies at 0, not at NaN
    grid = torch.linspace(0, 1, points)
    mix = interpolation(
        where,
        grid.repeat(num_videos),
        ptr_x=ptr,
        batch_y=torch.arange(num_videos).repeat_interleave(points),
        neighbours=min(_SAMPLED_OF, points),
    )
    return _moved(Samples(points, mix, batch * points + nearest_on_grid(where, grid)), device)


def nearest_on_grid(where: Float[Tensor, " n"], grid: Float[Tensor, " P"]) -> Int[Tensor, " n"]:
    """``[n]`` the point of a uniform grid over 0..1 that is nearest, of two the earlier: arithmetic, no search."""
    low = (where * (len(grid) - 1)).long().clamp(max=max(0, len(grid) - 2))
    high = (low + 1).clamp(max=len(grid) - 1)
    return torch.where((grid[high] - where) ** 2 < (grid[low] - where) ** 2, high, low)
