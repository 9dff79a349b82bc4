"""Spectral clustering of long videos, with the partition of scikit-learn's and a fraction of its time.

scikit-learn inverts an N x N matrix to find a few eigenvectors (time grows as N^2.3). Here the same eigenvectors
come from a search that needs products with the affinity only, one pass over N x N numbers each, and that starts
from the same problem on runs of neighbouring segments. It runs on whatever device the features are on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

_DENSE_UP_TO = 384  # nodes: below, a dense eigen-decomposition is faster
_STORED_BYTES = 4 * 2**30  # a larger affinity (32,768 segments, 4.8 hours) is computed anew in each product
_ROWS = 2048  # rows of the affinity computed at a time
_COARSE_NODES = 1024  # at most, of the coarse problem that starts and steers the search
_SHORTEST_RUN = 4  # segments of a coarse node; so the coarse problem stays much smaller than the whole one
_MAX_BASIS = 160  # vectors of the search space before it is cut back to its best ones
_MAX_PASSES = 400
_CLOSEST = 1e-3  # eigenvalues of the coarse problem nearer than this to a Ritz value are not trusted
_AUTO_LIMIT = 20  # most clusters that "auto" considers


def spectral_clustering(
    x: Tensor,
    n_clusters: int | Literal["auto"],
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
        seed: of the start vectors and of k-means; the global random state is not touched.
        n_init: k-means runs.

    Returns:
        ``[N]`` int64 cluster ids from 0, on the device of ``x``.

    Raises:
        ValueError: ``x`` is not a matrix, holds NaN or infinity, or a number is out of range.
    """
    if x.dim() != 2:
        raise ValueError(f"expected [N, H] features, got the shape {tuple(x.shape)}")
    if temperature <= 0 or (n_clusters != "auto" and n_clusters < 1):
        raise ValueError(f"expected positive temperature and n_clusters, got {temperature} and {n_clusters}")
    if not bool(torch.isfinite(x).all()):
        bad = int((~torch.isfinite(x)).any(dim=1).nonzero()[0])
        raise ValueError(f"row {bad} of the features holds NaN or infinity")
    n = len(x)
    wanted = min(_AUTO_LIMIT + 1, n) if n_clusters == "auto" else min(n_clusters, n)
    if (n_clusters != "auto" and wanted <= 1) or n <= 2:
        return torch.arange(n, device=x.device) if wanted == n else torch.zeros(n, dtype=torch.int64, device=x.device)
    generator = torch.Generator().manual_seed(seed)
    values, embedding = spectral_embedding(x.detach(), wanted, temperature=temperature)
    if n_clusters == "auto":
        gaps = values[1:-1] - values[2:]
        wanted = int(gaps.argmax()) + 2
        embedding = embedding[:, :wanted]
    return kmeans(embedding, wanted, generator=generator, n_init=n_init)


Cluster = Callable[[Tensor, int, float], Tensor]  # features [N, D], number of clusters, temperature -> ids [N]


def default_cluster(x: Tensor, n_clusters: int, temperature: float) -> Tensor:
    """``spectral_clustering`` with its default seed, in the form in which benchmarks take a clustering."""
    return spectral_clustering(x, n_clusters, temperature=temperature)


def spectral_embedding(x: Tensor, k: int, *, temperature: float) -> tuple[Tensor, Tensor]:
    """The k largest eigenvalues of D^-1/2 W D^-1/2 (W without diagonal), and D^-1/2 times their eigenvectors.

    Returns ``([k], [N, k])`` float32, eigenvalues falling. Within (nearly) equal eigenvalues the vectors are
    any basis of their space; distances between rows, which is all that k-means sees, are not affected.
    """
    affinity = _Affinity(F.normalize(x.float(), dim=1), temperature)
    root = affinity.degree.rsqrt()

    def product(v: Tensor) -> Tensor:
        return root[:, None] * affinity.product(root[:, None] * v)

    if len(x) <= _DENSE_UP_TO:
        values, vectors = _eigh(product(torch.eye(len(x), device=x.device)))
        values, vectors = values[:k], vectors[:, :k]
    else:
        values, vectors = _largest_eigenpairs(product, _CoarseSpace(affinity), k)
    return values, root[:, None] * vectors


