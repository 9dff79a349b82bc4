"""``python -m tests.tools.tour outputs/sample``: a two-hour video opened, searched, corrected, kept and passed on.

In a real Chromium, from ``hiero serve`` as a person starts it, and from a real JupyterLab with a kernel. The video is
made of the run's sample, its videos one after the other, with narrations and a frame every 30 s; a second one, of the
same videos in another order, is aligned with it; the model is the run's. Pictures of each step go to
``outputs/<run>/tour``, and what each action took is printed: from the key or click until what it brings is drawn.
What is asked for is a first picture within 2 s and each action within 0.5 s, on two cores.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from playwright.sync_api import Page, sync_playwright

from hiero_lib.config import load_profile
from hiero_lib.hierarchy.collection import Collection, open_collection
from hiero_lib.pipelines.finished_run import trained_in
from hiero_lib.pipelines.reproduce import NOTEBOOKS
from hiero_lib.results.kept_profile import kept_profile
from hiero_lib.viz.page import clock
from hiero_lib.viz.palette import thread_color
from tests.helpers.explored import app
from tests.helpers.lab import CHROMIUM_FLAGS, ERROR, chromium, open_notebook

SEGMENTS = 13_500
UID, SECOND = "two-hours", "two-hours-more"
QUERY = "opens the fridge"
FIRST_PICTURE = ".hiero-explorer[data-drawn]"


def make_two_hours(root: Path, run: Path) -> Path:
    """Features, narrations and frames of a long video, and of a second one without frames; the profile of both."""
    profile = kept_profile(run) or load_profile("sample")
    collection = open_collection(profile, device=torch.device("cpu"))
    features = root / "raw" / "features" / profile.features.folder
    annotations, frames = root / "raw" / "annotations", root / "raw" / "frames" / UID
    for folder in (features, annotations, frames):
        folder.mkdir(parents=True)
    rows = ["video_uid\tnarration_time\tclip_text"]
    for name, uids in ((UID, collection.video_uids), (SECOND, collection.video_uids[5:] + collection.video_uids[:5])):
        x, told = joined(collection, uids)
        torch.save(x.half(), features / f"{name}.pt")
        rows += [f"{name}\t{time:.3f}\t{text}" for time, text in told]
    (annotations / "egoclip.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for number, second in enumerate(range(0, int(SEGMENTS * profile.features.stride_s), 30)):
        frame = Image.new("RGB", (320, 180), thread_color(number // 4))
        ImageDraw.Draw(frame).text((110, 75), f"{second // 60:02d}:{second % 60:02d}", fill="white", font_size=36)
        frame.save(frames / f"{second}.jpg")
    path = root / "two_hours.yaml"
    settings = profile.to_dict() | {"data_root": str(root), "name": "two_hours"}
    settings["features"] |= {"text_projection": None}  # which the sample has beside its features
    path.write_text(json.dumps(settings), encoding="utf-8")
    return path


def joined(collection: Collection, uids: Sequence[str]) -> tuple[torch.Tensor, list[tuple[float, str]]]:
    """Features and narrations of videos one after the other, until two hours are full."""
    stride_s = collection.profile.features.stride_s
    parts, told, at = list[torch.Tensor](), list[tuple[float, str]](), 0
    for uid in itertools.cycle(uids):
        x = collection.store.read(uid)
        told += [(at * stride_s + time, text) for time, text in collection.narrations(uid)]
        parts.append(x)
        at += len(x)
        if at >= SEGMENTS:
            break
    return torch.cat(parts)[:SEGMENTS], [one for one in told if one[0] < SEGMENTS * stride_s]


def start(profile: Path, checkpoint: Path, folder: Path) -> tuple[subprocess.Popen[str], str]:
    """``hiero serve``, and the address that it prints."""
    command = [sys.executable, "-u", "-m", "hiero_lib", "serve", "--profile", str(profile), "--run", "tour"]
    command += ["--checkpoint", str(checkpoint), "--no-browser"]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(NOTEBOOKS.parent), os.environ.get("PYTHONPATH", "")])
    }
    server = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    for line in server.stdout:
        if line.startswith("The explorer: "):
            return server, line.split(": ", 1)[1].strip()
    raise RuntimeError("hiero serve ended")


CELLS = (
    """from functools import partial
from pathlib import Path

from hiero_lib.base.device import best_device
from hiero_lib.config import load_profile
from hiero_lib.explorer.explorer import Explorer
from hiero_lib.hierarchy.collection import named_hierarchy, open_collection
from hiero_lib.pipelines.finished_run import open_method
from hiero_lib.search.build import open_index

