"""Exported, changed elsewhere, read back: in ELAN's files (by pympi) and in tables."""

from __future__ import annotations

import csv
import dataclasses

import pympi
import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.export.elan import write_eaf
from hiero_lib.export.readback import read_back
from hiero_lib.export.text import COLUMNS, write_csv
from hiero_lib.hierarchy.edits import corrected
from hiero_lib.hierarchy.operations import Mark, Rename
from tests.helpers.made_record import made_record


@pytest.fixture(scope="module")
def record():
    made = made_record()
    spans = made.hierarchy.levels[1].spans
    edited = corrected(made.hierarchy, [Mark(1, spans[2].start_s, spans[2].end_s, True), Rename(1, "3 apples")])
    return dataclasses.replace(made, hierarchy=edited)


@pytest.mark.parametrize(("write", "suffix"), [(write_eaf, "eaf"), (write_csv, "csv")])
def test_what_nobody_changed_is_no_correction(record, tmp_path, write, suffix) -> None:
    path = tmp_path / f"v.{suffix}"
    write(record, path)
    assert read_back(path, record.hierarchy) == []


def test_what_was_changed_in_elan_comes_back(record, tmp_path) -> None:
    path = tmp_path / "v.eaf"
    write_eaf(record, path)
    elan = pympi.Elan.Eaf(str(path))
    first, second, *_ = sorted(elan.get_annotation_data_for_tier("level 2"))
    for start, end, _ in (first, second):
        elan.remove_annotation("level 2", (start + end) // 2)
    elan.add_annotation("level 2", first[0], first[1] - 500, first[2])  # a border moved
    elan.add_annotation("level 2", first[1] - 500, second[1], "sets the table")  # a new name
    elan.to_file(str(path))
    (replaced,) = read_back(path, record.hierarchy)
    after = corrected(record.hierarchy, [replaced]).levels[2]
    assert after.spans[0].end_s == pytest.approx((first[1] - 500) / 1000)
    new = after.spans[1]
    assert after.names[new.label] == "sets the table"
    assert new.label not in record.hierarchy.levels[0].seconds()
    assert (new.start_s, new.end_s) == pytest.approx(((first[1] - 500) / 1000, second[1] / 1000))


def changed(path, change) -> None:
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    rows = change(rows) or rows
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_what_was_changed_in_a_table_comes_back(record, tmp_path) -> None:
    path = tmp_path / "v.csv"
    write_csv(record, path)

    def change(rows) -> None:
        of_level = [row for row in rows if row["level"] == "0"]
        of_level[0] |= {"thread": "", "title": "=new"}
        of_level[3]["wrong"] = "1"

    changed(path, change)
    (replaced,) = read_back(path, record.hierarchy)
    after = corrected(record.hierarchy, [replaced]).levels[0]
    assert after.names[after.spans[0].label] == "=new"
    assert [row for row in after.wrong if after.spans[row].start_s == record.hierarchy.levels[0].spans[3].start_s]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda rows: rows[0].update(start_s="x"), "line 2"),
        (lambda rows: rows[0].update(end_s="nan"), "line 2"),
        (lambda rows: rows[1].update(start_s="0"), "line 3"),
        (lambda rows: rows[0].update(level="9"), "level"),
        (lambda rows: rows[0].update(video_uid="w"), "line 2"),
        (lambda rows: rows[0].update(thread="x"), "line 2"),
        (lambda rows: rows[0].update(wrong="maybe"), "line 2, wrong"),
        (lambda rows: rows[-1].update(end_s="1e9"), "line"),
        (lambda rows: [{k: v for k, v in row.items() if k != "thread"} for row in rows], "thread"),
    ],
)
def test_a_table_that_is_wrong_is_refused_where_it_is(record, tmp_path, change, named) -> None:
    path = tmp_path / "v.csv"
    write_csv(record, path)
    changed(path, change)
    with pytest.raises(DataError) as caught:
        read_back(path, record.hierarchy)
    assert caught.value.file == path
    assert named in str(caught.value.field)


def test_a_file_of_another_kind_is_refused(record, tmp_path) -> None:
    assert "wrong" in COLUMNS
    with pytest.raises(DataError, match="expected"):
        read_back(tmp_path / "v.docx", record.hierarchy)
