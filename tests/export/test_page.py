"""The report page: what it holds, how large it is, and that no text of a video becomes markup."""

import json
import re
from html.parser import HTMLParser

import pytest
from plotly.offline import get_plotlyjs

from hiero_lib.data.narrations import Narrations
from hiero_lib.export.page import report, themed_difference
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
        *("main", "section", "div", "button", "ol", "noscript", "script"),
    }
    assert "<img" not in page.replace(get_plotlyjs(), "")
    assert "<title>v&lt;/title&gt;&quot;&amp;&lt;b&gt;: HiERO on the generated sample</title>" in page
    content = content_of(page)
    assert content["queries"][0]["text"] == HOSTILE[0]
    drawn = json.dumps([content["timeline"], content["tree"]])  # plotly reads these as markup of its own
    assert "<img" not in drawn
    assert "&lt;img" in drawn


def test_the_figures_are_those_of_the_record(record, page) -> None:
    content = content_of(page)
    bars = [trace for trace in content["timeline"]["light"]["data"] if trace["type"] == "bar"]
    assert sum(len(trace["y"]) for trace in bars) == sum(len(level.spans) for level in record.hierarchy.levels)
    assert content["tree"]["light"]["data"][0]["type"] == "icicle"
    assert content["span"] == [record.hierarchy.start_s, record.hierarchy.end_s]
    for query in content["queries"]:
        assert len(query["answers"]) == 9
        assert all(answer["start_s"] < answer["end_s"] for answer in query["answers"])


def test_the_dark_figure_comes_out_of_the_light_one_and_what_differs(page) -> None:
    content = content_of(page)
    for themed in (content["timeline"], content["tree"], content["queries"][0]["figure"]):
        assert themed["dark"]
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
    import dataclasses

    bare = dataclasses.replace(record, narrations=Narrations((), ()), queries=())
    content = content_of(report(bare))
    assert content["queries"] == []
    assert "narrations" not in content["timeline"]["light"]["layout"]["yaxis"]["ticktext"]


def test_two_hours_are_less_than_two_megabytes_beside_plotly() -> None:
    # 13 narrations a minute, spans of 1.7 s at level 0, as many queries as a report has by default
    record = made_record(13_500, narrations=1560, num_threads=16, longest=6, queries=6)
    assert len(record.hierarchy.levels[0].spans) > 4000
    page = report(record)
    size = len(page.encode()) - len(get_plotlyjs().encode())
    assert size < 2_000_000, f"{size:,} bytes"
    text = re.sub(r"\s+", " ", page.replace(get_plotlyjs(), ""))
    assert "2:00:00" in text
