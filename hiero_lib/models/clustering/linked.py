"""Clusters that follow what is known of some segments: which belong together, and which do not.

Spectral learning (Kamvar, Klein and Manning, IJCAI 2003): the affinity of two known segments is 1 where they must be
together and 0 where they cannot be; ``exp((cosine - 1) / temperature)`` lies in between. The eigenvectors, a row of
unit length for each segment, carry it to the segments around. A known segment stays in its cluster through k-means
and through what follows (constrained k-means: Basu, Banerjee and Mooney, ICML 2002), so that what is known holds.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hiero_lib.models.clustering.coherence import coherent

_MOST_STEPS = 100  # of k-means, which ends by itself long before


def linked_clusters(
    x: Tensor,
    ids: NDArray[np.int64],
    known: NDArray[np.bool_],
    *,
    temperature: float,
    switch_cost: float,
    allowed: NDArray[np.bool_] | None = None,
    where: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Divide segments anew into the clusters that they are in, so that the rest follows the known ones.

    K-means starts from the clusters as they are, so a cluster keeps its number; then clusters are made `coherent`.

    Args:
        x: ``[N, H]`` features in time order; only their directions matter.
        ids: ``[N]`` clusters 0..K-1 as they are, each of at least one segment.
        known: ``[N]`` which segments are known to be where they are: those of one cluster must be together, those of
            two cannot be.
        temperature: of the affinity. switch_cost, where: as `coherent`.
        allowed: ``[N, K]`` in which clusters a segment may be, its own in any case; None: in all.

    Returns:
        ``[N]`` clusters by the same numbers; one of which no segment is known may be gone.
    """
    count = int(ids.max()) + 1
    if count < 2 or bool(known.all()):
        return ids
    own = np.arange(count) == ids[:, None]
    may = own | (~known[:, None] & (True if allowed is None else allowed))
    found = _constrained_kmeans(_embedded(x, ids, known, temperature=temperature), ids, may)
    return coherent(x, found, switch_cost=switch_cost, where=where, allowed=may)


def _embedded(
    x: Tensor, ids: NDArray[np.int64], known: NDArray[np.bool_], *, temperature: float
) -> NDArray[np.float64]:
    """``[N, K]`` eigenvectors of the K largest eigenvalues of D^-1/2 W D^-1/2, rows of unit length.

    Dense: of some 2,000 segments and 70 clusters LAPACK finds them in half a second; where there are so many clusters
    and the affinity of what is known has steps, the search of `hiero_lib.models.clustering.davidson` took 16 times as
    long.
    """
    from scipy.linalg import eigh

    unit = torch.nn.functional.normalize(x.detach().cpu().double(), dim=1).numpy()
    affinity = np.exp((unit @ unit.T - 1) / temperature)
    linked = known[:, None] & known
    affinity = np.where(linked, (ids[:, None] == ids).astype(np.float64), affinity)
    np.fill_diagonal(affinity, 0)
    root = 1 / np.sqrt(np.maximum(affinity.sum(1), 1e-30))
    n, count = len(ids), int(ids.max()) + 1
    _, vectors = eigh(root[:, None] * affinity * root, subset_by_index=[n - count, n - 1])
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _constrained_kmeans(
    rows: NDArray[np.float64], ids: NDArray[np.int64], may: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Lloyd's steps from the clusters as they are, each row in the nearest one in which it may be."""
    count = may.shape[1]
    centres = np.zeros((count, rows.shape[1]))
    for _ in range(_MOST_STEPS):
        size = np.bincount(ids, minlength=count)[:, None]
        total = np.zeros_like(centres)
        np.add.at(total, ids, rows)
        centres = np.where(size > 0, total / np.maximum(size, 1), centres)  # an empty one stays where it was
        apart = (rows**2).sum(1)[:, None] - 2 * rows @ centres.T + (centres**2).sum(1)
        nearest = np.where(may, apart, np.inf).argmin(1)
        if (nearest == ids).all():
            break
        ids = nearest
    return ids
