"""Millions of rows through faiss: cells, codes of 64 bytes a row, and the exact cosines of the best candidates.

faiss's inverted file of product-quantised vectors (IVF-PQ) is trained on a sample, filled in blocks, and kept. A
query looks at the rows of some cells, ranks them by their codes, and compares the best of them exactly, by the rows
themselves. So a score is exact, and a row that lies in another cell or that its code ranks too low is missed. How
many are is measured when the index is made, against comparing all rows, and kept with it: the fewest cells are looked
at with which 95 in 100 of the true best five are found.

The best of a part of the rows may lie in cells that are not the nearest: as many more are looked at as the part is
smaller, and all of them for an eighth or less. Few rows (those of a video, of a coarse level) are all compared.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hiero_lib.base import checksums
from hiero_lib.base.errors import ConfigError
from hiero_lib.base.files import atomic_path, read_json, write_json
from hiero_lib.base.locks import claimed
from hiero_lib.base.progress import quiet
from hiero_lib.search.nearest import LEAST_FAISS, Exact, best_of, faiss_is_installed
from hiero_lib.search.vectors import Vectors

_FILE, _ABOUT = "ivfpq.index", "recall.json"
_CODE_BYTES = 64  # a row, at most
_TRAINED_ON = 64  # rows a cell that faiss's k-means sees
_TRAINED_AT_LEAST = 20_000  # rows that its codes are learnt from
_ADDED_AT_ONCE = 32_768
_CELLS_LOOKED_AT = (16, 32, 64, 128)
_ENOUGH = 0.95
_ALL_CELLS_FOR = 1 / 8  # of the rows, or less
_CANDIDATES = 400  # whose exact cosines are computed, or 8 an answer
_EXACT_UP_TO = 65_536  # rows that are asked for
_QUERIES, _BEST = 32, 5


def with_faiss(vectors: Vectors, kept_in: Path | None = None, *, say: Callable[[str], None] = quiet) -> Inverted:
    """The index of ``vectors``, read, or made and kept.

    Args:
        vectors: to be searched; at least 256.
        kept_in: folder of the index, which must lie in that of the vectors or tell them apart by its name; one that
            is damaged is made again. None: it is not kept.
        say: receives a line before and after it is made.

    Raises:
        ConfigError: faiss is not installed.
        DataError: a vector is damaged.
        OSError: it cannot be written.
    """
    if not faiss_is_installed():
        hint = f"pip install 'faiss-cpu>={LEAST_FAISS}'"
        raise ConfigError("the package faiss-cpu is not installed", field="faiss", hint=hint)
    faiss: Any = importlib.import_module("faiss")
    if kept_in is None:
        index = _train(faiss, vectors, say)
        return _measured(Inverted(vectors, index), say)
    while checksums.damage(kept_in) is not None:
        with claimed(kept_in.with_name(f".{kept_in.name}.lock"), what="making faiss's index") as ours:
            if ours and checksums.damage(kept_in) is not None:
                made = _measured(Inverted(vectors, _train(faiss, vectors, say)), say)
                with atomic_path(kept_in) as temporary:
                    temporary.mkdir()
                    faiss.write_index(made.index, str(temporary / _FILE))
                    about = {"cells": made.cells, "recall": made.recall, "queries": made.queries}
                    write_json(temporary / _ABOUT, about)
                    checksums.seal(temporary)
        if not ours:
            time.sleep(0.3)
    return Inverted(vectors, faiss.read_index(str(kept_in / _FILE)), **read_json(kept_in / _ABOUT))


@dataclass(frozen=True)
class Inverted:
    """A `hiero_lib.search.nearest.Nearest` of millions of rows.

    Args:
        vectors: ``[R, D]``, for exact cosines.
        index: faiss's.
        cells: how many a query looks at.
        recall: share of the true best five that are found, of ``queries``.
        exact_up_to: so many rows are all compared.
    """

    vectors: Vectors
    index: Any
    cells: int = _CELLS_LOOKED_AT[-1]
    recall: float = math.nan
    queries: int = 0
    exact_up_to: int = _EXACT_UP_TO

    @property
    def about(self) -> str:
        """How it searches, and how much it finds."""
        found = f"{100 * self.recall:.1f} % of the best {_BEST} found, of {self.queries} queries"
        return f"faiss, {self.cells} of {self.index.nlist} cells: {found}"

    def __call__(self, query: np.ndarray, count: int, ranges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `hiero_lib.search.nearest.Nearest`."""
        asked = int((ranges[:, 1] - ranges[:, 0]).sum())
        if asked <= self.exact_up_to:
            return Exact(self.vectors)(query, count, ranges)
        faiss: Any = importlib.import_module("faiss")
        chosen, bits = None, np.zeros(0, dtype=np.uint8)
        if len(ranges) == 1 and asked < len(self.vectors):
            chosen = faiss.IDSelectorRange(*ranges[0].tolist())
        elif asked < len(self.vectors):
            wanted = np.zeros(len(self.vectors), dtype=bool)
            for start, stop in ranges.tolist():
                wanted[start:stop] = True
            bits = np.packbits(wanted, bitorder="little")  # faiss does not copy them
            chosen = faiss.IDSelectorBitmap(bits)
        candidates = min(asked, max(_CANDIDATES, 8 * count))
        cells = self.index.nlist
        if asked > _ALL_CELLS_FOR * len(self.vectors):
            cells = min(cells, math.ceil(self.cells * len(self.vectors) / asked))
        rows = np.zeros(0, dtype=np.int64)
        for looked_at in sorted({cells, self.index.nlist}):
            settings = faiss.SearchParametersIVF(nprobe=looked_at, sel=chosen)
            _, found = self.index.search(query[None], candidates, params=settings)
            rows = np.sort(found[0][found[0] >= 0])
            if len(rows) >= min(count, asked):
                break
        scores = self.vectors.scores_at(query, rows)
        best = best_of(scores, count)
        return scores[best], rows[best]


