"""Videos and a cheap extractor that the tests of features share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hiero_lib.config import FeatureConfig
from hiero_lib.sources.extraction.extractors.base import NetworkExtractor, Preprocessing
from tests.helpers.videos import write_video


class Brightness(nn.Module):
    """Mean and deviation of the green of each sampled frame, and eight constants: features that are easy to check."""

    def forward(self, x: Tensor) -> Tensor:
        green = x[:, :, 1, :, 8:].flatten(2)  # the right half: the left third of the test videos is red
        return torch.cat([green.mean(2), green.std(2), torch.ones(len(x), 8)], dim=1)


def brightness_extractor() -> NetworkExtractor:
    """F 12 from 2 frames of 16 x 16 pixels in a window of 16."""
    preprocessing = Preprocessing(24, 16, 16, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return NetworkExtractor(
        "brightness", 12, 2, 16, preprocessing, Brightness(), nn.Module.__call__, "0" * 64, "none"
    )


@pytest.fixture
def brightness() -> NetworkExtractor:
    """See :func:`brightness_extractor`."""
    return brightness_extractor()


@pytest.fixture
def brightness_config() -> FeatureConfig:
    """The profile's side of :func:`brightness`."""
    return FeatureConfig(folder="brightness", dim=12)


@pytest.fixture(scope="session")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 s at 30 fps."""
    times = [number / 30 for number in range(240)]
    return write_video(tmp_path_factory.mktemp("steady") / "steady.mp4", times)


@pytest.fixture(scope="session")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 7 s of frames at irregular times (12 to 50 a second), with sound, to be turned by 90 degrees."""
    steps = np.random.default_rng(0).uniform(1 / 50, 1 / 12, 140)
    times = np.concatenate([[0.0], np.cumsum(steps)]).tolist()
    return write_video(tmp_path_factory.mktemp("uneven") / "uneven.mp4", times, rotation=90, sound=True)
