"""Notebook 06 as a person meets it in a real JupyterLab: worked in, its kernel restarted, opened again."""

from __future__ import annotations

import re
from pathlib import Path

import papermill
import pytest
import torch

from hiero_lib.config import load_profile
from hiero_lib.hierarchy.collection import open_collection
from hiero_lib.pipelines.reproduce import NOTEBOOKS, reproduce
from tests.helpers.explored import app, eventually
from tests.helpers.lab import open_notebook, run_all_cells
from tests.notebooks.test_run import TINY

LEVEL = 1


def told_text(settings: dict[str, object]) -> tuple[str, str]:
    """A video, and a narration of it."""
    collection = open_collection(load_profile("sample", settings), device=torch.device("cpu"))
    uid = collection.default_video
    return uid, collection.narrations(uid).without_tags().texts[0]


@pytest.mark.browser
@pytest.mark.slow
def test_notebook_06_is_worked_in_and_reopened(tmp_path: Path) -> None:
    settings = {name: value for name, value in TINY.items() if name.split(".")[0] in ("model", "alignment")}
    settings |= {"training.epochs": 2, "training.batch_size": 2, "data_root": str(tmp_path / "data")}
    sizes = {name: TINY[name] for name in ("sample_videos", "sample_minutes")}
    reproduce("sample", run="r", only="00", outputs=tmp_path, settings=settings | sizes)
    reproduce("sample", run="r", only="01", outputs=tmp_path, settings=settings)
    video_uid, query = told_text(settings)

    notebook = tmp_path / "06.ipynb"
    parameters = {"run": "r", "outputs": str(tmp_path), "settings": settings, "level": LEVEL, "reports": 0}
    parameters["video_uid"] = video_uid
    source = NOTEBOOKS / "06_hierarchy_explorer.ipynb"
    papermill.execute_notebook(source, notebook, parameters, prepare_only=True, progress_bar=False)
    with open_notebook(notebook, tmp_path, width=1280, dark=True) as page:
        assert run_all_cells(page, timeout_s=240) == []
        page.locator(".hiero-explorer[data-drawn]").scroll_into_view_if_needed()
        assert app(page, "app.root.dataset.theme") == "dark"  # as JupyterLab
        assert page.locator(".hiero-still").is_hidden()

        # another number of threads divides the level anew
        before = app(page, "app.threadsOf(2).length")
        assert before > 1
        page.get_by_label("level 2", exact=True).check()
        count = page.get_by_label("number of threads of the level")
        count.fill("1")
        count.press("Enter")
        eventually(page, "app.threadsOf(2).length === 1", 20)
        page.get_by_role("button", name="auto", exact=True).click()
        eventually(page, f"app.threadsOf(2).length === {before}", 20)

        # a query lists the answers; the best one of this video is framed as it says
        box = page.get_by_label("search in plain words")
        box.fill(query)
        box.press("Enter")
        eventually(page, "app.get('answers')", 20)
        best = next(one for one in app(page, "app.get('answers').items") if one["here"])
        choice = app(page, "app.get('choice')")
        assert [choice[name] for name in ("level", "start_s", "end_s")] == [
            best[name] for name in ("level", "start_s", "end_s")
        ]

        # a figure below, which plotly draws
        page.get_by_role("button", name="tree", exact=True).click()
        page.locator(".hx-figure .slice").first.wait_for(timeout=30_000)

        # keys are the explorer's, not the notebook's
        cells = page.locator(".jp-Notebook .jp-Cell").count()
        page.locator(".hx-cursor").first.focus()
        for key in ("ArrowRight", "d", "d", "m", "Escape", "w"):
            page.keyboard.press(key)
        eventually(page, "app.get('edits').lines.length === 1", 20)
        assert page.locator(".jp-Notebook .jp-Cell").count() == cells
        page.locator(".hiero-explorer").screenshot(path=tmp_path / "06.png")

        # the page that is written opens from its link
        page.get_by_role("button", name="page to pass on").click()
        with page.expect_popup() as popup:
            page.get_by_role("link", name="open it").click(timeout=30_000)
        popup.value.locator("html[data-ready=true]").wait_for(timeout=30_000)
        popup.value.close()

        # after a restart of the kernel a click says so
        page.get_by_role("menuitem", name="File", exact=True).click()
        page.get_by_role("menuitem", name=re.compile("^Save Notebook")).first.click()
        page.get_by_role("menuitem", name="Kernel", exact=True).click()
        page.get_by_role("menuitem", name=re.compile("^Restart Kernel…")).first.click()
        page.locator(".jp-Dialog button.jp-mod-accept").click()
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
        if page.locator(".hiero-explorer").count():  # JupyterLab may take dead widgets off the page
            page.locator(".hx-cursor").first.focus()
            page.keyboard.press("ArrowRight")
            page.get_by_text("run this cell again").wait_for(timeout=20_000)

        # opened again without a kernel: a picture, and no "model not found"
        page.reload()
        page.locator(".jp-Notebook").wait_for(timeout=60_000)
        page.locator(".hiero-still img").first.wait_for(timeout=60_000)
        page.wait_for_timeout(3000)
        assert (
            page.get_by_text("model not found").count() == 0 or page.get_by_text("model not found").first.is_hidden()
        )
