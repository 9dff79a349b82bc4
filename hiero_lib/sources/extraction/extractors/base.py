"""What an extractor is, and what all of them share: preparing images, reading and hashing weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from hiero_lib.base.fingerprint import Fingerprint

Frames = TypeVar("Frames", np.ndarray, Tensor)

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """From decoded frames to a network's input.

    Attributes:
        short_side: pixels that the decoder scales the shorter side to; crop: side of the square cut from the middle.
        size: side of the network's input, to which the crop is scaled where it differs (bilinear, antialiased).
        mean, std: of RGB in [0, 1].
    """

    short_side: int
    crop: int
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, clips: Tensor) -> Tensor:
        """``[B, T, H, W, C]`` uint8 to ``[B, T, C, size, size]`` float32.

        Raises:
            ValueError: not uint8 clips of three channels, or smaller than the crop.
        """
        if clips.dtype != torch.uint8 or clips.dim() != 5 or clips.shape[-1] != 3:
            raise ValueError(f"clips must be [B, T, H, W, 3] uint8, not {tuple(clips.shape)} {clips.dtype}")
        videos, frames = clips.shape[:2]
        x = self.cropped(clips).permute(0, 1, 4, 2, 3).flatten(0, 1).float() / 255
        if self.size != self.crop:
            x = nn.functional.interpolate(x, self.size, mode="bilinear", antialias=True, align_corners=False)
        mean, std = (torch.tensor(values, device=x.device)[:, None, None] for values in (self.mean, self.std))
        return ((x - mean) / std).unflatten(0, (videos, frames))

    def cropped(self, frames: Frames) -> Frames:
        """The square in the middle of frames ``[..., H, W, C]``; a view, of an array or a tensor.

        Raises:
            ValueError: the frames are smaller than that.
        """
        height, width = frames.shape[-3:-1]
        top, left = round((height - self.crop) / 2), round((width - self.crop) / 2)
        if min(height, width) < self.crop:
            raise ValueError(f"frames of {height} x {width} are smaller than the crop of {self.crop}")
        return frames[..., top : top + self.crop, left : left + self.crop, :]


class Extractor(Protocol):
    """Clips to features.

    Attributes:
        name: also names the folder of its features; dim: F.
        sampled: frames that it takes of a window; window: frames of a window that it was made for.
        preprocessing: of the frames that it is given; the decoder needs its ``short_side``.
        fingerprint: hash of its weights and of how they are used.
        source: where the weights are from, in words.
    """

    @property
    def name(self) -> str: ...
    @property
    def dim(self) -> int: ...
    @property
    def sampled(self) -> int: ...
    @property
    def window(self) -> int: ...
    @property
    def preprocessing(self) -> Preprocessing: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def source(self) -> str: ...

    def to(self, device: torch.device) -> Extractor:
        """Moved to where it is to compute."""
        ...

    def __call__(self, clips: Tensor) -> Tensor:
        """``[B, T, H, W, C]`` uint8 (T frames of a window, on the extractor's device) to ``[B, F]``."""
        ...


@dataclass(frozen=True)
class NetworkExtractor:
    """An extractor that is a network on prepared frames; see :class:`Extractor`.

    Attributes:
        network: in eval mode; encode: ``(network, [B, T, C, S, S]) -> [B, F]``.
    """

    name: str
    dim: int
    sampled: int
    window: int
    preprocessing: Preprocessing
    network: nn.Module
    encode: Callable[[Any, Tensor], Tensor]
    fingerprint: str
    source: str

    def to(self, device: torch.device) -> NetworkExtractor:
        """See :class:`Extractor`."""
        self.network.to(device)
        return self

    @torch.inference_mode()
    def __call__(self, clips: Tensor) -> Tensor:
        """See :class:`Extractor`."""
        return self.encode(self.network, self.preprocessing(clips)).float()


def mean_over_frames(images: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """``[B, F]``: the mean over the frames of what an image network gives, for ``x [B, T, C, S, S]``."""
    return images(x.flatten(0, 1)).unflatten(0, x.shape[:2]).mean(1)


def fingerprint_of(state: Mapping[str, Tensor], *, how: object) -> str:
    """SHA-256 over names and bytes of weights, and over the text of ``how`` they are used."""
    return Fingerprint().text(repr(how)).weights(state).digits()
