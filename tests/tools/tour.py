"""``python -m tests.tools.tour outputs/sample``: a two-hour video opened, searched, corrected, kept and passed on.

In a real Chromium, from ``hiero serve`` as a person starts it. The video is made of the run's sample, its videos one
after the other, with narrations and a frame every 30 s; the model is the run's. Pictures of each step go to
``outputs/<run>/tour``, and what each action took is printed: from the key or click until what it brings is drawn.
What is asked for is a first picture within 2 s and each action within 0.5 s, on two cores.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from playwright.sync_api import Page, sync_playwright

from hiero_lib.config import load_profile
from hiero_lib.hierarchy.collection import open_collection
from hiero_lib.pipelines.finished_run import trained_in
from hiero_lib.pipelines.reproduce import NOTEBOOKS
from hiero_lib.viz.page import clock
from hiero_lib.viz.palette import thread_color
from tests.helpers.explored import app
from tests.helpers.lab import CHROMIUM_FLAGS, chromium

SEGMENTS = 13_500
UID = "two-hours"
QUERY = "opens the fridge"


def make_two_hours(root: Path) -> Path:
    """Features, narrations and frames of a long video; the profile that reads them."""
    profile = load_profile("sample", {"data_root": str(NOTEBOOKS.parent / "data" / "sample")})
    collection = open_collection(profile, device=torch.device("cpu"))
    stride_s = profile.features.stride_s
    parts, rows, at = [], ["video_uid\tnarration_time\tclip_text"], 0
    for uid in itertools.cycle(collection.video_uids):
        x = collection.store.read(uid)
        told = collection.narrations(uid)
        rows += [f"{UID}\t{at * stride_s + time:.3f}\t{text}" for time, text in told]
        parts.append(x)
        at += len(x)
        if at >= SEGMENTS:
            break
    features = root / "raw" / "features" / profile.features.folder
    annotations, frames = root / "raw" / "annotations", root / "raw" / "frames" / UID
    for folder in (features, annotations, frames):
        folder.mkdir(parents=True)
    torch.save(torch.cat(parts)[:SEGMENTS].half(), features / f"{UID}.pt")
    end_s = SEGMENTS * stride_s
    kept = [row for row in rows[1:] if float(row.split("\t")[1]) < end_s]
    (annotations / "egoclip.csv").write_text("\n".join([rows[0], *kept]) + "\n", encoding="utf-8")
    for number, second in enumerate(range(0, int(end_s), 30)):
        frame = Image.new("RGB", (320, 180), thread_color(number // 4))
        ImageDraw.Draw(frame).text((110, 75), f"{second // 60:02d}:{second % 60:02d}", fill="white", font_size=36)
        frame.save(frames / f"{second}.jpg")
    path = root / "two_hours.yaml"
    settings = profile.to_dict() | {"data_root": str(root), "name": "two_hours"}
    settings["features"] |= {"text_projection": None}  # which the sample has beside its features
    path.write_text(json.dumps(settings), encoding="utf-8")
    return path


def start(profile: Path, checkpoint: Path, folder: Path) -> tuple[subprocess.Popen[str], str]:
    """``hiero serve``, and the address that it prints."""
    command = [sys.executable, "-u", "-m", "hiero_lib", "serve", "--profile", str(profile), "--run", "tour"]
    command += ["--checkpoint", str(checkpoint), "--no-browser", "--no-search"]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(NOTEBOOKS.parent), os.environ.get("PYTHONPATH", "")])
    }
    server = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    for line in server.stdout:
        if line.startswith("The explorer: "):
            return server, line.split(": ", 1)[1].strip()
    raise RuntimeError("hiero serve ended")


class Tour:
    """Takes a picture after each step, and the time that it took."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page, self.folder, self.number = page, folder, itertools.count(1)

    def step(self, what: str, act: Callable[[], object], until: str) -> None:
        """Act, wait until an expression over ``app`` holds and has been drawn."""
        drawn = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        before = time.perf_counter()
        act()
        while not app(self.page, until):
            if time.perf_counter() - before > 60:
                raise RuntimeError(f"{what}: {until}")
            self.page.wait_for_timeout(10)
        self.page.evaluate(drawn)
        print(f"  {what}: {time.perf_counter() - before:.2f} s")
        self.picture(what)

    def picture(self, what: str) -> None:
        """Of the page as it is."""
        self.page.wait_for_timeout(300)
        name = f"{next(self.number):02d}-{'-'.join(what.replace(',', '').split())}.png"
        self.page.screenshot(path=self.folder / name)


