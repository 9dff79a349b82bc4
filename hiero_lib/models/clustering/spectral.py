"""Spectral clustering of whole videos, with the partition of scikit-learn's and a fraction of its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hiero_lib.models.clustering.embedding import spectral_embedding
from hiero_lib.models.clustering.kmeans import scikit_learn_kmeans

_AT_ONCE = 20  # eigenvectors that are computed for a first, smaller number of clusters too

Partition: TypeAlias = Callable[[int], Tensor]  # number of clusters -> ids [N] of what was prepared
Cluster: TypeAlias = Callable[
    [Tensor, int, float], Tensor
]  # features [N, D], number of clusters, temperature -> ids [N]


def spectral_clustering(
    x: Tensor,
    n_clusters: int,
    *,
    temperature: float,
    seed: int = 0,
    n_init: int = 10,
) -> Int[Tensor, " N"]:
    """Clusters of segments by normalised spectral clustering on exp(cosine / temperature).

    The same definition as scikit-learn's ``SpectralClustering(affinity="precomputed")``: the diagonal is left out
    of the graph, the eigenvectors of the n_clusters smallest eigenvalues of L = I - D^-1/2 W D^-1/2 are divided
    by the root of the degrees, and the best of ``n_init`` k-means runs on them is taken (von Luxburg, "A tutorial
    on spectral clustering", 2007).

    Args:
        x: ``[N, H]`` features; only their directions matter.
        n_clusters: how many; at most N come out.
        temperature: of the affinity (0.05 for step grounding, 0.5 for EgoProceL).
        seed: of k-means; the partition is the one of scikit-learn with this ``random_state``.
        n_init: k-means runs.

    Returns:
        ``[N]`` int64 cluster ids from 0, on the device of ``x``.

    Raises:
        ValueError: ``x`` is not a matrix, holds NaN or infinity, or a number is out of range.
    """
    _check(x, n_clusters, temperature)
    detached = x.detach()

    def embed(k: int) -> Tensor:
        return spectral_embedding(detached, k, temperature=temperature)[1]

    return _partition(detached, n_clusters, embed=embed, seed=seed, n_init=n_init)


def _check(x: Tensor, n_clusters: int, temperature: float) -> None:
    if x.dim() != 2:
        raise ValueError(f"expected [N, H] features, got the shape {tuple(x.shape)}")
    if temperature <= 0 or n_clusters < 1:
        raise ValueError(f"expected positive temperature and n_clusters, got {temperature} and {n_clusters}")
    if not bool(torch.isfinite(x).all()):
        bad = int((~torch.isfinite(x)).any(dim=1).nonzero()[0])
        raise ValueError(f"row {bad} of the features holds NaN or infinity")


def _partition(
    x: Tensor, n_clusters: int, *, embed: Callable[[int], Tensor], seed: int, n_init: int
) -> Int[Tensor, " N"]:
    """Ids ``[N]`` from ``embed``, which gives the vectors ``[N, k]`` of the k largest eigenvalues."""
    n = len(x)
    wanted = min(n_clusters, n)
    if wanted <= 1 or n <= 2:
        return torch.arange(n, device=x.device) if wanted == n else torch.zeros(n, dtype=torch.int64, device=x.device)
    labels = scikit_learn_kmeans(embed(wanted).cpu().double().numpy(), wanted, seed, n_init)
    return torch.from_numpy(labels).long().to(x.device)


def spectral_partition(x: Float[Tensor, "N H"], *, temperature: float, seed: int = 0, n_init: int = 10) -> Partition:
    """Prepare segments for clustering into one number of clusters after another: a slider's moves.

    The eigenvectors are computed at the first call and kept; then each call is a k-means. The partition is that of
    `spectral_clustering`.

    Args:
        x: ``[N, H]`` features in time order.
        temperature: of the affinity.
        seed: of k-means.
        n_init: k-means runs.

    Raises:
        ValueError: from the function returned, as `spectral_clustering`.
    """
    points = x.detach()
    kept: list[Tensor] = []

    def embed(k: int) -> Tensor:
        if not kept or kept[0].shape[1] < k:
            most = min(max(k, _AT_ONCE), len(points))
            kept[:] = [spectral_embedding(points, most, temperature=temperature)[1]]
        return kept[0][:, :k]

    def divide(n_clusters: int) -> Tensor:
        _check(points, n_clusters, temperature)
        return _partition(points, n_clusters, embed=embed, seed=seed, n_init=n_init)

    return divide


def default_cluster(x: Float[Tensor, "N H"], n_clusters: int, temperature: float) -> Int[Tensor, " N"]:
    """``spectral_clustering`` with its default seed, in the form in which benchmarks take a clustering."""
    return spectral_clustering(x, n_clusters, temperature=temperature)
