"""Spectral clustering of long videos, with the partition of scikit-learn's and a fraction of its time.

scikit-learn inverts an N x N matrix to find a few eigenvectors (time grows as N^2.3). Here the same eigenvectors
come from a search that needs products with the affinity only, one pass over N x N numbers each, and that starts
from the same problem on runs of neighbouring segments. It runs on whatever device the features are on.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_DENSE_UP_TO = 512  # nodes: up to here a dense eigen-decomposition is as fast, and exact
_STORED_BYTES = 4 * 2**30  # a larger affinity (46,000 segments, 6.8 hours) is computed anew in each product
_ROWS = 256  # of the affinity at a time: few enough to stay in the cache for the two products that read them
_COARSE_NODES = 512  # at most, of the coarse problem that starts and steers the search
_SHORTEST_RUN = 4  # segments of a coarse node; so the coarse problem stays much smaller than the whole one
_MAX_BASIS = 160  # vectors of the search space before it is cut back to its best ones
_MAX_PASSES = 400
_STALLED = 3  # passes without a smaller residual: float32 has no more to give
_CLOSEST = 1e-3  # eigenvalues of the coarse problem nearer than this to a Ritz value are not trusted
_AUTO_LIMIT = 20  # most clusters that "auto" considers

ThreadCount: TypeAlias = int | Literal["auto"]
Partition: TypeAlias = Callable[[ThreadCount], Tensor]  # number of clusters -> ids [N] of what was prepared


def spectral_clustering(
    x: Tensor,
    n_clusters: ThreadCount,
    *,
    temperature: float,
    seed: int = 0,
    n_init: int = 10,
) -> Tensor:
    """Clusters of segments by normalised spectral clustering on exp(cosine / temperature).

    The same definition as scikit-learn's ``SpectralClustering(affinity="precomputed")``: the diagonal is left out
    of the graph, the eigenvectors of the n_clusters smallest eigenvalues of L = I - D^-1/2 W D^-1/2 are divided
    by the root of the degrees, and the best of ``n_init`` k-means runs on them is taken (von Luxburg, "A tutorial
    on spectral clustering", 2007).

    Args:
        x: ``[N, H]`` features; only their directions matter.
        n_clusters: how many; at most N come out. "auto" takes 2 to 20 by the largest gap between eigenvalues.
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

    def embed(k: int) -> tuple[Tensor, Tensor]:
        return spectral_embedding(detached, k, temperature=temperature)

    return _partition(detached, n_clusters, embed=embed, seed=seed, n_init=n_init)


def _check(x: Tensor, n_clusters: ThreadCount, temperature: float) -> None:
    if x.dim() != 2:
        raise ValueError(f"expected [N, H] features, got the shape {tuple(x.shape)}")
    if temperature <= 0 or (n_clusters != "auto" and n_clusters < 1):
        raise ValueError(f"expected positive temperature and n_clusters, got {temperature} and {n_clusters}")
    if not bool(torch.isfinite(x).all()):
        bad = int((~torch.isfinite(x)).any(dim=1).nonzero()[0])
        raise ValueError(f"row {bad} of the features holds NaN or infinity")


def _partition(
    x: Tensor, n_clusters: ThreadCount, *, embed: Callable[[int], tuple[Tensor, Tensor]], seed: int, n_init: int
) -> Tensor:
    """Ids ``[N]`` from ``embed``, which gives the k largest eigenvalues and their vectors ``[N, k]``."""
    n = len(x)
    wanted = min(_AUTO_LIMIT + 1, n) if n_clusters == "auto" else min(n_clusters, n)
    if (n_clusters != "auto" and wanted <= 1) or n <= 2:
        return torch.arange(n, device=x.device) if wanted == n else torch.zeros(n, dtype=torch.int64, device=x.device)
    values, embedding = embed(wanted)
    if n_clusters == "auto":
        gaps = values[1:-1] - values[2:]
        wanted = int(gaps.argmax()) + 2
        embedding = embedding[:, :wanted]
    labels = _kmeans(embedding.double().cpu().numpy(), wanted, seed, n_init)
    return torch.from_numpy(labels).long().to(x.device)


def spectral_partition(
    x: Tensor, *, temperature: float, most_points: int, seed: int = 0, n_init: int = 10
) -> Partition:
    """Prepare segments for clustering into one number of clusters after another: a slider's moves.

    The eigenvectors are computed at the first call and kept; then each call is a k-means. Up to ``most_points``
    segments the partition is that of `spectral_clustering`; of a longer video, neighbours in time are averaged into
    so many points at the most, and take the cluster of theirs.

    Args:
        x: ``[N, H]`` features in time order.
        temperature: of the affinity.
        most_points: bounds time and memory, whatever the length of the video.
        seed: of k-means.
        n_init: k-means runs.

    Raises:
        ValueError: from the function returned, as `spectral_clustering`; or ``most_points`` is below 1.
    """
    if most_points < 1:
        raise ValueError(f"expected a positive most_points, got {most_points}")
    block = max(1, -(-len(x) // most_points))
    point = torch.arange(len(x), device=x.device) // block
    points = _sum_runs(x.detach().float(), block) / torch.bincount(point)[:, None] if block > 1 else x.detach()
    kept: list[tuple[Tensor, Tensor]] = []

    def embed(k: int) -> tuple[Tensor, Tensor]:
        if not kept or len(kept[0][0]) < k:
            most = min(max(k, _AUTO_LIMIT + 1), len(points))
            kept[:] = [spectral_embedding(points, most, temperature=temperature)]
        values, vectors = kept[0]
        return values[:k], vectors[:, :k]

    def divide(n_clusters: ThreadCount) -> Tensor:
        _check(points, n_clusters, temperature)
        return _partition(points, n_clusters, embed=embed, seed=seed, n_init=n_init)[point]

    return divide


Cluster = Callable[[Tensor, int, float], Tensor]  # features [N, D], number of clusters, temperature -> ids [N]


def default_cluster(x: Tensor, n_clusters: int, temperature: float) -> Tensor:
    """``spectral_clustering`` with its default seed, in the form in which benchmarks take a clustering."""
    return spectral_clustering(x, n_clusters, temperature=temperature)


def spectral_embedding(x: Tensor, k: int, *, temperature: float) -> tuple[Tensor, Tensor]:
    """The k largest eigenvalues of D^-1/2 W D^-1/2 (W without diagonal), and D^-1/2 times their eigenvectors.

    Returns ``([k], [N, k])`` float32, eigenvalues falling. Within (nearly) equal eigenvalues the vectors are
    any basis of their space; distances between rows, which is all that k-means sees, are not affected.
    """
    affinity = _Affinity(x, temperature, run=max(-(-len(x) // _COARSE_NODES), _SHORTEST_RUN))
    root = affinity.degree.rsqrt()

    def product(rows: Tensor) -> Tensor:
        return root * affinity.product(root * rows)

    if len(x) <= _DENSE_UP_TO:
        values, vectors = _eigh(product(torch.eye(len(x), device=x.device)))
        values, rows = values[:k], vectors[:, :k].T
    else:
        values, rows = _largest_eigenpairs(product, _CoarseSpace(affinity), k)
    return values, (root * rows).T


class _Affinity:
    """W = exp((cosine - 1) / temperature) without its diagonal: products with it, its row sums, sums over runs.

    Only blocks of rows right of the diagonal are computed and kept, for W is symmetric. Its scale does not matter
    to the normalised Laplacian; subtracting 1 keeps float32 from overflowing.

    Args:
        x: ``[N, H]`` features of any length. run: segments that ``joined`` sums over.
    """

    def __init__(self, x: Tensor, temperature: float, *, run: int) -> None:
        self.unit = F.normalize(x.float(), dim=1) * temperature**-0.5
        self.shift, self.n, self.run = 1.0 / temperature, len(x), run
        self.rows = max(_ROWS // run, 1) * run  # so that no run is in two blocks
        fits = self.n**2 / 2 * self.unit.element_size() <= _STORED_BYTES
        self.stored = list(self._compute()) if fits else None
        self.degree = self.product(torch.ones(1, self.n, device=x.device)).squeeze(0).clamp(min=1e-30)

    def _compute(self) -> Iterator[Tensor]:
        for first in range(0, self.n, self.rows):
            block = torch.mm(self.unit[first : first + self.rows], self.unit[first:].T)
            block = block.sub_(self.shift).exp_()
            block.diagonal().zero_()
            yield block

    def _blocks(self) -> Iterator[tuple[int, int, Tensor]]:
        """(first row, row after the last, W[first:stop, first:])."""
        for index, block in enumerate(self._compute() if self.stored is None else self.stored):
            yield index * self.rows, index * self.rows + len(block), block

    def product(self, rows: Tensor) -> Tensor:
        """v W for each row v; ``[m, N]`` to ``[m, N]``."""
        out = torch.zeros_like(rows)
        for first, stop, block in self._blocks():
            out[:, first:stop] += rows[:, first:] @ block.T
            out[:, stop:] += rows[:, first:stop] @ block[:, stop - first :]
        return out

    def joined(self) -> Tensor:
        """W summed over runs of segments each way; ``[ceil(N / run)] * 2``."""
        nodes = -(-self.n // self.run)
        out = torch.zeros(nodes, nodes, device=self.unit.device)
        for first, stop, block in self._blocks():
            sums = _sum_runs(_sum_runs(block, self.run).T, self.run)  # [nodes from first on, nodes of the block]
            here, after = first // self.run, -(-stop // self.run)
            out[here:, here:after] = sums
            out[here:after, after:] = sums[after - here :].T
        return out


def _sum_runs(x: Tensor, run: int) -> Tensor:
    """Sums over runs of ``run`` rows, the last one maybe shorter."""
    whole = len(x) // run * run
    parts = [x[:whole].unflatten(0, (-1, run)).sum(1)] if whole else []
    return torch.cat([*parts, x[whole:].sum(0, keepdim=True)]) if whole < len(x) else parts[0]


def _eigh(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """All eigenpairs of a symmetric matrix in double precision, eigenvalues falling, as float32 on its device."""
    values, vectors = torch.linalg.eigh((matrix + matrix.T).cpu().double() / 2)
    return values.flip(0).to(matrix), vectors.flip(1).to(matrix)


class _CoarseSpace:
    """The lines that are constant over short runs of segments, in which the eigenproblem is small (Galerkin).

    Neighbours in time are alike, so on a video its solutions are close to those of the whole problem: they start
    the search and steer it. Any other order of the segments would only take longer.
    """

    def __init__(self, affinity: _Affinity) -> None:
        n = affinity.n
        self.length = affinity.run
        self.run = torch.arange(n, device=affinity.degree.device) // affinity.run
        self.nodes = int(self.run[-1]) + 1
        weight = _sum_runs(affinity.degree, affinity.run).sqrt()
        self.column = affinity.degree.sqrt() / weight[self.run]  # of the orthonormal basis, one entry a segment
        self.values, self.vectors = _eigh(affinity.joined() / weight / weight[:, None])

    def lift(self, coarse: Tensor) -> Tensor:
        """``[m, C]`` to ``[m, N]``."""
        return self.column * coarse[:, self.run]

    def restrict(self, fine: Tensor) -> Tensor:
        """``[m, N]`` to ``[m, C]``, the transpose of ``lift``."""
        return _sum_runs((self.column * fine).T, self.length).T

    def correct(self, residual: Tensor, values: Tensor) -> Tensor:
        """(value - M)^-1 residual for each row, with M replaced by its restriction to this space (and 0 outside)."""
        part = self.restrict(residual) @ self.vectors
        distance = values[:, None] - self.values
        distance = torch.where(distance < 0, -1.0, 1.0) * distance.abs().clamp(min=_CLOSEST)
        inside = self.lift((part / distance - part / values[:, None]) @ self.vectors.T)
        return residual / values[:, None] + inside


def _largest_eigenpairs(
    product: Callable[[Tensor], Tensor], coarse: _CoarseSpace, k: int, *, tolerance: float = 5e-7
) -> tuple[Tensor, Tensor]:
    """The k largest eigenpairs (``[k]``, ``[k, N]``) of a symmetric matrix by the block Davidson method.

    The space starts as the 2 k best lines of ``coarse`` and grows by the corrected residuals of the k best Ritz
    pairs (Saad, "Numerical methods for large eigenvalue problems", section 8.4) until all residuals are below
    ``tolerance``, or cannot be made smaller. k-means turns an error of 1e-5 into another partition where two of its
    optima are nearly worth the same, which is why the tolerance is near the end of float32. A space of
    ``_MAX_BASIS`` vectors is cut back to its best ones, without new products. Vectors are rows: on a CPU products
    with a few long rows are several times faster than those with a few columns.
    """
    width = max(2 * k, 16)
    basis = _orthonormal(coarse.lift(coarse.vectors[:, :width].T))
    images = product(basis)
    smallest, stalled, found = float("inf"), 0, None
    for _ in range(_MAX_PASSES):
        values, turns = _eigh(basis @ images.T)
        values, best = values[:k], turns[:, :k].T
        rows = best @ basis
        residual = best @ images - rows * values[:, None]
        error = residual.norm(dim=1)
        late, worst = error >= tolerance, float(error.max())
        stalled = 0 if worst < smallest else stalled + 1
        if worst < smallest:
            smallest, found = worst, (values, rows)
        if worst < tolerance or stalled == _STALLED:
            break
        if len(basis) + k > _MAX_BASIS:
            basis, images = turns[:, :width].T @ basis, turns[:, :width].T @ images
        block = coarse.correct(residual[late], values[late])
        for _ in range(2):  # twice is enough for float32
            block = _orthonormal(block - (block @ basis.T) @ basis)
        basis, images = torch.cat([basis, block]), torch.cat([images, product(block)])
    assert found is not None
    return found


def _orthonormal(rows: Tensor) -> Tensor:
    """An orthonormal basis of the rows' space, as rows."""
    return torch.linalg.qr(rows.T)[0].T.contiguous()


def _kmeans(rows: np.ndarray, n_clusters: int, seed: int, n_init: int) -> np.ndarray:
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
