"""The vectors of spans, ``[R, D]`` float16 in memory or mapped from a file, which give float32 of length 1.

No float32 copy of all of them is ever made: where all are compared, it is the float16 numbers themselves that are
multiplied, and only the rows that may be among the best become float32 (`Vectors.near`); where a machine has no fast
product of float16, they are read in blocks that stay in a processor's cache. Beside each row stands its length, since
a vector of length 1 has not quite that length in float16.

Rows that are kept in a file have a checksum each (`row_sums`), which is verified for the rows that are read, before
they become numbers: a file of 8 GB cannot be verified whole whenever it is opened.
"""

from __future__ import annotations

import functools
import math
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hiero_lib.base.errors import DataError

HALF_ERROR = 2e-3  # of a cosine by float16: twice what rounding the query and the result makes at most
FLOAT_ERROR = 1e-4  # of a cosine by float32: what adding up 1,600 products makes at most, in any order
BLOCK_VALUES = 1 << 20  # 4 MB of float32, which a processor's cache holds
_SUMMED_ROWS = 4096
_TRIES = 8  # the quickest of each is compared: other work beside makes some slow
_FEW_VALUES = 4 * BLOCK_VALUES  # so few are compared in no time, either way


def row_sums(half: np.ndarray) -> np.ndarray:
    """``[R]`` uint64 checksums of the rows of ``[R, D]`` float16: their 16-bit words times odd weights, mod 2^64.

    A change within one word is always found, for an odd weight has an inverse and a word has 16 bits; of other
    changes 1 in 2^48 is missed at most.
    """
    weights = np.random.Generator(np.random.PCG64(20260)).integers(0, 2**63, half.shape[1], dtype=np.uint64) * 2 + 1
    sums = np.empty(len(half), dtype=np.uint64)
    for start in range(0, len(half), _SUMMED_ROWS):
        words = np.ascontiguousarray(half[start : start + _SUMMED_ROWS]).view(np.uint16)
        sums[start : start + len(words)] = np.einsum("rd,d->r", words, weights)
    return sums


def row_lengths(half: np.ndarray) -> np.ndarray:
    """``[R]`` float32 lengths of the rows of ``[R, D]`` float16; 1 for a zero vector, which so stays zero."""
    lengths = np.empty(len(half), dtype=np.float32)
    for start in range(0, len(half), _SUMMED_ROWS):
        lengths[start : start + _SUMMED_ROWS] = np.linalg.norm(
            half[start : start + _SUMMED_ROWS].astype("f4"), axis=1
        )
    lengths[lengths == 0] = 1.0
    return lengths


@functools.cache
def halves_serve(dim: int) -> bool:
    """Whether this machine's products of float16 are quicker than converting rows of ``dim``, and as exact as said.

    Tried, once a process: some processors and versions of torch multiply float16 number by number, or add up in it.
    """
    random = np.random.Generator(np.random.PCG64(0)).standard_normal((_SUMMED_ROWS, dim), dtype=np.float32)
    random[::2] = np.abs(random[::2])  # sums that grow all the way, where adding up in float16 would show
    rows = torch.nn.functional.normalize(torch.from_numpy(random), dim=1)
    half, query, floats = rows.half(), rows[0], torch.empty_like(rows)
    took = {"half": math.inf, "float": math.inf}
    for _ in range(_TRIES):
        started = time.perf_counter()
        rough = torch.mv(half, query.half())
        between = time.perf_counter()
        exact = torch.mv(floats.copy_(half), query)
        took["half"] = min(took["half"], between - started)
        took["float"] = min(took["float"], time.perf_counter() - between)
    return took["half"] < took["float"] and float((rough.float() - exact).abs().max()) < HALF_ERROR


