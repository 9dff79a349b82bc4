"""What one sees while one works: answers, ranks, what is at work, what was written, themes; in a real Chromium."""

from __future__ import annotations

import itertools
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from hiero_lib.explorer.session import Session
from tests.helpers.axe import grave
from tests.helpers.explored import Opened, app, eventually, open_page, served

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    return Opened(tmp_path_factory.mktemp("at_work"))


def search(page: Page, text: str = "washes the plate") -> None:
    box = page.get_by_label("search in plain words")
    box.fill(text)
    box.press("Enter")
    page.locator(".hx-found .hx-place").first.wait_for()


@pytest.mark.parametrize(("width", "height"), [(1440, 1000), (1280, 800), (800, 700), (390, 844)])
def test_after_a_search_the_best_answers_are_in_sight(
    opened: Opened, browser: Browser, width: int, height: int
) -> None:
    with served(opened.session(None, num_threads=[6, 3, 2])) as server:
        page, complaints = open_page(browser, server.address, viewport={"width": width, "height": height})
        page.get_by_label("level 0", exact=True).check()
        search(page)
        eventually(page, "app.chosenSpan()")
        assert page.evaluate("window.scrollY") == 0
        head = page.get_by_text(re.compile("“washes the plate”: 12 answers"))
        for seen in (head, *(page.locator(".hx-found .hx-place").nth(number) for number in range(3))):
            box = seen.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= height
        shown = page.locator(".hx-found .hx-place:visible")
        assert shown.count() in (3, 4)  # the chosen one beside
        assert page.locator(".hx-found [aria-current]").is_visible()
        page.get_by_role("button", name="all 12 answers").click()
        assert shown.count() == 12
        assert grave(page) == []
        page.get_by_role("button", name="close", exact=True).click()
        eventually(page, "!app.get('answers')")
        assert page.locator(".hx-found").is_hidden()
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "search in plain words"
        assert complaints == []
        page.context.close()


def test_ranks_stand_above_their_rows_and_apart(opened: Opened, browser: Browser) -> None:
    with served(opened.session(None, index=False, num_threads=[6, 3, 2])) as server:
        page, _ = open_page(browser, server.address)
        flat = app(page, "app.timeline.rows.map((row) => row.head || 0)")
        assert set(flat) == {0}
        search(page)
        levels = app(page, "app.timeline.marks.map((mark) => mark.level)")
        assert len(levels) > 3
        ends = "app.timeline.rows.map((row) => [row.level, row.beside ? 0 : row.head || 0, row.top, row.height])"
        end = 0
        for level, head, top, height in app(page, ends):
            assert head >= 19 if level in levels else head == 0
            assert top - head >= end  # the ranks lie on no other row
            end = top + height
        levels = [row for row in app(page, ends) if row[1]]
        assert all(app(page, f"app.timeline.rowUnder({top} - 5).level") == level for level, _, top, _ in levels)
        for places, least in (([5, 6, 7], 17), ([1, 390, 395, 400], 17), ([], 17), ([200, 210, 380], 17)):
            moved = app(page, f"app.timeline.apart({places}, {least}, 8, 392)")
            assert all(8 <= place <= 392 for place in moved)
            assert all(b - a >= least for a, b in itertools.pairwise(moved))
        page.context.close()


def test_lanes_keep_their_places_and_say_where_their_spans_are(opened: Opened, browser: Browser) -> None:
    with served(opened.session(None, num_threads=[6, 3, 2])) as server:
        page, complaints = open_page(browser, server.address, viewport={"width": 1280, "height": 1200})
        page.get_by_label("level 0", exact=True).check()
        places = "app.lanes.rows.map((row) => [row.id, row.top])"
        before = app(page, places)
        assert app(page, "app.lanes.rows.every((row) => app.lanes.away(row).every((one) => !one))")
        app(page, "app.view.show(10, 13)")
        assert app(page, places) == before
        away = "app.lanes.rows.map((row) => app.lanes.away(row).map((one) => one && one[0]))"
        seen = "app.lanes.rows.map((row) => row.spans.some(([start, end]) => end > 10 && start < 13))"
        expected = "app.lanes.rows.map((row) => [row.spans.filter((span) => span[1] <= 10).pop(),"
        expected += " row.spans.find((span) => span[0] > 13)].map((one) => one ? one[0] : null))"
        for found, sight, spans in zip(app(page, away), app(page, seen), app(page, expected)):
            assert found == ([None, None] if sight else spans)
        lane, start = next((n, found[0]) for n, found in enumerate(app(page, away)) if found[0] is not None)
        eventually(page, f"app.lanes.names.children[{lane}].classList.contains('hx-away')")
        top = app(page, f"app.lanes.rows[{lane}].top")
        page.locator("[aria-label='threads of the level'] .hx-plot").click(position={"x": 20, "y": top + 8})
        eventually(page, f"app.chosenSpan() && Math.abs(app.chosenSpan().start_s - {start}) < 1e-3")
        assert app(page, "app.view.range[0]") <= start
        assert complaints == []
        page.context.close()


