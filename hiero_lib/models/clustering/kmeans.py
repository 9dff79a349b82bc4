"""The two k-means: batched on the device in training, and scikit-learn's for whole videos (why: see the package)."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


def batched_kmeans(
    x: Float[Tensor, "B P C"], num_clusters: int, *, restarts: int = 8, iterations: int = 50, seed: int = 0
) -> Int[Tensor, "B P"]:
    """Batched k-means with k-means++ starts; the best of ``restarts`` by within-cluster distance.

    Args:
        x: ``[B, P, C]`` points of B independent problems.
        num_clusters: K; with fewer distinct points than K, some clusters stay empty.
        restarts: starts per problem.
        iterations: Lloyd steps, all of them taken: stopping early would wait for the device.
        seed: of the draws, which all problems share.

    Returns:
        ``[B, P]`` int64 clusters 0..K-1.
    """
    problems, points, channels = x.shape
    generator = torch.Generator().manual_seed(seed)
    draws = torch.rand((restarts, num_clusters), generator=generator).to(x.device)
    flat = x.repeat_interleave(restarts, dim=0)  # [B * R, P, C]
    rows = torch.arange(len(flat), device=x.device)
    draw = draws.repeat(problems, 1)
    centres = flat.new_empty((len(flat), num_clusters, channels))
    centres[:, 0] = flat[rows, (draw[:, 0] * points).long().clamp(max=points - 1)]
    closest = ((flat - centres[:, :1]) ** 2).sum(-1)
    for k in range(1, num_clusters):  # the next start with probability proportional to the squared distance
        cumulative = closest.cumsum(-1)
        chosen = torch.searchsorted(cumulative, draw[:, k : k + 1] * cumulative[:, -1:], right=True)
        centres[:, k] = flat[rows, chosen.squeeze(1).clamp(max=points - 1)]
        closest = torch.minimum(closest, ((flat - centres[:, k : k + 1]) ** 2).sum(-1))
    for _ in range(iterations):
        distance = ((flat[:, :, None] - centres[:, None]) ** 2).sum(-1)
        member = torch.nn.functional.one_hot(distance.argmin(-1), num_clusters).to(x.dtype)  # [B * R, P, K]
        size = member.sum(1)
        means = member.mT @ flat / size.clamp(min=1)[:, :, None]
        centres = torch.where((size > 0)[:, :, None], means, centres)
    distance = ((flat[:, :, None] - centres[:, None]) ** 2).sum(-1)
    nearest, cluster = distance.min(-1)
    best = nearest.sum(-1).reshape(problems, restarts).argmin(-1)
    return cluster.reshape(problems, restarts, points)[torch.arange(problems, device=x.device), best]


def scikit_learn_kmeans(
    rows: Float[np.ndarray, "N C"], n_clusters: int, seed: int, n_init: int
) -> Int[np.ndarray, " N"]:
    """scikit-learn's k-means with the random numbers that its ``SpectralClustering(random_state=seed)`` would use.

    On noisy videos k-means has many optima of nearly the same worth, and which one is found depends on the draws.
    They are taken at distances, which no rotation of the eigenvectors changes, so equal draws give an equal
    partition. scikit-learn has drawn N numbers for its eigen-solver before.
    """
    from sklearn.cluster import k_means
    from sklearn.exceptions import ConvergenceWarning

    random = np.random.RandomState(seed)
    random.uniform(-1, 1, len(rows))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # identical segments leave clusters empty: no fault
        return k_means(rows, n_clusters, random_state=random, n_init=n_init)[1]
