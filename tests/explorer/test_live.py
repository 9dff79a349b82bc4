"""Figures as HTML whose clicks come back: nothing of a text becomes markup, and only clicks are read."""

from __future__ import annotations

import json
import re

import plotly.graph_objects as go
import pytest

from hiero_lib.explorer.live import Click, figure_html, load_plotly_html, read_click, start_html


def test_scripts_cannot_be_ended_by_a_text() -> None:
    text = figure_html(go.Figure(layout={"title": {"text": "</script><img>"}}), view="v", listener="l")
    assert text.count("</script>") == 1
    assert "window.Plotly" in load_plotly_html()


def test_a_figure_carries_its_data_its_view_and_who_listens() -> None:
    figure = go.Figure(go.Bar(x=[1, 2], y=[3, 4]), layout={"height": 321})
    first, second = (figure_html(figure, view='the "tree"', listener="l-1") for _ in range(2))
    spec = re.search(r"const spec = (.*), listener = (.*), view = (.*);", first)
    assert spec is not None
    assert json.loads(spec[1])["data"][0]["type"] == "bar"
    assert (json.loads(spec[2]), json.loads(spec[3])) == ("l-1", 'the "tree"')
    assert "height:321px" in first
    node = re.compile(r'<div id="([^"]+)" class="hiero-figure"')
    assert node.search(first)[1] != node.search(second)[1]  # type: ignore[index]  # two on one page keep apart


def test_what_was_left_out_is_run_by_the_marks_that_the_others_leave() -> None:
    for mark in ("hiero-plotly", "hiero-figure"):
        assert f".{mark}" in start_html()
    assert 'class="hiero-plotly"' in load_plotly_html()


def test_a_click_is_read_with_and_without_a_point() -> None:
    bar = {"view": "threads", "curve": 2, "point": 7, "x": 1.5, "at": 123}
    assert read_click(json.dumps(bar)) == Click("threads", 2, 7, 1.5)
    assert read_click(json.dumps(bar | {"point": None, "x": None})) == Click("threads", 2, None, None)


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"view": "v", "curve": "x", "point": 0, "x": 1}'])
def test_what_is_no_click_is_none(text: str) -> None:
    assert read_click(text) is None