def test_what_is_at_work_is_said_and_nothing_looks_dead(
    opened: Opened, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Session.do

    def slowly(self: Session, message: dict[str, object]) -> dict[str, object]:
        if message["do"] in ("export", "beside"):
            time.sleep(1.5)
        return done(self, message)

    monkeypatch.setattr(Session, "do", slowly)
    with served(opened.session(tmp_path)) as server:
        page, _ = open_page(browser, server.address)
        page.get_by_label("level 0", exact=True).check()
        eventually(page, "app.heard === app.sent && app.work.hidden")
        page.get_by_label("another method or run beside").select_option("linear probe")
        page.get_by_text("dividing by linear probe…").wait_for(timeout=1400)
        eventually(page, "app.get('scene').beside")
        page.locator(".hx-work").wait_for(state="hidden", timeout=1000)
        page.get_by_role("button", name="page to pass on").click()
        page.get_by_label("level 1", exact=True).check()  # what comes later waits, and hides nothing
        page.get_by_text("writing the page…").wait_for(timeout=1400)
        page.get_by_text(re.compile("^Written: ")).wait_for()
        page.locator(".hx-work").wait_for(state="hidden", timeout=1000)
        assert "hx-waits" not in app(page, "app.root.className")
        page.reload()  # its numbers go on
        page.locator(".hiero-explorer[data-drawn]").wait_for(timeout=60_000)
        page.get_by_label("level 0", exact=True).check()
        eventually(page, "app.heard === app.sent && app.work.hidden")
        page.context.set_offline(True)
        page.get_by_role("button", name="page to pass on").click()
        page.get_by_text("hiero serve has ended").wait_for()
        page.wait_for_timeout(500)
        assert page.locator(".hx-work").is_hidden()  # nothing is at work where nobody is
        page.context.close()


def test_what_is_done_at_once_after_an_arrow_is_done_to_the_new_span(
    opened: Opened, browser: Browser, tmp_path: Path
) -> None:
    with served(opened.session(tmp_path, num_threads=[6, 3, 2])) as server:
        page, complaints = open_page(browser, server.address)
        page.get_by_label("level 0", exact=True).check()
        page.locator(".hx-cursor[data-row=level-0]").focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        meant = app(page, "app.get('choice').start_s")
        page.keyboard.press("w")
        eventually(page, "app.get('edits').lines.length === 1")
        assert app(page, "app.spansOf(0).filter((span) => span[3]).map((span) => span[0])") == [meant]
        assert app(page, "app.get('choice').start_s") == meant
        merge = page.get_by_label("merge the thread into…")
        merge.select_option(index=1)
        eventually(page, "app.get('edits').lines.length === 2")
        page.get_by_role("button", name="undo").click()
        eventually(page, "app.get('edits').lines.length === 1")
        assert app(page, "app.get('choice').start_s") == meant
        assert app(page, "app.chosenSpan().start_s") == meant
        assert complaints == []
        page.context.close()


def colors(page: Page) -> list[list[int]]:
    """Of the timeline's and the lanes' empty ground, and of the page."""
    at = "(tracks, y) => [...tracks.canvas.getContext('2d').getImageData(tracks.canvas.width - 3, y, 1, 1).data]"
    lane = "app.lanes.rows.find((row) => row.spans[row.spans.length - 1][1] < app.view.end - 2)"
    found = app(page, f"({at})(app.lanes, Math.round({lane}.top + 5))")
    page_color = page.evaluate("getComputedStyle(document.querySelector('.hiero-explorer')).backgroundColor")
    return [found[:3], [int(one) for one in re.findall(r"\d+", page_color)]]


LIGHT, DARK = [[241, 242, 244], [255, 255, 255]], [[32, 35, 42], [22, 24, 29]]


def test_a_change_of_theme_redraws_what_is_in_sight_and_what_is_not(
    opened: Opened, browser: Browser, tmp_path: Path
) -> None:
    session = opened.session(tmp_path)
    session.do({"do": "export"})
    (exported,) = (tmp_path / "exports").glob("*.html")
    with served(session) as server:
        for address in (server.address, exported.as_uri()):
            page, complaints = open_page(browser, address, color_scheme="light")
            assert colors(page) == LIGHT
            for scheme, expected in (("dark", DARK), ("light", LIGHT), ("dark", DARK)):
                page.emulate_media(color_scheme=scheme)
                page.wait_for_timeout(150)
                assert colors(page) == expected
            if address == server.address:
                page.get_by_role("button", name="tree", exact=True).click()  # the lanes are not drawn
                page.locator(".hx-figure .slice").first.wait_for(timeout=30_000)
                page.emulate_media(color_scheme="light")
                eventually(page, "app.figures.plot.layout.paper_bgcolor === '#FFFFFF'")
                page.get_by_role("button", name="collection", exact=True).click()
                eventually(page, "app.collection.node.dataset.drawn", 60)
                page.emulate_media(color_scheme="dark")
                page.wait_for_timeout(300)
                assert "Laying out" not in page.locator("section[aria-label='the collection']").inner_text()
                page.emulate_media(color_scheme="light")
                page.get_by_role("button", name="threads", exact=True).click()
                page.wait_for_timeout(150)
                assert colors(page) == LIGHT
            else:
                page.get_by_label("theme").select_option("light")
                page.wait_for_timeout(150)
                assert colors(page) == LIGHT
            assert [one for one in complaints if "getImageData" not in one] == []  # which is the test's own
            page.context.close()


def test_a_page_that_was_written_opens_from_its_link(opened: Opened, browser: Browser, tmp_path: Path) -> None:
    with served(opened.session(tmp_path)) as server:
        page, complaints = open_page(browser, server.address)
        page.get_by_role("button", name="page to pass on").click()
        with page.expect_popup() as popup:
            page.get_by_role("link", name="open it").click()
        written = popup.value
        written.locator("html[data-ready=true]").wait_for(timeout=30_000)
        written.locator(".hiero-explorer[data-drawn]").wait_for()
        refused = "fetch('/state').then(() => 'read', () => 'refused')"
        assert written.evaluate(refused) == "refused"  # its scripts are not the explorer's
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.bring_to_front()
        page.get_by_role("button", name="copy its path").click()
        page.get_by_role("button", name="copied").wait_for()
        (file,) = tmp_path.rglob("exports/*.html")
        assert page.evaluate("navigator.clipboard.readText()") == str(file.resolve())
        search(page)
        assert complaints == []
        page.context.close()
