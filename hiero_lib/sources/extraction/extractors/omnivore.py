"""Omnivore Swin-L on video, as Ego4D's released features: the trunk's output, F 1536.

Girdhar et al., Omnivore (CVPR 2022). From the public code: all 32 frames of a window; ImageNet's mean and deviation;
short side 256, crop 224 from the middle. Not checked here, for want of the weights: that the features equal those
that Ego4D distributes (``omnivore_video_swinl``), which were computed in half precision on other decoders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.models.weights import load_strictly, read_state
from hiero_lib.sources.extraction.extractors.base import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    NetworkExtractor,
    Preprocessing,
    fingerprint_of,
)
from hiero_lib.sources.extraction.extractors.swin3d import SwinTrunk

NAME, DIM, SAMPLED, WINDOW = "omnivore_video_swinl", 1536, 32, 32
PREPROCESSING = Preprocessing(256, 224, 224, IMAGENET_MEAN, IMAGENET_STD)
# What torch hub's facebookresearch/omnivore loads as omnivore_swinL_imagenet21k
WEIGHTS_URL = "https://dl.fbaipublicfiles.com/omnivore/models/swinL_In21k_checkpoint.torch"


def load(
    weights: str | Path | None = None, *, fetch: Callable[..., Any] = torch.hub.load_state_dict_from_url
) -> NetworkExtractor:
    """The extractor with Omnivore's weights.

    Args:
        weights: ``swinL_In21k_checkpoint.torch`` or another file with a ``trunk``, or a trunk's state dict; None
            fetches the public file into torch hub's folder. Sizes are read from the tensors (so Swin-B loads too).
        fetch: how, called with the address; the file's tensors are read and nothing in it is executed.

    Raises:
        DataError: the file is not to be had, is broken, or a weight is missing or of another shape.
    """
    if weights is None:
        file, raw = Path(WEIGHTS_URL), _fetched(fetch)
    else:
        file, raw = Path(weights), read_state(weights)
    state = trunk_state(raw, file=file)
    depths = tuple(len(_numbers(state, f"layers.{stage}.blocks.")) for stage in sorted(_numbers(state, "layers.")))
    table = "layers.{}.blocks.0.attn.relative_position_bias_table"
    heads = [state[table.format(stage)].shape[1] for stage in range(len(depths))]
    network = SwinTrunk(
        dim=len(state["patch_embed.norm.weight"]),
        depths=depths,
        heads=heads,
        window=_window(state, table.format(0), file),
        depth_patches="depth_patch_embed.proj.weight" in state,
    )
    load_strictly(network, state, file=file)
    return NetworkExtractor(
        NAME,
        len(state["norm.weight"]),
        SAMPLED,
        WINDOW,
        PREPROCESSING,
        network.eval(),
        _encode,
        fingerprint_of(state, how=(NAME, SAMPLED, PREPROCESSING)),
        f"Omnivore's trunk ({file.name})",
    )


def trunk_state(raw: Any, *, file: Path) -> dict[str, Tensor]:
    """The trunk's weights of a checkpoint (``{"trunk": ..., "heads": ...}``), or of a whole model's state dict.

    Raises:
        DataError: there are none.
    """
    state = raw.get("trunk", raw) if isinstance(raw, Mapping) else {}
    tensors = {str(name): value for name, value in state.items() if isinstance(value, Tensor)}
    if any(name.startswith("trunk.") for name in tensors):
        tensors = {n.removeprefix("trunk."): value for n, value in tensors.items() if n.startswith("trunk.")}
    for name in ("patch_embed.norm.weight", "norm.weight", "layers.0.blocks.0.attn.relative_position_bias_table"):
        if name not in tensors:
            raise DataError("not a checkpoint of Omnivore: a weight is missing", file=file, field=f"trunk.{name}")
    return tensors


def _numbers(state: Mapping[str, Tensor], prefix: str) -> set[int]:
    """The numbers that follow ``prefix`` in names."""
    return {int(name.removeprefix(prefix).split(".")[0]) for name in state if name.startswith(prefix)}


def _window(state: Mapping[str, Tensor], table: str, file: Path) -> tuple[int, int, int]:
    """The window, from the sizes of its table of relative positions; in space it is 7 x 7."""
    positions = state[table].shape[0]
    spans, rest = divmod(positions, 13 * 13)
    if rest or spans % 2 == 0:
        problem = "not the positions of a window of 7 x 7 patches"
        raise DataError(problem, file=file, field=table, value=positions)
    return ((spans + 1) // 2, 7, 7)


def _fetched(fetch: Callable[..., Any]) -> Any:
    try:
        return fetch(WEIGHTS_URL, map_location="cpu", progress=False, weights_only=True)
    except Exception as error:  # no network, a proxy, a full disk: urllib has an error for each
        hint = f"Fetch {WEIGHTS_URL} by hand and give the file with --weights"
        raise DataError(f"the weights are not to be had ({error})"[:300], field=NAME, hint=hint) from error


def _encode(network: Any, x: Tensor) -> Tensor:
    return network(x.transpose(1, 2))
