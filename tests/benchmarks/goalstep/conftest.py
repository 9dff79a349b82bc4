"""Step grounding opened on the small data root, and every method's answers made once."""

from __future__ import annotations

import pytest
import torch

from hiero_lib.benchmarks.goalstep.score import Answers
from hiero_lib.benchmarks.goalstep.task import GoalStepTask, open_goalstep
from hiero_lib.config import Profile
from hiero_lib.methods.method import Method


@pytest.fixture(scope="session")
def task(profile: Profile) -> GoalStepTask:
    """Of ``profile``."""
    return open_goalstep(profile, device=torch.device("cpu"))


@pytest.fixture(scope="session")
def answers(task: GoalStepTask, methods: dict[str, Method]) -> dict[str, dict[str, Answers]]:
    """Split -> method -> answers."""
    return task.evaluate(methods)
