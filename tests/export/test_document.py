import copy
import json

import jsonschema
import pytest

from hiero_lib.export.document import document, schema, write_document
from hiero_lib.export.record import milliseconds
from tests.helpers.made_record import made_record


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
        lambda d: d.update(version=3),
        lambda d: d["levels"][0]["runs"][0].pop("wrong"),
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
