from __future__ import annotations

import subprocess
import sys
from importlib import metadata

from hiero_lib.base.versions import version_of


def test_a_version_or_none() -> None:
    assert version_of("torch") == metadata.version("torch")
    assert version_of("no-such-package-here") is None


def test_it_runs_on_a_bare_interpreter() -> None:
    """Without site-packages, as before anything is installed."""
    code = "from hiero_lib.base.versions import version_of; print(version_of('torch'))"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "None"), done.stderr
