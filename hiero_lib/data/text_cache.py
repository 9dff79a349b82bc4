"""Frozen text encoded once: embeddings on disk, keyed by the encoder and the text.

``<folder>/<fingerprint>/part-<digits>/`` (`hiero_lib.data.text_parts`) holds embeddings as float16: half the disk of
float32, and an error of 1 in 2,000 at most. In memory a text is its key of 16 bytes and a row. Processes that want
the same texts at once share the work; a kill costs the blocks being made.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.base.locks import claimed
from hiero_lib.data.text_keys import KEY, find_keys, text_keys
from hiero_lib.data.text_parts import EMBEDDINGS, Part, parts_in, remove

BLOCK_TEXTS = 4096
_MOST_ROUNDS = 50  # parts that others began and that are finished first; a disk that keeps nothing ends here
MOST_PARTS = 64  # of less than a block each; each holds a file open


class Encoder(Protocol):
    """What a cache asks of a text encoder (:class:`hiero_lib.models.text_encoders.TextEncoder` is one)."""

    dim: int

    @property
    def fingerprint(self) -> str:
        """Differs where any output may differ: of weights, tokenizer and settings."""

    def __call__(self, texts: Sequence[str], /) -> Tensor:
        """``[n, dim]``."""

    def parameters(self) -> Iterable[torch.nn.Parameter]:
        """To see that it is frozen."""

    def to(self, device: torch.device, /) -> Any:
        """Move it."""


class EmbeddingTable:
    """Rows of the parts of a cache, by memory map; small to pickle, for DataLoader workers.

    Args:
        files: ``[n, dim]`` float16 each; row numbers run through them in this order.
        maps: of the files.
        dim: channels.
    """

    def __init__(self, files: Sequence[Path], maps: Sequence[np.ndarray], dim: int) -> None:
        self.files, self.dim = list(files), dim
        self._maps: list[np.ndarray] | None = list(maps)
        self._starts = np.concatenate([[0], np.cumsum([len(array) for array in maps], dtype=np.int64)])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": None}

    def __len__(self) -> int:
        return int(self._starts[-1])

    def take(self, rows: np.ndarray) -> Tensor:
        """Embeddings ``[len(rows), dim]``, float32, of ``rows [n]`` (int64)."""
        if self._maps is None:
            self._maps = [np.load(file, mmap_mode="r") for file in self.files]
        result = np.empty((len(rows), self.dim), dtype=np.float32)
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(owner).tolist():
            here = owner == number
            result[here] = self._maps[number][rows[here] - self._starts[number]]
        return torch.from_numpy(result)


class TextCache:
    """The embeddings of a frozen encoder, from disk where they are and computed once where they are not.

    Texts that are missing are sorted by length and encoded ``batch_size`` at a time in float32. After a kill the
    same call finds whole blocks done and makes the very same batches of the rest, so that an interrupted cache
    equals an uninterrupted one bit for bit.

    Args:
        folder: caches of several encoders may share it.
        encoder: frozen; moved to ``device`` when there is something to encode.
        device: where to encode.
        also: another folder of caches, which is only read.
        batch_size: texts of a forward pass.
        progress: called with (done, total) texts while many are encoded, by whichever processes.

    Raises:
        ValueError: the encoder has trainable parameters, whose embeddings would go stale.
    """

    def __init__(
        self,
        folder: str | Path,
        encoder: Encoder,
        *,
        device: torch.device | str,
        also: str | Path | None = None,
        batch_size: int = 256,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        if any(parameter.requires_grad for parameter in encoder.parameters()):
            raise ValueError("a text encoder that is trained cannot be cached: freeze it, or embed without a cache")
        name = f"{encoder.fingerprint}-float16"
        self.folder = Path(folder).expanduser() / name
        self._folders = [self.folder] + ([] if also is None else [Path(also).expanduser() / name])
        self.encoder, self.device = encoder, torch.device(device)
        self.batch_size, self.progress = batch_size, progress
        self._read: dict[
            Path, np.ndarray
        ] = {}  # parts that are whole and their memory maps, in the order of the rows
        self._keys, self._rows = np.zeros(0, dtype=KEY), np.zeros(0, dtype=np.int64)  # sorted by key
        self._read_new_parts()

    def embed(self, texts: Sequence[str]) -> Tensor:
        """``[n, dim]`` float32 on the CPU, in the order of ``texts``; what is missing is encoded and stored."""
        rows = self.rows(texts)
        return self.table().take(rows)

    def rows(self, texts: Sequence[str]) -> np.ndarray:
        """Row numbers ``[n]`` (int64) of ``texts`` in :meth:`table`; what is missing is encoded and stored."""
        return self.rows_of(text_keys(texts), lambda places: [texts[place] for place in places.tolist()])

    def rows_of(self, keys: np.ndarray, texts_at: Callable[[np.ndarray], Sequence[str]]) -> np.ndarray:
        """As :meth:`rows`, of texts that are only read where they are missing.

        Args:
            keys: ``[n]``, from :func:`hiero_lib.data.text_keys.text_keys`.
            texts_at: texts of the places ``[m]`` of ``keys``.

        Raises:
            DataError: an embedding that float16 cannot hold.
            OSError: the cache cannot be written.
        """
        rows = self._known(keys)
        if (rows < 0).any():
            self._read_new_parts()  # another process may have encoded them meanwhile
            missing = np.flatnonzero(self._known(keys) < 0)
            first = missing[np.unique(keys[missing], return_index=True)[1]]
            if len(first):
                self._encode(sorted(texts_at(first), key=lambda text: (len(text), text)))
            rows = self._known(keys)
        return rows

    def missing(self, keys: np.ndarray) -> int:
        """How many of ``keys [n]`` are not there."""
        return int((self._known(np.unique(keys)) < 0).sum())

    def table(self) -> EmbeddingTable:
        """Everything that is cached now; row numbers stay valid when the cache grows."""
        return EmbeddingTable([path / EMBEDDINGS for path in self._read], list(self._read.values()), self.encoder.dim)

    def _known(self, keys: np.ndarray) -> np.ndarray:
        places = find_keys(keys, self._keys)
        return np.where(places < 0, -1, self._rows[places]) if len(self._rows) else places

    def _encode(self, texts: list[str]) -> None:
        """Encode and store ``texts``, in parts that others begin, or began, as well."""
        keys = text_keys(texts)
        by_key = dict(zip(keys.tolist(), texts, strict=True))
        self.encoder.to(self.device)

        def encode(wanted: np.ndarray) -> np.ndarray:
            return self._embed([by_key[key] for key in wanted.tolist()])

        block_texts = max(1, BLOCK_TEXTS // self.batch_size) * self.batch_size
        self._close_abandoned(set(by_key))
        rounds = 0
        while len(missing := keys[self._known(keys) < 0]):
            rounds += 1
            if rounds > _MOST_ROUNDS:
                raise OSError(errno.EIO, "what is written is damaged or gone at once", str(self.folder))
            part = self._begun(set(missing.tolist()))
            if part is None:
                part = Part.create(self.folder, missing, dim=self.encoder.dim, block_texts=block_texts)
            part.fill(encode, self.progress)
            self._read_new_parts()
        if len(self._read) > MOST_PARTS:
            self._gather(block_texts)

    def _embed(self, texts: list[str]) -> np.ndarray:
        batches = [texts[i : i + self.batch_size] for i in range(0, len(texts), self.batch_size)]
        with torch.inference_mode(), torch.autocast(self.device.type, enabled=False):
            exact = torch.cat([self.encoder(batch).float().cpu() for batch in batches])
        embeddings = exact.half()
        if not torch.isfinite(embeddings).all():
            row = int((~torch.isfinite(embeddings)).any(dim=1).nonzero()[0])
            raise DataError(
                f"float16 cannot hold the embedding of {texts[row][:80]!r}",
                field="text.source",
                value=float(exact[row].abs().max()),
                hint="text.cache: false encodes without a cache",
            )
        return embeddings.numpy()

    def _begun(self, missing: set[bytes]) -> Part | None:
        """A part that somebody began and whose open texts are all wanted."""
        unfinished = (part for part in parts_in(self.folder) if not part.is_whole)
        return next((part for part in unfinished if missing.issuperset(part.open_keys())), None)

    def _close_abandoned(self, wanted: set[bytes]) -> None:
        """Take in what was done of parts that nobody goes on with, for not all of their texts are wanted now."""
        for part in parts_in(self.folder):
            if not (part.is_whole or wanted.issuperset(part.open_keys()) or part.is_worked_on()):
                part.merge()
        self._read_new_parts()

    def _read_new_parts(self) -> None:
        """Take in the parts on disk that are whole and not known yet."""
        keys, rows = [self._keys], [self._rows]
        total = sum(len(array) for array in self._read.values())
        for part in (part for folder in self._folders for part in parts_in(folder, but=self._read)):
            if not part.is_whole:
                continue
            part.remove_left_overs()
            try:
                embeddings, whole = part.whole_rows()
            except DataError as error:
                remove(part.path, error)
                continue
            self._read[part.path] = embeddings
            keys.append(part.keys[whole])
            rows.append(total + whole)
            total += len(embeddings)
        if len(keys) > 1:
            everything = np.concatenate(keys)
            order = np.argsort(everything, kind="stable")
            self._keys, self._rows = everything[order], np.concatenate(rows)[order]

    def _gather(self, block_texts: int) -> None:
        """Put the many small parts into one, so that few files are open; rows that were told before stay valid."""
        with claimed(self.folder / ".gather.lock", what="gathering a text cache") as ours:
            if not ours:
                return
            small = [path for path, array in self._read.items() if len(array) < block_texts and path.is_dir()]
            small = [path for path in small if path.parent == self.folder]
            keys = np.unique(np.concatenate([Part(path).keys for path in small]))
            keys = keys[self._known(keys) >= 0]
            table = self.table()
            part = Part.create(self.folder, keys, dim=self.encoder.dim, block_texts=block_texts)
            part.fill(lambda wanted: table.take(self._known(wanted)).half().numpy())
            for path in small:
                shutil.rmtree(path, ignore_errors=True)
