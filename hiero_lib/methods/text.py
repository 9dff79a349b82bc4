"""A profile's text encoder, loaded when it is first needed."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence

import torch
from torch import Tensor

from hiero_lib.config import Profile
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.text_cache import TextCache
from hiero_lib.methods.scorers import EmbedText
from hiero_lib.models.text_encoders import TextEncoder, load_text_encoder


class TextSide:
    """A profile's text encoder, loaded when it is first needed: procedure learning runs without its weights.

    Args:
        profile: says which encoder, and whether it is frozen.
        device: where a frozen one computes what is not in the cache yet.
    """

    def __init__(self, profile: Profile, *, device: torch.device) -> None:
        self.config, self._paths, self._device = profile.text, DataPaths.at(profile.data_root), device
        self._one_at_a_time = threading.Lock()

    @functools.cached_property
    def encoder(self) -> TextEncoder:
        """The encoder; DataError as :func:`hiero_lib.models.text_encoders.load_text_encoder`."""
        return load_text_encoder(self.config, data_root=self._paths.root)

    @functools.cached_property
    def _embed(self) -> EmbedText:
        if not self.config.frozen:
            return self.encoder
        folder, also = self._paths.text_caches
        return TextCache(folder, self.encoder, device=self._device, also=also).embed

    def embed(self, texts: Sequence[str]) -> Tensor:
        """The encoder's output ``[M, T]``, from the cache on disk where it is frozen; DataError as ``encoder``.

        Threads that ask at once wait for one another.
        """
        with self._one_at_a_time:
            return self._embed(texts)
