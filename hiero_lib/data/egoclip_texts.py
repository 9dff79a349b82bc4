"""The texts of an EgoClip index: decoded when asked for, and known by their keys where only embeddings are wanted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from hiero_lib.data.text_cache import TextCache
from hiero_lib.data.text_keys import text_keys

TEXTS, OFFSETS, KEYS, KEY_OF_ROW, ROW_OF_KEY = (
    *("texts.utf8", "text_offsets.npy"),
    *("text_keys.npy", "key_of_row.npy", "row_of_key.npy"),
)


class TextTable:
    """All texts of an index; opened on first use and pickled as a path.

    Beside the texts, ``texts.utf8`` with ``text_offsets.npy``, lie the U different keys of the n texts, sorted
    (``text_keys.npy``), for each row the number of its key, and for each key a row.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: tuple[np.ndarray, np.ndarray] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "_open": None}

    @staticmethod
    def write_keys(folder: Path, texts: Iterator[Sequence[str]]) -> None:
        """Write the keys of all texts, which come in slices."""
        of_rows = np.concatenate([text_keys(part) for part in texts])
        keys, row_of_key, key_of_row = np.unique(of_rows, return_index=True, return_inverse=True)
        np.save(folder / KEYS, keys)
        np.save(folder / ROW_OF_KEY, row_of_key.astype(np.int32))
        np.save(folder / KEY_OF_ROW, key_of_row.reshape(-1).astype(np.int32))

    def read(self, start: int, stop: int) -> tuple[str, ...]:
        """The texts of rows ``start:stop``."""
        if self._open is None:
            offsets = np.load(self.folder / OFFSETS, mmap_mode="r").view(np.ndarray)
            self._open = offsets, np.memmap(self.folder / TEXTS, dtype=np.uint8, mode="r").view(np.ndarray)
        offsets, blob = self._open
        edges = offsets[start : stop + 1].tolist()
        raw = blob[edges[0] : edges[-1]].tobytes()
        return tuple(raw[a - edges[0] : b - edges[0]].decode() for a, b in itertools.pairwise(edges))


class IndexTexts(Sequence[str]):
    """Rows ``start:stop`` of a text table, read when looked at."""

    def __init__(self, table: TextTable, start: int, stop: int) -> None:
        self.table, self.start, self.stop = table, start, stop

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[str]:
        return iter(self.table.read(self.start, self.stop))

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        return self.table.read(self.start, self.stop)[index]


class UsedTexts:
    """The different texts of some stretches of an index, as keys; no text is read.

    Attributes:
        keys: ``[u]``, sorted.
        number: for each row of the stretches, one after the other, which of the keys is its own, ``[n]`` int32.
    """

    def __init__(self, stretches: Sequence[IndexTexts]) -> None:
        self._table = stretches[0].table
        folder = self._table.folder
        keys, of_row = np.load(folder / KEYS), np.load(folder / KEY_OF_ROW, mmap_mode="r").view(np.ndarray)
        all_numbers = np.concatenate([of_row[texts.start : texts.stop] for texts in stretches])
        used = np.zeros(len(keys), dtype=bool)
        used[all_numbers] = True
        self._used = np.flatnonzero(used)
        self.keys = keys[self._used]
        place = np.zeros(len(keys), dtype=np.int32)
        place[self._used] = np.arange(len(self._used))
        self.number = place[all_numbers]

    def texts_at(self, places: np.ndarray) -> list[str]:
        """The texts of the keys at ``places [m]``."""
        rows = np.load(self._table.folder / ROW_OF_KEY, mmap_mode="r")[self._used[places]]
        return [self._table.read(row, row + 1)[0] for row in rows.tolist()]

    def rows_in(self, cache: TextCache) -> np.ndarray:
        """The row in ``cache.table()`` of each row of the stretches, ``[n]`` int64; what is missing is encoded.

        Raises:
            DataError, OSError: as :meth:`TextCache.rows_of`.
        """
        return cache.rows_of(self.keys, self.texts_at)[self.number]