class _Affinity:
    """W = exp((cosine - 1) / temperature) without its diagonal: products with it, and its row sums.

    The scale of W does not matter to the normalised Laplacian; subtracting 1 keeps float32 from overflowing.
    """

    def __init__(self, unit: Tensor, temperature: float) -> None:
        self.unit, self.temperature, self.n = unit, temperature, len(unit)
        self.stored: Tensor | None = None
        if self.n**2 * unit.element_size() <= _STORED_BYTES:
            stored = torch.empty(self.n, self.n, device=unit.device)
            for first in range(0, self.n, _ROWS):  # the upper triangle is computed, the lower one copied
                block = self._compute(first, first + _ROWS, from_column=first)
                stored[first : first + _ROWS, first:] = block
                stored[first + _ROWS :, first : first + _ROWS] = block[:, _ROWS:].T
            self.stored = stored
        self.degree = self.product(torch.ones(self.n, 1, device=unit.device)).squeeze(1).clamp(min=1e-30)

    def _compute(self, first: int, stop: int, *, from_column: int = 0) -> Tensor:
        block = torch.mm(self.unit[first:stop], self.unit[from_column:].T)
        block = block.sub_(1.0).div_(self.temperature).exp_()
        block.diagonal(first - from_column).zero_()
        return block

    def _rows(self, size: int) -> Iterator[Tensor]:
        for first in range(0, self.n, size):
            stop = first + size
            yield self._compute(first, stop) if self.stored is None else self.stored[first:stop]

    def product(self, v: Tensor) -> Tensor:
        """W v; ``[N, m]`` to ``[N, m]``."""
        return torch.cat([rows @ v for rows in self._rows(_ROWS)])

    def joined(self, run: int) -> Tensor:
        """W summed over runs of ``run`` segments each way; ``[ceil(N / run)] * 2``."""
        whole_runs = max(_ROWS // run, 1) * run
        fewer_rows = torch.cat([_sum_runs(rows, run) for rows in self._rows(whole_runs)])
        return _sum_runs(fewer_rows.T, run)


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
        size = max(-(-n // _COARSE_NODES), _SHORTEST_RUN)
        self.run = torch.arange(n, device=affinity.degree.device) // size
        self.nodes = int(self.run[-1]) + 1
        weight = _sum_runs(affinity.degree, size).sqrt()
        self.column = affinity.degree.sqrt() / weight[self.run]  # of the orthonormal basis, one entry a segment
        self.values, self.vectors = _eigh(affinity.joined(size) / weight / weight[:, None])

    def lift(self, coarse: Tensor) -> Tensor:
        """``[C, m]`` to ``[N, m]``."""
        return self.column[:, None] * coarse[self.run]

    def restrict(self, fine: Tensor) -> Tensor:
        """``[N, m]`` to ``[C, m]``, the transpose of ``lift``."""
        coarse = torch.zeros(self.nodes, fine.shape[1], device=fine.device)
        return coarse.index_add_(0, self.run, self.column[:, None] * fine)

    def correct(self, residual: Tensor, values: Tensor) -> Tensor:
        """(value - M)^-1 residual, with M replaced by its restriction to this space (and 0 outside)."""
        part = self.vectors.T @ self.restrict(residual)
        distance = values - self.values[:, None]
        distance = torch.where(distance < 0, -1.0, 1.0) * distance.abs().clamp(min=_CLOSEST)
        inside = self.lift(self.vectors @ (part / distance - part / values))
        return residual / values + inside


def _largest_eigenpairs(
    product: Callable[[Tensor], Tensor], coarse: _CoarseSpace, k: int, *, tolerance: float = 2e-5
) -> tuple[Tensor, Tensor]:
    """The k largest eigenpairs of a symmetric matrix by the block Davidson method.

    The space starts as the 2 k best lines of ``coarse`` and grows by the corrected residuals of the k best Ritz
    pairs (Saad, "Numerical methods for large eigenvalue problems", section 8.4) until all residuals are below
    ``tolerance``. A space of ``_MAX_BASIS`` vectors is cut back to its best ones, without new products.
    """
    width = max(2 * k, 16)
    basis = torch.linalg.qr(coarse.lift(coarse.vectors[:, :width]))[0]
    images = product(basis)
    for _ in range(_MAX_PASSES):
        values, turns = _eigh(basis.T @ images)
        values, best = values[:k], turns[:, :k]
        vectors = basis @ best
        residual = images @ best - vectors * values
        late = residual.norm(dim=0) >= tolerance
        if not bool(late.any()):
            break
        if basis.shape[1] + k > _MAX_BASIS:
            basis, images = basis @ turns[:, :width], images @ turns[:, :width]
        block = coarse.correct(residual[:, late], values[late])
        for _ in range(2):  # twice is enough for float32
            block = torch.linalg.qr(block - basis @ (basis.T @ block))[0]
        basis, images = torch.cat([basis, block], dim=1), torch.cat([images, product(block)], dim=1)
    return values, vectors


def kmeans(
    x: Tensor, n_clusters: int, *, generator: torch.Generator, n_init: int = 10, max_iterations: int = 300
) -> Tensor:
    """Lloyd's k-means from k-means++ starts; all ``n_init`` runs go side by side and the tightest one wins.

    Shapes: x ``[N, D]``; returns ``[N]`` int64 ids below ``n_clusters``. A cluster that runs empty takes the
    point that lies farthest from its centre.
    """
    x = (x - x.mean(dim=0)).double() if x.device.type != "mps" else x - x.mean(dim=0)
    n, runs = len(x), torch.arange(n_init, device=x.device)

    def distances(centres: Tensor) -> Tensor:  # [R, K, D] -> [R, N, K]
        return (
            (x * x).sum(1)[None, :, None] - 2 * (x @ centres.transpose(1, 2)) + (centres**2).sum(2)[:, None]
        ).clamp(min=0)

    centres = x[torch.randint(n, (n_init, 1), generator=generator).to(x.device)]
    nearest = distances(centres).squeeze(2)
    for _ in range(1, n_clusters):
        # Several candidates a step, of which the one that lowers the sum most is kept (as scikit-learn).
        tries = 2 + int(torch.tensor(float(n_clusters)).log())
        mass = (nearest + 1e-30).cumsum(1)
        target = torch.rand(n_init, tries, generator=generator, dtype=torch.float64).to(mass) * mass[:, -1:]
        candidates = torch.searchsorted(mass, target).clamp(max=n - 1)
        options = torch.minimum(nearest[:, :, None], distances(x[candidates]))
        best = options.sum(1).argmin(1)
        nearest = options[runs, :, best]
        centres = torch.cat([centres, x[candidates[runs, best]][:, None]], dim=1)

    labels = distances(centres).argmin(2)
    for _ in range(max_iterations):
        member = F.one_hot(labels, n_clusters).to(x)  # [R, N, K]
        size = member.sum(1)
        centres = member.transpose(1, 2) @ x / size.clamp(min=1)[:, :, None]
        for run, cluster in (size == 0).nonzero().tolist():
            farthest = distances(centres)[run].gather(1, labels[run][:, None]).argmax()
            centres[run, cluster] = x[farthest]
        updated = distances(centres).argmin(2)
        if torch.equal(updated, labels):
            break
        labels = updated
    spread = distances(centres).gather(2, labels[:, :, None]).sum((1, 2))
    return labels[int(spread.argmin())]
