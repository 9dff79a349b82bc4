"""Step localisation opened on the small data root, and every method's steps found once."""

from __future__ import annotations

import pytest
import torch

from hiero_lib.benchmarks.step_localization.score import LocalizationResult
from hiero_lib.benchmarks.step_localization.task import StepLocalizationTask, open_step_localization
from hiero_lib.config import Profile
from hiero_lib.methods.method import Method


@pytest.fixture(scope="session")
def task(profile: Profile) -> StepLocalizationTask:
    """Of ``profile``."""
    return open_step_localization(profile, device=torch.device("cpu"))


@pytest.fixture(scope="session")
def results(task: StepLocalizationTask, methods: dict[str, Method]) -> dict[str, LocalizationResult]:
    """Of every method."""
    return task.evaluate(methods)
