"""The report page: what it holds, how large it is, and that no text of a video becomes markup."""

import dataclasses
import json
import re
from html.parser import HTMLParser

import pytest
from plotly.offline import get_plotlyjs

from hiero_lib.data.narrations import Narrations
from hiero_lib.export.page import report, themed_difference
from hiero_lib.hierarchy.edits import corrected
from hiero_lib.hierarchy.operations import Mark
from tests.helpers.made_record import HOSTILE, made_record


class Parts(HTMLParser):
    """Tags with their attributes, and what stands in scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def parts_of(page: str) -> Parts:
    parts = Parts()
    parts.feed(page)
    return parts


@pytest.fixture(scope="module")
def record():
    return made_record(uid='v</title>"&<b>')


@pytest.fixture(scope="module")
def page(record) -> str:
    return report(record)


def content_of(page: str) -> dict:
    return json.loads(parts_of(page).scripts[1])


def scene_of(page: str) -> dict:
    return content_of(page)["values"]["scene"]


def test_plotly_is_there_once_and_nothing_is_fetched(page) -> None:
    parts = parts_of(page)
    assert len(parts.scripts) == 3
    assert parts.scripts[0].strip() == get_plotlyjs().strip()
    assert page.count(get_plotlyjs()[:2000]) == 1
    assert not [attributes for _, attributes in parts.tags if {"src", "href"} & attributes.keys()]
    policy = next(a["content"] for tag, a in parts.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


def test_no_text_of_the_video_becomes_markup(record, page) -> None:
    parts = parts_of(page)
    assert {tag for tag, _ in parts.tags} == {
        *("html", "head", "meta", "title", "style", "body", "header", "h1", "p", "label", "select", "option"),
        *("main", "section", "div", "noscript", "script"),
    }
    assert "<img" not in page.replace(get_plotlyjs(), "")
    assert "<title>v&lt;/title&gt;&quot;&amp;&lt;b&gt;: HiERO on the generated sample</title>" in page
    content = content_of(page)
    assert content["queries"][0]["text"] == HOSTILE[0]
    drawn = json.dumps(content["tree"])  # plotly reads it as markup of its own
    assert "<img" not in drawn
    assert "&lt;img" in drawn


def test_what_is_drawn_is_the_record(record, page) -> None:
    content = content_of(page)
    scene = content["values"]["scene"]
    for drawn, level in zip(scene["levels"], record.hierarchy.levels[::-1], strict=True):
        assert [span[:3] for span in drawn["spans"]] == [[s.start_s, s.end_s, s.label] for s in level.spans]
    assert content["tree"]["light"]["data"][0]["type"] == "icicle"
    assert len(scene["narrations"]) == 12
    for query in content["queries"]:
        assert len(query["items"]) == 9
        scores = [answer["score"] for answer in query["items"]]
        assert scores == sorted(scores, reverse=True)
        assert [len(curve["times"]) for curve in query["curves"]] == [
            len(x.pos) for x in record.hierarchy.levels[::-1]
        ]
    for level in record.hierarchy.levels:
        alike = content["similar"][str(level.level)]
        assert len(alike) == len(level.spans)
        assert all(number != row for row, found in enumerate(alike) for number, _ in found)


def test_the_page_says_that_it_was_corrected(record) -> None:
    span = record.hierarchy.levels[0].spans[0]
    operations = (Mark(0, span.start_s, span.end_s, True),)
    edited = dataclasses.replace(
        record, hierarchy=corrected(record.hierarchy, operations), operations=operations, pictures={"url": "data:,"}
    )
    page = report(edited)
    assert "with 1 corrections by hand" in page
    assert scene_of(page)["levels"][2]["spans"][0][3] == 1
    assert content_of(page)["values"]["pictures"] == {"url": "data:,"}


def test_the_dark_tree_comes_out_of_the_light_one_and_what_differs(page) -> None:
    themed = content_of(page)["tree"]
    assert themed["light"]["layout"]["paper_bgcolor"] == "#FFFFFF"
    assert [value for path, value in themed["dark"] if path == ["layout", "paper_bgcolor"]] == ["#16181D"]
    assert len(json.dumps(themed["dark"])) < 0.5 * len(json.dumps(themed["light"]))


def test_differences_name_the_smallest_part() -> None:
    light = {"a": [{"x": 1, "y": [1, 2]}, {"x": 2}], "b": 1, "c": {"d": 1}}
    dark = {"a": [{"x": 1, "y": [1, 3]}, {"x": 3}], "c": {"d": 1, "e": 5}}
    expected = [[["a", 0, "y"], [1, 3]], [["a", 1, "x"], 3], [["b"], None], [["c", "e"], 5]]
    assert themed_difference(light, dark) == expected
    assert themed_difference(light, light) == []


def test_without_narrations_or_queries_there_is_still_a_page(record) -> None:
    bare = report(dataclasses.replace(record, narrations=Narrations((), ()), queries=()))
    assert content_of(bare)["queries"] == []
    assert scene_of(bare)["narrations"] == []


def test_two_hours_are_less_than_two_megabytes_beside_plotly() -> None:
    # 13 narrations a minute, spans of 1.7 s at level 0, as many queries as a report has by default
    record = made_record(13_500, narrations=1560, num_threads=16, longest=6, queries=6)
    assert len(record.hierarchy.levels[0].spans) > 4000
    page = report(record)
    size = len(page.encode()) - len(get_plotlyjs().encode())
    assert size < 2_000_000, f"{size:,} bytes"
    text = re.sub(r"\s+", " ", page.replace(get_plotlyjs(), ""))
    assert "2:00:00" in text
