"""The two k-means: batched on the device in training, and scikit-learn's for whole videos (why: see the package)."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from hiero_lib.base.cores import one_core


def batched_kmeans(
    x: Float[Tensor, "B P C"], num_clusters: int, *, restarts: int = 8, iterations: int | None = None, seed: int = 0
) -> Int[Tensor, "B P"]:
    """Batched k-means with k-means++ starts; the best of ``restarts`` by within-cluster distance.

    Args:
        x: ``[B, P, C]`` points of B independent problems.
        num_clusters: K; with fewer distinct points than K, some clusters stay empty.
        restarts: starts per problem.
        iterations: Lloyd steps at most; None: half as many as there are points, 16 at least (of 30,720 problems of 32
            points none ended in another partition after 60; after 12 steps, 10 did). On a CPU they end when nothing
            changes; elsewhere all are taken, for asking whether something changed would wait for the device.
        seed: of the draws, which all problems share.

    Returns:
        ``[B, P]`` int64 clusters 0..K-1.
    """
    problems, points, _ = x.shape
    steps = max(16, points // 2) if iterations is None else iterations
    # One number more, 1 in every point, makes the sum of a cluster's points count them too.
    ones = torch.nn.functional.pad(x, (0, 1), value=1.0)
    starts = _starts(x, num_clusters, restarts=restarts, seed=seed)
    index = starts.reshape(problems, -1, 1).expand(-1, -1, ones.shape[2])
    centres = ones.gather(1, index)  # [B, R * K, C + 1]
    is_cluster = torch.eye(num_clusters, dtype=x.dtype, device=x.device)
    member = None
    for _ in range(steps):
        nearest = _distances(ones, centres, num_clusters).argmin(-1)
        before, member = member, is_cluster.index_select(0, nearest.view(-1)).view(problems, points, -1)
        if x.device.type == "cpu" and before is not None and torch.equal(before, member):
            break
        # The share of the old centre is lost in rounding, but where a cluster has no point: there it stays.
        centres = torch.baddbmm(centres, member.mT, ones, beta=2.0**-60)
        centres = centres / centres[..., -1:]
    nearest, cluster = _distances(ones, centres, num_clusters).min(-1)  # [B, P, R]
    best = (nearest**2).sum(1).argmin(-1)
    return cluster.gather(2, best[:, None, None].expand(-1, points, -1)).squeeze(2)


def _starts(x: Tensor, num_clusters: int, *, restarts: int, seed: int) -> Tensor:
    """``[B, R, K]`` points that k-means++ begins with."""
    problems, points, _ = x.shape
    draws = torch.rand((restarts, num_clusters), generator=torch.Generator().manual_seed(seed))
    first = (draws[:, 0] * points).long().clamp(max=points - 1).to(x.device, non_blocking=True)
    draws = draws.to(x.device, non_blocking=True)
    apart = ((x[:, :, None] - x[:, None]) ** 2).sum(-1)  # [B, P, P]
    chosen = [first.expand(problems, -1)[..., None]]
    closest = apart.index_select(1, first)  # [B, R, P] to the nearest of those chosen
    for k in range(1, num_clusters):  # the next with probability proportional to the squared distance
        cumulative = closest.cumsum(-1)
        drawn = torch.searchsorted(cumulative, draws[:, k : k + 1] * cumulative[..., -1:], right=True)
        chosen.append(drawn.clamp(max=points - 1))
        if k < num_clusters - 1:
            closest = torch.minimum(closest, apart.gather(1, chosen[-1].expand(-1, -1, points)))
    return torch.cat(chosen, dim=-1)


def _distances(points: Tensor, centres: Tensor, num_clusters: int) -> Tensor:
    """``[B, P, R, K]`` of points ``[B, P, C]`` to centres ``[B, R * K, C]``; without products, which round more."""
    distance = torch.cdist(points, centres, compute_mode="donot_use_mm_for_euclid_dist")
    return distance.unflatten(2, (-1, num_clusters))


def scikit_learn_kmeans(
    rows: Float[np.ndarray, "N C"], n_clusters: int, seed: int, n_init: int
) -> Int[np.ndarray, " N"]:
    """scikit-learn's k-means with the random numbers that its ``SpectralClustering(random_state=seed)`` would use.

    On noisy videos k-means has many optima of nearly the same worth, and which one is found depends on the draws.
    They are taken at distances, which no rotation of the eigenvectors changes, so equal draws give an equal
    partition. scikit-learn has drawn N numbers for its eigen-solver before.

    On one core: points are few, so that cores wait for one another longer than they work, and add up in an order
    that is never the same.
    """
    from sklearn.cluster import k_means
    from sklearn.exceptions import ConvergenceWarning

    random = np.random.RandomState(seed)
    random.uniform(-1, 1, len(rows))
    with one_core(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # identical segments leave clusters empty: no fault
        return k_means(rows, n_clusters, random_state=random, n_init=n_init)[1]
