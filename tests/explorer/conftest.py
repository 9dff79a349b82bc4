"""One explorer for the tests of what it does and of what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiero_lib.explorer.session import Session
from tests.helpers.explored import Opened


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    return Opened(tmp_path_factory.mktemp("session"))


@pytest.fixture
def session(opened: Opened, tmp_path: Path) -> Session:
    return opened.session(tmp_path)
