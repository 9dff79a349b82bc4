"""Hashes of what decides a result: a cache, a trained model or a finished cell is used again where they are equal.

What is hashed, and in which order, is the caller's; these values stand in file names and records on disk, so that a
change here makes every cache and every training start afresh.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


class Fingerprint:
    """SHA-256 over parts in the order in which they are added; each method returns the object, to add the next.

    Parts are not separated: ``text("ab")`` is ``text("a").text("b")``. A caller whose parts vary in length puts them
    into one JSON value or one line.
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def text(self, text: str) -> Fingerprint:
        """Add text, as UTF-8."""
        return self.data(text.encode())

    def json(self, value: Any) -> Fingerprint:
        """Add a value of JSON's types; the order of an object's names does not count."""
        return self.text(json.dumps(value, sort_keys=True))

    def data(self, data: bytes | memoryview) -> Fingerprint:
        """Add bytes, or the bytes of a contiguous array."""
        self._digest.update(data)
        return self

    def weights(self, state: Mapping[str, Tensor]) -> Fingerprint:
        """Add the names, shapes, types and bytes of tensors of any type on any device, sorted by name."""
        import torch

        for name in sorted(state):
            value = state[name].detach().cpu().contiguous()
            self.text(f"{name} {tuple(value.shape)} {value.dtype}")
            if value.numel():
                self.data(value.flatten().view(torch.uint8).numpy().data)
        return self

    def digits(self, number: int = 64) -> str:
        """The first of its 64 hexadecimal digits."""
        return self._digest.hexdigest()[:number]
