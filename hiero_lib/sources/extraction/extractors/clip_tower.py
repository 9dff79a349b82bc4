"""A CLIP image tower on a few frames of each window, averaged: an image network whose features know words.

Radford et al., CLIP (ICML 2021). From a transformers folder or hub name (``openai/clip-vit-base-patch16``), or, where
open_clip is installed, from ``open_clip:MODEL/PRETRAINED``. Features are the projected embeddings of each frame,
scaled to length 1, then averaged. Checked with random weights only: the public ones are not at hand here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from hiero_lib.base.errors import DataError
from hiero_lib.sources.extraction.extractors.base import (
    NetworkExtractor,
    Preprocessing,
    fingerprint_of,
    mean_over_frames,
)

NAME, SAMPLED, WINDOW = "clip", 2, 16
SOURCE = "openai/clip-vit-base-patch16"
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_OPEN_CLIP = "open_clip:"


def load(source: str | Path | None = None) -> NetworkExtractor:
    """The extractor.

    Args:
        source: a folder with ``config.json`` and weights, a hub name, or ``open_clip:MODEL/PRETRAINED`` (a tag, or
            the path of a file); None takes OpenAI's ViT-B/16 from the hub.

    Raises:
        DataError: no such folder or name, or a package that is not installed.
    """
    source = str(source or SOURCE)
    if source.startswith(_OPEN_CLIP):
        return _from_open_clip(source)
    from transformers import CLIPVisionModelWithProjection

    try:
        network = CLIPVisionModelWithProjection.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError) as error:  # no network, no such name, not a CLIP
        hint = "Give a folder with config.json and model.safetensors, or a name on the hub, with --weights"
        raise DataError(f"not to be had ({' '.join(str(error).split())})"[:300], field=source, hint=hint) from error
    config: Any = network.config
    preprocessing = _preprocessing(Path(source) / "preprocessor_config.json", size=config.image_size)
    return _extractor(network, _from_transformers, config.projection_dim, preprocessing, source)


def _from_transformers(network: Any, x: Tensor) -> Tensor:
    return mean_over_frames(lambda images: _unit(network(pixel_values=images).image_embeds), x)


def _from_open_clip(source: str) -> NetworkExtractor:
    """``open_clip:MODEL/PRETRAINED`` through the open_clip package."""
    try:
        import open_clip
    except ImportError as error:
        raise DataError("open_clip is not installed", field=source, hint="pip install open_clip_torch") from error
    model, _, pretrained = source.removeprefix(_OPEN_CLIP).partition("/")
    try:
        network = open_clip.create_model(model, pretrained=pretrained or None)
    except RuntimeError as error:
        raise DataError(f"not to be had ({error})"[:300], field=source) from error
    tower = network.visual.eval()
    size = tower.image_size[0] if isinstance(tower.image_size, tuple) else tower.image_size
    mean = tuple(getattr(tower, "image_mean", None) or CLIP_MEAN)
    std = tuple(getattr(tower, "image_std", None) or CLIP_STD)
    return _extractor(tower, _from_tower, tower.output_dim, Preprocessing(size, size, size, mean, std), source)


def _from_tower(network: Any, x: Tensor) -> Tensor:
    return mean_over_frames(lambda images: _unit(network(images)), x)


def _extractor(
    network: nn.Module, encode: Any, dim: int, preprocessing: Preprocessing, source: str
) -> NetworkExtractor:
    fingerprint = fingerprint_of(network.state_dict(), how=(NAME, SAMPLED, preprocessing))
    described = f"CLIP image tower ({source})"
    return NetworkExtractor(NAME, dim, SAMPLED, WINDOW, preprocessing, network.eval(), encode, fingerprint, described)


def _unit(x: Tensor) -> Tensor:
    return nn.functional.normalize(x, dim=-1)


def _preprocessing(file: Path, *, size: int) -> Preprocessing:
    """CLIP's, with the mean and deviation of the folder's ``preprocessor_config.json`` where there is one."""
    given: Mapping[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    mean, std = tuple(given.get("image_mean", CLIP_MEAN)), tuple(given.get("image_std", CLIP_STD))
    return Preprocessing(size, size, size, mean, std)