class Vectors:
    """Rows, indexed as an array's are: ``vectors[7]`` is ``[D]``, ``vectors[:7]`` ``[7, D]``, float32 of length 1.

    Args:
        half: ``[R, D]`` float16.
        lengths: ``[R]`` float32, `row_lengths`; None: computed.
        sums: ``[R]`` uint64, `row_sums` of the rows as they were written; None: they are believed.
        file: where they lie, for the error.

    Raises:
        ValueError: not ``[R, D]`` float16, or another number of lengths or sums. Reading raises DataError for a row
            that is not what was written.
    """

    def __init__(
        self,
        half: np.ndarray,
        *,
        lengths: np.ndarray | None = None,
        sums: np.ndarray | None = None,
        file: Path | None = None,
    ) -> None:
        if half.ndim != 2 or half.dtype != np.float16:
            raise ValueError(f"vectors must be [R, D] float16, not {half.shape} {half.dtype}")
        lengths = row_lengths(half) if lengths is None else lengths
        for name, column in (("lengths", lengths), ("sums", sums)):
            if column is not None and column.shape != half.shape[:1]:
                raise ValueError(f"{len(half)} vectors but {name} of shape {column.shape}")
        self.half, self.lengths, self.sums, self.file = half, lengths, sums, file
        self._verified = None if sums is None else np.zeros(len(half), dtype=bool)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # it is only read
            self._halves = torch.from_numpy(half)

    def __len__(self) -> int:
        return len(self.half)

    @property
    def dim(self) -> int:
        """D."""
        return int(self.half.shape[1])

    def __getitem__(self, rows: int | slice | np.ndarray) -> np.ndarray:
        """Rows as float32 of length 1; they own their memory."""
        numbers = np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else np.asarray(rows)
        half = self.half[rows]
        self._check(np.atleast_2d(half), np.atleast_1d(numbers))
        floats: np.ndarray = half.astype(np.float32) / self.lengths[rows][..., None]
        return floats

    def verify(self) -> None:
        """Compare all rows with their sums.

        Raises:
            DataError: one is not what was written.
        """
        for start in range(0, len(self), _SUMMED_ROWS):
            half = self.half[start : start + _SUMMED_ROWS]
            self._check(half, np.arange(start, start + len(half)))
        if self._verified is not None:
            self._verified[:] = True

    def blocks(self, ranges: np.ndarray) -> Iterator[tuple[int, Tensor]]:
        """The rows of ``ranges [n, 2]`` (from, to) in blocks: the first row's number, and ``[m, D]`` float32.

        They are not divided by their lengths. A block is valid until the next one is asked for.
        """
        rows = max(1, BLOCK_VALUES // max(1, self.dim))
        buffer = torch.empty(rows, self.dim)
        for first, stop in ranges.tolist():
            for start in range(first, stop, rows):
                end = min(start + rows, stop)
                self._check_new(start, end)
                floats = buffer[: end - start]
                floats.copy_(self._halves[start:end])
                yield start, floats

    def scores(self, query: np.ndarray, ranges: np.ndarray) -> np.ndarray:
        """``[m]`` cosines of ``query [D]`` float32 of length 1 with the rows of ``ranges [n, 2]``, in their order."""
        asked = torch.from_numpy(np.ascontiguousarray(query))
        found = np.empty(int((ranges[:, 1] - ranges[:, 0]).sum()), dtype=np.float32)
        at = 0
        for start, block in self.blocks(ranges):
            part = found[at : at + len(block)]
            torch.mv(block, asked, out=torch.from_numpy(part))
            part /= self.lengths[start : start + len(block)]
            at += len(block)
        return found

    def scores_at(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """``[m]`` cosines of ``query [D]`` with some rows ``[m]``: the same for a row whatever stands beside it."""
        found = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), _SUMMED_ROWS):
            some = rows[start : start + _SUMMED_ROWS]
            half = self.half[some]
            self._check(half, some)
            found[start : start + len(some)] = np.einsum("rd,d->r", half.astype(np.float32), query)
        found /= self.lengths[rows]
        return found

    def near(self, query: np.ndarray, count: int, ranges: np.ndarray) -> np.ndarray:
        """Positions among the rows of ``ranges [n, 2]`` that hold the ``count`` best for ``query [D]``, increasing.

        They are few more than ``count``: those whose cosine, as far as it is known, reaches that of the best.
        """
        rows = int((ranges[:, 1] - ranges[:, 0]).sum())
        if count >= rows:
            return np.arange(rows)
        if rows * self.dim > _FEW_VALUES and self._of_length_1 and halves_serve(self.dim):
            near = _reaching(self._half_scores(query, ranges), count, HALF_ERROR)
            if len(near) < max(rows // 8, 2 * count):
                return near
        return _reaching(self.scores(query, ranges), count, FLOAT_ERROR)

    @functools.cached_property
    def _of_length_1(self) -> bool:
        """Whether no product can leave what float16 holds."""
        return bool((np.abs(self.lengths - 1) < 0.1).all())

    def _half_scores(self, query: np.ndarray, ranges: np.ndarray) -> np.ndarray:
        """As `scores`, each within `HALF_ERROR`: half as much is read, and nothing converted."""
        asked = torch.from_numpy(np.ascontiguousarray(query)).half()
        parts = []
        for first, stop in ranges.tolist():
            self._check_new(first, stop)
            parts.append(torch.mv(self._halves[first:stop], asked).float().numpy() / self.lengths[first:stop])
        return np.concatenate(parts)

    def _check_new(self, first: int, stop: int) -> None:
        """DataError where a row that was not looked at yet is not what was written."""
        if self._verified is None or self._verified[first:stop].all():
            return
        for start in range(first, stop, _SUMMED_ROWS):
            end = min(start + _SUMMED_ROWS, stop)
            self._check(self.half[start:end], np.arange(start, end))
            self._verified[start:end] = True

    def _check(self, half: np.ndarray, numbers: np.ndarray) -> None:
        """DataError where a row is not what was written."""
        if self.sums is None:
            return
        wrong = np.flatnonzero(row_sums(half) != self.sums[numbers])
        if len(wrong):
            raise DataError(
                "damaged: a vector is not what was written",
                file=self.file,
                field=f"row {int(numbers[wrong[0]])}",
                hint="Remove this file: it is joined again of the videos' own files",
            )


def _reaching(scores: np.ndarray, count: int, error: float) -> np.ndarray:
    """Positions of the scores, each right within ``error``, that may be among the ``count`` highest."""
    lowest = np.partition(scores, len(scores) - count)[len(scores) - count]
    return np.flatnonzero(scores >= lowest - 2 * error)
