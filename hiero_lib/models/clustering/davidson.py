"""The largest eigenpairs of a long video's affinity, by the block Davidson method.

scikit-learn inverts an N x N matrix to find a few eigenvectors (time grows as N^2.3). Here the same eigenvectors
come from a search that needs products with the affinity only, one pass over N x N numbers each, and that starts
from the same problem on runs of neighbouring segments. It runs on whatever device the features are on. scipy's
``eigsh`` finds the same vectors, but takes one product at a time and runs on CPUs only: on a video of an hour it took
1.4 to 3 times as long (``python -m tests.tools.speed spectral_solvers``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

_STORED_BYTES = 4 * 2**30  # a larger affinity (46,000 segments, 6.8 hours) is computed anew in each product
_ROWS = 256  # of the affinity at a time: few enough to stay in the cache for the two products that read them
_MAX_BASIS = 160  # vectors of the search space before it is cut back to its best ones
_MAX_PASSES = 400
_STALLED = 3  # passes without a smaller residual: float32 has no more to give
_CLOSEST = 1e-3  # eigenvalues of the coarse problem nearer than this to a Ritz value are not trusted


class Affinity:
    """W = exp((cosine - 1) / temperature) without its diagonal: products with it, its row sums, sums over runs.

    Only blocks of rows right of the diagonal are computed and kept, for W is symmetric. Its scale does not matter
    to the normalised Laplacian; subtracting 1 keeps float32 from overflowing.

    Args:
        x: ``[N, H]`` features of any length. run: segments that ``joined`` sums over.
    """

    def __init__(self, x: Float[Tensor, "N H"], temperature: float, *, run: int) -> None:
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

    def product(self, rows: Float[Tensor, "m N"]) -> Float[Tensor, "m N"]:
        """v W for each row v; ``[m, N]`` to ``[m, N]``."""
        out = torch.zeros_like(rows)
        for first, stop, block in self._blocks():
            out[:, first:stop] += rows[:, first:] @ block.T
            out[:, stop:] += rows[:, first:stop] @ block[:, stop - first :]
        return out

    def joined(self) -> Float[Tensor, "C C"]:
        """W summed over runs of segments each way; ``[ceil(N / run)] * 2``."""
        nodes = -(-self.n // self.run)
        out = torch.zeros(nodes, nodes, device=self.unit.device)
        for first, stop, block in self._blocks():
            sums = sum_runs(sum_runs(block, self.run).T, self.run)  # [nodes from first on, nodes of the block]
            here, after = first // self.run, -(-stop // self.run)
            out[here:, here:after] = sums
            out[here:after, after:] = sums[after - here :].T
        return out


def largest_eigenpairs(
    product: Callable[[Tensor], Tensor], coarse: CoarseSpace, k: int, *, tolerance: float = 5e-7
) -> tuple[Float[Tensor, " {k}"], Float[Tensor, "{k} N"]]:
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
    smallest, stalled, closest = float("inf"), 0, None
    for _ in range(_MAX_PASSES):
        values, turns = eigh_descending(basis @ images.T)
        values, best = values[:k], turns[:, :k].T
        rows = best @ basis
        residual = best @ images - rows * values[:, None]
        error = residual.norm(dim=1)
        late, worst = error >= tolerance, float(error.max())
        stalled = 0 if worst < smallest else stalled + 1
        if worst < smallest:
            smallest, closest = worst, (values, rows)
        if worst < tolerance or stalled == _STALLED:
            break
        if len(basis) + k > _MAX_BASIS:
            basis, images = turns[:, :width].T @ basis, turns[:, :width].T @ images
        block = coarse.correct(residual[late], values[late])
        for _ in range(2):  # twice is enough for float32
            block = _orthonormal(block - (block @ basis.T) @ basis)
        basis, images = torch.cat([basis, block]), torch.cat([images, product(block)])
    assert closest is not None
    return closest


def _orthonormal(rows: Tensor) -> Tensor:
    """An orthonormal basis of the rows' space, as rows."""
    return torch.linalg.qr(rows.T)[0].T.contiguous()


class CoarseSpace:
    """The lines that are constant over short runs of segments, in which the eigenproblem is small (Galerkin).

    Neighbours in time are alike, so on a video its solutions are close to those of the whole problem: they start
    the search and steer it. Any other order of the segments would only take longer.
    """

    def __init__(self, affinity: Affinity) -> None:
        n = affinity.n
        self.length = affinity.run
        self.run = torch.arange(n, device=affinity.degree.device) // affinity.run
        self.nodes = int(self.run[-1]) + 1
        weight = sum_runs(affinity.degree, affinity.run).sqrt()
        self.column = affinity.degree.sqrt() / weight[self.run]  # of the orthonormal basis, one entry a segment
        self.values, self.vectors = eigh_descending(affinity.joined() / weight / weight[:, None])

    def lift(self, coarse: Float[Tensor, "m C"]) -> Float[Tensor, "m N"]:
        """``[m, C]`` to ``[m, N]``."""
        return self.column * coarse[:, self.run]

    def restrict(self, fine: Float[Tensor, "m N"]) -> Float[Tensor, "m C"]:
        """``[m, N]`` to ``[m, C]``, the transpose of ``lift``."""
        return sum_runs((self.column * fine).T, self.length).T

    def correct(self, residual: Float[Tensor, "m N"], values: Float[Tensor, " m"]) -> Float[Tensor, "m N"]:
        """(value - M)^-1 residual for each row, with M replaced by its restriction to this space (and 0 outside)."""
        part = self.restrict(residual) @ self.vectors
        distance = values[:, None] - self.values
        distance = torch.where(distance < 0, -1.0, 1.0) * distance.abs().clamp(min=_CLOSEST)
        inside = self.lift((part / distance - part / values[:, None]) @ self.vectors.T)
        return residual / values[:, None] + inside


def sum_runs(x: Float[Tensor, "N ..."], run: int) -> Float[Tensor, "R ..."]:
    """Sums over runs of ``run`` rows, the last one maybe shorter."""
    whole = len(x) // run * run
    parts = [x[:whole].unflatten(0, (-1, run)).sum(1)] if whole else []
    return torch.cat([*parts, x[whole:].sum(0, keepdim=True)]) if whole < len(x) else parts[0]


def eigh_descending(matrix: Float[Tensor, "N N"]) -> tuple[Float[Tensor, " N"], Float[Tensor, "N N"]]:
    """All eigenpairs of a symmetric matrix in double precision, eigenvalues falling, as float32 on its device."""
    values, vectors = torch.linalg.eigh((matrix + matrix.T).cpu().double() / 2)
    return values.flip(0).to(matrix), vectors.flip(1).to(matrix)
