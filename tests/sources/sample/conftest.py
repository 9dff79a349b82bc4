"""A small sample, made once, with a text encoder that costs nothing."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hiero_lib.sources.sample import SampleReport, make_sample


def bag_of_words(texts: Sequence[str]) -> np.ndarray:
    """``[n, 48]``: the mean of a fixed random vector for each word."""
    words = {word for text in texts for word in text.split()}
    vectors = {w: np.random.default_rng(zlib.crc32(w.encode())).standard_normal(48) for w in words}
    return np.stack([np.mean([vectors[w] for w in text.split()], axis=0) for text in texts]).astype(np.float32)


@pytest.fixture(scope="session")
def embed():
    return bag_of_words


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SampleReport]:
    """Eight videos of a few minutes, three of them to train on."""
    root = tmp_path_factory.mktemp("small") / "sample"
    return root, make_sample(root, num_videos=8, minutes=(2, 5), embed=bag_of_words)
