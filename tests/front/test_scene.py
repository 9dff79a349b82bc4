"""A video as plain values."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from hiero_lib.data.narrations import Narrations
from hiero_lib.front.scene import curves, scene
from hiero_lib.hierarchy.edits import corrected
from hiero_lib.hierarchy.operations import Mark
from hiero_lib.hierarchy.spans import Span
from hiero_lib.viz.bars import TimelineRow
from hiero_lib.viz.palette import thread_color
from tests.helpers.made_up import THREE, record

VIDEO = record(THREE, channels=6, video_uid="v")


def test_levels_threads_and_narrations() -> None:
    span = VIDEO.levels[0].spans[1]
    marked = corrected(VIDEO, [Mark(0, span.start_s, span.end_s, True)])
    narrations = Narrations([1.0, 2.0], ["#C C cuts", "#O a man <sits>"])
    value = scene(marked, name="v", title="t", narrations=narrations)
    json.dumps(value, allow_nan=False)
    assert [one["level"] for one in value["levels"]] == [2, 1, 0]
    finest = value["levels"][2]["spans"]
    assert finest[1] == [span.start_s, span.end_s, span.label, 1]
    assert len(finest[0]) == 3
    assert value["narrations"] == [[1.0, "cuts"], [2.0, "a man <sits>"]]
    for thread, about in value["threads"].items():
        assert about["color"] == thread_color(int(thread))
    assert value["truth"] is value["beside"] is None


def test_the_truth_has_names_of_its_own_in_the_colours_of_its_labels() -> None:
    truth = TimelineRow("truth", [Span(3.0, 9.0, 1), Span(0.0, 3.0, 0), Span(9.0, 10.0, -1)], {0: "cooking"})
    value = scene(VIDEO, name="v", title="t", truth=truth)["truth"]
    assert [span[0] for span in value["spans"]] == [0.0, 3.0, 9.0]
    assert value["labels"]["0"]["name"] == "cooking"
    assert value["labels"]["-1"]["color"] == thread_color(-1)
    assert [value["labels"][label]["color"] for label in "01"] == [thread_color(0), thread_color(1)]


def test_beside_is_matched_and_what_differs_is_where_labels_do() -> None:
    shifted = [dataclasses.replace(span, label=span.label + 50) for span in VIDEO.levels[2].spans]
    levels = (*VIDEO.levels[:2], dataclasses.replace(VIDEO.levels[2], spans=tuple(shifted)))
    other = dataclasses.replace(VIDEO, levels=levels)
    value = scene(VIDEO, name="v", title="t", beside=("other", other))["beside"]
    assert [one["share"] for one in value["differs"]] == [0.0, 0.0, 0.0]  # other numbers, the same threads
    whole = (Span(0.0, VIDEO.end_s, 0),)
    flat = dataclasses.replace(VIDEO, levels=tuple(dataclasses.replace(x, spans=whole) for x in VIDEO.levels))
    value = scene(VIDEO, name="v", title="t", beside=("flat", flat))["beside"]
    for one, level in zip(value["differs"], VIDEO.levels[::-1]):
        seconds = level.seconds()
        longest = max(seconds.values())
        assert one["share"] == pytest.approx(1 - longest / VIDEO.end_s, abs=1e-3)
        assert sum(end - start for start, end, _ in one["spans"]) == pytest.approx(VIDEO.end_s - longest, abs=0.01)


def test_curves_of_every_level() -> None:
    found = curves(VIDEO, torch.ones(6))
    assert [one["level"] for one in found] == [2, 1, 0]
    assert [len(one["times"]) for one in found] == [10, 20, 40]
    assert all(len(one["times"]) == len(one["values"]) for one in found)
