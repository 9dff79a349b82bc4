"""A second video aligned below the first, and the map of all of them, in a real Chromium."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.helpers.axe import grave
from tests.helpers.explored import Opened, app, eventually, open_page, served

pytestmark = pytest.mark.browser

LEVEL = "app.aligned.level()"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """The last video is the first once more, so that one knows what corresponds to what."""
    made = Opened(tmp_path_factory.mktemp("two"))
    features = made.collection.store.folder
    shutil.copy(features / "v0.pt", features / "v8.pt")
    return made


def align_with(page: Page, uid: str) -> None:
    picker = page.get_by_role("combobox", name="align with")
    picker.click()
    page.locator(".hx-option:visible").first.wait_for()
    shown = app(page, "app.get('scene').uid")
    assert shown not in page.locator(".hx-option:visible .hx-option-name").all_inner_texts()
    picker.fill(uid)
    eventually(page, "app.get('videos').total === 1")
    picker.press("Enter")
    eventually(page, f"app.get('aligned') && app.get('aligned').uid === '{uid}' && app.aligned.node.dataset.drawn")


def click_in(page: Page, tracks: str, span: str) -> None:
    """By mouse, in the middle of a span of one of the two rows."""
    page.locator(".hx-aligned").scroll_into_view_if_needed()
    box = page.locator(f".hx-aligned [aria-label='{tracks}'] .hx-plot").bounding_box()
    assert box is not None
    side = "one" if tracks.startswith("the video") else "other"
    x, y = app(page, f"[app.aligned.{side}.x(({span}[0] + {span}[1]) / 2), app.aligned.{side}.rows[0].top + 9]")
    page.mouse.click(box["x"] + x, box["y"] + y)


def covered(page: Page) -> Any:
    """Of the strip between the two, the part that bands cover."""
    pixels = "canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data"
    count = f"const data = {pixels}; let n = 0; for (let i = 3; i < data.length; i += 4) n += data[i] > 0;"
    return app(page, f"((canvas) => {{ {count} return (4 * n) / data.length; }})(app.aligned.canvas)")


def test_a_span_and_its_counterpart_are_framed_together(opened: Opened, browser: Browser, tmp_path: Path) -> None:
    with served(opened.session(tmp_path, video_uid="v0", index=False)) as server:
        page, complaints = open_page(browser, server.address)
        align_with(page, "v8")
        assert app(page, f"{LEVEL}.pairs.length") == app(page, "app.spansOf(1).length")  # it is the same video
        assert covered(page) > 0.5
        assert "100 % of this video and 100 % of v8" in page.locator(".hx-aligned .hx-muted").first.inner_text()
        click_in(page, "the video, aligned", "app.spansOf(1)[1]")
        eventually(page, "app.aligned.other.chosen")
        assert app(page, "app.aligned.other.chosen.start_s") == app(page, "app.chosenSpan().start_s")
        assert "(cosine 1.00)" in page.locator(".hx-aligned-told").inner_text()
        click_in(page, "the second video, aligned", f"{LEVEL}.spans[0]")
        eventually(page, "app.chosenSpan() && app.chosenSpan().start_s === app.spansOf(1)[0][0]")
        assert app(page, "app.aligned.other.chosen.start_s") == app(page, f"{LEVEL}.spans[0][0]")
        assert grave(page) == []
        click_in(page, "the video, aligned", "app.spansOf(1)[2]")
        eventually(page, "app.aligned.other.chosen.start_s === app.spansOf(1)[2][0]")
        page.locator(".hx-title").click()
        page.keyboard.press("+")
        page.keyboard.press("+")
        for edge in (0, 1):  # of the same video the same part is shown
            near = f"Math.abs(app.aligned.view.range[{edge}] - app.view.range[{edge}]) < 1e-2"
            eventually(page, f"{near} && app.view.range[1] < app.view.end")
        page.keyboard.press("0")
        eventually(page, "app.aligned.view.range[1] === app.aligned.view.end")
        page.get_by_label("level 0", exact=True).check()
        eventually(page, f"{LEVEL}.level === 0 && app.aligned.other.rows[0].spans.length === {LEVEL}.spans.length")
        page.get_by_role("button", name="change places").click()
        eventually(page, "app.get('scene').uid === 'v8' && app.get('aligned').uid === 'v0'")
        page.get_by_role("button", name="close", exact=True).click()
        eventually(page, "app.aligned.node.hidden")
        assert complaints == []
        page.context.close()


def test_a_span_without_a_counterpart_is_grey_and_says_so(opened: Opened, browser: Browser) -> None:
    with served(opened.session(None, video_uid="v0", index=False)) as server:
        page, complaints = open_page(browser, server.address)
        align_with(page, "v3")
        for level in (0, 1, 2):
            page.get_by_label(f"level {level}", exact=True).check()
            eventually(page, f"app.get('level') === {level}")
            paired = app(page, f"{LEVEL}.pairs.map((pair) => pair[1])")
            alone = [n for n in range(app(page, f"{LEVEL}.spans.length")) if n not in paired]
            if alone:
                break
        assert alone
        row = "app.aligned.other.rows[0]"
        assert app(page, f"{row}.color({alone[0]})") == app(page, "app.aligned.one.colors.line")
        click_in(page, "the second video, aligned", f"{LEVEL}.spans[{alone[0]}]")
        eventually(page, "app.aligned.told.textContent.includes('has no counterpart')")
        assert app(page, "app.aligned.one.chosen") is None
        cursor = page.locator("[aria-label='the second video, aligned'] .hx-cursor")
        assert "no counterpart" in (cursor.get_attribute("aria-label") or "")
        assert complaints == []
        page.context.close()


def test_by_keyboard_and_on_a_phone(opened: Opened, browser: Browser) -> None:
    with served(opened.session(None, video_uid="v0", index=False)) as server:
        page, complaints = open_page(browser, server.address, viewport={"width": 390, "height": 800})
        align_with(page, "v8")
        cursor = page.locator("[aria-label='the second video, aligned'] .hx-cursor")
        cursor.focus()
        page.keyboard.press("ArrowRight")
        eventually(page, "app.chosenSpan() && app.chosenSpan().start_s === app.spansOf(1)[1][0]")
        assert app(page, "app.aligned.other.chosen.start_s") == app(page, f"{LEVEL}.spans[1][0]")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert complaints == []
        page.context.close()


def test_the_page_that_is_passed_on_has_both(opened: Opened, browser: Browser, tmp_path: Path) -> None:
    session = opened.session(tmp_path, video_uid="v0", index=False)
    session.do({"do": "align", "uid": "v8"})
    session.do({"do": "export"})
    (path,) = (tmp_path / "exports").glob("*.html")
    page = browser.new_context(offline=True, viewport={"width": 1280, "height": 900}).new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    page.locator("html[data-ready=true]").wait_for()
    eventually(page, "app.aligned.node.dataset.drawn")
    click_in(page, "the second video, aligned", f"{LEVEL}.spans[1]")
    eventually(page, "app.chosenSpan() && app.chosenSpan().start_s === app.spansOf(1)[1][0]")
    assert page.get_by_role("button", name="change places").count() == 0  # nobody answers there
    assert page.get_by_role("button", name="collection").count() == 0
    assert complaints == []
    page.context.close()


def test_a_point_of_the_collection_says_what_it_is_and_opens_its_span(
    opened: Opened, browser: Browser, tmp_path: Path
) -> None:
    with served(opened.session(tmp_path, video_uid="v0")) as server:
        page, complaints = open_page(browser, server.address)
        page.get_by_role("button", name="collection", exact=True).click()
        eventually(page, "app.collection.node.dataset.drawn", 60)
        assert "All 9 videos of the index" in page.locator("section[aria-label='the collection']").inner_text()
        assert app(page, "app.collection.value.count") == app(page, "app.collection.groups.length")
        mine = app(page, "app.get('mine')")
        number = next(n for n in range(app(page, "app.collection.value.count")) if n not in mine)
        point = f"app.collection.places[{2 * number}] / 65535, app.collection.places[{2 * number + 1}] / 65535"
        page.locator(".hx-map").scroll_into_view_if_needed()
        box = page.locator(".hx-map").bounding_box()
        assert box is not None
        x, y = app(page, f"app.collection.pixel({point})")
        meant = app(page, f"app.collection.pointAt([{x}, {y}])")  # another may lie on it
        page.mouse.move(box["x"] + x, box["y"] + y)
        eventually(page, f"app.get('point') && app.get('point').number === {meant} && !app.tip.hidden")
        told = app(page, "app.get('point')")
        assert told["name"] in page.locator(".hx-tip").inner_text()
        page.mouse.click(box["x"] + x, box["y"] + y)
        eventually(page, f"app.get('scene').uid === '{told['uid']}' && app.chosenSpan()")
        assert app(page, "app.chosenSpan().start_s") == pytest.approx(told["start_s"], abs=1e-3)
        eventually(page, f"app.get('mine').includes({meant})")
        drawn = app(page, "app.collection.node.dataset.drawn")
        page.get_by_label("colours of the collection").select_option("video")
        eventually(page, f"app.collection.node.dataset.drawn !== '{drawn}'")
        assert page.locator(".hx-groups li").count() == 9
        page.locator(".hx-map").focus()  # and by keyboard
        page.keyboard.press("ArrowRight")
        assert app(page, "app.collection.at") == app(page, "app.get('mine')")[0]
        for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp") * 2:
            x, y = app(page, "[0, 1].map((axis) => app.collection.places[2 * app.collection.at + axis])")
            before = app(page, "app.collection.at")
            page.keyboard.press(key)
            if app(page, "app.collection.at") != before:
                to_x, to_y = app(page, "[0, 1].map((axis) => app.collection.places[2 * app.collection.at + axis])")
                ahead = {"Right": to_x - x, "Left": x - to_x, "Up": to_y - y, "Down": y - to_y}[key[5:]]
                assert ahead > 0 or (to_x, to_y) == (x, y)
        for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"):
            for _ in range(app(page, "app.collection.value.count")):
                page.keyboard.press(key)  # it ends at the edge
        at = app(page, "app.collection.at")
        eventually(page, f"app.get('point').number === {at} && !app.tip.hidden")
        told = app(page, "app.get('point')")
        assert told["name"] in page.locator("[aria-label='the collection'] [aria-live]").inner_text()
        page.keyboard.press("Enter")
        eventually(page, f"app.get('scene').uid === '{told['uid']}' && app.chosenSpan()")
        assert app(page, "app.chosenSpan().start_s") == pytest.approx(told["start_s"], abs=1e-3)
        page.locator(".hx-title").click()
        assert app(page, "app.collection.at") == -1
        page.get_by_label("level 2", exact=True).check()
        eventually(page, "app.collection.value.level === 2", 60)
        assert grave(page) == []
        assert complaints == []
        page.context.close()
