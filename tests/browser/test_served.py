"""The explorer as `hiero serve` shows it, in a real Chromium: to work in, by mouse and by keyboard."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import jsonschema
import pytest
from playwright.sync_api import Browser, Page

from hiero_lib.explorer.previews import ShowShare
from hiero_lib.hierarchy.corrections import schema
from hiero_lib.sources.preview import make_preview
from hiero_lib.viz.page import clock
from tests.helpers.axe import grave
from tests.helpers.explored import Opened, app, eventually, open_page, served
from tests.helpers.videos import write_video

pytestmark = pytest.mark.browser

CHOICE = "app.get('choice')"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    return Opened(tmp_path_factory.mktemp("served"))


def click_span(page: Page, level: int, number: int) -> None:
    """By mouse, in the middle of a span of the timeline."""
    row = f"app.timeline.rows.find((row) => row.id === 'level-{level}')"
    span = f"{row}.spans[{number}]"
    x, y = app(page, f"[app.timeline.x(({span}[0] + {span}[1]) / 2), {row}.top + {row}.height / 2]")
    box = page.locator(".hx-tracks .hx-plot").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + x, box["y"] + y)


def test_zoom_level_and_choice_outlive_a_click_and_an_edit(opened: Opened, browser: Browser, tmp_path: Path) -> None:
    with served(opened.session(tmp_path)) as server:
        page, complaints = open_page(browser, server.address)
        whole = app(page, "app.view.range")
        for _ in range(3):
            page.get_by_role("button", name="+", exact=True).click()
        zoomed = app(page, "app.view.range")
        assert zoomed[1] - zoomed[0] == pytest.approx((whole[1] - whole[0]) / 1.6**3)
        inside = f"(span) => span[0] > {zoomed[0]} && span[1] < {zoomed[1]}"
        number = app(page, f"app.spansOf(0).findIndex({inside})")
        click_span(page, 0, number)
        eventually(page, "app.get('details')")
        assert app(page, "app.view.range") == zoomed
        assert app(page, "app.get('level')") == 0
        chosen = app(page, CHOICE)
        page.get_by_label("name of the thread").fill("peels <b>onions</b>")
        page.get_by_label("name of the thread").press("Enter")
        eventually(page, "app.get('edits').lines.length === 1")
        assert app(page, "app.view.range") == zoomed
        assert app(page, CHOICE)["start_s"] == chosen["start_s"]
        assert page.locator(".hx-chip", has_text="peels <b>onions</b>").count() == 1
        assert page.locator(".hiero-explorer b", has_text="onions").count() == 0  # no text becomes markup
        assert complaints == []
        page.context.close()


def test_an_answer_is_framed_exactly_as_it_says(opened: Opened, browser: Browser, tmp_path: Path) -> None:
    with served(opened.session(tmp_path)) as server:
        page, complaints = open_page(browser, server.address)
        page.keyboard.press("Escape")
        page.get_by_label("search in plain words").fill("washes the plate")
        page.keyboard.press("Enter")
        page.locator(".hx-found .hx-place").first.wait_for()
        page.get_by_role("button", name="all 12 answers").click()
        answers = app(page, "app.get('answers').items")
        assert [one["score"] for one in answers] == sorted((one["score"] for one in answers), reverse=True)
        here = [number for number, one in enumerate(answers) if one["here"]]
        elsewhere = [number for number, one in enumerate(answers) if not one["here"]]
        for number in (here[-1], elsewhere[0]):
            said = page.locator(".hx-found .hx-place").nth(number).inner_text()
            page.locator(".hx-found .hx-place").nth(number).click()
            one = answers[number]
            eventually(page, f"app.get('scene').uid === '{one['uid']}'")
            eventually(page, f"app.chosenSpan() && app.isChosen({json.dumps(one)})")
            span = app(page, "app.chosenSpan()")
            times = f"{clock(span['start_s'], decimals=1)} – {clock(span['end_s'], decimals=1)}"
            assert times in said
            assert times in page.locator(".hx-about .hx-span-time").inner_text()
        like = page.locator(".hx-about .hx-place").last
        said = re.findall(r"[\d:.]+ – [\d:.]+", like.inner_text())[0]
        like.click()
        eventually(page, f"document.querySelector('.hx-about .hx-span-time').textContent.includes('{said}')")
        assert complaints == []
        page.context.close()


def test_rename_merge_undo_and_reload(opened: Opened, browser: Browser, tmp_path: Path) -> None:
    with served(opened.session(tmp_path)) as server:
        page, _ = open_page(browser, server.address)
        click_span(page, 1, 0)
        page.get_by_label("name of the thread").fill("first")
        page.get_by_label("name of the thread").press("Enter")
        eventually(page, "app.get('edits').lines.length === 1")
        threads = app(page, "app.threadsOf(1).length")
        page.get_by_label("merge the thread into…").select_option(index=1)
        eventually(page, f"app.threadsOf(1).length === {threads - 1}")
        page.get_by_role("button", name="wrong").click()
        eventually(page, "app.chosenSpan() && app.chosenSpan().wrong")
        (file,) = tmp_path.rglob("corrections/*/*.json")
        value = json.loads(file.read_text("utf-8"))
        jsonschema.validate(value, schema())
        assert [one["operation"] for one in value["operations"]] == ["rename", "merge", "mark"]
        page.get_by_role("button", name="undo").click()
        eventually(page, "app.get('edits').lines.length === 2")
        page.locator(".hx-title").click()
        page.keyboard.press("Escape")
        assert len(json.loads(file.read_text("utf-8"))["operations"]) == 2
        page.context.close()
    with served(opened.session(tmp_path)) as server:  # another day
        page, complaints = open_page(browser, server.address)
        assert app(page, "app.get('edits').lines.length") == 2
        assert app(page, "app.threadsOf(1).length") == threads - 1
        assert page.get_by_text("adjusted Rand index").count() == 1
        page.get_by_role("button", name="undo").click()
        page.get_by_role("button", name="undo").click()
        eventually(page, "app.get('edits').lines.length === 0")
        assert not file.exists()
        assert complaints == []
        page.context.close()


def test_the_rest_is_divided_anew_by_a_button_and_undone(opened: Opened, browser: Browser, tmp_path: Path) -> None:
    with served(opened.session(tmp_path, num_threads=[6, 3, 2])) as server:
        page, complaints = open_page(browser, server.address)
        page.get_by_label("level 0", exact=True).check()
        click_span(page, 0, 0)
        spans = app(page, "app.spansOf(0)")
        start, _, first = spans[0][:3]
        other = next(span[2] for span in spans if span[2] != first)
        page.get_by_label("merge the thread into…").select_option(str(other))
        eventually(page, "app.get('edits').lines.length === 1")
        span = {"level": 0, "start_s": start, "end_s": start + 1.1, "thread": None}
        app(page, f"app.do('edit', {json.dumps({'operation': 'assign'} | span)})")
        eventually(page, "app.get('edits').lines.length === 2")
        before = app(page, "app.spansOf(0)")
        page.get_by_role("button", name="divide the rest of level 0 anew").click()
        eventually(page, "app.get('edits').lines.length === 3")
        assert app(page, "app.spansOf(0)") != before
        page.get_by_label("level 2", exact=True).check()
        assert page.get_by_role("button", name="divide the rest of level 2 anew").is_disabled()
        page.get_by_role("button", name="undo").click()
        eventually(page, "app.get('edits').lines.length === 2")
        assert app(page, "app.spansOf(0)") == before
        assert complaints == []
        page.context.close()


def test_a_video_that_the_browser_cannot_play_plays_as_a_preview(
    opened: Opened, browser: Browser, tmp_path: Path
) -> None:
    folder = opened.root / "data" / "raw" / "videos"
    folder.mkdir(parents=True, exist_ok=True)
    old = {"codec": "mpeg4", "options": {"qscale": "2"}, "ticks": 1000}  # MPEG-4 part 2
    video = write_video(folder / "v2.mp4", [number / 10 for number in range(200)], last_s=0.1, **old)

    def slowly(video: Path, target: Path, *, show: ShowShare) -> list[str]:
        show(0.25)
        time.sleep(2.5)  # longer than it takes to look twice
        return make_preview(video, target, show=show)

    session = opened.session(tmp_path, video_uid="v2", make_preview=slowly)
    try:
        with served(session) as server:
            page, _ = open_page(browser, server.address)
            eventually(page, "app.status.textContent.includes('cannot play')")
            page.get_by_role("button", name="make a small preview").click()
            page.get_by_role("button", name="stop").click()
            page.get_by_role("button", name="make a small preview").wait_for()
            page.wait_for_timeout(3000)
            page.get_by_role("button", name="make a small preview").click()
            page.get_by_text("preview, 25 %").wait_for()
            eventually(page, "app.video && app.video.readyState >= 1 && app.video.videoWidth === 64", 30)
            assert app(page, "app.get('preview').state") == "ready"
            assert app(page, "app.status.textContent") == ""
            assert page.get_by_text("A small preview plays").count() == 1
            assert app(page, "app.video.duration") == pytest.approx(20.0, abs=0.2)
            app(page, "app.seek(7.3)")
            eventually(page, "!app.video.seeking && Math.abs(app.video.currentTime - 7.3) < 0.2")
            assert grave(page) == []
            page.reload()
            page.locator(".hiero-explorer[data-drawn]").wait_for(timeout=60_000)
            eventually(page, "app.video && app.video.videoWidth === 64", 30)  # it is kept
            page.context.close()
    finally:
        video.unlink()


def test_by_keyboard_alone(opened: Opened, browser: Browser, tmp_path: Path) -> None:
    with served(opened.session(tmp_path)) as server:
        page, complaints = open_page(browser, server.address)
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.matches('.hx-cursor')"):
                break
        label = page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert re.match(r"level \d, 1 of \d+: .+, [\d:.]+ – [\d:.]+", label), label
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        eventually(page, "app.get('details')")
        assert " 3 of " in page.evaluate("document.activeElement.getAttribute('aria-label')")
        level = app(page, "app.get('level')")
        page.keyboard.press("ArrowDown")
        assert app(page, "app.get('level')") == max(level - 1, 0)
        before = app(page, "app.view.range")
        page.keyboard.press("+")
        assert app(page, "app.view.range") != before
        page.keyboard.press("0")
        assert app(page, "app.view.range") == [app(page, "app.view.start"), app(page, "app.view.end")]
        page.keyboard.press("/")
        page.keyboard.type("cuts the onion")
        page.keyboard.press("Enter")
        eventually(page, "app.get('answers')")
        page.keyboard.press("Escape")  # back to the spans
        page.keyboard.press("r")
        page.keyboard.type("by keys")
        page.keyboard.press("Enter")
        eventually(page, "app.get('edits').lines.length === 1")
        page.keyboard.press("Escape")
        page.keyboard.press("w")
        eventually(page, "app.get('edits').lines.length === 2")
        page.keyboard.press("u")
        eventually(page, "app.get('edits').lines.length === 1")
        page.keyboard.press("U")
        eventually(page, "app.get('edits').lines.length === 2")
        assert complaints == []
        page.context.close()


def test_a_border_is_dragged_and_a_brush_moves_the_figure_below(
    opened: Opened, browser: Browser, tmp_path: Path
) -> None:
    with served(opened.session(tmp_path)) as server:
        page, complaints = open_page(browser, server.address)
        row = "app.timeline.rows.find((row) => row.id === 'level-2')"
        box = page.locator(".hx-tracks .hx-plot").first.bounding_box()
        assert box is not None
        border = app(page, f"{row}.spans[0][1]")
        x, y = app(page, f"[app.timeline.x({border}), {row}.top + 10]")
        page.mouse.move(box["x"] + x, box["y"] + y)
        page.mouse.down()
        page.mouse.move(box["x"] + x - 25, box["y"] + y, steps=5)
        page.mouse.up()
        eventually(page, "app.get('edits').lines.length === 1")
        assert app(page, f"{row}.spans[0][1]") < border - 0.2
        page.get_by_label("search in plain words").fill("cuts the onion")
        page.keyboard.press("Enter")
        eventually(page, "app.get('answers')")
        page.get_by_role("button", name="query", exact=True).click()
        eventually(page, "app.figures.drawn === 'query'", 30)
        box = page.locator(".hx-tracks .hx-plot").first.bounding_box()  # answers stand above it now
        assert box is not None
        page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 8)  # on the axis
        page.mouse.down()
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 8, steps=5)
        page.mouse.up()
        start, end = app(page, "app.view.range")
        assert end - start == pytest.approx(0.25 * app(page, "app.view.end - app.view.start"), rel=0.05)
        eventually(page, f"Math.abs(app.figures.plot.layout.xaxis.range[0] - {start}) < 0.01")
        assert complaints == []
        page.context.close()


def test_dark_follows_the_system_and_two_methods_stand_one_above_the_other(opened: Opened, browser: Browser) -> None:
    with served(opened.session(None)) as server:
        page, complaints = open_page(browser, server.address, color_scheme="dark")
        color = "getComputedStyle(document.querySelector('.hiero-explorer')).backgroundColor"
        assert page.evaluate(color) == "rgb(22, 24, 29)"
        page.emulate_media(color_scheme="light")
        eventually(page, f"{color} === 'rgb(255, 255, 255)'")
        truth = "JSON.stringify(app.get('scene').truth)"
        before = app(page, truth)
        page.get_by_label("level 2", exact=True).check()
        assert app(page, truth) == before  # its colours and names stay
        assert app(page, "app.timeline.rows.find((row) => row.id === 'truth').describe(1)").startswith("washing <up>")
        page.get_by_label("another method or run beside").select_option("linear probe")
        eventually(page, "app.timeline.rows.some((row) => row.id === 'beside-2')")
        assert app(page, "app.timeline.rows.some((row) => row.id === 'differs')")
        assert complaints == []
        page.context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_scrolls_sideways(opened: Opened, browser: Browser, width: int) -> None:
    with served(opened.session(None)) as server:
        page, _ = open_page(browser, server.address, viewport={"width": width, "height": 800})
        click_span(page, 1, 0)
        eventually(page, "app.get('details')")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.context.close()


def test_the_menu_finds_a_video_and_says_how_long_it_is(opened: Opened, browser: Browser) -> None:
    with served(opened.session(None)) as server:
        page, complaints = open_page(browser, server.address)
        menu = page.get_by_role("combobox", name="video")
        menu.click()
        page.get_by_role("option").nth(8).wait_for()
        menu.fill("v7")
        eventually(page, "app.get('videos').total === 1")
        assert "00:32" in page.get_by_role("option").first.inner_text()
        menu.press("Enter")
        eventually(page, "app.get('scene').uid === 'v7'")
        for _ in range(3):  # however often it is opened, and closed
            menu.click()
            page.get_by_role("option").nth(8).wait_for()
            page.keyboard.press("Escape")
            page.get_by_role("option").first.wait_for(state="hidden")
        page.reload()
        page.locator(".hiero-explorer[data-drawn]").wait_for(timeout=60_000)
        menu.click()
        page.get_by_role("option").nth(8).wait_for()
        menu.press("ArrowDown")
        menu.press("Enter")
        eventually(page, "app.get('scene').uid === 'v0'")
        assert complaints == []
        page.context.close()


def test_when_the_server_cannot_be_reached_one_is_told(opened: Opened, browser: Browser) -> None:
    with served(opened.session(None)) as server:
        page, _ = open_page(browser, server.address)
        page.context.set_offline(True)
        click_span(page, 1, 1)
        page.get_by_text("hiero serve has ended").wait_for()
        page.context.close()


def test_one_format_of_time_in_python_and_on_the_page(opened: Opened, browser: Browser) -> None:
    with served(opened.session(None)) as server:
        page, _ = open_page(browser, server.address)
        times = [0, 0.04, 0.05, 0.25, 59.94, 59.95, 59.96, 65.25, 3599.95, 3600, 3725.5, 36000.1, -1.24, -0.01]
        for decimals in (0, 1):
            # what the page shows comes from the module's own `clock`, by the range's label
            shown = app(page, f"{json.dumps(times)}.map((time) => app.clock(time, {decimals}))")
            assert shown == [clock(time, decimals=decimals) for time in times]
        page.context.close()


def test_nothing_keeps_people_out(opened: Opened, browser: Browser, tmp_path: Path) -> None:
    with served(opened.session(tmp_path)) as server:
        page, _ = open_page(browser, server.address)
        click_span(page, 0, 1)
        eventually(page, "app.get('details')")
        assert grave(page) == []
        page.evaluate("document.body.append(document.createElement('img'))")
        assert "image-alt" in str(grave(page))  # it would be seen
        page.context.close()
