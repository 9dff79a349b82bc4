"""Corrections as a file: written and read the same, and refused where they are not of this division."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.hierarchy.corrections import (
    corrections_file,
    corrections_of,
    read_corrections,
    schema,
    with_corrections,
    write_corrections,
)
from hiero_lib.hierarchy.edits import corrected
from hiero_lib.hierarchy.operations import Assign, Border, Follow, Mark, Merge, Rename, Replace, Split
from hiero_lib.hierarchy.spans import Span
from hiero_lib.hierarchy.video import with_threads
from tests.helpers.made_up import THREE, record

EVERY = (
    Rename(0, "ä 漢字 <b>"),
    Merge(0, 1, 0),
    Split(0, 0, 3.0),
    Assign(1, 1.0, 2.0, None),
    Assign(1, 2.0, 3.0, 0),
    Mark(2, 0.0, 2.0, True),
    Replace(1, (Span(0.0, 5.0, 0), Span(5.0, 9.0, 9)), {9: "eats"}, frozenset({1})),
    Border(1, 5.0, 6.0),
    Follow(2, (Span(3.0, 3.5, 1), Span(7.0, 8.0, 0))),
)


@pytest.fixture
def video():
    return record(THREE, channels=6, video_uid="v/../x")


@pytest.fixture
def made(video):
    import dataclasses

    empty = corrections_of(video, method="HiERO", fingerprint="f")
    return dataclasses.replace(empty, operations=EVERY)


def test_what_is_written_is_read_and_meets_the_schema(tmp_path, video, made) -> None:
    path = corrections_file(tmp_path, "linear probe", video.video_uid)
    assert path.parent == tmp_path / "corrections" / "linear_probe"
    write_corrections(path, made)
    assert read_corrections(path) == made
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(json.loads(path.read_text("utf-8")), schema(), cls=jsonschema.Draft202012Validator)
    found = with_corrections(path, lambda asked: video)
    assert found is not None
    base, edited, corrections = found
    assert base is video
    assert edited.levels[1].spans == corrected(video, EVERY).levels[1].spans
    assert corrections.asked == (1000, 1000, 1000)


def test_without_a_file_there_are_no_corrections(tmp_path) -> None:
    assert with_corrections(tmp_path / "none.json", lambda asked: pytest.fail("not asked for")) is None


def test_another_division_or_video_is_refused(tmp_path, video, made) -> None:
    path = tmp_path / "c.json"
    write_corrections(path, made)
    with pytest.raises(DataError, match="another division") as caught:
        with_corrections(path, lambda asked: with_threads(video, 2, 1))
    assert caught.value.file == path
    other = record(THREE, channels=6, video_uid="w")
    with pytest.raises(DataError, match="another video"):
        with_corrections(path, lambda asked: other)


def spoilt(value: Any, where: str, to: Any) -> Any:
    *way, last = [int(key) if key.isdigit() else key for key in where.split(".")]
    inner = value
    for key in way:
        inner = inner[key]
    if to is KeyError:
        del inner[last]
    else:
        inner[last] = to
    return value


@pytest.mark.parametrize(
    ("where", "to"),
    [
        *(("format", "x"), ("version", 2), ("version", True), ("method", []), ("method.name", 3)),
        *(("asked", "auto"), ("asked.0", 0), ("asked.0", "many"), ("division", "../x"), ("operations", {})),
        *(("video_uid", None), ("video_uid", KeyError), ("operations.0", 3), ("operations.0.operation", "erase")),
        *(("operations.0.operation", ["x"]), ("operations.0.name", None), ("operations.0.name", "x" * 201)),
        *(("operations.0.thread", 1.5), ("operations.0.thread", None), ("operations.0.extra", 1)),
        *(("operations.1.into", KeyError), ("operations.2.at_s", "3"), ("operations.2.at_s", True)),
        *(("operations.5.wrong", 1), ("operations.6.spans.0.thread", -2), ("operations.6.spans.0", [])),
        *(("operations.6.names.0.name", 3), ("operations.6.spans", None)),
    ],
)
def test_a_value_that_is_none_is_named(tmp_path, made, where, to) -> None:
    path = tmp_path / "c.json"
    write_corrections(path, made)
    path.write_text(json.dumps(spoilt(json.loads(path.read_text("utf-8")), where, to)), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_corrections(path)
    assert caught.value.file == path
    assert caught.value.field


def test_not_a_number_in_the_file_is_no_second(tmp_path, made) -> None:
    path = tmp_path / "c.json"
    write_corrections(path, made)
    path.write_text(path.read_text("utf-8").replace('"at_s": 3.0', '"at_s": NaN'), encoding="utf-8")
    with pytest.raises(DataError, match="seconds"):
        read_corrections(path)
