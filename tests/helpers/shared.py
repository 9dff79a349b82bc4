"""Third-party files that are no part of the project: tests that read them are skipped where they are not there."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("HIERO_SHARED") or Path(__file__).parents[3] / "shared") / "data"


def needs(path: Path) -> pytest.MarkDecorator:
    """Marks a test that reads ``path``, a file or folder below ``SHARED``."""
    return pytest.mark.skipif(not path.exists(), reason=f"third-party data: there is no {path}")
