"""A video while it is worked on: nothing is lost, nothing half made."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiero_lib.config import HierarchyConfig
from hiero_lib.explorer.opened import open_video
from hiero_lib.hierarchy.corrections import read_corrections
from hiero_lib.hierarchy.operations import Assign, EditError, Follow, Merge, Rename
from tests.helpers.made_up import THREE, record

VIDEO = record(THREE, channels=6, video_uid="v")


def opened(file: Path | None):
    return open_video(lambda counts: VIDEO, method="HiERO", fingerprint="f", file=file)


def test_each_change_is_on_disk_at_once(tmp_path) -> None:
    file = tmp_path / "c.json"
    video = opened(file)
    video.edit(Rename(0, "a"))
    video.edit(Merge(0, 1, 0))
    assert read_corrections(file).operations == (Rename(0, "a"), Merge(0, 1, 0))
    video.undo()
    assert read_corrections(file).operations == (Rename(0, "a"),)
    video.redo()
    assert opened(file).hierarchy.levels[0].spans == video.hierarchy.levels[0].spans
    with pytest.raises(EditError):
        video.edit(Merge(0, 99, 0))
    assert len(video.done) == 2
    video.undo()
    video.undo()
    video.undo()
    assert not file.exists()
    assert video.hierarchy.levels[0].spans == VIDEO.levels[0].spans
    assert opened(None).file is None


def test_a_new_correction_ends_what_could_be_redone() -> None:
    video = opened(None)
    video.edit(Rename(0, "a"))
    video.undo()
    video.edit(Rename(0, "b"))
    video.redo()
    assert video.done == [Rename(0, "b")]


def test_new_threads_have_the_numbers_that_they_have_when_all_is_read_again(tmp_path) -> None:
    file = tmp_path / "c.json"
    video = opened(file)
    video.edit(Assign(0, 1.0, 2.0, None))
    first = max(video.hierarchy.levels[0].seconds())
    video.edit(Merge(0, first, 0))
    video.edit(Assign(0, 3.0, 4.0, None))
    video.edit(Rename(max(video.hierarchy.levels[0].seconds()), "apart"))
    assert opened(file).refused == ""
    assert opened(file).hierarchy.levels[0].spans == video.hierarchy.levels[0].spans


def test_the_rest_follows_and_is_one_correction_that_can_be_undone(tmp_path) -> None:
    file = tmp_path / "c.json"
    video = opened(file)
    video.edit(Assign(0, 1.0, 3.0, 3))
    before = video.hierarchy.levels[0].spans
    made = video.follow(0, HierarchyConfig(coherence_s=0.5))
    assert isinstance(made, Follow)
    assert read_corrections(file).operations[-1] == made
    assert opened(file).hierarchy.levels[0].spans == video.hierarchy.levels[0].spans != before
    video.undo()
    assert video.hierarchy.levels[0].spans == before
    video.redo()
    assert video.done[-1] == made


def test_a_damaged_file_is_told_and_stays(tmp_path) -> None:
    file = tmp_path / "c.json"
    file.write_text("{")
    video = opened(file)
    assert str(file) in video.refused
    for action in (lambda: video.edit(Rename(0, "a")), video.undo, video.redo):
        with pytest.raises(EditError, match="not used"):
            action()
    assert file.read_text() == "{"


def test_dividing_anew_is_refused_while_there_are_corrections() -> None:
    video = opened(None)
    video.edit(Rename(0, "a"))
    with pytest.raises(EditError, match="would drop 1 corrections"):
        video.divide(2, 1, lambda hierarchy: hierarchy)
    video.undo()
    video.divide(2, 1, lambda hierarchy: hierarchy)
    assert len(video.base.levels[2].seconds()) == 1
