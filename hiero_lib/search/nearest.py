"""The rows nearest to a query: all of them compared, or faiss where it is installed and there are very many rows.

Both are callables of one form, so that another engine can be handed to `hiero_lib.search.index.SearchIndex`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from hiero_lib.base.progress import say_aside
from hiero_lib.search.vectors import Vectors

EXACT_UP_TO = 1_000_000  # rows; of 768 channels, 0.2 s on a core
LEAST_FAISS = "1.8"


class Nearest(Protocol):
    """Finds the best rows of the vectors that it was made for."""

    @property
    def about(self) -> str:
        """How, in a few words."""

    def __call__(self, query: np.ndarray, count: int, ranges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cosines and row numbers ``[m]``, best first, ``m <= count``.

        Args:
            query: ``[D]`` float32 of length 1.
            count: how many.
            ranges: only these rows: ``[n, 2]`` int64, from and to, increasing, without overlaps.
        """


def faiss_is_installed() -> bool:
    """Whether `faiss` (of ``pip install faiss-cpu``) can be imported; the one place that asks."""
    return importlib.util.find_spec("faiss") is not None


def choose(vectors: Vectors, kept_in: Path | None = None, say: Callable[[str], None] = say_aside) -> Nearest:
    """All rows compared, up to a million of them; beyond, faiss where it is installed.

    Args:
        vectors: to be searched.
        kept_in: folder in which faiss keeps its index; None: all rows are compared, however many.
        say: receives what is trained, and what faiss would do where it is missing.
    """
    if len(vectors) > EXACT_UP_TO and kept_in is not None:
        if faiss_is_installed():
            from hiero_lib.search.inverted import with_faiss

            return with_faiss(vectors, kept_in, say=say)
        say(
            f"all {len(vectors):,} spans are compared with each text; with faiss (pip install "
            f"'faiss-cpu>={LEAST_FAISS}') it would be a few of them, and milliseconds"
        )
    return Exact(vectors)


@dataclass(frozen=True)
class Exact:
    """Compares all rows, and the few that may be best once more; of equal scores the lower row is first.

    So an answer's score is the same number however the others were compared, and beside whatever it stands.
    """

    vectors: Vectors

    @property
    def about(self) -> str:
        """How it searches."""
        return "all spans compared"

    def __call__(self, query: np.ndarray, count: int, ranges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Nearest`."""
        rows = _rows_at(ranges, self.vectors.near(query, count, ranges))
        scores = self.vectors.scores_at(query, rows)
        best = best_of(scores, count)
        return scores[best], rows[best]


def best_of(scores: np.ndarray, count: int) -> np.ndarray:
    """Positions of the ``count`` highest scores, highest first, the lower position first among equals."""
    candidates = np.arange(len(scores))
    if count < len(scores):
        lowest = np.partition(scores, len(scores) - count)[len(scores) - count]
        candidates = np.flatnonzero(scores >= lowest)
    return candidates[np.argsort(-scores[candidates], kind="stable")][:count]


def _rows_at(ranges: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Row numbers of positions among the rows of ``ranges``."""
    ends = np.cumsum(ranges[:, 1] - ranges[:, 0])
    which = np.searchsorted(ends, positions, side="right")
    return np.asarray(positions - ends[which] + ranges[which, 1], dtype=np.int64)
