"""EgoMCQ questions: the authors' windows, and every malformed entry named."""

import copy
import json

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.egomcq.files import clip_window, load_questions
from hiero_lib.config import FeatureConfig
from hiero_lib.data.features import FeatureStore

FEATURES = FeatureConfig(folder="f", dim=4)


def make_store(folder, lengths) -> FeatureStore:
    """Feature row i of every video holds 4i, 4i + 1, ..."""
    folder.mkdir()
    for uid, n in lengths.items():
        torch.save(torch.arange(4 * n, dtype=torch.float32).reshape(n, 4), folder / f"{uid}.pt")
    return FeatureStore(folder, dim=4)


def entry(**changes):
    choices = {
        str(i): {"video_uid": f"v{i}", "clip_start": 10.0 + i, "clip_end": 11.5 + i, "clip_text": "x"}
        for i in range(5)
    }
    value = {"answer": 2, "types": 1, "query": {"clip_text": "#C C looks"}, "choices": choices}
    return copy.deepcopy(value | changes)


def load(tmp_path, questions, lengths=None):
    (tmp_path / "egomcq.json").write_text(json.dumps(questions))
    store = make_store(tmp_path / "f", lengths or {f"v{i}": 60 for i in range(5)})
    return load_questions(tmp_path / "egomcq.json", store, FEATURES)


@pytest.mark.golden
def test_golden_windows(golden, tmp_path):
    case = json.loads((golden / "egomcq_windows.json").read_text())
    stride, fps, lengths = case["stride"], case["fps"], case["video_lengths"]
    features = FeatureConfig(folder="f", dim=4, stride_frames=stride, fps=fps)
    (tmp_path / "egomcq.json").write_text(json.dumps(case["questions"]))
    store = make_store(tmp_path / "f", lengths)
    questions, report = load_questions(
        tmp_path / "egomcq.json", store, features, context_window=case["context_window"]
    )
    # Where a clip begins beyond the features the reference has an empty slice or a row of zeros: excluded here.
    beyond = {
        question_id
        for question_id, question in case["questions"].items()
        for choice in question["choices"].values()
        if choice["clip_start"] * fps // stride >= lengths[choice["video_uid"]]
    }
    kept = {question.question_id: question for question in questions}
    assert kept.keys() == case["questions"].keys() - beyond
    assert (report.total, report.clip_beyond_video, report.without_features) == (
        len(case["questions"]),
        len(beyond),
        0,
    )
    compared = 0
    for (question_id, raw), expected in zip(case["questions"].items(), case["windows_first_index_and_length"]):
        if question_id in beyond:
            continue
        question = kept[question_id]
        assert [[w.first_index, w.num_segments] for w in question.windows] == expected
        assert [w.video_uid for w in question.windows] == [c["video_uid"] for c in raw["choices"].values()]
        assert (question.query, question.answer, question.type) == (
            raw["query"]["clip_text"],
            raw["answer"],
            raw["types"],
        )
        for window in question.windows:
            segments = window.read(store, features)
            assert segments.x[:, 0].tolist() == [4 * (window.first_index + i) for i in range(window.num_segments)]
        compared += 1
    assert compared == len(case["questions"]) - len(beyond) > 0


def test_positions_start_at_the_window(tmp_path):
    (question,), _ = load(tmp_path, {"0": entry()})
    segments = question.windows[0].read(FeatureStore(tmp_path / "f"), FEATURES)
    assert segments.first_index == question.windows[0].first_index > 0
    assert torch.allclose(segments.pos, (torch.arange(len(segments.x)) + 0.5) * 16 / 30)
    assert segments.indices.tolist() == list(range(len(segments.x)))


@pytest.mark.parametrize(
    ("start_s", "end_s", "n", "expected"),
    [
        (10.0, 11.5, 60, (14, 11)),  # rows 18 to 21, four more on both sides
        (10.0, 10.0, 60, (14, 9)),  # an empty clip is one row
        (0.0, 1.0, 60, (0, 1)),  # nothing before it: no context on either side
        (0.6, 1.2, 60, (0, 3)),  # one row before it, so one after it too
        (10.0, 11.5, 22, (17, 5)),  # one row after it, so one before
        (10.0, 99.0, 20, (18, 2)),  # ends beyond the features: cut
        (10.0, 11.5, 19, (18, 1)),
        (10.0, 11.5, 18, None),  # begins beyond them
        (-0.5, 0.7, 60, (0, 1)),  # begins before the video
        (0.0, 0.1, 1, (0, 1)),
    ],
)
def test_window(start_s, end_s, n, expected):
    assert clip_window(start_s, end_s, n, FEATURES, context_window=4) == expected


def test_the_middle_stays_the_middle():
    for n in (1, 7, 30):
        for tenth in range(10 * n * 16 // 30):
            without = clip_window(tenth / 10, tenth / 10 + 1, n, FEATURES, context_window=0)
            window = clip_window(tenth / 10, tenth / 10 + 1, n, FEATURES, context_window=4)
            if without is None:
                assert window is None
            else:
                assert 2 * window[0] + window[1] == 2 * without[0] + without[1]
                assert 0 <= window[0] < sum(window) <= n


def test_exclusions_are_counted(tmp_path):
    late, unknown, both = entry(), entry(), entry()
    for question in (late, both):
        question["choices"]["3"] |= {"clip_start": 40.0, "clip_end": 41.0}
    for question in (unknown, both):
        question["choices"]["1"]["video_uid"] = "not there"
    questions, report = load(tmp_path, {"a": entry(types=2), "b": late, "c": unknown, "d": both, "e": entry()})
    assert [(question.question_id, question.type) for question in questions] == [("a", 2), ("e", 1)]
    assert (report.total, report.kept, report.without_features, report.clip_beyond_video) == (5, 2, 2, 1)
    assert report.excluded == 3
    assert "2 of 5" in report.summary()


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
        load(tmp_path, {"0": entry(), "q7": question})
    assert caught.value.file == tmp_path / "egomcq.json"
    assert caught.value.field.startswith("question q7")
    assert caught.value.field.endswith(field)
    if value is not None:
        assert caught.value.value == value


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"0": ', "3"])
def test_other_files(tmp_path, content):
    (tmp_path / "egomcq.json").write_text(content)
    with pytest.raises(DataError, match=r"egomcq\.json"):
        load_questions(tmp_path / "egomcq.json", make_store(tmp_path / "f", {"v0": 5}), FEATURES)
    with pytest.raises(DataError, match="no such file"):
        load_questions(tmp_path / "none.json", FeatureStore(tmp_path / "f"), FEATURES)
