"""A tiny data set, and a model with random weights for it, that commands are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiero_lib.config import load_profile
from tests.helpers.tiny import make_checkpoint, make_tiny


@pytest.fixture(scope="package")
def profile_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of four videos; the untrained features have no text space."""
    return make_tiny(tmp_path_factory.mktemp("cli") / "data", videos=4, features__text_projection=None)


@pytest.fixture(scope="package")
def checkpoint(profile_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder."""
    return make_checkpoint(tmp_path_factory.mktemp("models") / "hiero", load_profile(profile_file), "hiero")