def _train(faiss: Any, vectors: Vectors, say: Callable[[str], None]) -> Any:
    """faiss's index of all rows."""
    rows, dim, started = len(vectors), vectors.dim, time.monotonic()
    cells = max(1, round(math.sqrt(rows) / 2))
    pieces = next(number for number in range(min(_CODE_BYTES, dim), 0, -1) if dim % number == 0)
    say(f"faiss's index of {rows:,} spans is made, {cells:,} cells; it is kept")
    index = faiss.IndexIVFPQ(faiss.IndexFlatIP(dim), dim, cells, pieces, 8, faiss.METRIC_INNER_PRODUCT)
    sample = np.random.default_rng(0).permutation(rows)[: max(_TRAINED_ON * cells, _TRAINED_AT_LEAST)]
    index.train(vectors[np.sort(sample)])
    said = time.monotonic()
    for start in range(0, rows, _ADDED_AT_ONCE):
        index.add(vectors[start : start + _ADDED_AT_ONCE])
        done = min(start + _ADDED_AT_ONCE, rows)
        if time.monotonic() - said > 30 and done < rows:
            said = time.monotonic()
            left = (said - started) / done * (rows - done)
            say(f"faiss's index: {done:,} of {rows:,} spans, about {left:.0f} s left")
    return index


def _measured(made: Inverted, say: Callable[[str], None]) -> Inverted:
    """The same with as many cells to look at as it takes, and its recall with them.

    The queries are spans with some of another span in them: cosines of 0.95 or so with what is there.
    """
    vectors = made.vectors
    random = np.random.default_rng(1)
    one, other = (vectors[random.integers(0, len(vectors), _QUERIES)] for _ in range(2))
    queries = one + 0.3 * other
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    best = _exact_best(vectors, queries)
    everything = np.array([[0, len(vectors)]])
    for cells in _CELLS_LOOKED_AT:
        through = dataclasses.replace(made, cells=cells, exact_up_to=0)
        found = [through(query, _BEST, everything)[1] for query in queries]
        recall = float(np.mean([len(np.intersect1d(*pair)) / best.shape[1] for pair in zip(found, best)]))
        if recall >= _ENOUGH or cells >= made.index.nlist:
            break
    measured = dataclasses.replace(made, cells=cells, recall=recall, queries=_QUERIES)
    say(measured.about)
    return measured


def _exact_best(vectors: Vectors, queries: np.ndarray) -> np.ndarray:
    """``[Q, 5]`` rows of the best cosines with ``queries [Q, D]``, all rows compared in one pass."""
    asked = torch.from_numpy(queries.T.copy())
    count = min(_BEST, len(vectors))
    scores, rows = torch.full((len(queries), count), -torch.inf), torch.zeros(len(queries), count, dtype=torch.int64)
    for start, block in vectors.blocks(np.array([[0, len(vectors)]])):
        lengths = torch.from_numpy(vectors.lengths[start : start + len(block)].copy())
        found = (block @ asked).T / lengths
        numbers = torch.arange(start, start + len(block)).expand(len(queries), -1)
        scores, order = torch.cat([scores, found], 1).topk(count, dim=1)
        rows = torch.cat([rows, numbers], 1).gather(1, order)
    return rows.numpy()
