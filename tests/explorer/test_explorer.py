"""The explorer without a browser: what a widget's change, a search and a click do to the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from hiero_lib.config import load_profile
from hiero_lib.data.media import Media, find_media
from hiero_lib.data.paths import DataPaths
from hiero_lib.explorer.explorer import Explorer
from hiero_lib.explorer.live import figure_html, load_plotly_html, read_click
from hiero_lib.explorer.span_details import details_html, run_at, run_details
from hiero_lib.hierarchy.collection import Collection, open_collection, short_uids
from hiero_lib.hierarchy.spans import Run
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
    collection, method, run = opened
    return Explorer(collection, method, index=open_index(run, collection, method))


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


def test_the_first_picture_shows_the_runs_of_every_level(explorer: Explorer) -> None:
    expected = [
        (row, run.start_s, pytest.approx(run.length_s, abs=1e-3))
        for row, level in enumerate(reversed(explorer.hierarchy.levels))
        for run in level.runs
    ]
    assert bars(explorer.timeline()) == sorted(expected, key=lambda bar: bar[:2])
    assert explorer._top.outputs[0]["data"]["text/html"].count("Plotly.newPlot") == 1
    assert "sample" in explorer.title


def test_the_slider_divides_the_chosen_level_alone(explorer: Explorer) -> None:
    before = {level.level: level.runs for level in explorer.hierarchy.levels}
    explorer.level.value = 1
    assert explorer.threads.value == len(level_of(explorer.hierarchy, 1).seconds())
    explorer.threads.value = 3
    assert len(level_of(explorer.hierarchy, 1).seconds()) == 3
    spans = [[(run.start_s, run.end_s) for run in runs] for runs in (before[0], level_of(explorer.hierarchy, 0).runs)]
    assert spans[0] == spans[1]
    explorer.auto.value = True
    assert explorer.threads.disabled
    assert explorer.threads.value == len(level_of(explorer.hierarchy, 1).seconds())


def test_what_was_divided_is_kept_when_one_comes_back(explorer: Explorer) -> None:
    explorer.threads.value = 3
    first, other = explorer.video.options[:2]
    explorer.video.value = other
    assert explorer.hierarchy.video_uid == other
    explorer.video.value = first
    assert len(level_of(explorer.hierarchy, explorer.level.value).seconds()) == 3


def test_a_click_shows_what_belongs_to_the_run(explorer: Explorer) -> None:
    figure = explorer.timeline()
    for curve, trace in enumerate(figure.data):
        if trace.type != "bar":
            continue
        click(explorer, curve=curve, point=len(trace.base) - 1)
        assert explorer.details is not None
        level = explorer.hierarchy.levels[::-1][int(trace.y[-1])]
        assert (explorer.details.level, explorer.details.run.start_s) == (level.level, float(trace.base[-1]))
        times, _texts = explorer.collection.narrations(explorer.video.value)
        run = explorer.details.run
        told = [t for t in times if run.start_s <= t < run.end_s]
        assert [t for t, _ in explorer.details.narrations] == told
        assert frames(explorer.timeline())[-1] == (run.start_s, run.end_s, "chosen")
    assert all(answer.video_uid != explorer.video.value for answer in explorer.details.elsewhere)  # type: ignore[union-attr]
    assert len(explorer.details.elsewhere) == 5  # type: ignore[union-attr]


def test_a_search_jumps_to_the_best_run_and_lists_the_collections(explorer: Explorer) -> None:
    explorer.query.value = "washes the plate"
    assert explorer.view.value == "query"
    marked = frames(explorer.timeline())
    assert explorer.details is not None
    best = explorer.details.run
    assert (best.start_s, best.end_s, "1") in marked
    answers = [answer for _, answer in explorer.answers.options]
    assert [answer.score for answer in answers] == sorted((answer.score for answer in answers), reverse=True)
    other = next(answer for answer in answers if answer.video_uid != explorer.video.value)
    explorer.answers.value = other
    assert explorer.video.value == other.video_uid
    assert explorer.level.value == other.level
    assert explorer.details.run.start_s <= (other.start_s + other.end_s) / 2 < explorer.details.run.end_s
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
    truth = TimelineRow("truth", [Run(0.0, 2.0, 0), Run(2.0, 4.0, 1)])
    made = Explorer(collection, method, level=9, num_threads=[3, 2, 2], truth=lambda uid: truth)
    assert made.level.value == 2
    assert [len(level.seconds()) for level in made.hierarchy.levels] == [3, 2, 2]
    assert made.timeline().layout.yaxis.ticktext[:4] == ("level 2", "level 1", "level 0", "truth")
    assert not made.query.disabled


def test_without_a_text_space_one_is_told_so(opened: tuple[Collection, Method, Path]) -> None:
    collection, _, _ = opened
    raw = open_methods(collection.profile, checkpoints={}, device=CPU)[UNTRAINED]
    made = Explorer(collection, raw)
    assert made.query.disabled
    made.view.value = "query"
    assert made.below.layout.title.text == made.query.placeholder == "these features have no text space"


def test_uids_are_shortened_as_far_as_they_differ() -> None:
    assert short_uids(["0afdddc5-c08c", "20e12db3-1111"]) == {
        "0afdddc5-c08c": "0afdddc5",
        "20e12db3-1111": "20e12db3",
    }
    assert short_uids(["kitchen_001_left", "kitchen_002_left"])["kitchen_001_left"] == "kitchen_001"
    assert short_uids(["v0", "v1"]) == {"v0": "v0", "v1": "v1"}
    assert short_uids([]) == {}


def test_details_are_escaped_and_cut(explorer: Explorer) -> None:
    from hiero_lib.viz.bars import Narrations

    level = level_of(explorer.hierarchy, 2)
    told = Narrations([0.5 + 0.001 * i for i in range(30)], ["#C C <b>bold</b>"] * 30)
    details = run_details(explorer.hierarchy, level=2, at_s=0.5, narrations=told)
    assert details.run == level.runs[run_at(level, 0.5)]
    assert details.elsewhere == ()
    text = details_html(details)
    assert "<b>bold" not in text
    assert "and 18 more" in text


def test_scripts_cannot_be_ended_by_a_text() -> None:
    import plotly.graph_objects as go

    text = figure_html(go.Figure(layout={"title": {"text": "</script><img>"}}), view="v", listener="l")
    assert text.count("</script>") == 1
    assert "window.Plotly" in load_plotly_html()


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"view": "v", "curve": "x", "point": 0, "x": 1}'])
def test_what_is_no_click_is_none(text: str) -> None:
    assert read_click(text) is None


def test_media_are_found_by_name(tmp_path: Path) -> None:
    paths = DataPaths.at(tmp_path)
    assert find_media(paths, "v") == Media()
    folder = paths.frames / "v"
    folder.mkdir(parents=True)
    for name in ("12.5.jpg", "3.png", "cover.jpg", "4.txt"):
        (folder / name).write_bytes(b"x")
    found = find_media(paths, "v")
    assert [at for at, _ in found.frames] == [3.0, 12.5]
    assert [at for at, _ in found.frames_between(0, 5)] == [3.0]
    assert [at for at, _ in found.frames_between(20, 30)] == [12.5]
    paths.videos.mkdir()
    (paths.videos / "v.mp4").write_bytes(b"film")
    assert find_media(paths, "v").video == paths.videos / "v.mp4"
    for name in ("my video.mp4", "küche.webm", "a+b.MP4"):
        (paths.videos / name).write_bytes(b"film")
        assert find_media(paths, Path(name).stem).video == paths.videos / name
    (paths.frames / "my video").mkdir()
    (paths.frames / "my video" / "1.jpg").write_bytes(b"x")
    assert len(find_media(paths, "my video").frames) == 1
    assert find_media(paths, "../frames/v") == Media()


def test_the_player_goes_where_one_clicks(
    explorer: Explorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hiero_lib.explorer.player import Player

    film = tmp_path / "v.mp4"
    film.write_bytes(b"film")
    player = Player("listener")
    player.open(Media(film))
    assert type(player._box.children[0]).__name__ == "Video"
    player.seek(12.5, 14.0)
    assert "currentTime = 12.500" in player._script.outputs[0]["data"]["text/html"]
    picture = tmp_path / "13.0.jpg"
    picture.write_bytes(b"jpeg")
    player.open(Media(None, ((13.0, picture),)))
    player.seek(12.5, 14.0)
    assert 'alt="frame at 00:13.0"' in player._box.children[0].value
    monkeypatch.setattr("hiero_lib.explorer.player._MOST_BYTES", 3)  # the film is longer
    player.open(Media(film))
    assert "v.mp4 is larger" in player._box.children[0].value
    player.open(Media(film, ((13.0, picture),)))
    player.seek(12.5, 14.0)
    assert 'alt="frame at 00:13.0"' in player._box.children[0].value
    player.open(Media())
    player.seek(0.0, 1.0)
    assert player._box.children == ()
