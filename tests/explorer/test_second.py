"""A second video: what a correction did not move is not aligned again."""

from __future__ import annotations

import dataclasses

import pytest

from hiero_lib.explorer import second
from hiero_lib.explorer.second import Second
from hiero_lib.front.aligned import aligned_value
from hiero_lib.hierarchy.edits import corrected
from hiero_lib.hierarchy.operations import Assign, Merge, Rename
from tests.helpers.made_up import THREE, record

V = record(THREE, channels=6, video_uid="v")
W = dataclasses.replace(V, video_uid="w")


@pytest.fixture
def aligned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The levels that were aligned."""
    levels: list[int] = []
    align = second.align

    def noted(one, other, *, level):
        levels.append(level)
        return align(one, other, level=level)

    monkeypatch.setattr(second, "align", noted)
    return levels


def test_only_levels_whose_borders_moved_are_aligned_again(aligned: list[int]) -> None:
    made = Second({"w": W, "v": V}.__getitem__, str.upper)
    assert made.value(V, "w") == aligned_value(V, W, name="W")
    assert aligned == [2, 1, 0]
    renamed = corrected(V, [Rename(0, "peels")])
    assert made.value(renamed, "w") == aligned_value(renamed, W, name="W")
    assert aligned == [2, 1, 0]
    moved = corrected(V, [Assign(0, 1.0, 2.5, None)])
    assert made.value(moved, "w") == aligned_value(moved, W, name="W")
    assert aligned == [2, 1, 0, 0]
    coarse = V.levels[2].spans
    merged = corrected(V, [Merge(2, coarse[0].label, coarse[1].label)])
    assert made.value(merged, "w") == aligned_value(merged, W, name="W")
    assert sorted(aligned[4:]) == [0, 1, 2]  # of its threads it is told what is unlike


def test_another_video_and_another_second_are_aligned_anew(aligned: list[int]) -> None:
    made = Second({"w": W, "v": V}.__getitem__, str)
    made.value(V, "w")
    made.value(dataclasses.replace(V, video_uid="u"), "w")
    made.value(dataclasses.replace(V, video_uid="u"), "v")
    assert aligned == [2, 1, 0] * 3
    assert made.value(V, "") is None
