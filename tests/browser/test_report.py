"""The report page as a person opens it: from disk, with the network off, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from hiero_lib.export.page import write_report
from hiero_lib.export.record import thread_title
from hiero_lib.export.text import chapters
from tests.helpers.lab import chromium
from tests.helpers.made_record import made_record

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "v.html"
    write_report(made_record(400, narrations=40), path)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def opened(browser: Browser, path: Path, **options: Any) -> tuple[Page, list[str], list[str]]:
    """The page, drawn; what it complains of, and what it asks the network for, fill the two lists."""
    page = browser.new_context(offline=True, **options).new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    page.locator("html[data-ready=true]").wait_for(timeout=60_000)
    return page, complaints, requests


def eventually(page: Page, expression: str) -> None:
    """Until the expression is true, 20 s at most; by asking: the page's policy forbids Playwright's own wait."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(expression)


def seconds_shown(page: Page, panel: str) -> list[float]:
    return page.evaluate(f"document.getElementById('{panel}').layout.xaxis.range.map(Number)")


def test_it_opens_from_disk_without_network_and_its_figures_are_live(browser: Browser, page_file: Path) -> None:
    page, complaints, requests = opened(browser, page_file, viewport={"width": 1280, "height": 900})
    assert page.locator("#timeline .bars .point").count() > 50
    assert page.locator("#tree .slice").count() > 10
    assert page.locator("#query .scatterlayer .trace").count() > 3

    bar = page.locator("#timeline .bars .point").first.bounding_box()
    assert bar is not None
    page.mouse.move(bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2)
    hover = page.locator("#timeline .hoverlayer .hovertext")
    hover.first.wait_for()
    assert "level 2" in (hover.first.text_content() or "")

    before = seconds_shown(page, "timeline")
    area = page.locator("#timeline .nsewdrag").first.bounding_box()
    assert area is not None
    middle = area["y"] + area["height"] / 2
    page.mouse.move(area["x"] + 0.25 * area["width"], middle)
    page.mouse.down()
    page.mouse.move(area["x"] + 0.5 * area["width"], middle, steps=5)
    page.mouse.up()
    eventually(page, "document.getElementById('query').layout.xaxis.range[0] > 1")
    zoomed = seconds_shown(page, "timeline")
    length = before[1] - before[0]
    assert zoomed == pytest.approx([0.25 * length, 0.5 * length], abs=0.02 * length)
    assert seconds_shown(page, "query") == pytest.approx(zoomed)  # the panels of time move together

    page.get_by_role("button", name="whole video").click()
    eventually(page, "document.getElementById('timeline').layout.xaxis.range[0] == 0")
    assert seconds_shown(page, "query") == before

    slices = page.locator("#tree .slice").count()
    page.locator("#tree .slice").nth(1).click()
    eventually(page, f"document.querySelectorAll('#tree .slice').length < {slices}")
    assert complaints == []
    assert requests == [page_file.as_uri()]
    page.context.close()


def test_another_query_draws_another_curve_and_an_answer_is_jumped_to(browser: Browser, page_file: Path) -> None:
    page, complaints, _ = opened(browser, page_file)
    lines = (
        "Array.from(document.querySelectorAll('#query .scatterlayer path.js-line'), line => line.getAttribute('d'))"
    )
    curve = f"{lines}.join().slice(0, 5000)"
    first = page.evaluate(curve)
    assert len(first) == 5000
    answer = page.locator("#answers button").first.inner_text()
    page.locator("#query-choice").select_option(index=1)
    eventually(page, f"{curve} !== '{first}'")
    assert page.locator("#answers button").first.inner_text() != answer
    assert page.locator("#query-choice option").all_inner_texts()[1] == "the second"
    page.locator("#answers button").nth(4).click()
    eventually(page, "document.getElementById('timeline').layout.xaxis.range[0] > 0")
    assert seconds_shown(page, "timeline") == pytest.approx(seconds_shown(page, "query"))
    assert complaints == []
    page.context.close()


def test_the_browsers_own_parser_reads_all_chapters(browser: Browser) -> None:
    record = made_record()
    level = record.hierarchy.levels[1]
    page = browser.new_context(offline=True).new_page()
    page.set_content("<video><track kind='chapters'></video>")
    cues = page.evaluate(
        """async (text) => {
            const track = document.querySelector("track");
            track.track.mode = "hidden";
            const loaded = new Promise((done, failed) => {
                track.onload = done;
                track.onerror = () => failed(new Error("not WebVTT"));
            });
            track.src = URL.createObjectURL(new Blob([text], {type: "text/vtt"}));
            await loaded;
            return [...track.track.cues].map((cue) => [cue.startTime, cue.endTime, cue.getCueAsHTML().textContent]);
        }""",
        chapters(record, level),
    )
    assert cues == [[span.start_s, span.end_s, thread_title(level, span.label)] for span in level.spans]
    page.context.close()


def test_it_follows_the_theme_of_the_system_and_the_switch(browser: Browser, page_file: Path) -> None:
    page, complaints, _ = opened(browser, page_file, color_scheme="dark")
    paper = "getComputedStyle(document.querySelector('#timeline .main-svg')).backgroundColor"
    assert page.evaluate(paper) == "rgb(22, 24, 29)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 29)"
    page.locator("#theme").select_option("light")
    eventually(page, f"{paper} === 'rgb(255, 255, 255)'")
    page.locator("#theme").select_option("auto")
    eventually(page, f"{paper} === 'rgb(22, 24, 29)'")
    page.emulate_media(color_scheme="light")
    eventually(page, f"{paper} === 'rgb(255, 255, 255)'")
    assert complaints == []
    page.context.close()
