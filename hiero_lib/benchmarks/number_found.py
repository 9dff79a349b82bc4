"""How near a number of threads, found without any truth, comes to the true one; beside what the eigenvalues say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from hiero_lib.hierarchy.division import MOST_THREADS
from hiero_lib.models.clustering.embedding import spectral_embedding

CLOSE = 2  # a number so near to the true one counts as found


def largest_gap(x: Tensor, *, temperature: float) -> int:
    """Number of threads of ``x [n, C]`` by the largest gap between eigenvalues (von Luxburg, 2007), 2 to 20.

    Fewer where there are not as many nodes.
    """
    if len(x) <= 2:
        return len(x)
    values, _ = spectral_embedding(x, min(MOST_THREADS + 1, len(x)), temperature=temperature)
    return int((values[1:-1] - values[2:]).argmax()) + 2


def number_header(true: Sequence[int], *, of: str) -> list[str]:
    """Columns of a table of :func:`number_cells`; ``of``: what is counted, in the plural."""
    found = [f"{of} (true: {np.mean(true):.1f})", "mean absolute error", f"at most {CLOSE} off"]
    return [*found, *(f"by the gap: {what}" for what in (of, *found[1:]))]


def number_cells(found: Sequence[int], gap: Sequence[int], true: Sequence[int]) -> list[str]:
    """Mean, mean absolute error and share within ``CLOSE`` of the true number, of both ways of finding it."""
    cells = []
    for counts in (found, gap):
        error = np.abs(np.asarray(counts) - np.asarray(true))
        cells += [f"{np.mean(counts):.1f}", f"{error.mean():.1f}", f"{100 * (error <= CLOSE).mean():.0f} %"]
    return cells
