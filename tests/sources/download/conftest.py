"""A server of files and pages, a data root, and Google Drive's address led to the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.helpers.file_server import FileServer, serve


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve() as state:
        yield state


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def drive_is_here(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes to drive.google.com goes to the server."""
    send = requests.adapters.HTTPAdapter.send

    def redirected(self, request, *rest, **named):
        request.url = request.url.replace("https://drive.google.com", server.base)
        return send(self, request, *rest, **named)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", redirected)