def use(page: Page, tour: Tour, address: str) -> None:
    """The sentence of the purpose, step by step."""
    page.goto("about:blank")
    before = time.perf_counter()
    page.goto(address)
    page.locator(".hiero-explorer[data-drawn]").wait_for()
    print(f"  first picture: {time.perf_counter() - before:.2f} s")
    tour.step("opened, with thumbnails", lambda: None, "app.pictures")
    box = page.get_by_label("search in plain words")
    box.fill(QUERY)
    tour.step("searched", lambda: box.press("Enter"), "app.get('answers')")
    second = page.locator(".hx-found .hx-place").nth(1)
    tour.step("another answer", second.click, "app.isChosen(app.get('answers').items[1]) && app.get('details')")
    page.locator(".hx-title").click()
    tour.step(
        "closer", lambda: [page.keyboard.press("+") for _ in range(8)], "app.view.range[1] - app.view.range[0] < 300"
    )
    plot = page.locator(".hx-plot").first.bounding_box()
    assert plot is not None
    page.mouse.move(plot["x"] + plot["width"] * 0.6, plot["y"] + 40)
    tour.step("a frame on hover", lambda: None, "!app.tip.hidden")
    page.mouse.move(0, 0)
    page.locator(".hx-cursor").nth(1).focus()
    tour.step("the next span, by key", lambda: page.keyboard.press("ArrowRight"), "app.get('level') === 1")
    page.keyboard.press("r")
    page.keyboard.type("tidies the kitchen")
    tour.step("a thread renamed", lambda: page.keyboard.press("Enter"), "app.get('edits').lines.length === 1")
    merge = page.get_by_label("merge the thread into…")
    tour.step("another merged", lambda: merge.select_option(index=2), "app.get('edits').lines.length === 2")
    end = page.get_by_label("end of the span")
    span = app(page, "app.chosenSpan()")
    end.fill(clock(span["end_s"] - (span["end_s"] - span["start_s"]) / 4, decimals=1))
    tour.step("a border moved", lambda: end.press("Enter"), "app.get('edits').lines.length === 3")
    page.get_by_role("button", name="undo").focus()
    tour.step("undone", lambda: page.keyboard.press("Enter"), "app.get('edits').lines.length === 2")
    page.get_by_label("another method or run beside").select_option(index=1)
    tour.step("raw features beside", lambda: None, "app.get('scene').beside")
    page.get_by_label("another method or run beside").select_option(index=0)
    page.wait_for_timeout(500)
    export = page.get_by_role("button", name="page to pass on")
    tour.step("the page written", export.click, "(app.get('note') || {}).text.startsWith('Written')")


def main() -> None:
    """Make the video, serve it, use it, serve it again, open the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.tour", description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run of the sample")
    run = parser.parse_args().run
    folder = (run / "tour").resolve()
    folder.mkdir(exist_ok=True)
    checkpoint = trained_in(load_profile("sample"), run)["hiero"].resolve()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        scratch = Path(name)
        profile = make_two_hours(scratch / "data")
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
        tour = Tour(page, folder)
        for again in (False, True):
            server, address = start(profile, checkpoint, scratch)
            try:
                if again:
                    page.goto(address)
                    page.locator(".hiero-explorer[data-drawn]").wait_for()
                    tour.step("another day", lambda: None, "app.get('edits').lines.length === 2")
                else:
                    use(page, tour, address)
            finally:
                server.terminate()
                server.wait()
        (written,) = scratch.rglob("exports/*.html")
        size = written.stat().st_size
        print(f"  the page: {size / 1e6:.1f} MB, of it plotly.js {_plotly_bytes() / 1e6:.1f} MB")
        page.goto(written.as_uri())
        page.locator("html[data-ready=true]").wait_for()
        tour.picture("the page of a colleague")
        page.set_viewport_size({"width": 390, "height": 800})
        tour.picture("on a phone")
        browser.close()
    print(f"pictures in {folder}")


def _plotly_bytes() -> int:
    from plotly.offline import get_plotlyjs

    return len(get_plotlyjs().encode())


if __name__ == "__main__":
    main()
