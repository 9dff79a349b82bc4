"""A SLURM of plain files on the PATH, in a working directory of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers.fake_slurm import install

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state of the fake SLURM (tests/helpers/fake_slurm.py); the working directory is ``work`` beside it."""
    found = install(tmp_path / "slurm")
    monkeypatch.setenv("PATH", f"{tmp_path}/slurm/bin:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return found
