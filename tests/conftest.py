"""Fixtures that several test modules share."""

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# Shapes and types of what these modules take and give are checked in tests, and only there: users pay nothing. Here,
# for the hook sees what is imported after it.
install_import_hook(["hiero_lib.models", "hiero_lib.training.losses"], "beartype.beartype")


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of the authors' numbers: ``HIERO_GOLDEN`` when set, else ``tests/golden``."""
    return Path(os.environ.get("HIERO_GOLDEN") or Path(__file__).parent / "golden")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the readers are fuzzed."""
    parser.addoption(
        "--fuzz-seconds", type=float, default=6.0, help="of tests/fuzz in all, shared by its readers (default: 6)"
    )
