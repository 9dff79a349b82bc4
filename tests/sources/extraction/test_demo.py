"""The demonstration: forty seconds that play, subtitles within their turns, scenes that differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hiero_lib.data.subtitles import read_narrations
from hiero_lib.sources.extraction.decode import video_info
from hiero_lib.sources.extraction.demo import FPS, HEIGHT, WIDTH, make_demo, picture


def test_the_demo_is_a_video_with_its_subtitles(tmp_path: Path) -> None:
    demo = make_demo(tmp_path / "demo")
    assert video_info(demo.video).duration_s == demo.turns[-1][1] == 40.0
    assert [start for start, _, _ in demo.turns] == [0.0, *(end for _, end, _ in demo.turns[:-1])]
    assert len({activity for _, _, activity in demo.turns}) == 3
    narrations = read_narrations(demo.narrations)
    assert len(narrations.texts) > 20
    assert len(set(narrations.texts)) == 9
    assert all(later > earlier for earlier, later in zip(narrations.times, narrations.times[1:]))
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "demo").iterdir()}
    assert set(written) == {demo.video, demo.narrations}
    assert make_demo(tmp_path / "demo") == demo
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "demo").iterdir()} == written


def test_subtitles_are_of_the_activity_that_goes_on(tmp_path: Path) -> None:
    demo = make_demo(tmp_path)
    words = {"dough": ("dough", "flour"), "stove": ("sauce", "flame"), "sink": ("plate", "pan", "glass")}
    narrations = read_narrations(demo.narrations)
    for time, text in zip(narrations.times, narrations.texts):
        (activity,) = [activity for start, end, activity in demo.turns if start <= time < end]
        assert any(word in text for word in words[activity])


def test_scenes_of_one_activity_are_more_alike_than_those_of_two() -> None:
    frames = {
        name: [picture(name, time).astype(float) for time in (1.0, 1.0 + 1 / FPS)] for name in ("dough", "sink")
    }
    assert picture("stove", 0.0).shape == (HEIGHT, WIDTH, 3)
    assert np.array_equal(picture("stove", 3.0), picture("stove", 3.0))  # the same at each call
    within = np.abs(frames["dough"][0] - frames["dough"][1]).mean()
    between = np.abs(frames["dough"][0] - frames["sink"][0]).mean()
    assert 0 < within < between / 3
