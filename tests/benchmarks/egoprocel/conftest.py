"""EgoProceL opened on the small data root, and every method scored once."""

from __future__ import annotations

import pytest
import torch

from hiero_lib.benchmarks.egoprocel.score import EgoProceLResult
from hiero_lib.benchmarks.egoprocel.task import EgoProceLTask, open_egoprocel
from hiero_lib.config import Profile
from hiero_lib.methods.method import Method


@pytest.fixture(scope="session")
def task(profile: Profile) -> EgoProceLTask:
    """Of ``profile``."""
    return open_egoprocel(profile, device=torch.device("cpu"))


@pytest.fixture(scope="session")
def results(task: EgoProceLTask, methods: dict[str, Method]) -> dict[str, EgoProceLResult]:
    """Of both controls and of every method."""
    return task.evaluate(methods)
