"""Clusters that hang together in time: a cluster is kept unless another is clearly nearer."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hiero_lib.models.clustering.spectral import Cluster

_ROUNDING = 1e-6  # of a cosine in float32
_ROUNDS = 2  # of assigning segments and taking means anew


def coherent(
    x: Tensor,
    ids: NDArray[np.int64],
    *,
    switch_cost: float,
    where: NDArray[np.int64] | None = None,
    allowed: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Assign segments to clusters again, so that each switch from one to another must pay for itself.

    The score of a segment in a cluster is its cosine to the cluster's mean, in standard deviations of the noise: of
    the cosines of a cluster's segments to all means, around their average over the cluster. So what is clearly apart
    may change every few seconds, and what is not must win for longer. The line of clusters with the largest sum of
    scores, less ``switch_cost`` for each switch, is found exactly (Viterbi, IEEE Trans. Information Theory 13, 1967).
    Then means are taken anew, once.

    Args:
        x: ``[N, C]`` features in time order.
        ids: ``[N]`` clusters of some other method.
        switch_cost: in standard deviations of the noise, summed over segments; 0 leaves ``ids`` as they are.
        where: ``[N]`` place of each segment in its video, of some of its segments: across a gap a switch is free.
        allowed: ``[N, K]`` in which of the clusters 0..K-1 a segment may be, its own in any case; None: in all.

    Returns:
        ``[N]`` ids; a cluster that nowhere pays for its switches is gone.
    """
    if switch_cost <= 0:
        return ids
    costs = np.full(len(ids), switch_cost)
    if where is not None:
        costs[1:][np.diff(where) > 1] = 0.0
    rows = torch.nn.functional.normalize(x.detach().float().cpu(), dim=1).numpy()
    for _ in range(_ROUNDS):
        clusters, member = np.unique(ids, return_inverse=True)
        if len(clusters) < 2:
            return ids
        means = (member == np.arange(len(clusters))[:, None]).astype(np.float32) @ rows
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        cosine = rows @ means.T
        own = np.stack([cosine[member == cluster].mean(0) for cluster in range(len(clusters))])
        noise = float((cosine - own[member]).std())
        # Where the segments of a cluster are all the same, rounding is the noise.
        score = cosine / max(noise, _ROUNDING)
        if allowed is not None:
            score = np.where(allowed[:, clusters], score, -np.inf)
        ids = clusters[best_line(score, costs)]
    return ids


def coherent_cluster(cluster: Cluster, *, switch_cost: float) -> Cluster:
    """A clustering made `coherent`, in the form in which benchmarks take one."""

    def clusters(x: Tensor, n_clusters: int, temperature: float) -> Tensor:
        ids = cluster(x, n_clusters, temperature)
        return torch.from_numpy(coherent(x, ids.cpu().numpy(), switch_cost=switch_cost)).to(x.device)

    return clusters


def best_line(score: NDArray[np.floating], costs: NDArray[np.floating]) -> NDArray[np.int64]:
    """``[N]`` a column for each row of ``score [N, K]``: the largest sum, less ``costs [N]`` where it changes."""
    n, k = score.shape
    came_from = np.empty((n, k), dtype=np.int64)
    same = np.arange(k)
    best = score[0].astype(np.float64)
    for row in range(1, n):
        leader = best.argmax()
        switched = best[leader] - costs[row]
        stays = best >= switched
        came_from[row] = np.where(stays, same, leader)
        best = np.where(stays, best, switched) + score[row]
    line = np.empty(n, dtype=np.int64)
    line[-1] = best.argmax()
    for row in range(n - 1, 0, -1):
        line[row - 1] = came_from[row, line[row]]
    return line
