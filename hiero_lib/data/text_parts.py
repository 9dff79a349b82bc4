"""The embeddings of a set of texts on disk, made in blocks by whoever is there, and merged into one file.

``<cache>/part-<digits>/`` (the digits are a hash of its keys) holds

- ``keys.npy``, the keys of its n texts (`hiero_lib.data.text_keys`) in the order of the rows, and ``about.json``,
  sealed: n, the channels, and the texts of a block;
- while it is made, ``block-00007.part`` with its checksum, each made by the process that holds its claim; so
  processes, on several machines too, share the work, and a kill costs the blocks being made;
- when it is whole, ``embeddings.npy`` (``[n, dim]`` float16) and ``whole.json``, sealed: the CRC-32 of the rows of
  each block, or null where they are not there.

A block whose checksum does not hold is noted as not there, so that its texts are made again, in another part.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import shutil
import time
import zlib
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path

import numpy as np

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import atomic_path
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.base.kept import read_kept, write_kept
from hiero_lib.base.locks import claimed, exclusive
from hiero_lib.base.progress import say_aside
from hiero_lib.base.sealed import read_sealed, write_sealed
from hiero_lib.data.text_keys import KEY

FORMAT = 1
KEYS, ABOUT, EMBEDDINGS, WHOLE = "keys.npy", "about.json", "embeddings.npy", "whole.json"
_BLOCK = re.compile(r"block-([0-9]{5,})\.part")
_LOOK_AGAIN_S = 0.3

Encode = Callable[[np.ndarray], np.ndarray]
"""Embeddings ``[n, dim]`` float16 of the texts with the keys ``[n]``."""


class Part:
    """A folder of embeddings, whole or in the making.

    Args:
        path: the folder.

    Attributes:
        keys: ``[n]``, in the order of the rows; dim: channels.

    Raises:
        DataError: its keys are damaged, or it is of another version.
    """

    def __init__(self, path: Path) -> None:
        about = read_sealed(path / ABOUT, format=FORMAT, what="a part of a text cache")
        self.path = path
        self.dim: int = about["dim"]
        self.block_texts: int = about["block_texts"]
        self.keys: np.ndarray = np.load(path / KEYS).view(KEY).reshape(-1)

    @classmethod
    def create(cls, cache: Path, keys: np.ndarray, *, dim: int, block_texts: int) -> Part:
        """The part of these keys, empty, or as far as another process has made it.

        Raises:
            OSError: it cannot be written.
        """
        digits = Fingerprint().data(np.ascontiguousarray(keys).data).digits(24)
        names = (f"part-{digits}{f'-{number}' if number else ''}" for number in itertools.count())
        path = next(path for name in names if not ((path := cache / name) / WHOLE).exists())
        with exclusive(path, "beginning a part of a text cache", wait_s=60):
            if not path.is_dir():
                with atomic_path(path) as temporary:
                    temporary.mkdir()
                    np.save(temporary / KEYS, keys.view(np.uint8).reshape(-1, KEY.itemsize))
                    about = {"texts": len(keys), "dim": dim, "block_texts": block_texts}
                    write_sealed(temporary / ABOUT, about, format=FORMAT, files=[KEYS])
        return cls(path)

    @property
    def blocks(self) -> int:
        """Blocks of a whole part."""
        return -(-len(self.keys) // self.block_texts)

    @property
    def is_whole(self) -> bool:
        """Whether it is merged."""
        return (self.path / WHOLE).is_file()

    def rows_of(self, block: int) -> slice:
        """The rows of a block."""
        return slice(block * self.block_texts, min(len(self.keys), (block + 1) * self.block_texts))

    def open_blocks(self) -> list[int]:
        """Blocks that are not made, of a part that is not whole."""
        made = {int(match[1]) for path in self.path.iterdir() if (match := _BLOCK.fullmatch(path.name))}
        return [block for block in range(self.blocks) if block not in made]

    def open_keys(self) -> list[bytes]:
        """Keys of the blocks that are not made."""
        return [key for block in self.open_blocks() for key in self.keys[self.rows_of(block)].tolist()]

    def fill(self, encode: Encode, progress: Callable[[int, int], None] | None = None) -> None:
        """Make what is not made, beside whoever else does, until the part is whole.

        Args:
            encode: makes a block.
            progress: called with texts done and texts of all, after each block that anyone has made.

        Raises:
            OSError: it cannot be written.
        """
        told = -1
        while not self.is_whole:
            open_blocks = self.open_blocks()
            done = self.blocks - len(open_blocks)
            if progress is not None and done != told:
                progress(min(done * self.block_texts, len(self.keys)), len(self.keys))
                told = done
            worked = any(self._make(block, encode) for block in open_blocks) if open_blocks else self.merge()
            if not worked:
                time.sleep(_LOOK_AGAIN_S)

    def _make(self, block: int, encode: Encode) -> bool:
        """Make a block; whether it was free."""
        path = self._block(block)
        if path.is_file() or self.is_whole:
            return False
        with claimed(self.path / f".{path.stem}.lock", what="encoding texts") as ours:
            if not ours or path.is_file() or self.is_whole:
                return False
            write_kept(path, {"embeddings": encode(self.keys[self.rows_of(block)])}, about={})
        return True

    def merge(self) -> bool:
        """Put the blocks that are made into one file, without what is missing; whether nobody else was at it."""
        with claimed(self.path / ".merge.lock", what="merging a text cache") as ours:
            if not ours or self.is_whole:
                return ours
            sums: list[int | None] = []
            with atomic_path(self.path / EMBEDDINGS) as temporary, temporary.open("wb") as stream:
                start = stream.write(self._header())
                for block in range(self.blocks):
                    rows, embeddings = self.rows_of(block), self._read_block(block)
                    sums.append(None if embeddings is None else zlib.crc32(embeddings.data))
                    stream.seek(start + rows.start * self.dim * 2)
                    if embeddings is not None:
                        stream.write(embeddings.data)
                stream.truncate(start + len(self.keys) * self.dim * 2)
            self._note(sums)
        self.remove_left_overs()
        return True

    def is_worked_on(self) -> bool:
        """Whether some process makes a block just now."""
        for path in self.path.glob(".block-*.lock"):
            with claimed(path) as free:
                if not free:
                    return True
        return False

    def _header(self) -> bytes:
        """The beginning of the file of embeddings."""
        stream = io.BytesIO()
        about = {"descr": "<f2", "fortran_order": False, "shape": (len(self.keys), self.dim)}
        np.lib.format.write_array_header_1_0(stream, about)
        return stream.getvalue()

    def _block(self, block: int) -> Path:
        return self.path / f"block-{block:05d}.part"

    def _read_block(self, block: int) -> np.ndarray | None:
        """``[rows, dim]`` float16; None where it is missing or damaged, which is said."""
        path, rows = self._block(block), self.rows_of(block)
        if not path.is_file():
            return None
        try:
            embeddings = read_kept(path)[0]["embeddings"]
        except DataError as error:
            say_aside(f"a block of the cache of texts is made again: {error}")
            return None
        fits = embeddings.dtype == np.float16 and embeddings.shape == (rows.stop - rows.start, self.dim)
        return np.ascontiguousarray(embeddings) if fits else None

    def _note(self, sums: Sequence[int | None]) -> None:
        write_sealed(self.path / WHOLE, {"crc32": list(sums)}, format=FORMAT)

    def remove_left_overs(self) -> None:
        """Remove blocks and dead claims of a part that is whole."""
        for path in [*self.path.glob("block-*.part"), *self.path.glob(".block-*")]:
            with contextlib.suppress(OSError):
                path.unlink()

    def whole_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """The memory map ``[n, dim]`` of a whole part, and its rows that are as they were written, ``[m]``.

        All of it is read once. What is damaged is said, and noted as not there.

        Raises:
            DataError: nothing of it can be used.
            OSError: it cannot be read.
        """
        noted = read_sealed(self.path / WHOLE, format=FORMAT, what="the checksums of a text cache")["crc32"]
        path, header = self.path / EMBEDDINGS, self._header()
        if not path.is_file() or path.stat().st_size != len(header) + len(self.keys) * self.dim * 2:
            raise DataError("damaged: it is not of the size that was written", file=path)
        if len(noted) != self.blocks:
            raise DataError("damaged: there is not a checksum for each block", file=self.path / WHOLE)
        whole = np.zeros(len(self.keys), dtype=bool)
        with path.open("rb") as stream:  # a mapping would count as memory
            if stream.read(len(header)) != header:
                raise DataError("damaged: it does not begin as it was written", file=path)
            for block, crc in enumerate(noted):
                rows = self.rows_of(block)
                raw = stream.read((rows.stop - rows.start) * self.dim * 2)
                whole[rows] = crc is not None and zlib.crc32(raw) == crc
        if not whole.any():
            raise DataError("damaged: no checksum of its rows holds", file=path)
        kept = [crc if whole[self.rows_of(block)].all() else None for block, crc in enumerate(noted)]
        if kept != noted:
            damaged = sum(one is None for one in kept) - sum(one is None for one in noted)
            say_aside(f"{path}: {damaged} of {self.blocks} blocks are damaged, and their texts are encoded again")
            with contextlib.suppress(OSError):
                self._note(kept)
        return np.load(path, mmap_mode="r"), np.flatnonzero(whole)


def parts_in(cache: Path, *, but: Container[Path] = ()) -> Iterator[Part]:
    """The parts of a cache by name, but for some; one that is damaged is removed where that is allowed, and said.

    Raises:
        OSError: one cannot be read just now, as where too many files are open; it stays.
    """
    for path in sorted(cache.glob("part-*")):
        if path in but:
            continue
        try:
            part = Part(path)
        except FileNotFoundError:  # gathered into another one meanwhile
            continue
        except (DataError, ValueError) as error:
            remove(path, error)
        else:
            yield part


def remove(path: Path, error: Exception) -> None:
    """Remove a part that cannot be used."""
    if not path.is_dir():  # gathered into another one meanwhile
        return
    say_aside(f"a part of the cache of texts, {path}, is not used but made again: {error}")
    shutil.rmtree(path, ignore_errors=True)
