"""A tiny collection with a model, open in the explorer, for tests with and without a browser."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import Browser, Page

from hiero_lib.config import load_profile
from hiero_lib.explorer.serve import ExplorerServer
from hiero_lib.explorer.session import Session
from hiero_lib.hierarchy.collection import Collection, named_hierarchy, open_collection
from hiero_lib.hierarchy.spans import Span
from hiero_lib.methods.method import HIERO, PROBE, Method
from hiero_lib.methods.opening import open_methods
from hiero_lib.search.build import open_index
from hiero_lib.viz.bars import TimelineRow
from tests.helpers.tiny import make_checkpoint, make_tiny

CPU = torch.device("cpu")


class Opened:
    """A collection of nine videos, HiERO and the probe, and a run's folder."""

    def __init__(self, root: Path) -> None:
        profile = load_profile(make_tiny(root / "data", features__text_projection=None, hierarchy__coherence_s=1.0))
        checkpoints = {name: make_checkpoint(root / name, profile, name) for name in ("hiero", "probe")}
        methods = open_methods(profile, checkpoints=checkpoints, device=CPU)
        self.method: Method = methods[HIERO]
        self.probe: Method = methods[PROBE]
        self.collection: Collection = open_collection(profile, device=CPU)
        self.root = root

    def session(self, run_folder: Path | None, *, index: bool = True, **options: Any) -> Session:
        """A session over all of it."""
        made = open_index(self.root / "run", self.collection, self.method) if index else None
        besides = {PROBE: lambda uid: named_hierarchy(self.collection, self.probe, uid)}
        given = {"besides": besides, "truth": truth_of} | options
        return Session(self.collection, self.method, index=made, run_folder=run_folder, **given)


def truth_of(video_uid: str) -> TimelineRow:
    """Two threads that are known."""
    return TimelineRow("truth", [Span(0.0, 12.0, 0), Span(12.0, 32.0, 1)], {0: "cooking", 1: "washing <up>"})


@contextlib.contextmanager
def served(session: Session, **options: Any) -> Iterator[ExplorerServer]:
    """A server that runs until the end of the block."""
    with ExplorerServer(session, **options) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def open_page(browser: Browser, address: str, **options: Any) -> tuple[Page, list[str]]:
    """The explorer's page, drawn; what it complains of fills the list."""
    page = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options)).new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    page.locator(".hiero-explorer[data-drawn]").wait_for(timeout=60_000)
    return page, complaints


def app(page: Page, expression: str) -> Any:
    """The value of an expression over ``app``, the explorer of the page."""
    own = "const app = document.querySelector('.hiero-explorer').parentNode.hieroExplorer;"
    return page.evaluate(f"() => {{ {own} return {expression}; }}")


def eventually(page: Page, expression: str, seconds: float = 10.0) -> Any:
    """The value of an expression over ``app`` once it is true."""
    for _ in range(int(seconds * 20)):
        value = app(page, expression)
        if value:
            return value
        page.wait_for_timeout(50)
    raise AssertionError(expression)


def do(session: Session, action: str, **given: Any) -> dict[str, Any]:
    """What has changed; all of it can be written as JSON."""
    changed = session.do({"do": action, "id": 1, **given})
    json.dumps(changed, allow_nan=False)
    return changed


def told(session: Session) -> str:
    note = session.state["note"]
    return note["text"] if note and note["kind"] == "error" else ""
