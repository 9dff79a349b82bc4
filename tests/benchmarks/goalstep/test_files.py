"""Goal-Step's annotation files: two splits, of which one may be missing, and the table of groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.goalstep.files import annotations_folder, needed_files, read_groups, read_splits
from hiero_lib.config import Profile


def test_both_splits_are_read_with_what_each_holds(profile: Profile) -> None:
    splits = read_splits(profile)
    assert list(splits) == ["val", "test"]
    assert [[clip.video_uid for clip in split.clips] for split in splits.values()] == [["grp-v0", "v2"], ["v3"]]
    assert [split.report.queries for split in splits.values()] == [5, 2]
    assert splits["val"].report.beyond_clip == 1
    assert {query.start_s for clip in splits["test"].clips for query in clip.queries} == {None}


def test_the_test_split_may_be_missing_and_the_others_may_not(own: Profile) -> None:
    folder = Path(own.data_root) / "raw" / "annotations" / "goalstep"
    assert annotations_folder(own) == folder
    assert needed_files(own) == [folder / "val.json", folder / "goalstep_video_groups.tsv"]
    (folder / "test.json").unlink()
    assert list(read_splits(own)) == ["val"]
    (folder / "val.json").unlink()
    with pytest.raises(DataError, match=r"val\.json.*no such file"):
        read_splits(own)


def test_groups_have_their_videos_in_order(profile: Profile, own: Profile) -> None:
    assert read_groups(profile) == {"v0": ("v0", "v1")}
    annotations_folder(own).joinpath("goalstep_video_groups.tsv").unlink()
    with pytest.raises(DataError, match=r"goalstep_video_groups\.tsv.*no such file"):
        read_groups(own)
