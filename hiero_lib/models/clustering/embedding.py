"""Eigenvectors of the normalised Laplacian of exp(cosine / temperature), on which k-means divides a video."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from hiero_lib.base.device import with_float64
from hiero_lib.models.clustering.davidson import Affinity, CoarseSpace, eigh_descending, largest_eigenpairs

_DENSE_UP_TO = 512  # nodes: up to here a dense eigen-decomposition is as fast, and exact
_COARSE_NODES = 512  # at most, of the coarse problem that starts and steers the search
_SHORTEST_RUN = 4  # segments of a coarse node; so the coarse problem stays much smaller than the whole one


def laplacian_eigenvectors(
    x: Float[Tensor, "B P H"], num_vectors: int, *, temperature: float
) -> Float[Tensor, "B P {num_vectors}"]:
    """Eigenvectors of the normalised Laplacian of ``exp(cosine / temperature)``, smallest eigenvalue first.

    Args:
        x: ``[B, P, H]`` features of P points of B videos.
        num_vectors: how many eigenvectors.
        temperature: of the affinity.

    Returns:
        ``[B, P, num_vectors]`` float32.
    """
    # float64, since exp(1 / 0.05) = 5e8 meets 1 in one matrix
    points = torch.nn.functional.normalize(x.to(with_float64(x.device)).double(), dim=-1)
    affinity = torch.exp(points @ points.mT / temperature)
    scale = affinity.sum(-1).rsqrt()
    laplacian = -(scale[:, :, None] * affinity * scale[:, None, :])
    laplacian.diagonal(dim1=1, dim2=2).add_(1.0)
    _, vectors = torch.linalg.eigh(laplacian)
    return vectors[..., :num_vectors].float().to(x.device)


def spectral_embedding(
    x: Float[Tensor, "N H"], k: int, *, temperature: float
) -> tuple[Float[Tensor, " K"], Float[Tensor, "N K"]]:
    """The k largest eigenvalues of D^-1/2 W D^-1/2 (W without diagonal), and D^-1/2 times their eigenvectors.

    Returns ``([k], [N, k])`` float32, eigenvalues falling. Within (nearly) equal eigenvalues the vectors are
    any basis of their space; distances between rows, which is all that k-means sees, are not affected.
    """
    affinity = Affinity(x, temperature, run=max(-(-len(x) // _COARSE_NODES), _SHORTEST_RUN))
    root = affinity.degree.rsqrt()

    def product(rows: Tensor) -> Tensor:
        return root * affinity.product(root * rows)

    if len(x) <= _DENSE_UP_TO:
        values, vectors = eigh_descending(product(torch.eye(len(x), device=x.device)))
        values, rows = values[:k], vectors[:, :k].T
    else:
        values, rows = largest_eigenpairs(product, CoarseSpace(affinity), k)
    return values, (root * rows).T
