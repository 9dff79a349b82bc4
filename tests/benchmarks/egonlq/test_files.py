"""EgoNLQ's annotation files: which are read, and what is wrong with one by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.egonlq.files import FILES, needed_files, read_splits
from hiero_lib.config import Profile
from tests.benchmarks.egonlq.conftest import Change, edit_query

REFUSED: dict[str, tuple[Change, str]] = {  # how the file is changed, and what must be said of it
    "empty file": ("", "the file is empty"),
    "truncated JSON": ('{"videos": [{"video_uid": "v6", "cl', "line 1 column .*truncated"),
    "no video": ('{"videos": []}', "'videos'.*no video"),
    "query of another type": (edit_query(query=5), r"query', value 5: a query is a text"),
    "start after end": (
        edit_query(clip_start_sec=9.0, clip_end_sec=4.0),
        r"value \(9.0, 4.0\): the answer starts after",
    ),
    "a time that is no number": (edit_query(clip_end_sec="4"), "clip_end_sec', value '4'"),
    "times on one side": (edit_query(clip_end_sec=None), "only one of start and end"),
    "no times at all": (edit_query(clip_start_sec=None, clip_end_sec=None), "'c6', 'a6', 0.*no times"),
    "annotation twice": (
        lambda document: document["videos"].append(document["videos"][0]),
        r"videos\[3\].clips\[0\].annotations\[0\].annotation_uid', value \('c6', 'a6'\).*twice",
    ),
    "clip name twice": (
        lambda document: document["videos"][1]["clips"][0].update(clip_uid="c6"),
        r"videos\[1\].clips\[0\].clip_uid', value 'c6': two clips of the same name",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_file_is_refused_by_name(own: Profile, change_validation: Callable[[Change], Path], name: str) -> None:
    change, message = REFUSED[name]
    path = change_validation(change)
    with pytest.raises(DataError, match=rf"nlq_val\.json.*{message}") as error:
        read_splits(own)
    assert error.value.file == path


def test_the_splits_are_read_with_what_each_holds(profile: Profile) -> None:
    splits = read_splits(profile)
    assert list(splits) == ["train", "val", "test"]
    assert [[clip.video_uid for clip in clips] for clips, _ in splits.values()] == [
        ["v0", "v1", "v2", "v3", "v4", "v5"],
        ["v6", "v7", "v8"],
        ["v6", "v7", "v8"],
    ]
    assert [report.queries for _, report in splits.values()] == [24, 12, 12]
    assert not any(query.start_s for clip in splits["test"][0] for query in clip.queries)


def test_a_test_file_is_read_where_it_is_there_and_the_others_are_needed(own: Profile) -> None:
    annotations = Path(own.data_root) / "raw" / "annotations"
    assert needed_files(own) == [annotations / "nlq_train.json", annotations / "nlq_val.json"]
    (annotations / FILES["test"]).unlink()
    assert list(read_splits(own)) == ["train", "val"]
    (annotations / FILES["train"]).unlink()
    with pytest.raises(DataError, match=r"nlq_train\.json.*no such file"):
        read_splits(own)
