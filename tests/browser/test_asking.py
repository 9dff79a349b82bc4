"""What a person sees of `hiero serve` while and after asking it something, in a real Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.helpers.explored import Opened, app, eventually, open_page, served

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    return Opened(tmp_path_factory.mktemp("served"))


def test_no_button_is_taken_from_under_the_pointer(opened: Opened, browser: Browser) -> None:
    """A click is lost on what is replaced between press and release, and an open menu closes."""
    with served(opened.session(None)) as server:
        page, complaints = open_page(browser, server.address)
        parts = ".hx-levels input, .hx-tools select, .hx-tools option, .hx-tab"
        page.locator(parts).evaluate_all("nodes => nodes.forEach((node) => { node.dataset.before = 'true'; })")
        radio = page.get_by_label("level 2", exact=True).bounding_box()
        assert radio is not None
        page.mouse.move(radio["x"] + radio["width"] / 2, radio["y"] + radio["height"] / 2)
        page.mouse.down()
        app(page, "app.do('edit', { operation: 'rename', thread: 0, name: 'meanwhile' })")
        eventually(page, "app.get('edits').lines.length === 1 && app.heard === app.sent")
        page.mouse.up()
        eventually(page, "app.get('level') === 2")
        left = page.locator(parts).evaluate_all("nodes => nodes.filter((node) => !node.dataset.before).length")
        assert left == 0
        assert complaints == []
        page.context.close()


def test_no_answer_is_taken_from_under_the_pointer(opened: Opened, browser: Browser) -> None:
    """As the buttons above, in a panel that is drawn anew with each answer of the session."""
    with served(opened.session(None)) as server:
        page, complaints = open_page(browser, server.address)
        box = page.get_by_label("search in plain words")
        box.fill("cuts the onion")
        box.press("Enter")
        eventually(page, "app.get('answers') && app.heard === app.sent")
        meant = app(page, "app.get('answers').items[1]")
        place = page.locator(".hx-found .hx-place").nth(1).bounding_box()
        assert place is not None
        page.mouse.move(place["x"] + 40, place["y"] + 10)
        page.mouse.down()
        app(page, "app.do('edit', { operation: 'rename', thread: 0, name: 'meanwhile' })")
        eventually(page, "app.get('edits').lines.length === 1 && app.heard === app.sent")
        page.mouse.up()
        eventually(page, f"app.get('scene').uid === '{meant['uid']}' && app.chosenSpan()")
        assert app(page, "app.chosenSpan().start_s") == pytest.approx(meant["start_s"], abs=1e-3)
        eventually(page, "app.delayed.size === 0 && app.pressed === null")
        assert complaints == []
        page.context.close()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (800, 900), (390, 800)])
def test_answers_stand_where_they_are_seen(opened: Opened, browser: Browser, width: int, height: int) -> None:
    """Level 0 has the most lanes, below which they stood on a narrow page."""
    with served(opened.session(None)) as server:
        page, complaints = open_page(browser, server.address, viewport={"width": width, "height": height})
        page.get_by_label("level 0", exact=True).check()
        box = page.get_by_label("search in plain words")
        box.fill("cuts the onion")
        box.press("Enter")
        eventually(page, "app.get('answers')")
        places = [page.locator(parts).first.bounding_box() for parts in (".hx-found .hx-place", ".hx-below")]
        assert places[0] is not None
        assert places[1] is not None
        assert places[0]["y"] + places[0]["height"] < places[1]["y"] if width < 860 else places[0]["y"] < height
        assert complaints == []
        page.context.close()
