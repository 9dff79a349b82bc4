"""``python -m tests.tools.showcase outputs/sample``: the README's table and pictures, from a run of the sample.

Nothing in them is made by hand: the table between the README's markers is the run's ``results.json``, the still
pictures are the run's figures, and the animation is notebook 06 in a real JupyterLab while its explorer is used.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page

from hiero_lib.base.files import read_json, write_text
from hiero_lib.pipelines.reproduce import NOTEBOOKS
from hiero_lib.results.headlines import HEADLINES

README = NOTEBOOKS.parent / "README.md"
PICTURES = NOTEBOOKS / "figures"
STILLS = ("threads", "lanes", "tree")
METHODS = (
    "untrained features",
    "linear probe",
    "HiERO",
    "HiERO minus untrained features",
    "HiERO minus linear probe",
)
FRAME_MS, FRAME_WIDTH, MOST_HEIGHT = 1600, 820, 1050


def results_table(results: Mapping[str, Any]) -> str:
    """Markdown: a line a method, a column a measure, in percent with the 95 % interval (or the spread of seeds)."""
    lines = [["", *(title for *_, title in HEADLINES)], ["---"] * (len(HEADLINES) + 1)]
    for method in METHODS:
        lines.append(
            [method, *(_cell(results["sections"], method, section, metric) for section, metric, _ in HEADLINES)]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(sections: Mapping[str, Any], method: str, section: str, metric: str) -> str:
    for row in sections.get(section, {"rows": []})["rows"]:
        if (row["method"], row["metric"]) == (method, metric) and row["result"] is not None:
            value, interval, spread = (row["result"].get(name) for name in ("value", "interval", "spread"))
            text = f"{100 * value:.1f}"
            if interval is not None:
                return f"{text} ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})"
            return text if spread is None else f"{text} ± {100 * spread:.1f}"
    return ""


def write_readme(run_folder: Path) -> None:
    """Put the run's table between the README's markers, below the command that made it."""
    results = read_json(run_folder / "results.json")
    before, rest = README.read_text("utf-8").split("<!-- results -->")
    _, after = rest.split("<!-- /results -->")
    seconds = sum(outcome["seconds"] for outcome in results["notebooks"].values())
    made = results["sections"]["egomcq"]["environment"]
    told = (
        f"Printed by `reproduce` above ({seconds / 60:.0f} minutes on {made['device']} with {made['threads']}"
        " threads), whose `outputs/sample/results.md`\nhas all of it, and put here by `python -m tests.tools.showcase"
        " outputs/sample`; in percent, with 95 % intervals:"
    )
    write_text(README, f"{before}<!-- results -->\n{told}\n\n{results_table(results)}\n<!-- /results -->{after}")


def copy_stills(run_folder: Path) -> None:
    """The run's own figures."""
    for name in STILLS:
        shutil.copyfile(run_folder / "figures" / f"{name}.png", PICTURES / f"{name}.png")


def record_explorer(run_folder: Path, target: Path) -> None:
    """Use the explorer of notebook 06 and write what is seen as an animation."""
    import papermill

    from tests.helpers.lab import open_notebook, run_all_cells

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        notebook = folder / "06_hierarchy_explorer.ipynb"
        settings = {"data_root": str(NOTEBOOKS.parent / "data" / "sample")}
        parameters = {"run": run_folder.name, "outputs": str(run_folder.resolve().parent), "settings": settings}
        parameters |= {"reports": 0, "recall": False}
        papermill.execute_notebook(NOTEBOOKS / notebook.name, notebook, parameters, prepare_only=True)
        with open_notebook(notebook, folder, width=1500, height=1900) as page:
            errors = run_all_cells(page, timeout_s=300)
            if errors:
                raise RuntimeError("\n".join(errors))
            write_animation(target, explore(page))


def explore(page: Page) -> list[bytes]:
    """Pictures of the explorer after each of some actions."""
    box = page.locator(".hiero-explorer[data-drawn]")
    box.scroll_into_view_if_needed()
    frames: list[bytes] = []

    def show() -> None:
        page.wait_for_timeout(2000)
        frames.append(box.screenshot())

    show()
    page.locator(".hx-cursor").first.focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    show()
    for _ in range(3):
        page.keyboard.press("+")
    show()
    query = page.get_by_label("search in plain words")
    query.fill("wipe the table")
    query.press("Enter")
    show()
    page.locator(".hx-found .hx-place").first.click()
    show()
    for tab in ("tree", "similarity, by thread", "map"):
        page.get_by_role("button", name=tab, exact=True).click()
        show()
    return frames


def write_animation(target: Path, frames: Sequence[bytes]) -> None:
    """A GIF that repeats; all frames as wide as the README, and as high as the highest, ``MOST_HEIGHT`` at most."""
    pictures = [Image.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
    scaled = [
        p.resize((FRAME_WIDTH, round(p.height * FRAME_WIDTH / p.width)), Image.Resampling.LANCZOS) for p in pictures
    ]
    height = min(MOST_HEIGHT, max(picture.height for picture in scaled))  # a level of many threads has as many lanes
    pages = []
    for picture in scaled:
        page = Image.new("RGB", (FRAME_WIDTH, height), "white")
        page.paste(picture, (0, 0))
        pages.append(page.quantize(96, dither=Image.Dither.NONE))
    pages[0].save(target, save_all=True, append_images=pages[1:], duration=FRAME_MS, loop=0, optimize=True)


def main() -> None:
    """Make all of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.showcase", description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run of the sample")
    run_folder = parser.parse_args().run
    write_readme(run_folder)
    copy_stills(run_folder)
    record_explorer(run_folder, PICTURES / "explorer.gif")


if __name__ == "__main__":
    main()
