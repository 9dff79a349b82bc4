"""Fixtures that several test modules share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of the authors' numbers: ``HIERO_GOLDEN`` when set, else ``tests/golden``."""
    return Path(os.environ.get("HIERO_GOLDEN") or Path(__file__).parent / "golden")
