"""Activity threads: which segments of a video belong together, and the graph that joins them.

A thread-discovery function is any callable of the form of :class:`ThreadDiscovery`; HiERO is handed one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hiero_lib.config import ThreadGraph
from hiero_lib.models.clustering.embedding import laplacian_eigenvectors
from hiero_lib.models.clustering.kmeans import batched_kmeans
from hiero_lib.models.temporal import TemporalGraph, interpolate, nearest_nodes, radius_graph, video_pointer


@runtime_checkable
class ThreadDiscovery(Protocol):
    """Finds the threads of every video of a batch, without gradients."""

    def __call__(
        self, x: Float[Tensor, "N H"], *, indices: Int[Tensor, " N"], batch: Int[Tensor, " N"], num_videos: int
    ) -> Int[Tensor, " N"]:
        """Threads of nodes.

        Shapes: x ``[N, H]``, indices ``[N]`` increasing within a video, batch ``[N]`` sorted; result ``[N]`` int64,
        ids that no two videos share.
        """


@dataclass(frozen=True)
class SpectralThreads:
    """The paper's fast spectral clustering (section 3.3), all videos of a batch at once.

    Each video is resampled to ``sample_points`` points uniformly over its normalised index (3 nearest nodes,
    inverse squared distance); the ``num_clusters`` eigenvectors with the smallest eigenvalues of
    ``I - D^-1/2 exp(cosine / temperature) D^-1/2`` are clustered by k-means; each node takes the cluster of its
    nearest point, and ids are made unique as ``video * num_clusters + cluster``.

    The k-means of the reference draws its starts at random; here the draws are the same for every video and
    call, so that threads depend on the features alone: not on the batch, the process, or the step.
    """

    num_clusters: int = 4
    sample_points: int = 32
    temperature: float = 0.05
    seed: int = 0

    @torch.no_grad()
    def __call__(
        self, x: Float[Tensor, "N H"], *, indices: Int[Tensor, " N"], batch: Int[Tensor, " N"], num_videos: int
    ) -> Int[Tensor, " N"]:
        """See :class:`ThreadDiscovery`."""
        ptr = video_pointer(batch, num_videos)
        last = torch.zeros(num_videos, dtype=indices.dtype, device=x.device)
        last.scatter_reduce_(0, batch, indices, reduce="amax")
        where = indices / last[batch].clamp(min=1)  # a video of one node lies at 0, not at NaN
        points = torch.linspace(0, 1, self.sample_points, device=x.device)
        videos = torch.arange(num_videos, device=x.device)
        sampled = interpolate(
            x.float(),
            where,
            points.repeat(num_videos),
            ptr_x=ptr,
            batch_y=videos.repeat_interleave(self.sample_points),
            neighbours=min(3, self.sample_points),
        ).reshape(num_videos, self.sample_points, -1)
        # a video without nodes borrowed a neighbour's rows with undefined weights: nobody reads its threads
        sampled = torch.where((ptr[1:] > ptr[:-1])[:, None, None], sampled, 0.0)
        embedded = laplacian_eigenvectors(sampled, self.num_clusters, temperature=self.temperature)
        clusters = batched_kmeans(embedded, self.num_clusters, seed=self.seed)
        nearest, _ = nearest_nodes(
            points,
            where,
            ptr_x=ptr.new_tensor([0, self.sample_points]),
            batch_y=torch.zeros_like(batch),
            neighbours=1,
        )
        return batch * self.num_clusters + clusters[batch, nearest[:, 0]]


def ranks_in_threads(threads: Int[Tensor, " N"]) -> Float[Tensor, " N"]:
    """``[N]`` float32 number of each node within its thread: 0, 1, 2, ... in the order of rows, which is time."""
    order = torch.argsort(threads, stable=True)
    ordered = threads[order]
    first = torch.searchsorted(ordered, ordered)  # row at which each node's thread begins
    ranks = torch.empty(len(threads), dtype=torch.float32, device=threads.device)
    ranks[order] = (torch.arange(len(threads), device=threads.device) - first).float()
    return ranks


def released_slices(threads: Int[Tensor, " N"]) -> Int[Tensor, " N"]:
    """``[N]`` the slice that each node falls into when unsorted ids go into torch-cluster's radius search.

    The released code hands the thread ids, unsorted, to a search that expects a sorted batch vector and takes
    slices of it: with ``ptr = bucketize(arange(B + 1), ids)``, B the largest id plus one, node i is compared with
    the nodes of the slice that holds i (METHOD.md, "Where the released code departs").
    """
    boundaries = torch.arange(int(threads.max()) + 2, device=threads.device)
    ptr = torch.bucketize(boundaries, threads)
    return torch.searchsorted(ptr, torch.arange(len(threads), device=threads.device), right=True)


def thread_graph(threads: Int[Tensor, " N"], *, variant: ThreadGraph, signed: bool = True) -> TemporalGraph:
    """Join each node with the one before and after it in its thread (distance in ranks below 1.5).

    Args:
        threads: ``[N]`` ids; rows in time order within a thread.
        variant: ``within_threads`` as the paper has it; ``released`` joins nodes of the released code's slices,
            also across threads.
        signed: as in :func:`hiero_lib.models.temporal.radius_graph`.
    """
    group = threads if variant == "within_threads" else released_slices(threads)
    return radius_graph(ranks_in_threads(threads), group, 1.5, signed=signed)
