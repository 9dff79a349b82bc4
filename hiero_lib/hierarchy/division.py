"""How a level of a video is divided into threads for people: the one way, whatever is then made of the threads.

Spectral clustering on exp(cosine / temperature), as everywhere; then threads that hang together in time
(`hiero_lib.models.clustering.coherence`). A switch costs ``coherence_s`` seconds in which the new thread lies nearer
by one standard deviation of the noise: the same at every level, where nodes stand for more or fewer seconds.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hiero_lib.base.cores import one_core
from hiero_lib.config import HierarchyConfig
from hiero_lib.models.clustering.coherence import coherent
from hiero_lib.models.clustering.davidson import sum_runs
from hiero_lib.models.clustering.modularity import CosineGraph
from hiero_lib.models.clustering.spectral import Partition, spectral_partition

MOST_THREADS = 20  # that "auto" considers

ThreadCount: TypeAlias = int | Literal["auto"]


class Division(Protocol):
    """Divides a level, from what it has prepared, into one number of threads after another."""

    def __call__(self, count: ThreadCount, within: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """``[n]`` threads of the nodes, by any numbers.

        Args:
            count: how many; fewer come out where the level has fewer nodes, or a thread nowhere pays for itself.
                "auto": as many as the features say, of a whole level.
            within: ``[n]`` coarser thread of each node; each of these is divided for itself, so that threads nest.

        Raises:
            ValueError: "auto" within coarser threads, which the features do not say.
        """


Divider: TypeAlias = Callable[[Tensor, float], Division]
"""Prepares a level: features ``[n, C]`` in time order, and the seconds that a node stands for."""


def divider(config: HierarchyConfig) -> Divider:
    """The division of a profile's section ``hierarchy``."""
    return lambda x, node_s: LevelDivision(x, node_s, config)


class LevelDivision:
    """One level, prepared: see the module and `Division`.

    Up to ``most_points`` nodes are divided as they are; of a longer level, neighbours in time are averaged into
    points, and take the thread of theirs.

    Args:
        x: ``[n, C]`` features in time order.
        node_s: seconds that a node stands for.
        config: the profile's section ``hierarchy``.

    Raises:
        ValueError: when called, and ``x`` holds NaN or infinity, or a number is out of range.
    """

    def __init__(self, x: Tensor, node_s: float, config: HierarchyConfig) -> None:
        self._config = config
        self._point_of, self._points = points_of(x, config.most_points)
        self._point_s = node_s * int((self._point_of == 0).sum())
        self._switch_cost = config.coherence_s / self._point_s
        self._whole: Partition | None = None
        self._cut: dict[ThreadCount, NDArray[np.int64]] = {}  # the whole level, as it was divided before

    def __call__(self, count: ThreadCount, within: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """See `Division`."""
        with one_core():  # up to `most_points` points: two cores take longer, and many times so beside other work
            return self._divide(count, within)

    def _divide(self, count: ThreadCount, within: NDArray[np.int64] | None) -> NDArray[np.int64]:
        if within is None:
            if self._whole is None:
                self._whole = self._prepare(self._points)
            return self._divide_whole(self._whole, count)[self._point_of]
        if count == "auto":
            raise ValueError("within coarser threads a number is needed")
        middle = np.flatnonzero(np.diff(self._point_of, prepend=-1)) + np.bincount(self._point_of) // 2
        above = within[middle]
        threads, sizes = np.unique(above, return_counts=True)
        ids, first = np.empty(len(above), dtype=np.int64), 0
        for thread, share in zip(threads, shares(count, sizes)):
            rows = np.flatnonzero(above == thread)
            points = self._points[torch.from_numpy(rows).to(self._points.device)]
            ids[rows] = first + self._divided(points, self._prepare(points), int(share), where=rows)
            first += int(share)
        return self._to_nodes(ids, above, within)

    def at_coherence(self, seconds: float) -> LevelDivision:
        """The same level, prepared as it is, at another ``coherence_s``."""
        other = copy.copy(self)
        other._switch_cost = seconds / self._point_s
        other._cut = {}
        return other

    def _to_nodes(
        self, ids: NDArray[np.int64], above: NDArray[np.int64], within: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Each node's thread: its point's; beyond a coarser border, that of the nearest point in its own."""
        found = ids[self._point_of]
        for node in np.flatnonzero(above[self._point_of] != within):
            own = np.flatnonzero(above == within[node])
            # A coarser thread without a point is shorter than one: a thread of its own.
            apart = int(ids.max()) + 1 + int(within[node])
            found[node] = ids[own[np.abs(own - self._point_of[node]).argmin()]] if len(own) else apart
        return found

    def _prepare(self, points: Tensor) -> Partition:
        return spectral_partition(points, temperature=self._config.temperature)

    def _divide_whole(self, partition: Partition, count: ThreadCount) -> NDArray[np.int64]:
        if count not in self._cut:
            if count == "auto":
                graph = CosineGraph(self._points, temperature=self._config.count_temperature)
                most = min(MOST_THREADS, len(self._points))
                divided = [self._divide_whole(partition, k) for k in range(min(2, most), most + 1)]
                self._cut[count] = max(divided, key=graph.modularity)
            else:
                self._cut[count] = self._divided(self._points, partition, count)
        return self._cut[count]

    def _divided(
        self, points: Tensor, partition: Partition, count: int, where: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        return coherent(points, partition(count).cpu().numpy(), switch_cost=self._switch_cost, where=where)


def points_of(x: Tensor, most: int) -> tuple[NDArray[np.int64], Tensor]:
    """Up to ``most`` points of a level: its nodes ``x [n, C]``, or means of 2, 4, 8, ... neighbours in time.

    Returns:
        ``[n]`` the point of each node, and the points ``[p, C]``.
    """
    block = 1
    while -(-len(x) // block) > most:
        block *= 2
    point_of = np.arange(len(x)) // block
    if block == 1:
        return point_of, x.detach()
    size = torch.from_numpy(np.bincount(point_of)).to(x.device)
    return point_of, sum_runs(x.detach().float(), block) / size[:, None]


def shares(count: int, sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """``count`` threads shared out among coarser ones by their sizes, one to each at least (largest remainders)."""
    wanted = count * sizes / sizes.sum()
    given = np.maximum(1, np.floor(wanted)).astype(np.int64)
    while given.sum() < count:
        given[np.argmax(wanted - given)] += 1
    while given.sum() > max(count, len(given)):
        given[np.argmax(np.where(given > 1, given - wanted, -np.inf))] -= 1
    return given
