"""The report page as a person opens it: from disk, with the network off, in a real Chromium."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from hiero_lib.export.page import write_report
from hiero_lib.export.record import thread_title
from hiero_lib.export.text import chapters
from tests.helpers.axe import grave
from tests.helpers.made_record import made_record

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "v.html"
    write_report(made_record(400, narrations=40), path)
    return path


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


def app(page: Page, expression: str) -> Any:
    return page.evaluate(
        f"(() => {{ const app = document.getElementById('explorer').hieroExplorer; return {expression}; }})()"
    )


def test_it_opens_from_disk_without_network_and_is_live(browser: Browser, page_file: Path) -> None:
    page, complaints, requests = opened(browser, page_file, viewport={"width": 1280, "height": 900})
    assert page.locator("#tree .slice").count() > 10
    cursor = page.locator(".hx-cursor").first
    assert (cursor.get_attribute("aria-label") or "").startswith("level 2, 1 of ")
    plot = page.locator(".hx-plot").first.bounding_box()
    assert plot is not None
    page.mouse.move(plot["x"] + 40, plot["y"] + 35)
    page.locator(".hx-tip").wait_for()
    assert " – " in page.locator(".hx-tip").inner_text()

    whole = app(page, "app.view.range")
    page.mouse.move(plot["x"] + 0.25 * plot["width"], plot["y"] + 8)
    page.mouse.down()
    page.mouse.move(plot["x"] + 0.5 * plot["width"], plot["y"] + 8, steps=5)
    page.mouse.up()
    length = whole[1] - whole[0]
    zoomed = app(page, "app.view.range")
    assert zoomed == pytest.approx([0.25 * length, 0.5 * length], abs=0.02 * length)
    page.mouse.click(plot["x"] + plot["width"] / 2, plot["y"] + 35)
    page.locator(".hx-about .hx-chip").wait_for()
    assert app(page, "app.view.range") == zoomed
    assert page.locator(".hx-form").count() == 0  # nobody would keep a correction
    page.locator(".hx-about .hx-place").last.click()
    page.get_by_role("button", name="whole", exact=True).click()
    assert app(page, "app.view.range") == whole

    slices = page.locator("#tree .slice").count()
    page.locator("#tree .slice").nth(1).click()
    eventually(page, f"document.querySelectorAll('#tree .slice').length < {slices}")
    assert complaints == []
    assert requests == [page_file.as_uri()]
    page.context.close()


def test_another_query_has_other_answers_and_one_is_framed_as_it_says(browser: Browser, page_file: Path) -> None:
    page, complaints, _ = opened(browser, page_file)
    asked = page.get_by_label("similarity with")
    assert asked.locator("option").all_inner_texts()[2] == "the second"
    asked.select_option(index=1)
    first = page.locator(".hx-found .hx-place").first.inner_text()
    asked.select_option(index=2)
    eventually(page, f"document.querySelector('.hx-found .hx-place').innerText !== {json.dumps(first)}")
    page.get_by_role("button", name=re.compile(r"^all \d+ answers$")).click()
    button = page.locator(".hx-found .hx-place").nth(4)
    times = button.locator("span").nth(1).inner_text()
    button.click()
    eventually(page, f"document.querySelector('.hx-span-time').textContent.includes('{times}')")
    assert complaints == []
    page.context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_scrolls_sideways(browser: Browser, page_file: Path, width: int) -> None:
    page, _, _ = opened(browser, page_file, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
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
    paper = "getComputedStyle(document.querySelector('#tree .main-svg')).backgroundColor"
    explorer = "getComputedStyle(document.querySelector('.hiero-explorer')).backgroundColor"
    assert page.evaluate(explorer) == "rgb(22, 24, 29)"
    assert page.evaluate(paper) == "rgb(22, 24, 29)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 29)"
    page.locator("#theme").select_option("light")
    eventually(page, f"{paper} === 'rgb(255, 255, 255)' && {explorer} === 'rgb(255, 255, 255)'")
    page.locator("#theme").select_option("auto")
    eventually(page, f"{paper} === 'rgb(22, 24, 29)'")
    page.emulate_media(color_scheme="light")
    eventually(page, f"{paper} === 'rgb(255, 255, 255)'")
    assert complaints == []
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_keeps_people_out(browser: Browser, page_file: Path, scheme: str, width: int) -> None:
    page, _, _ = opened(browser, page_file, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert grave(page) == []
    page.context.close()