profile, run = load_profile({profile!r}), Path({run!r})
collection = open_collection(profile, device=best_device())
hiero = open_method(profile, run, checkpoint=Path({checkpoint!r}))
untrained = open_method(profile, run, method="untrained")
besides = {{"untrained features": partial(named_hierarchy, collection, untrained)}}
index = open_index(run, collection, hiero)
explorer = Explorer(collection, hiero, index=index, run_folder=run, besides=besides)
print("ready")""",
    "explorer.show()",
)


def make_notebook(path: Path, **given: str) -> Path:
    """A notebook of two cells: what opens the model and the video, and what shows them."""
    import nbformat

    cells = [nbformat.v4.new_code_cell(source.format(**given)) for source in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)
    return path


class Tour:
    """Takes a picture after each step, and the time that it took."""

    def __init__(self, page: Page, folder: Path, name: str) -> None:
        self.page, self.folder, self.name, self.number = page, folder, name, itertools.count(1)

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
        name = f"{self.name}-{next(self.number):02d}-{'-'.join(what.replace(',', '').split())}.png"
        self.page.screenshot(path=self.folder / name)


def use(page: Page, tour: Tour) -> None:
    """The sentence of the purpose, step by step."""
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
    picker = page.get_by_role("combobox", name="align with")
    picker.fill(SECOND)
    while app(page, "app.get('videos').total") != 1:  # as typed
        page.wait_for_timeout(20)
    tour.step(
        "a second video aligned", lambda: picker.press("Enter"), "app.get('aligned') && !app.aligned.node.hidden"
    )
    cursor = page.get_by_role("group", name="the second video, aligned").locator(".hx-cursor")
    cursor.focus()
    tour.step("a span and its counterpart", lambda: cursor.press("ArrowRight"), "app.aligned.other.chosen")
    page.locator(".hx-aligned").scroll_into_view_if_needed()
    tour.picture("what corresponds")
    page.locator(".hx-title").click()
    tour.step("undone while aligned", lambda: page.keyboard.press("u"), "app.get('edits').lines.length === 1")
    tour.step("and made again", lambda: page.keyboard.press("U"), "app.get('edits').lines.length === 2")
    tab = page.get_by_role("button", name="collection", exact=True)
    tour.step("the collection laid out", tab.click, "app.collection.node.dataset.drawn")
    page.locator(".hx-map").scroll_into_view_if_needed()
    tour.picture("its map")
    page.get_by_role("button", name="threads", exact=True).click()
    export = page.get_by_role("button", name="page to pass on")
    tour.step("the page written", export.click, "(app.get('note') || {}).text.startsWith('Written')")


def from_serve(profile: Path, checkpoint: Path, scratch: Path, folder: Path) -> None:
    """`hiero serve`, used, ended, begun again; and the page that it wrote."""
    scratch.mkdir()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
        tour = Tour(page, folder, "serve")
        for again in (False, True):
            server, address = start(profile, checkpoint, scratch)
            try:
                page.goto("about:blank")
                before = time.perf_counter()
                page.goto(address)
                page.locator(FIRST_PICTURE).wait_for()
                print(f"  first picture: {time.perf_counter() - before:.2f} s")
                if again:
                    tour.step("another day", lambda: None, "app.get('edits').lines.length === 2")
                else:
                    use(page, tour)
            finally:
                server.terminate()
                server.wait()
        show_page(page, tour, scratch)
        browser.close()


def from_jupyterlab(profile: Path, checkpoint: Path, scratch: Path, folder: Path) -> None:
    """The explorer in a notebook, used; the kernel begun anew."""
    given = {"profile": str(profile), "checkpoint": str(checkpoint), "run": str(scratch / "outputs" / "tour")}
    notebook = make_notebook(scratch / "explorer.ipynb", **given)
    with open_notebook(notebook, scratch, width=1600, height=1000) as page:
        tour = Tour(page, folder, "lab")
        page.locator(".jp-Notebook .jp-Cell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        page.locator(".jp-OutputArea-output", has_text="ready").wait_for(timeout=120_000)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
        before = time.perf_counter()
        page.keyboard.press("Shift+Enter")
        page.locator(FIRST_PICTURE).wait_for()
        print(f"  first picture: {time.perf_counter() - before:.2f} s")
        page.locator(".hx-title").scroll_into_view_if_needed()
        use(page, tour)
        page.locator(".hiero-explorer").evaluate("node => { node.dataset.before = 'true'; }")
        page.get_by_role("menuitem", name="Kernel", exact=True).click()
        page.get_by_role("menuitem", name=re.compile("^Restart Kernel and Run All Cells…")).first.click()
        page.locator(".jp-Dialog button.jp-mod-accept").click()
        page.locator(f"{FIRST_PICTURE}:not([data-before])").wait_for(timeout=120_000)
        page.locator(".hx-title").evaluate("node => node.scrollIntoView()")
        tour.step("another day", lambda: None, "app.get('edits').lines.length === 2")
        errors = page.locator(ERROR).all_inner_texts()
        if errors:
            raise RuntimeError("\n".join(errors))
        show_page(page, tour, scratch)


def show_page(page: Page, tour: Tour, scratch: Path) -> None:
    """The page that was written, as a colleague opens it."""
    (written,) = scratch.rglob("exports/*.html")
    size = written.stat().st_size
    print(f"  the page: {size / 1e6:.1f} MB, of it plotly.js {_plotly_bytes() / 1e6:.1f} MB")
    page.goto(written.as_uri())
    page.locator("html[data-ready=true]").wait_for()
    tour.picture("the page of a colleague")
    page.set_viewport_size({"width": 390, "height": 800})
    tour.picture("on a phone")


SURFACES = {"serve": from_serve, "lab": from_jupyterlab}


def main() -> None:
    """Make the videos, and use them."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.tour", description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run of the sample")
    parser.add_argument("--only", choices=SURFACES, help="one of the two")
    options = parser.parse_args()
    run = options.run
    folder = (run / "tour").resolve()
    folder.mkdir(exist_ok=True)
    checkpoint = trained_in(load_profile("sample"), run)["hiero"].resolve()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name).resolve()
        profile = make_two_hours(scratch / "data", run)
        for surface, tried in SURFACES.items():
            if options.only in (None, surface):
                for old in folder.glob(f"{surface}-*.png"):
                    old.unlink()
                print({"serve": "from hiero serve", "lab": "from JupyterLab"}[surface])
                tried(profile, checkpoint, scratch / surface, folder)
    print(f"pictures in {folder}")


def _plotly_bytes() -> int:
    from plotly.offline import get_plotlyjs

    return len(get_plotlyjs().encode())


if __name__ == "__main__":
    main()
