"""The rows nearest to a query: a matrix product, or faiss where it is installed and there are very many rows.

Both are callables of one form, so that another engine can be handed to `hiero_lib.search.index.SearchIndex`.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hiero_lib.base import checksums
from hiero_lib.base.errors import ConfigError
from hiero_lib.base.files import atomic_path

EXACT_UP_TO = 1_000_000  # rows; beyond, the matrix product takes more than 100 ms (D 256, one core)
_LEAST_FAISS = "1.8"
_FAISS_FILE = "ivf.index"
_TRAINED_ON = 64  # rows a cell that faiss's k-means sees
_CELLS_LOOKED_AT = 32


class Nearest(Protocol):
    """Finds the best rows of a matrix that it was made for."""

    def __call__(self, query: np.ndarray, count: int, rows: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores and row numbers ``[m]``, best first, ``m <= count``.

        Args:
            query: ``[D]`` float32 of length 1.
            count: how many.
            rows: only these; increasing row numbers, or a slice.
        """


def faiss_is_installed() -> bool:
    """Whether `faiss` (of ``pip install faiss-cpu``) can be imported; the one place that asks."""
    return importlib.util.find_spec("faiss") is not None


def choose(vectors: np.ndarray, kept_in: Path | None = None) -> Nearest:
    """The matrix product up to a million rows, and wherever faiss is missing; faiss beyond."""
    if len(vectors) > EXACT_UP_TO and faiss_is_installed():
        return with_faiss(vectors, kept_in)
    return exact(vectors)


def exact(vectors: np.ndarray) -> Nearest:
    """Scores of all rows by one matrix product with ``vectors [R, D]``; of equal scores the lower row is first."""

    def nearest(query: np.ndarray, count: int, rows: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = vectors[rows] @ query
        best = _best(scores, count)
        return scores[best], np.arange(len(vectors))[rows][best] if isinstance(rows, slice) else rows[best]

    return nearest


def _best(scores: np.ndarray, count: int) -> np.ndarray:
    """Positions of the ``count`` highest scores, highest first, the lower position first among equals."""
    candidates = np.arange(len(scores))
    if count < len(scores):
        lowest = np.partition(scores, len(scores) - count)[len(scores) - count]
        candidates = np.flatnonzero(scores >= lowest)
    return candidates[np.argsort(-scores[candidates], kind="stable")][:count]


def with_faiss(vectors: np.ndarray, kept_in: Path | None = None) -> Nearest:
    """Inner products through faiss's inverted file: about sqrt(R) cells, of which the best 32 are looked at.

    Scores are exact, but a row in another cell is missed; `exact` misses none.

    Args:
        vectors: ``[R, D]`` float32 of length 1.
        kept_in: folder that keeps the trained index; read when it is there and not damaged. Its name must tell the
            vectors apart.

    Raises:
        ConfigError: faiss is not installed.
    """
    if not faiss_is_installed():
        hint = f"pip install 'faiss-cpu>={_LEAST_FAISS}'"
        raise ConfigError("the package faiss-cpu is not installed", field="faiss", hint=hint)
    faiss: Any = importlib.import_module("faiss")
    index: Any
    if kept_in is not None and kept_in.is_dir() and checksums.damage(kept_in) is None:
        index = faiss.read_index(str(kept_in / _FAISS_FILE))
    else:
        index = _train(faiss, vectors)
        if kept_in is not None:
            with atomic_path(kept_in) as temporary:
                temporary.mkdir()
                faiss.write_index(index, str(temporary / _FAISS_FILE))
                checksums.seal(temporary)

    def nearest(query: np.ndarray, count: int, rows: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(len(vectors))
            selector: Any = faiss.IDSelectorRange(start, stop)
        else:
            selector = faiss.IDSelectorBatch(rows.astype(np.int64))
        settings = faiss.SearchParametersIVF(nprobe=min(_CELLS_LOOKED_AT, index.nlist), sel=selector)
        scores, neighbours = index.search(query[None], min(count, len(vectors)), params=settings)
        kept = neighbours[0] >= 0
        return scores[0][kept], neighbours[0][kept]

    return nearest


def _train(faiss: Any, vectors: np.ndarray) -> Any:
    cells = max(1, round(math.sqrt(len(vectors))))
    quantizer = faiss.IndexFlatIP(vectors.shape[1])
    index = faiss.IndexIVFFlat(quantizer, vectors.shape[1], cells, faiss.METRIC_INNER_PRODUCT)
    seen = np.random.default_rng(0).permutation(len(vectors))[: _TRAINED_ON * cells]
    index.train(vectors[np.sort(seen)])
    index.add(vectors)
    return index
