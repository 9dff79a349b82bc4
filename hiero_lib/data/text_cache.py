"""Frozen text encoded once: embeddings on disk, keyed by the encoder and the text.

``<folder>/<fingerprint>/shard-<random>/`` holds ``embeddings.npy`` (``[n, dim]`` float32), ``texts.json`` (the n
texts) and their checksums, which are verified when a cache is opened. Shards are only ever added, each under a name
of its own and renamed into place when complete: a kill costs the shard being made, and processes that write at once
at worst encode a text twice. A damaged shard is removed where that is allowed, passed over in any case, and its texts
are encoded again.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from hiero_lib.base import checksums
from hiero_lib.base.files import atomic_path, read_json, write_json
from hiero_lib.base.progress import say_aside

SHARD_TEXTS = 16_384


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
    """Rows of the shards of a cache, by memory map; small to pickle, for DataLoader workers.

    Args:
        shards: folders of shards; row numbers run through them in this order.
        sizes: texts of each.
        dim: channels.
    """

    def __init__(self, shards: Sequence[Path], sizes: Sequence[int], dim: int) -> None:
        self.shards, self.dim = list(shards), dim
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self._open: dict[int, np.ndarray] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}

    def __len__(self) -> int:
        return int(self._starts[-1])

    def take(self, rows: np.ndarray) -> Tensor:
        """Embeddings ``[len(rows), dim]``, float32, of ``rows [n]`` (int64)."""
        result = np.empty((len(rows), self.dim), dtype=np.float32)
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        for shard in np.unique(owner).tolist():
            here = owner == shard
            result[here] = self._shard(shard)[rows[here] - self._starts[shard]]
        return torch.from_numpy(result)

    def _shard(self, shard: int) -> np.ndarray:
        if shard not in self._open:
            self._open[shard] = np.load(self.shards[shard] / "embeddings.npy", mmap_mode="r")
        return self._open[shard]


class TextCache:
    """The embeddings of a frozen encoder, from disk where they are and computed once where they are not.

    Texts that are missing are sorted by length and encoded ``batch_size`` at a time in float32. After a kill the
    same call finds whole shards done and makes the very same batches of the rest, so that an interrupted cache
    equals an uninterrupted one bit for bit.

    Args:
        folder: caches of several encoders may share it.
        encoder: frozen; moved to ``device`` when there is something to encode.
        device: where to encode.
        batch_size: texts of a forward pass.
        progress: called with (done, total) after each shard of a call that encodes.

    Raises:
        ValueError: the encoder has trainable parameters, whose embeddings would go stale.
    """

    def __init__(
        self,
        folder: str | Path,
        encoder: Encoder,
        *,
        device: torch.device | str,
        batch_size: int = 256,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        if any(parameter.requires_grad for parameter in encoder.parameters()):
            raise ValueError("a text encoder that is trained cannot be cached: freeze it, or embed without a cache")
        self.folder = Path(folder).expanduser() / encoder.fingerprint
        self.encoder, self.device = encoder, torch.device(device)
        self.batch_size, self.progress = batch_size, progress
        self._row_of: dict[str, int] = {}
        self._shards: list[Path] = []
        self._sizes: list[int] = []
        self._table = EmbeddingTable([], [], encoder.dim)
        self._read_new_shards()

    def embed(self, texts: Sequence[str]) -> Tensor:
        """``[n, dim]`` float32 on the CPU, in the order of ``texts``; what is missing is encoded and stored."""
        rows = self.rows(texts)
        return self._table.take(rows)

    def rows(self, texts: Sequence[str]) -> np.ndarray:
        """Row numbers ``[n]`` (int64) of ``texts`` in :meth:`table`; what is missing is encoded and stored."""
        if any(text not in self._row_of for text in texts):
            self._read_new_shards()  # another process may have encoded them meanwhile
            missing = {text for text in texts if text not in self._row_of}
            self._encode(sorted(missing, key=lambda text: (len(text), text)))
        return np.fromiter((self._row_of[text] for text in texts), dtype=np.int64, count=len(texts))

    def table(self) -> EmbeddingTable:
        """Everything that is cached now; row numbers stay valid when the cache grows."""
        return self._table

    def _encode(self, missing: list[str]) -> None:
        """Encode and store ``missing``, a shard at a time, each shard a whole number of batches."""
        if not missing:
            return
        self.encoder.to(self.device)
        step = max(1, SHARD_TEXTS // self.batch_size) * self.batch_size
        for begin in range(0, len(missing), step):
            texts = missing[begin : begin + step]
            batches = [texts[i : i + self.batch_size] for i in range(0, len(texts), self.batch_size)]
            with torch.inference_mode(), torch.autocast(self.device.type, enabled=False):
                embeddings = torch.cat([self.encoder(batch).float().cpu() for batch in batches]).numpy()
            shard = self.folder / f"shard-{uuid.uuid4().hex}"
            with atomic_path(shard) as temporary:
                temporary.mkdir()
                np.save(temporary / "embeddings.npy", embeddings)
                write_json(temporary / "texts.json", texts)
                checksums.seal(temporary)
            self._add([(shard, texts)])
            if self.progress is not None:
                self.progress(begin + len(texts), len(missing))

    def _read_new_shards(self) -> None:
        """Take in the shards on disk that are not known yet."""
        known = set(self._shards)
        new = [path for path in sorted(self.folder.glob("shard-*")) if path not in known]
        self._add([(path, texts) for path in new if (texts := texts_of(path)) is not None])

    def _add(self, shards: Sequence[tuple[Path, list[str]]]) -> None:
        """Number the rows of ``shards`` after those that are there."""
        if not shards:
            return
        for path, texts in shards:
            first = sum(self._sizes)
            self._row_of.update(zip(texts, range(first, first + len(texts))))
            self._shards.append(path)
            self._sizes.append(len(texts))
        self._table = EmbeddingTable(self._shards, self._sizes, self.encoder.dim)


def texts_of(shard: Path) -> Any:
    """What ``texts.json`` of a shard says; None where the shard is damaged, which is said."""
    damaged = checksums.damage(shard)
    if damaged is None:
        return read_json(shard / "texts.json")
    say_aside(f"a part of the cache of texts, {shard}, is not used but made again: {damaged}")
    shutil.rmtree(shard, ignore_errors=True)
    return None
