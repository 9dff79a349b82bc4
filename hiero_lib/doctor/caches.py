"""Where caches lie, how large they are and will be, and how long the narrations still take to encode."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hiero_lib.base.errors import DataError
from hiero_lib.config import Profile
from hiero_lib.data.paths import DataPaths

_SAMPLE = 128  # texts that are encoded to measure the speed, and as many before them to warm up


@dataclass(frozen=True)
class Caches:
    """The caches of a data root.

    Args:
        folder: where they are written; also: another folder that is read.
        bytes: on disk, of both.
        texts: different narrations that training reads; missing: of those, not encoded yet. None: not known.
        whole_bytes: what the embeddings of all of them take.
        texts_per_s: encoded on this machine, measured just now where some are missing.
    """

    folder: str
    also: str | None
    bytes: int
    texts: int | None = None
    missing: int | None = None
    whole_bytes: int | None = None
    texts_per_s: float | None = None

    @property
    def encoding_s(self) -> float | None:
        """Seconds that the rest takes."""
        if self.missing is None or (self.missing and self.texts_per_s is None):
            return None
        return self.missing / self.texts_per_s if self.missing and self.texts_per_s else 0.0

    def __str__(self) -> str:
        also = f", and read from {self.also}" if self.also else ""
        lines = [f"caches: {self.bytes / 1e9:.2f} GB in {self.folder}{also} (HIERO_CACHE names another folder)"]
        if self.texts is not None and self.whole_bytes is not None:
            cached = f"{self.texts - (self.missing or 0):,} of {self.texts:,} different narrations are encoded"
            size = f"{self.whole_bytes / 1e9:.2f} GB when all are, twice that for a moment"
            lines.append(f"text: {cached}; {size}")
            if self.missing and self.encoding_s is not None:
                took = (
                    f"{self.encoding_s / 3600:.1f} h" if self.encoding_s > 7200 else f"{self.encoding_s / 60:.0f} min"
                )
                lines[-1] += f"; the rest takes about {took} here ({self.texts_per_s:.0f} texts/s, measured now)"
                lines[-1] += ": `python -m hiero_lib encode` with this --profile, several processes share it"
        return "\n".join(lines)


def caches_of(profile: Profile) -> Caches:
    """What is cached of a profile's data; the encoder is loaded only where it is frozen and there are narrations."""
    paths = DataPaths.at(profile.data_root)
    folders = [paths.caches] + ([] if paths.also_cached is None else [paths.also_cached])
    found = Caches(
        str(paths.caches), None if paths.also_cached is None else str(paths.also_cached), sum(map(size_of, folders))
    )
    if not (profile.text.frozen and profile.text.cache and paths.egoclip.is_file()):
        return found
    try:
        return _with_texts(found, profile)
    except DataError:  # the rows of the audit say so
        return found


def _with_texts(found: Caches, profile: Profile) -> Caches:
    from hiero_lib.base.device import best_device
    from hiero_lib.data.egoclip_texts import UsedTexts
    from hiero_lib.models.text_encoders import load_text_encoder
    from hiero_lib.training.batches import open_text_cache, read_chunks

    chunks, _, _ = read_chunks(profile)
    encoder = load_text_encoder(profile.text, data_root=profile.data_root)
    cache = open_text_cache(profile, encoder, device=best_device())
    texts = UsedTexts([chunk.texts for chunk in chunks])
    missing = cache.missing(texts.keys)
    speed = None
    if missing:
        import numpy as np

        places = np.linspace(0, len(texts.keys) - 1, min(len(texts.keys), 2 * _SAMPLE)).round().astype(int)
        speed = _speed(encoder.to(best_device()), sorted(texts.texts_at(places), key=len))
    return Caches(
        found.folder, found.also, found.bytes, len(texts.keys), missing, 2 * encoder.dim * len(texts.keys), speed
    )


def _speed(encoder: object, texts: Sequence[str]) -> float:
    """Texts a second, of every other text, after the others have warmed it up."""
    import torch

    with torch.inference_mode():
        encoder(texts[::2]).cpu()  # type: ignore[operator]
        started = time.perf_counter()
        encoder(texts[1::2] or texts).cpu()  # type: ignore[operator]
        return len(texts[1::2] or texts) / (time.perf_counter() - started)


def size_of(folder: Path) -> int:
    """Bytes of the files under a folder, as long as they are; 0 where there is none."""
    sizes = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                sizes += os.lstat(os.path.join(place, name)).st_size
            except OSError:  # renamed just now
                continue
    return sizes
