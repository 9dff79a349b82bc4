"""Notebook 06 as a person meets it: slider, search and click in a real JupyterLab in a real Chromium."""

from __future__ import annotations

import contextlib
from pathlib import Path

import papermill
import pytest
import torch
from playwright.sync_api import Error, FloatRect, Locator, Page

from hiero_lib.config import load_profile
from hiero_lib.data.narrations import add_tag, strip_tag
from hiero_lib.hierarchy.collection import named_hierarchy, open_collection
from hiero_lib.hierarchy.spans import Span
from hiero_lib.methods.method import HIERO
from hiero_lib.methods.opening import open_methods
from hiero_lib.pipelines.reproduce import NOTEBOOKS, reproduce
from hiero_lib.results.run import RunFolder, trained_models
from hiero_lib.viz.query import nearest_spans
from tests.helpers.lab import open_notebook, picture_of_all, run_all_cells
from tests.notebooks.test_run import TINY

LEVEL = 1
TIMELINE = ".jp-OutputArea-output .hiero-figure >> nth=0"
SHAPES = "node => (node.layout.shapes || []).filter(s => s.name).map(s => [s.x0, s.x1, s.name])"
SPANS = "node => node.data.filter(t => t.type == 'bar').map(t => t.base.length).reduce((a, b) => a + b, 0)"


def right_query(run_folder: Path, settings: dict[str, object]) -> tuple[str, str, Span]:
    """A video, a narration of it that the model finds, and the span in which it was told and found."""
    profile = load_profile("sample", settings)
    device = torch.device("cpu")
    checkpoints = trained_models(RunFolder(profile, run_folder))
    method = open_methods(profile, checkpoints=checkpoints, device=device)[HIERO]
    collection = open_collection(profile, device=device)
    uid = next(uid for uid in collection.video_uids if collection.narrations(uid))
    hierarchy = named_hierarchy(collection, method, uid)
    narrations = collection.narrations(uid)
    for at, text in narrations:
        plain = strip_tag(text)
        if add_tag(plain) != text or narrations.texts.count(text) > 1:
            continue
        (span,) = nearest_spans(hierarchy.levels[LEVEL], method.embed_text([text])[0], most=1)
        if span.start_s <= at < span.end_s:
            return uid, plain, span
    raise AssertionError("the tiny model finds nothing at all")


def redrawn(page: Page, expression: str, before: object) -> object:
    """The value of an expression over the timeline once it is not what it was."""
    for _ in range(100):
        page.wait_for_timeout(100)
        figure = page.locator(TIMELINE)
        if figure.count() and figure.evaluate("node => Boolean(node.data)"):
            value = figure.evaluate(expression)
            if value != before:
                return value
    raise AssertionError(f"{expression} stays {before}")


def settled(page: Page, part: Locator) -> FloatRect:
    """Where a part of a figure lies, once it is in view and stays: figures are drawn anew when they move."""
    before = None
    for _ in range(200):
        page.wait_for_timeout(100)
        with contextlib.suppress(Error):  # it was replaced in between, or is not there yet
            part.scroll_into_view_if_needed(timeout=1000)
            now = part.bounding_box(timeout=1000)
            if now is not None and now == before:
                return now
            before = now
    raise AssertionError(f"{part} does not come to rest")


@pytest.mark.browser
@pytest.mark.slow
def test_slider_search_and_click(tmp_path: Path) -> None:
    settings = {name: value for name, value in TINY.items() if name.split(".")[0] in ("model", "alignment")}
    settings |= {"training.epochs": 60, "training.lr": 3e-3, "training.validate_every_epochs": 60}
    settings |= {"training.batch_size": 2, "data_root": str(tmp_path / "data")}
    sizes = {name: TINY[name] for name in ("sample_videos", "sample_minutes")}
    reproduce("sample", run="r", only="00", outputs=tmp_path, settings=settings | sizes)
    reproduce("sample", run="r", only="01", outputs=tmp_path, settings=settings)
    video_uid, query, span = right_query(tmp_path / "r", settings)

    notebook = tmp_path / "06.ipynb"
    parameters = {"run": "r", "outputs": str(tmp_path), "settings": settings, "level": LEVEL, "reports": 0}
    parameters["video_uid"] = video_uid
    source = NOTEBOOKS / "06_hierarchy_explorer.ipynb"
    papermill.execute_notebook(source, notebook, parameters, prepare_only=True, progress_bar=False)
    with open_notebook(notebook, tmp_path, width=1280) as page:
        assert run_all_cells(page, timeout_s=240) == []
        page.locator(TIMELINE).scroll_into_view_if_needed()
        spans = redrawn(page, SPANS, None)

        # a move of the slider divides the level anew
        page.locator(".widget-hslider .noUi-handle, .widget-hslider .ui-slider-handle").first.focus()
        page.keyboard.press("ArrowRight")
        assert redrawn(page, SPANS, spans) != spans
        page.keyboard.press("ArrowLeft")

        # a query marks the answers, the best one first
        box = page.get_by_placeholder("where do I wash the pan?")
        box.fill(query)
        box.press("Enter")
        shapes = redrawn(page, SHAPES, [])
        assert isinstance(shapes, list)
        assert [span.start_s, span.end_s, "1"] in shapes
        panel = page.locator(".widget-html-content", has_text=f"level {LEVEL}").last
        assert query in panel.inner_text()

        # a click on an answer's span in the figure below, which has no points, goes there
        below = page.locator(".jp-OutputArea-output .hiero-figure >> nth=1")
        span = below.locator(".js-fill").last
        corner = settled(page, span)
        page.mouse.click(corner["x"] + corner["width"] / 2, corner["y"] + corner["height"] - 3)
        page.locator(".widget-html-content", has_text="level 0, 0").last.wait_for(timeout=20_000)

        # a click on the first span of the coarsest level shows its narrations
        bar = page.locator(f"{TIMELINE} >> .barlayer .point path >> nth=0")
        corner = settled(page, bar)
        page.mouse.click(corner["x"] + corner["width"] / 2, corner["y"] + corner["height"] / 2)
        clicked = page.locator(".widget-html-content", has_text="level 2, 00:0").last
        clicked.wait_for(timeout=20_000)
        assert "Narrated" in clicked.inner_text()
        picture_of_all(page, tmp_path / "06.png")
