"""The extractors by name, for the command line and notebooks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hiero_lib.base.errors import ConfigError, known
from hiero_lib.sources.extraction.extractors import clip_tower, efficientnet_lite0, egovlp, omnivore
from hiero_lib.sources.extraction.extractors.base import Extractor

Load = Callable[[str | Path | None], Extractor]

LOADERS: dict[str, Load] = {
    efficientnet_lite0.NAME: efficientnet_lite0.load,
    egovlp.NAME: egovlp.load,
    omnivore.NAME: omnivore.load,
    clip_tower.NAME: clip_tower.load,
}


def open_extractor(name: str, weights: str | Path | None = None) -> Extractor:
    """An extractor with its weights.

    Args:
        name: one of :data:`LOADERS`.
        weights: what the extractor's own ``load`` takes; None for its default.

    Raises:
        ConfigError: an unknown name; DataError: weights that are missing or do not fit.
    """
    if name not in LOADERS:
        raise ConfigError("unknown", field="extractor", value=name, hint=known(name, LOADERS))
    return LOADERS[name](weights)
