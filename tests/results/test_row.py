"""A row goes into results.json with every field, and comes out as it went in."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from hiero_lib.results.entries import entries
from hiero_lib.results.metric import Metric
from hiero_lib.results.record import load, record
from hiero_lib.results.row import Row
from tests.results.test_record import REAL

FULL = Row(
    "EgoNLQ", "HiERO", "mIoU", Metric(0.25, 12, 3, (0.2, 0.3)), 0.21, "a note", "released", seed=(3, 5), spread=0.01
)


def test_every_field_of_a_row_comes_back(tmp_path: Path) -> None:
    record(tmp_path, "s", [FULL], profile=REAL, seconds=1)
    (kept,) = load(tmp_path)["sections"]["s"]["rows"]
    assert kept.keys() == {field.name for field in dataclasses.fields(Row)}
    result = kept.pop("result")
    again = Row(**kept | {"seed": tuple(kept["seed"])}, result=Metric(**result | {"interval": (0.2, 0.3)}))
    assert again == FULL
    assert result["interval"] == [0.2, 0.3]


def test_every_field_of_a_row_stands_in_its_line(tmp_path: Path) -> None:
    record(tmp_path, "s", [FULL], profile=REAL, seconds=1)
    (entry,) = entries(load(tmp_path))
    assert (entry.benchmark, entry.method, entry.metric) == ("EgoNLQ", "HiERO", "mIoU")
    assert (entry.here, entry.n, entry.excluded, entry.low, entry.high) == (0.25, 12, 3, 0.2, 0.3)
    assert (entry.published, entry.note, entry.thread_graph) == (0.21, "a note", "released")
    assert (entry.seed, entry.spread) == ("3, 5", 0.01)


def test_a_row_has_a_result_or_only_quotes_and_is_not_changed() -> None:
    quoted = Row("EgoNLQ", "EgoVLP", "mIoU", None, published=0.1)
    assert (quoted.note, quoted.thread_graph, quoted.seed, quoted.spread) == ("", None, None, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        quoted.published = 0.2  # type: ignore[misc]
