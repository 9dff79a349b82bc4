"""Extractors by name, and that each fits the profile of its name."""

from __future__ import annotations

import types

import pytest

from hiero_lib.base.errors import ConfigError
from hiero_lib.config import load_profile
from hiero_lib.sources.extraction.extractors import efficientnet_lite0, egovlp, omnivore
from hiero_lib.sources.extraction.extractors.base import NetworkExtractor
from hiero_lib.sources.extraction.extractors.choose import LOADERS, open_extractor


def test_extractors_by_name() -> None:
    extractor = open_extractor("efficientnet_lite0")
    assert isinstance(extractor, NetworkExtractor)
    assert extractor.name == "efficientnet_lite0"
    with pytest.raises(
        ConfigError,
        match=r"value 'egovpl': unknown. Did you mean egovlp\? Known: efficientnet_lite0, egovlp, omnivore",
    ):
        open_extractor("egovpl")
    assert list(LOADERS) == ["efficientnet_lite0", "egovlp", "omnivore_video_swinl", "clip"]


@pytest.mark.parametrize(
    ("module", "profile"), [(egovlp, "egovlp"), (omnivore, "omnivore"), (efficientnet_lite0, "own_video")]
)
def test_an_extractor_gives_what_its_profile_describes(module: types.ModuleType, profile: str) -> None:
    features = load_profile(profile).features
    assert (features.dim, features.window_frames, features.folder) == (module.DIM, module.WINDOW, module.NAME)
