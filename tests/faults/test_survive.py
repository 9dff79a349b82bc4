"""Every command that writes, under failing calls, full files, few handles and kills; more by hand (`survive`)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.commands import COMMANDS

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if not command.slow])
def test_a_command_survives(name: str) -> None:
    """In a process of its own: its children are forked, which one with threads must not be."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.survive", name, "--calls", "4", "--kills", "5"],
        cwd=REPOSITORY,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{name}: " in done.stdout
    assert "5 kills within" in done.stdout
    assert "; 0 not survived" in done.stdout
