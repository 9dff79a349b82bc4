"""The explorer without a browser: what a widget's change, a search and a click do to the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from hiero_lib.config import load_profile
from hiero_lib.explorer.explorer import Explorer
from hiero_lib.hierarchy.collection import Collection, named_hierarchy, open_collection
from hiero_lib.hierarchy.spans import Span
from hiero_lib.methods.method import HIERO, UNTRAINED, Method
from hiero_lib.methods.opening import open_methods
from hiero_lib.search.build import open_index
from hiero_lib.viz.bars import TimelineRow
from hiero_lib.viz.rows import level_of
from tests.helpers.tiny import make_checkpoint, make_tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Collection, Method, Path]:
    root = tmp_path_factory.mktemp("explorer")
    profile = load_profile(make_tiny(root / "data", features__text_projection=None))
    checkpoint = make_checkpoint(root / "hiero", profile, "hiero")
    method = open_methods(profile, checkpoints={"hiero": checkpoint}, device=CPU)[HIERO]
    return open_collection(profile, device=CPU), method, root / "run"


@pytest.fixture
def explorer(opened: tuple[Collection, Method, Path]) -> Explorer:
    collection, method, folder = opened
    return Explorer(collection, method, index=open_index(folder, collection, method))


def bars(figure: Any) -> list[tuple[int, float, float]]:
    """Row, start and length of every bar."""
    found = []
    for trace in figure.data:
        if trace.type == "bar":
            found += zip(map(int, trace.y), map(float, trace.base), map(float, trace.x))
    return sorted(found)


def frames(figure: Any) -> list[tuple[float, float, str]]:
    return [(shape.x0, shape.x1, shape.name) for shape in figure.layout.shapes if shape.name]


def click(explorer: Explorer, **told: Any) -> None:
    explorer._clicked.value = json.dumps({"view": "timeline", "curve": 0, "point": 0, "x": 1.0} | told)


def test_the_first_picture_shows_the_spans_of_every_level(explorer: Explorer) -> None:
    expected = [
        (row, span.start_s, pytest.approx(span.length_s, abs=1e-3))
        for row, level in enumerate(reversed(explorer.hierarchy.levels))
        for span in level.spans
    ]
    assert bars(explorer.timeline()) == sorted(expected, key=lambda bar: bar[:2])
    assert explorer._top.outputs[0]["data"]["text/html"].count("Plotly.newPlot") == 1
    assert "sample" in explorer.title


def test_the_slider_divides_the_chosen_level_and_those_below(explorer: Explorer) -> None:
    coarsest = level_of(explorer.hierarchy, 2).spans
    explorer.level.value = 1
    assert explorer.threads.value == len(level_of(explorer.hierarchy, 1).seconds())
    assert explorer.threads.min == len(level_of(explorer.hierarchy, 2).seconds())  # they nest: no fewer than above
    explorer.threads.value = explorer.threads.min
    assert len(level_of(explorer.hierarchy, 1).seconds()) == explorer.threads.min
    assert level_of(explorer.hierarchy, 2).spans == coarsest
    explorer.level.value = 2
    assert explorer.threads.min == 1
    explorer.threads.value = 1
    assert len(level_of(explorer.hierarchy, 2).seconds()) == 1
    explorer.level.value = 1
    explorer.auto.value = True
    assert explorer.threads.disabled
    assert explorer.threads.value == len(level_of(explorer.hierarchy, 1).seconds())


def test_what_was_divided_is_kept_when_one_comes_back(explorer: Explorer) -> None:
    explorer.level.value = 2
    explorer.threads.value = 1
    first, other = explorer.video.options[:2]
    explorer.video.value = other
    assert explorer.hierarchy.video_uid == other
    explorer.video.value = first
    assert len(level_of(explorer.hierarchy, explorer.level.value).seconds()) == 1


def test_a_click_shows_what_belongs_to_the_span(explorer: Explorer) -> None:
    figure = explorer.timeline()
    for curve, trace in enumerate(figure.data):
        if trace.type != "bar":
            continue
        click(explorer, curve=curve, point=len(trace.base) - 1)
        assert explorer.details is not None
        level = explorer.hierarchy.levels[::-1][int(trace.y[-1])]
        assert (explorer.details.level, explorer.details.span.start_s) == (level.level, float(trace.base[-1]))
        narrations = explorer.collection.narrations(explorer.video.value)
        span = explorer.details.span
        during = [t for t in narrations.times if span.start_s <= t < span.end_s]
        assert list(explorer.details.narrations.times) == during
        assert frames(explorer.timeline())[-1] == (span.start_s, span.end_s, "chosen")
    assert all(answer.video_uid != explorer.video.value for answer in explorer.details.elsewhere)  # type: ignore[union-attr]
    assert len(explorer.details.elsewhere) == 5  # type: ignore[union-attr]


def test_a_search_jumps_to_the_best_span_and_lists_the_collections(explorer: Explorer) -> None:
    explorer.query.value = "washes the plate"
    assert explorer.view.value == "query"
    marked = frames(explorer.timeline())
    assert explorer.details is not None
    best = explorer.details.span
    assert (best.start_s, best.end_s, "1") in marked
    answers = [answer for _, answer in explorer.answers.options]
    assert [answer.score for answer in answers] == sorted((answer.score for answer in answers), reverse=True)
    other = next(answer for answer in answers if answer.video_uid != explorer.video.value)
    explorer.answers.value = other
    assert explorer.video.value == other.video_uid
    assert explorer.level.value == other.level
    assert explorer.details.span.start_s <= (other.start_s + other.end_s) / 2 < explorer.details.span.end_s
    assert not explorer.answers.layout.display
    explorer.query.value = "  "
    assert explorer.answers.options == ()
    assert explorer.answers.layout.display == "none"


def test_every_figure_below_can_be_chosen(explorer: Explorer) -> None:
    drawn = set()
    for view in explorer.view.options:
        explorer.view.value = view
        drawn.add(explorer._below.outputs[0]["data"]["text/html"].split("const spec")[1][:4000])
    assert len(drawn) >= len(explorer.view.options) - 1  # without a query, its place shows the lanes
    assert explorer.show().children


def test_a_click_that_is_no_moment_changes_nothing(explorer: Explorer) -> None:
    explorer.view.value = "map"
    click(explorer, view="map", curve=0, point=3, x=2.0)
    assert explorer.details is None
    explorer._clicked.value = "not json"
    assert explorer.details is None


def test_the_edges_follow_a_click(explorer: Explorer) -> None:
    explorer.view.value = "levels"
    before = explorer._below.outputs
    figure = explorer.timeline()
    curve = next(i for i, trace in enumerate(figure.data) if trace.type == "bar")
    click(explorer, curve=curve, point=0)
    assert explorer.details is not None
    assert explorer._below.outputs != before


def test_another_level_or_video_frees_the_slider(explorer: Explorer) -> None:
    for move in (
        lambda: setattr(explorer.level, "value", 0),
        lambda: setattr(explorer.video, "value", explorer.video.options[1]),
    ):
        explorer.auto.value = True
        assert explorer.threads.disabled
        move()
        assert not explorer.auto.value
        assert not explorer.threads.disabled


def test_what_it_is_given_at_the_start(opened: tuple[Collection, Method, Path]) -> None:
    collection, method, _ = opened
    truth = TimelineRow("truth", [Span(0.0, 2.0, 0), Span(2.0, 4.0, 1)])
    made = Explorer(collection, method, level=9, num_threads=[3, 2, 2], truth=lambda uid: truth)
    assert made.level.value == 2
    counts = [len(level.seconds()) for level in made.hierarchy.levels]
    expected = named_hierarchy(collection, method, made.video.value, num_threads=[3, 2, 2])
    assert counts == [len(level.seconds()) for level in expected.levels]
    assert counts[2] <= 2
    assert made.timeline().layout.yaxis.ticktext[:4] == ("level 2", "level 1", "level 0", "truth")
    assert not made.query.disabled


def test_without_a_text_space_one_is_told_so(opened: tuple[Collection, Method, Path]) -> None:
    collection, _, _ = opened
    raw = open_methods(collection.profile, checkpoints={}, device=CPU)[UNTRAINED]
    made = Explorer(collection, raw)
    assert made.query.disabled
    made.view.value = "query"
    assert made.below.layout.title.text == made.query.placeholder == "these features have no text space"
