"""The labels of millions of rows: each different text once, in one blob, and a number a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np


class Labels(Sequence[str]):
    """A sequence of R texts that decodes the one that is asked for.

    Args:
        which: ``[R]`` uint32, the number of each row's text.
        ends: ``[T]`` int64, where each text ends in the blob.
        blob: ``[bytes]`` uint8, the texts as UTF-8, one after another.
    """

    def __init__(self, which: np.ndarray, ends: np.ndarray, blob: np.ndarray) -> None:
        self.which, self.ends, self.blob = which, ends, blob

    def __len__(self) -> int:
        return len(self.which)

    @overload
    def __getitem__(self, row: int) -> str: ...

    @overload
    def __getitem__(self, row: slice) -> list[str]: ...

    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self._text(number) for number in self.which[row].tolist()]
        return self._text(int(self.which[row]))

    def __iter__(self) -> Iterator[str]:
        return map(self._text, self.which.tolist())

    def _text(self, number: int) -> str:
        start = int(self.ends[number - 1]) if number else 0
        return bytes(self.blob[start : int(self.ends[number])]).decode("utf-8", "surrogatepass")


class Texts:
    """Different texts in the order in which they are first seen; what `Labels` is made of."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def numbers(self, texts: Iterable[str]) -> np.ndarray:
        """``[n]`` uint32 the number of each text, a new one for a new text."""
        known = self._numbers
        return np.array([known.setdefault(text, len(known)) for text in texts], dtype=np.uint32)

    def blob(self) -> tuple[np.ndarray, np.ndarray]:
        """``ends`` and ``blob`` of `Labels`."""
        encoded = [text.encode("utf-8", "surrogatepass") for text in self._numbers]
        ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
        return ends, np.frombuffer(b"".join(encoded), dtype=np.uint8)
