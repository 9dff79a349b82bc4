"""ELAN files: read by pympi-ling, and checked against what ELAN's schema asks for."""

import datetime
import itertools
import xml.etree.ElementTree as ET

import pympi
import pytest

from hiero_lib.export.elan import eaf, write_eaf
from hiero_lib.export.record import milliseconds, nested_spans, one_line, thread_title
from tests.helpers.made_record import made_record


@pytest.fixture(scope="module")
def record():
    return made_record()


def test_pympi_reads_a_tier_for_each_level_with_its_parent(record, tmp_path) -> None:
    path = tmp_path / "v.eaf"
    write_eaf(record, path)
    read = pympi.Elan.Eaf(str(path))
    assert set(read.get_tier_names()) == {"level 0", "level 1", "level 2", "narrations"}
    coarse_first = record.hierarchy.levels[::-1]
    for level, pieces in zip(coarse_first, nested_spans(coarse_first)):
        expected = [(start, end, f"{thread} {thread_title(level, thread)}") for start, end, thread in pieces]
        assert sorted(read.get_annotation_data_for_tier(f"level {level.level}")) == expected
    parents = {name: read.get_parameters_for_tier(name).get("PARENT_REF") for name in read.get_tier_names()}
    assert parents == {"level 2": None, "level 1": "level 2", "level 0": "level 1", "narrations": None}
    types = {name: read.get_parameters_for_linguistic_type(name) for name in read.get_linguistic_type_names()}
    assert types["threads within"]["CONSTRAINTS"] == "Included_In"
    read.to_file(str(tmp_path / "again.eaf"))  # it can be edited and saved
    again = pympi.Elan.Eaf(str(tmp_path / "again.eaf"))
    assert sorted(again.get_annotation_data_for_tier("level 0")) == sorted(
        read.get_annotation_data_for_tier("level 0")
    )


def test_narrations_do_not_overlap_and_lose_no_text(record) -> None:
    root = ET.fromstring(eaf(record))
    times = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE", "")) for slot in root.iter("TIME_SLOT")}
    tier = next(tier for tier in root.iter("TIER") if tier.get("TIER_ID") == "narrations")
    spans = []
    for annotation in tier.iter("ALIGNABLE_ANNOTATION"):
        start, end = (times[annotation.get(f"TIME_SLOT_REF{i}")] for i in (1, 2))
        spans.append((start, end, annotation.findtext("ANNOTATION_VALUE")))
    assert all(start < end for start, end, _ in spans)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))
    assert {start for start, _, _ in spans} == {milliseconds(time) for time in record.narrations.times}
    said = " ".join(text for _, _, text in spans)
    assert all(one_line(text) in said for text in record.narrations.without_tags().texts)


def test_the_document_is_as_the_schema_has_it(record) -> None:
    when = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)
    text = eaf(record, media="file:///videos/v.mp4", created=when)
    root = ET.fromstring(text)
    order = ["HEADER", "TIME_ORDER", *["TIER"] * 4, *["LINGUISTIC_TYPE"] * 3, *["CONSTRAINT"] * 4]
    assert [child.tag for child in root] == order
    assert root.get("DATE") == "2026-11-24T12:00:00+00:00"
    assert root.find("HEADER/MEDIA_DESCRIPTOR").get("MEDIA_URL") == "file:///videos/v.mp4"  # type: ignore[union-attr]
    slots = [slot.get("TIME_SLOT_ID") for slot in root.iter("TIME_SLOT")]
    ids = [annotation.get("ANNOTATION_ID") for annotation in root.iter("ALIGNABLE_ANNOTATION")]
    assert len(set(slots)) == len(slots)
    assert len(set(ids)) == len(ids)
    used = [a.get(f"TIME_SLOT_REF{i}") for a in root.iter("ALIGNABLE_ANNOTATION") for i in (1, 2)]
    assert set(used) == set(slots)
    types = {kind.get("LINGUISTIC_TYPE_ID") for kind in root.iter("LINGUISTIC_TYPE")}
    assert {tier.get("LINGUISTIC_TYPE_REF") for tier in root.iter("TIER")} == types
