"""Every plotly figure in a real Chromium: drawn, without a label that is cut off or lies over another."""

from __future__ import annotations

import dataclasses
import itertools

import plotly.offline
import pytest
import torch
from playwright.sync_api import sync_playwright

from hiero_lib.data.narrations import Narrations
from hiero_lib.viz.tree import tree_cells
from tests.helpers.every_figure import every_figure
from tests.helpers.lab import CHROMIUM_FLAGS, chromium
from tests.helpers.made_up import THREE, record

# Texts that are seen: what plotly hides for want of room has no size.
TEXTS = """plot => [...plot.querySelectorAll('text')].map(text => {
    const box = text.getBoundingClientRect();
    const kept = text.closest('.xtick, .ytick, .legend, .g-gtitle, .infolayer, .cbtitle, .annotation') !== null;
    return {words: text.textContent, x0: box.left, y0: box.top, x1: box.right, y1: box.bottom, kept};
}).filter(box => box.words && box.x1 - box.x0 > 1 && box.y1 - box.y0 > 1)"""


def named(hierarchy):
    """With names as long as narrations are."""
    levels = [
        dataclasses.replace(
            level, names={thread: f"picks up the thing number {thread} from the shelf" for thread in level.seconds()}
        )
        for level in hierarchy.levels
    ]
    return dataclasses.replace(hierarchy, levels=tuple(levels))


def figures(hierarchy, theme):
    """Name -> figure."""
    narrations = Narrations([1.0, 6.0, 15.0], ["#C C cuts", "#C C cooks", "#C C eats"])
    text = torch.tensor([0.3, -1.0, 0.5, 0.2, 0.1, 0.4])
    look = {"title": "A video of the generated sample", "theme": theme, "query": "where do I wash the pan?"}
    return every_figure(hierarchy, text=text, narrations=narrations, level=0, engine="plotly", **look)


def short_video():
    network = [[-1] * 40, [i % 3 for i in range(20)], [i % 2 for i in range(10)]]
    return named(record(THREE, channels=6, network=network))


def two_hours():
    threads = [(torch.arange(13_500 // 2**level) // 23 * 7 % 16 // 2**level).tolist() for level in range(3)]
    return named(record(threads, channels=6, network=[[-1] * 13_500, threads[1], threads[2]]))


@pytest.mark.browser
@pytest.mark.parametrize("video", [short_video, two_hours])
def test_no_figure_is_blank_cuts_a_label_off_or_lays_one_over_another(tmp_path, video) -> None:
    hierarchy = video()
    drawn = {theme: figures(hierarchy, theme) for theme in ("light", "dark")}
    (tmp_path / "plotly.js").write_text(plotly.offline.get_plotlyjs(), encoding="utf-8")
    for theme, of_theme in drawn.items():
        parts = [figure.to_html(full_html=False, include_plotlyjs=False, div_id=n) for n, figure in of_theme.items()]
        page = f"<meta charset='utf-8'><body style='margin:0'><script src='plotly.js'></script>{''.join(parts)}"
        (tmp_path / f"{theme}.html").write_text(page, encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        for theme, width in itertools.product(("light", "dark"), (1280, 1920)):
            page = browser.new_page(viewport={"width": width, "height": 900})
            wrong: list[str] = []
            page.on("console", lambda message, to=wrong: to.append(message.text))
            page.on("pageerror", lambda error, to=wrong: to.append(str(error)))
            page.goto(f"file://{tmp_path / theme}.html")
            page.wait_for_function("document.querySelectorAll('.main-svg').length >= 8")
            page.wait_for_timeout(500)  # labels are placed in a second pass
            assert wrong == []
            buttons = page.eval_on_selector_all(".modebar-btn", "found => found.map(b => b.dataset.title)")
            assert "Zoom in" in buttons
            assert not [title for title in buttons if "Share" in title or "Select" in title]  # none sends data away
            cells = len(tree_cells(hierarchy))
            for name in drawn[theme]:
                plot = page.query_selector(f"#{name}")
                frame = plot.bounding_box()
                texts = plot.evaluate(TEXTS)
                assert any("A video of the" in text["words"] for text in texts), name
                for text in texts:
                    assert text["x0"] >= frame["x"] - 1, (name, width, text)
                    assert text["x1"] <= frame["x"] + frame["width"] + 1, (name, width, text)
                    assert frame["y"] - 1 <= text["y0"], (name, width, text)
                    assert text["y1"] <= frame["y"] + frame["height"] + 1, (name, width, text)
                kept = [text for text in texts if text["kept"]]
                assert len(kept) > (0 if name in ("tree", "sunburst") else 6), name
                for i, a in enumerate(kept):
                    for b in kept[:i]:
                        apart = a["x1"] <= b["x0"] + 1 or b["x1"] <= a["x0"] + 1
                        apart = apart or a["y1"] <= b["y0"] + 2 or b["y1"] <= a["y0"] + 2
                        assert apart, (name, width, a["words"], b["words"])
                if name in ("tree", "sunburst"):
                    slices = plot.query_selector_all("path.surface")
                    boxes = [found.bounding_box() for found in slices]
                    assert len([box for box in boxes if box and box["width"] * box["height"] > 0]) == cells, name
            page.close()
        browser.close()
