"""``python -m tests.tools.collection_map outputs/sample``: the map of a collection, how true and how quick it is.

Of the run's index: seconds to lay a level out and to read it again, scikit-learn's trustworthiness (how many near
points are near in the features, too; 1 is best) of the map, and for comparison of PCA alone, and how often the
nearest point of another video has the same true step. Then 100,000 made-up spans (clusters of unequal size, another
number by ``--spans``), in the explorer in a real Chromium: seconds from the click on *collection* to the drawn map,
the first time and again, a move, a hover, and the bytes that are sent. A picture goes to the run's folder.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from playwright.sync_api import sync_playwright

from hiero_lib.benchmarks.thread_recovery.files import read_truths
from hiero_lib.config import load_profile
from hiero_lib.data.paths import DataPaths
from hiero_lib.explorer.session import Session
from hiero_lib.hierarchy.collection import open_collection
from hiero_lib.pipelines.finished_run import open_method
from hiero_lib.results.kept_profile import kept_profile
from hiero_lib.search.build import open_index
from hiero_lib.search.index import SearchIndex
from hiero_lib.search.layout import MOST_SPANS, Layout, kept_layout
from hiero_lib.search.table import SpanTable, normalised
from hiero_lib.search.vectors import Vectors
from tests.helpers.explored import Opened, app, open_page, served
from tests.helpers.lab import CHROMIUM_FLAGS, chromium

DIM, VIDEOS, CLUSTERS, MOVES = 256, 2000, 300, 20


def of_the_run(run: Path, scratch: Path) -> None:
    """Print how true the map of the run's index is."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import trustworthiness

    profile = kept_profile(run) or load_profile("sample")
    collection, method = open_collection(profile, device=torch.device("cpu")), open_method(profile, run)
    index = open_index(run, collection, method)
    truths = {truth.video_uid: truth for truth in read_truths(DataPaths.at(profile.data_root).root / "truth")}
    for level in index.levels:
        started = time.perf_counter()
        found = kept_layout(scratch, index, level=level)
        made, started = time.perf_counter() - started, time.perf_counter()
        kept_layout(scratch, index, level=level)
        again = time.perf_counter() - started
        x = index.spans.vectors[found.rows]
        true, flat = (trustworthiness(x, places, n_neighbors=10) for places in (found.xy, PCA(2).fit_transform(x)))
        step = steps_of(index.spans, found, truths)
        same = [same_step(places, step, index.spans.video[found.rows]) for places in (found.xy, x)]
        print(
            f"level {level}: {len(found.rows):,} spans in {made:.1f} s, read again in {again:.2f} s; trustworthiness "
            f"{true:.3f} (PCA {flat:.3f}); nearest of another video of the same step {same[0]:.2f} "
            f"(by all channels {same[1]:.2f})"
        )


def steps_of(spans: SpanTable, found: Layout, truths: dict) -> np.ndarray:
    """``[n]`` the true step in the middle of each span; -1: none."""
    middle = (spans.start_s[found.rows] + spans.end_s[found.rows]) / 2
    uids = [spans.video_uids[number] for number in spans.video[found.rows]]
    return np.array([truths[uid].labels("step", [at])[0] for uid, at in zip(uids, middle)])


def same_step(x: np.ndarray, step: np.ndarray, video: np.ndarray) -> float:
    """How often the nearest row of another video has the same step, of the rows with one."""
    apart = ((x[:, None] - x[None]) ** 2).sum(2) if x.shape[1] == 2 else 1 - x @ x.T
    apart = np.where(video[:, None] == video[None], np.inf, apart)
    return float((step[apart.argmin(1)] == step)[step >= 0].mean())


def made_up(count: int) -> SearchIndex:
    """Spans of one level around directions of unequal weight."""
    random = np.random.default_rng(0)
    cluster = random.choice(CLUSTERS, count, p=random.dirichlet(np.ones(CLUSTERS)))
    centres = random.normal(size=(CLUSTERS, DIM)).astype(np.float32)
    vectors = normalised(centres[cluster] + random.normal(size=(count, DIM)).astype(np.float32))
    video = np.sort(random.integers(0, VIDEOS, count)).astype(np.int32)
    starts = np.arange(count, dtype=np.float64)
    columns = {"level": np.ones(count, np.int32), "thread": cluster.astype(np.int32)}
    labels = [f"does the thing {one}" for one in cluster]
    uids = tuple(f"m{number:05d}" for number in range(VIDEOS))
    half = Vectors(vectors.astype(np.float16))
    return SearchIndex(SpanTable(uids, half, video, **columns, start_s=starts, end_s=starts + 1, labels=labels))


def in_the_browser(count: int, scratch: Path, picture: Path) -> None:
    """Print what the explorer takes for it."""
    opened = Opened(scratch / "tiny")
    session = Session(opened.collection, opened.method, index=made_up(count), run_folder=scratch / "run")
    with served(session) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        page, _ = open_page(browser, server.address, viewport={"width": 1440, "height": 1000})
        for what in ("the first time", "again"):
            page.get_by_role("button", name="threads", exact=True).click()
            page.evaluate("document.querySelector(\"[aria-label='the collection']\").removeAttribute('data-drawn')")
            before = time.perf_counter()
            page.get_by_role("button", name="collection", exact=True).click()
            page.locator("[aria-label='the collection'][data-drawn]").wait_for(timeout=300_000)
            print(f"{app(page, 'app.collection.value.count'):,} spans, {what}: {time.perf_counter() - before:.2f} s")
        draw = "{ const start = performance.now(); for (let n = 0; n < %d; n++) { app.collection.middle[0] += 1e-3; "
        draw += "app.collection.drawNow(); app.collection.canvas.getContext('2d').getImageData(0, 0, 1, 1); } "
        draw += "return (performance.now() - start) / %d; }"
        print(f"a move: {app(page, f'(() => {draw % (MOVES, MOVES)})()'):.0f} ms")
        page.get_by_role("button", name="whole", exact=True).last.click()
        page.locator(".hx-map").scroll_into_view_if_needed()
        box = page.locator(".hx-map").bounding_box()
        assert box is not None
        x, y = app(page, "app.collection.pixel(app.collection.places[0] / 65535, app.collection.places[1] / 65535)")
        before = time.perf_counter()
        page.mouse.move(box["x"] + x, box["y"] + y)
        page.locator(".hx-tip:not([hidden])").wait_for()
        sent = len(json.dumps(session.state["collection"]))
        print(f"a hover: {time.perf_counter() - before:.2f} s; sent: {sent:,} bytes")
        page.locator(".hiero-explorer").screenshot(path=picture)
        browser.close()


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.collection_map", description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run of the sample")
    parser.add_argument("--spans", type=int, default=MOST_SPANS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        of_the_run(options.run, Path(name) / "kept")
        in_the_browser(options.spans, Path(name), options.run / "collection.png")


if __name__ == "__main__":
    main()
