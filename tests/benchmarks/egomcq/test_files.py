"""``egomcq.json``: its entries as they stand, and every malformed one named."""

import copy
import json

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.egomcq.files import QuestionEntry, read_questions


def entry(**changes):
    choices = {
        str(i): {"video_uid": f"v{i}", "clip_start": 10.0 + i, "clip_end": 11.5 + i, "clip_text": "x"}
        for i in range(5)
    }
    value = {"answer": 2, "types": 1, "query": {"clip_text": "#C C looks"}, "choices": choices}
    return copy.deepcopy(value | changes)


def read(tmp_path, questions):
    (tmp_path / "egomcq.json").write_text(json.dumps(questions))
    return read_questions(tmp_path / "egomcq.json")


def test_an_entry_is_read_as_it_stands(tmp_path):
    first, second = read(tmp_path, {"9": entry(types=2), "3": with_choice(clip_start=13, clip_end=13)})
    clips = tuple((f"v{i}", 10.0 + i, 11.5 + i) for i in range(5))
    assert first == QuestionEntry("9", "#C C looks", clips, answer=2, type=2)
    assert (second.question_id, second.clips[3]) == ("3", ("v3", 13.0, 13.0))  # a clip of no length, whole numbers


def test_the_order_of_the_choices_is_their_numbers(tmp_path):
    shuffled = entry()
    shuffled["choices"] = dict(sorted(shuffled["choices"].items(), reverse=True))
    assert read(tmp_path, {"0": shuffled}) == read(tmp_path, {"0": entry()})


def without(key, inside=None):
    value = entry()
    del (value if inside is None else value["choices"][inside])[key]
    return value


def with_choice(**changes):
    value = entry()
    value["choices"]["3"] |= changes
    return value


@pytest.mark.parametrize(
    ("question", "field", "value"),
    [
        (without("query"), "query", None),
        (without("answer"), "answer", None),
        (without("types"), "types", None),
        (without("choices"), "choices", None),
        (without("video_uid", "3"), "choice 3: video_uid", None),
        (without("clip_start", "3"), "choice 3: clip_start", None),
        (without("clip_end", "3"), "choice 3: clip_end", None),
        (entry(query={"text": "x"}), "clip_text", {"text": "x"}),
        (entry(query={"clip_text": None}), "clip_text", None),
        (entry(answer=5), "answer", 5),
        (entry(answer=-1), "answer", -1),
        (entry(answer="2"), "answer", "2"),
        (entry(answer=True), "answer", True),
        (entry(types=0), "types", 0),
        (entry(types=3), "types", 3),
        (entry(choices={}), "choices", []),
        (entry(choices={str(i): {} for i in range(4)}), "choices", ["0", "1", "2", "3"]),
        (entry(choices={str(i): {} for i in range(6)}), "choices", ["0", "1", "2", "3", "4", "5"]),
        (entry(choices=[{}] * 5), "choices", [{}] * 5),
        (with_choice(video_uid=3), "choice 3: video_uid", 3),
        (with_choice(clip_start="10"), "choice 3: clip_start", "10"),
        (with_choice(clip_start=float("nan")), "choice 3: clip_start", None),
        (with_choice(clip_end=float("inf")), "choice 3: clip_end", float("inf")),
        (with_choice(clip_start=None), "choice 3: clip_start", None),
        (with_choice(clip_start=12.0, clip_end=11.0), "choice 3: clip_end", (12.0, 11.0)),
        ("not a mapping", "query", "not a mapping"),
    ],
)
def test_malformed_entries_are_named(tmp_path, question, field, value):
    with pytest.raises(DataError) as caught:
        read(tmp_path, {"0": entry(), "q7": question})
    assert caught.value.file == tmp_path / "egomcq.json"
    assert caught.value.field.startswith("question q7")
    assert caught.value.field.endswith(field)
    if value is not None:
        assert caught.value.value == value


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"0": ', "3"])
def test_other_files(tmp_path, content):
    (tmp_path / "egomcq.json").write_text(content)
    with pytest.raises(DataError, match=r"egomcq\.json"):
        read_questions(tmp_path / "egomcq.json")
    with pytest.raises(DataError, match="no such file"):
        read_questions(tmp_path / "none.json")
