"""``python -m tests.tools.gallery outputs/sample``: every figure as a picture, to be opened and looked at.

Each figure of notebook 06, of the run's video and of a made-up one of two hours, is drawn in Chromium at 1280 and at
1920 pixels, on a light and on a dark page, and by matplotlib for print; then the explorer itself, in a JupyterLab of
the same theme, at each of its views. The pictures go to ``outputs/<run>/gallery``. What can be checked without eyes
is in ``tests/browser/test_figures.py``.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import plotly.offline
import torch
from playwright.sync_api import Browser, Page, sync_playwright

from hiero_lib.config import load_profile
from hiero_lib.data.narrations import Narrations, add_tag
from hiero_lib.hierarchy.collection import named_hierarchy, open_collection, short_uids
from hiero_lib.hierarchy.names import with_names
from hiero_lib.hierarchy.video import VideoHierarchy, video_hierarchy
from hiero_lib.pipelines.finished_run import open_method
from hiero_lib.pipelines.reproduce import NOTEBOOKS
from hiero_lib.results.compare import training_logs
from hiero_lib.results.headlines import headlines
from hiero_lib.results.record import load
from hiero_lib.viz.intervals import plot_intervals
from hiero_lib.viz.page import Engine, Figure
from hiero_lib.viz.palette import THEMES, ThemeName
from hiero_lib.viz.training import plot_training
from tests.helpers.every_figure import every_figure
from tests.helpers.lab import CHROMIUM_FLAGS, chromium, open_notebook, run_all_cells
from tests.tools.speed import figures as two_hours

WIDTHS = (1280, 1920)
PAGES: tuple[ThemeName, ...] = ("light", "dark")
QUERY = "washes the pan"


@dataclass(frozen=True)
class Subject:
    """A video with what is drawn of it; ``text`` are the features of the query."""

    title: str
    hierarchy: VideoHierarchy
    narrations: Narrations
    text: torch.Tensor
    graph: str = "within_threads"

    def figures(self, theme: ThemeName, engine: Engine) -> dict[str, Figure]:
        """Name -> figure."""
        look = {"title": self.title, "theme": theme, "graph": self.graph}
        return every_figure(
            self.hierarchy, query=QUERY, text=self.text, narrations=self.narrations, level=1, engine=engine, **look
        )


@dataclass(frozen=True)
class Results:
    """A run whose measures and trainings are drawn."""

    run_folder: Path

    def figures(self, theme: ThemeName, engine: Engine) -> dict[str, Figure]:
        """Name -> figure."""
        results = load(self.run_folder)
        lines, look = headlines([results]), {"theme": theme, "engine": engine}
        title = f"Run {results['run']} on the generated sample"
        return {
            "measures": plot_intervals(lines, title=title, **look),
            "differences": plot_intervals(lines, title=f"{title}, differences", differences=True, **look),
            "training": plot_training(training_logs([results]), title=title, **look),
        }


def of_the_run(run_folder: Path) -> Subject:
    """The first narrated video of the sample, as notebook 06 shows it."""
    profile = load_profile("sample")
    method = open_method(profile, run_folder)
    collection = open_collection(profile, device=torch.device("cpu"))
    uid = collection.default_video
    hierarchy = named_hierarchy(collection, method, uid, num_threads=None)
    title = f"{method.name}, video {short_uids(collection.video_uids)[uid]} of the generated sample"
    text = method.embed_text([add_tag(QUERY)])[0].cpu()
    return Subject(title, hierarchy, collection.narrations(uid), text, method.thread_graph or "within_threads")


def of_two_hours() -> Subject:
    """The video of ``python -m tests.tools.speed figures``."""
    hierarchy = video_hierarchy(two_hours.made_up_levels(), stride_s=two_hours.STRIDE_S)
    narrations, features = two_hours.made_up_narrations(hierarchy.end_s)
    named_ones = with_names(hierarchy, narrations.texts, features, times=narrations.times)
    return Subject("made-up features of two hours", named_ones, narrations, features[0])


def draw_in_browser(browser: Browser, subject: Subject | Results, name: str, folder: Path) -> None:
    """Every plotly figure, at each width and theme."""
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "plotly.js").write_text(plotly.offline.get_plotlyjs(), encoding="utf-8")
        for theme in PAGES:
            figures = subject.figures(theme, "plotly")
            parts = [f.to_html(full_html=False, include_plotlyjs=False, div_id=n) for n, f in figures.items()]
            head = f"<meta charset='utf-8'><body style='margin:0;background:{THEMES[theme].background}'>"
            path = Path(scratch) / f"{theme}.html"
            path.write_text(f"{head}<script src='plotly.js'></script>{''.join(parts)}", encoding="utf-8")
            for width in WIDTHS:
                page = browser.new_page(viewport={"width": width, "height": 900})
                page.goto(f"file://{path}")
                page.wait_for_function(f"document.querySelectorAll('.main-svg').length >= {len(figures)}")
                page.wait_for_timeout(1500)
                for figure in figures:
                    page.locator(f"#{figure}").screenshot(path=folder / f"{name}-{figure}-{width}-{theme}.png")
                page.close()


def draw_for_print(subject: Subject | Results, name: str, folder: Path) -> None:
    """Every matplotlib figure, as `export` writes it."""
    for theme in PAGES:
        for figure, drawn in subject.figures(theme, "matplotlib").items():
            drawn.savefig(folder / f"{name}-{figure}-print-{theme}.png", dpi=110, facecolor=drawn.get_facecolor())


def use_explorer(run_folder: Path, width: int, theme: ThemeName, folder: Path) -> None:
    """The explorer of notebook 06: as it opens, after a click, after a search, and each of its views."""
    import papermill

    with tempfile.TemporaryDirectory() as scratch:
        notebook = Path(scratch) / "06_hierarchy_explorer.ipynb"
        settings = {"data_root": str(Path(load_profile("sample").data_root).resolve())}
        parameters = {"run": run_folder.name, "outputs": str(run_folder.resolve().parent), "settings": settings}
        parameters |= {"reports": 0, "recall": False}
        source = NOTEBOOKS / notebook.name
        papermill.execute_notebook(source, notebook, parameters, prepare_only=True, progress_bar=False)
        with open_notebook(notebook, Path(scratch), width=width, height=1500, dark=theme == "dark") as page:
            errors = run_all_cells(page, timeout_s=300)
            if errors:
                raise RuntimeError("\n".join(errors))
            _views(page, folder, f"explorer-{width}-{theme}")


def _views(page: Page, folder: Path, name: str) -> None:
    box = page.locator(".hiero-explorer[data-drawn]")
    number = itertools.count()

    def show(what: str) -> None:
        page.wait_for_timeout(2000)
        box.screenshot(path=folder / f"{name}-{next(number)}-{what}.png")

    box.scroll_into_view_if_needed()
    show("opened")
    page.locator(".hx-cursor").first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    show("chosen")
    query = page.get_by_label("search in plain words")
    query.fill(QUERY)
    query.press("Enter")
    show("searched")
    for tab in page.locator(".hx-tab").all()[1:]:
        tab.click()
        show("-".join((tab.text_content() or "").replace(",", "").split()))


def main() -> None:
    """Draw all of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.gallery", description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run of the sample")
    run = parser.parse_args().run
    folder = run / "gallery"
    folder.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        for name, subject in (("sample", of_the_run(run)), ("long", of_two_hours()), ("results", Results(run))):
            draw_in_browser(browser, subject, name, folder)
            draw_for_print(subject, name, folder)
        browser.close()
    for theme, width in itertools.product(PAGES, WIDTHS):
        use_explorer(run, width, theme, folder)
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


if __name__ == "__main__":
    main()
