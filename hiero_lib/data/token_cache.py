"""Token features of frozen text, encoded once: on disk, keyed by the encoder and the text.

``<folder>/<fingerprint>/shard-<random>/`` holds ``tokens.npy`` (``[T, dim]`` float32, the tokens of all texts one
after the other), ``texts.json`` (the texts and how many tokens each has) and their checksums, which are verified when
a cache is opened. Shards are only ever added, each renamed into place when it is complete; a damaged one is removed
where that is allowed, passed over in any case, and its texts are encoded again.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from hiero_lib.base import checksums
from hiero_lib.base.files import atomic_path, read_json, write_json
from hiero_lib.base.progress import say_aside


class TokenEncoder(Protocol):
    """What the cache asks of a text encoder (:class:`hiero_lib.models.text_encoders.TextEncoder` is one)."""

    dim: int

    @property
    def fingerprint(self) -> str:
        """Differs where any output may differ."""

    def encode_tokens(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """``[n, L, dim]`` and which are of the text, ``[n, L]`` bool."""

    def parameters(self) -> Iterable[torch.nn.Parameter]:
        """To see that it is frozen."""

    def to(self, device: torch.device, /) -> Any:
        """Move it."""


class TokenCache:
    """The token features of a frozen encoder, from disk where they are, and computed once where they are not.

    Args:
        folder: caches of several encoders may share it.
        encoder: frozen; moved to ``device`` when there is something to encode.
        device: where to encode.
        batch_size: texts of a forward pass.

    Raises:
        ValueError: the encoder has trainable parameters, whose output would go stale.
    """

    def __init__(
        self, folder: str | Path, encoder: TokenEncoder, *, device: torch.device | str, batch_size: int = 256
    ) -> None:
        if any(parameter.requires_grad for parameter in encoder.parameters()):
            raise ValueError("a text encoder that is trained cannot be cached: freeze it")
        self.folder = Path(folder).expanduser() / encoder.fingerprint
        self.encoder, self.device, self.batch_size = encoder, torch.device(device), batch_size
        self._tokens: dict[str, np.ndarray] = {}  # views of the memory maps
        self._known: set[Path] = set()
        self._read_new_shards()

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token features ``[n, L, dim]`` float32 and their mask ``[n, L]`` bool, on the CPU, padded with zeros."""
        if any(text not in self._tokens for text in texts):
            self._read_new_shards()  # another process may have encoded them meanwhile
            missing = sorted({text for text in texts if text not in self._tokens}, key=lambda text: (len(text), text))
            if missing:
                self._encode(missing)
        of_texts = [self._tokens[text] for text in texts]
        values = torch.zeros(len(of_texts), max(map(len, of_texts), default=0), self.encoder.dim)
        mask = torch.zeros(values.shape[:2], dtype=torch.bool)
        for row, tokens in enumerate(of_texts):
            values[row, : len(tokens)] = torch.from_numpy(np.array(tokens))
            mask[row, : len(tokens)] = True
        return values, mask

    @torch.no_grad()
    def _encode(self, missing: list[str]) -> None:
        """Encode and store the texts as one shard."""
        self.encoder.to(self.device)
        rows: list[np.ndarray] = []
        for start in range(0, len(missing), self.batch_size):
            values, mask = self.encoder.encode_tokens(missing[start : start + self.batch_size])
            rows += [v[m].float().cpu().numpy() for v, m in zip(values, mask, strict=True)]
        with atomic_path(self.folder / f"shard-{uuid.uuid4().hex}") as temporary:
            temporary.mkdir()
            np.save(temporary / "tokens.npy", np.concatenate(rows))
            write_json(temporary / "texts.json", {"texts": missing, "lengths": [len(row) for row in rows]})
            checksums.seal(temporary)
        self._read_new_shards()

    def _read_new_shards(self) -> None:
        """Take in the shards on disk that are not known yet."""
        for path in sorted(set(self.folder.glob("shard-*")) - self._known):
            listed = _texts_of(path)
            if listed is not None:
                tokens = np.load(path / "tokens.npy", mmap_mode="r")
                self._tokens |= zip(listed["texts"], np.split(tokens, np.cumsum(listed["lengths"])[:-1]))
                self._known.add(path)


def _texts_of(shard: Path) -> Any:
    """What ``texts.json`` of a shard says; None where the shard is damaged, which is said."""
    damaged = checksums.damage(shard)
    if damaged is None:
        return read_json(shard / "texts.json")
    say_aside(f"a part of the cache of texts, {shard}, is not used but made again: {damaged}")
    shutil.rmtree(shard, ignore_errors=True)
    return None
