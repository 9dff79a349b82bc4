"""A small data root whose features have a text space, and a method of every kind for it."""

from __future__ import annotations

import pytest
import torch

from hiero_lib.config import Profile, load_profile
from hiero_lib.methods.method import Method
from hiero_lib.methods.opening import open_methods
from tests.helpers.tiny import make_checkpoint, make_tiny


@pytest.fixture(scope="session")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    root = tmp_path_factory.mktemp("methods") / "data"
    profile = load_profile(make_tiny(root, features__text_projection="p.pth"))
    torch.save({"weight": torch.randn(12, 384), "bias": torch.zeros(12)}, root / "p.pth")
    return profile


@pytest.fixture(scope="session")
def methods(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Method]:
    folder = tmp_path_factory.mktemp("models")
    checkpoints = {name: make_checkpoint(folder / name, profile, name) for name in ("probe", "hiero")}  # type: ignore[arg-type]
    return open_methods(profile, checkpoints=checkpoints, device=torch.device("cpu"))
