"""One small data root with the files of every benchmark, and methods for it; made once, and never changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from hiero_lib.base.files import write_json
from hiero_lib.config import Profile, load_profile
from hiero_lib.methods.method import Method
from hiero_lib.methods.opening import open_methods
from tests.helpers.tiny import add_egoprocel, add_goalstep, make_checkpoint, make_tiny, make_tiny_nlq

# A head of a few numbers, trained twice; few resamples.
SETTINGS = {
    "egonlq__seeds": [3, 5],
    "egonlq__compared_seeds": 1,
    "egonlq__epochs": 2,
    "egonlq__dim": 8,
    "egonlq__num_heads": 2,
    "egonlq__max_pos_len": 16,
    "egonlq__lr": 1e-2,
    "egoprocel__bootstrap_resamples": 50,
    "step_grounding__bootstrap_resamples": 50,
}


def write_truth(root: Path, uid: str, *, split: str = "val", threads: bool = True) -> None:
    """Two threads that take turns over a video of 32 s."""
    turns = [(0.0, 10.0, 3), (10.0, 20.0, 8), (20.0, 32.0, 3)] if threads else []
    spans = [
        {"start_s": start, "end_s": end, "id": thread, "text": f"thread {thread}"} for start, end, thread in turns
    ]
    levels = {"action": [], "step": [], "thread": spans, "procedure": []}
    truth = {"version": 1, "video_uid": uid, "split": split, "scenario": "", "duration_s": 32.0, "levels": levels}
    write_json(root / "truth" / f"{uid}.json", truth)


def make_data(root: Path) -> None:
    """Nine videos of 32 s with the files of every benchmark, and ``tiny.yaml``, their profile, in ``root``."""
    make_tiny(root, features__text_projection="p.pth", **SETTINGS)
    generator = torch.Generator().manual_seed(0)
    torch.save({"weight": torch.randn(12, 384, generator=generator), "bias": torch.zeros(12)}, root / "p.pth")
    make_tiny_nlq(root)
    add_egoprocel(root)
    add_goalstep(root)
    for uid in ("v0", "v1", "v2"):
        write_truth(root, uid)


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See :func:`make_data`."""
    root = tmp_path_factory.mktemp("benchmarks") / "data"
    make_data(root)
    return root


@pytest.fixture(scope="session")
def profile(root: Path) -> Profile:
    """Of ``root``."""
    return load_profile(root / "tiny.yaml")


@pytest.fixture(scope="session")
def checkpoints(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """``probe`` and ``hiero``, with random weights."""
    folder = tmp_path_factory.mktemp("models")
    return {name: make_checkpoint(folder / name, profile, name) for name in ("probe", "hiero")}  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def methods(profile: Profile, checkpoints: dict[str, Path]) -> dict[str, Method]:
    """Untrained features with a text space, the probe, HiERO."""
    return open_methods(profile, checkpoints=checkpoints, device=torch.device("cpu"))


@pytest.fixture
def own(root: Path, profile: Profile, tmp_path: Path) -> Profile:
    """The profile on a copy of ``root``, for a test that changes files."""
    shutil.copytree(root, tmp_path / "own")
    return load_profile(root / "tiny.yaml", {"data_root": str(tmp_path / "own")})
