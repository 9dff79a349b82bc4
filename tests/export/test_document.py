import copy
import csv
import io
import itertools
import json

import jsonschema
import pytest

from hiero_lib.export.document import document, schema, write_document
from hiero_lib.export.record import milliseconds, nested_spans, one_line, thread_title
from hiero_lib.export.text import COLUMNS, spans_csv
from tests.helpers.made_record import made_hierarchy, made_record


@pytest.fixture(scope="module")
def record():
    return made_record()


def test_the_json_meets_its_schema_and_says_what_the_record_says(record, tmp_path) -> None:
    path = tmp_path / "v.json"
    write_document(record, path)
    read = json.loads(path.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(read, schema(), cls=jsonschema.Draft202012Validator)
    hierarchy = record.hierarchy
    assert read == document(record)
    assert read["end_s"] == hierarchy.end_s
    for found, level in zip(read["levels"], hierarchy.levels, strict=True):
        spans = [(span["start_s"], span["end_s"], span["thread"]) for span in found["runs"]]
        assert spans == [(span.start_s, span.end_s, span.label) for span in level.spans]
        assert {t["thread"]: t["seconds"] for t in found["threads"]} == level.seconds()
        assert {t["thread"]: t["parent"] for t in found["threads"] if t["parent"] is not None} == level.parents
        assert {t["thread"]: t["name"] for t in found["threads"] if t["name"] is not None} == level.names
    children: dict[str, int] = {}
    seconds = {node["id"]: milliseconds(node["seconds"]) for node in read["tree"]}
    for node in read["tree"][1:]:
        children[node["parent"]] = children.get(node["parent"], 0) + seconds[node["id"]]
    assert all(seconds[name] == total for name, total in children.items())
    assert len(read["narrations"]) == 12


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("tree"),
        lambda d: d.update(version=2),
        lambda d: d.update(extra=1),
        lambda d: d["levels"][0]["runs"][0].update(start_s="0"),
        lambda d: d["levels"][0]["threads"][0].pop("title"),
        lambda d: d["method"].update(thread_graph="other"),
        lambda d: d["tree"][0].update(id=""),
    ],
)
def test_the_schema_refuses_what_is_not_the_layout(record, spoil) -> None:
    spoiled = copy.deepcopy(document(record))
    spoil(spoiled)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spoiled, schema(), cls=jsonschema.Draft202012Validator)


def test_every_field_of_the_schema_is_described_or_plain() -> None:
    assert set(schema()["required"]) == set(schema()["properties"])


def test_the_csv_has_a_line_for_each_span(record) -> None:
    rows = list(csv.DictReader(io.StringIO(spans_csv(record))))
    assert tuple(rows[0]) == COLUMNS
    expected = [(level, span) for level in record.hierarchy.levels for span in level.spans]
    assert len(rows) == len(expected)
    coarser = {level.level: above for level, above in zip(record.hierarchy.levels, record.hierarchy.levels[1:])}
    for row, (level, span) in zip(rows, expected):
        assert (int(row["level"]), float(row["start_s"]), float(row["end_s"])) == (
            level.level,
            span.start_s,
            span.end_s,
        )
        assert float(row["length_s"]) == pytest.approx(span.length_s, abs=6e-4)
        assert row["title"] == thread_title(level, span.label)
        if level.level in coarser:
            assert int(row["parent"]) == level.parents[span.label]
            assert row["parent_title"] == thread_title(coarser[level.level], level.parents[span.label])
        else:
            assert row["parent"] == row["parent_title"] == ""


def test_nested_spans_keep_all_time_and_lie_in_one_span_above() -> None:
    hierarchy = made_hierarchy()
    levels = hierarchy.levels[::-1]
    found = nested_spans(levels)
    for level, pieces in zip(levels, found):
        total: dict[int, int] = {}
        for start, end, thread in pieces:
            assert start < end
            total[thread] = total.get(thread, 0) + end - start
        assert total == {thread: milliseconds(seconds) for thread, seconds in level.seconds().items()}
    for above, below in itertools.pairwise(found):
        for start, end, _ in below:
            assert sum(a <= start and end <= b for a, b, _ in above) == 1


def test_a_line_holds_nothing_that_xml_cannot() -> None:
    assert one_line("a\x00\n b\u2028c\ud800\ufffe") == "a b c"
