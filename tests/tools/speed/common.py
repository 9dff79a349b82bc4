"""Timing that the benchmarks share."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from hiero_lib.config import ModelConfig
from hiero_lib.data.segments import VideoSegments


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was asked to."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


def seconds(function: Callable[[], object], device: torch.device, *, repeats: int = 3) -> float:
    """The shortest of some runs, after one that warms up; the device is waited for."""
    function()
    best = float("inf")
    for _ in range(repeats):
        synchronize(device)
        start = time.perf_counter()
        function()
        synchronize(device)
        best = min(best, time.perf_counter() - start)
    return best


def full_size(input_size: int) -> ModelConfig:
    """The published model."""
    return ModelConfig(input_size=input_size)


def linear_layers(config: ModelConfig, segments: int) -> list[tuple[int, int, int, bool]]:
    """Rows, inputs and outputs of the linear layers of the backbone for segments, and whether the input is trained.

    Gates are left out.
    """
    n, h = segments, config.hidden_size
    stages = [n >> 1, n >> 2, n >> 3, n >> 2, n >> 1, n]  # encoder levels 1 to 3, decoder levels 2 to 0
    first = (n, config.input_size, h, False)
    return [first] + [(rows, h, h, True) for rows in stages for _ in range(2 * config.n_layers)]


def made_up_video(num_segments: int, dim: int, *, seed: int) -> VideoSegments:
    """Random features of one video; speed does not depend on what they mean."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(num_segments, dim, generator=generator)
    return VideoSegments.from_features(x, stride_frames=16, fps=30.0, video_uid=f"video{seed}")
