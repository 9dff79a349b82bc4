"""A real JupyterLab in a real Chromium, for the tests of notebooks that a person clicks in."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from hiero_lib.pipelines.reproduce import NOTEBOOKS

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ERROR = "[data-mime-type='application/vnd.jupyter.error'], [data-mime-type='application/vnd.jupyter.stderr']"


def chromium() -> str:
    """Path of Chromium: ``HIERO_CHROMIUM``, or what is installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("HIERO_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    assert found, "no Chromium: apt-get install chromium, or set HIERO_CHROMIUM to one"
    return found


@contextlib.contextmanager
def jupyterlab(folder: Path, *, dark: bool = False) -> Iterator[tuple[str, str]]:
    """A JupyterLab of this interpreter with ``folder`` as its root and settings of its own: address and token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    own = folder / ".jupyter"
    settings = own / "lab" / "@jupyterlab"
    overrides: dict[str, dict[str, object]] = {
        "apputils-extension/themes": {"theme": "JupyterLab Dark" if dark else "JupyterLab Light"},
        "notebook-extension/tracker": {"windowingMode": "none"},  # cells out of sight stay in the page
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    }
    for name, value in overrides.items():
        path = settings / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
    environment = os.environ | {
        "PYTHONPATH": str(NOTEBOOKS.parent),
        "JUPYTER_CONFIG_DIR": str(own / "config"),
        "JUPYTER_DATA_DIR": str(own / "data"),
        "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(own / "lab"),
        "JUPYTERLAB_WORKSPACES_DIR": str(own / "workspaces"),
        "IPYTHONDIR": str(own / "ipython"),
        "JUPYTER_TOKEN": token,
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"]
    address = f"http://127.0.0.1:{port}"
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
        try:
            wait_for(f"{address}/api?token={token}", server, folder / "server.log")
            yield address, token
        finally:
            server.terminate()  # the server ends its kernels
            server.wait(timeout=30)


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server answers, for a minute at most."""
    for _ in range(240):
        assert server.poll() is None, log.read_text()
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2):
            return
        time.sleep(0.25)
    raise AssertionError(log.read_text())


@contextlib.contextmanager
def open_notebook(
    notebook: Path, folder: Path, *, width: int = 1200, height: int = 1000, dark: bool = False
) -> Iterator[Page]:
    """The page of a JupyterLab with ``notebook`` (in ``folder``) open and its kernel ready."""
    with jupyterlab(folder, dark=dark) as (address, token), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(f"{address}/lab/tree/{notebook.relative_to(folder)}?token={token}")
        page.locator(".jp-Notebook").wait_for(timeout=60_000)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
        yield page
        browser.close()


def run_all_cells(page: Page, *, timeout_s: float) -> list[str]:
    """Run all cells, to the closing check or an error; what went wrong."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    ended = page.locator(".jp-OutputArea-output", has_text="Complete: ").or_(page.locator(ERROR)).first
    ended.wait_for(timeout=timeout_s * 1000)
    return page.locator(ERROR).all_inner_texts()


def picture_of_all(page: Page, path: Path) -> None:
    """The whole notebook as a picture."""
    scroller = page.locator(".jp-Notebook .jp-WindowedPanel-outer:visible")
    height = int(scroller.evaluate("node => node.scrollHeight"))
    width = (page.viewport_size or {"width": 1200})["width"]
    page.set_viewport_size({"width": width, "height": min(16_000, height + 200)})
    scroller.evaluate("node => { node.scrollTop = 0; }")
    page.wait_for_timeout(1000)
    page.screenshot(path=path)
