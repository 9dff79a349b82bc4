"""EgoMCQ questions with their features: the authors' windows, read together, and what cannot be asked."""

import json

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.egomcq.data import Question, Window, clip_window, load_questions, moments_of, read_windows
from hiero_lib.config import FeatureConfig, load_profile
from hiero_lib.data.features import FeatureStore
from tests.benchmarks.egomcq.test_files import entry

FEATURES = FeatureConfig(folder="f", dim=4)


def make_store(folder, lengths) -> FeatureStore:
    """Feature row i of every video holds 4i, 4i + 1, ..."""
    folder.mkdir()
    for uid, n in lengths.items():
        torch.save(torch.arange(4 * n, dtype=torch.float32).reshape(n, 4), folder / f"{uid}.pt")
    return FeatureStore(folder, dim=4)


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
            (segments,) = read_windows([window], store, features)
            assert segments.x[:, 0].tolist() == [4 * (window.first_index + i) for i in range(window.num_segments)]
        compared += 1
    assert compared == len(case["questions"]) - len(beyond) > 0


def test_positions_start_at_the_window(tmp_path):
    (question,), _ = load(tmp_path, {"0": entry()})
    (segments,) = read_windows(question.windows[:1], FeatureStore(tmp_path / "f"), FEATURES)
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


def test_windows_of_a_video_come_out_of_one_read_as_they_would_alone(tmp_path, monkeypatch):
    store = make_store(tmp_path / "f", {"a": 40, "b": 20})
    windows = [Window("a", 20, 7), Window("a", 3, 9), Window("a", 39, 1), Window("b", 0, 20)]
    alone = [read_windows([window], store, FEATURES)[0] for window in windows]
    reads = []
    read = FeatureStore.read
    monkeypatch.setattr(FeatureStore, "read", lambda self, *a: (reads.append(a), read(self, *a))[1])
    together = read_windows(windows, store, FEATURES)
    assert reads == [("a", 3, 40), ("b", 0, 20)]
    for segments, expected, window in zip(together, alone, windows, strict=True):
        assert torch.equal(segments.x, expected.x)
        assert torch.equal(segments.pos, expected.pos)
        assert segments.x[:, 0].tolist() == [4 * (window.first_index + i) for i in range(window.num_segments)]
        assert (segments.video_uid, segments.first_index) == (window.video_uid, window.first_index)


def test_a_malformed_file_is_not_asked_from(tmp_path):
    with pytest.raises(DataError, match=r"egomcq\.json.*question 0: answer"):
        load(tmp_path, {"0": entry(answer=7)})


def test_moments_are_the_middles_of_the_right_clips() -> None:
    windows = tuple(Window(f"v{k}", 10 * k, 5) for k in range(5))
    asked = [Question("0", "a", windows, 2, 1), Question("1", "a", windows, 3, 2), Question("2", "a", windows, 2, 1)]  # type: ignore[arg-type]
    assert moments_of(asked, load_profile("sample").features) == {
        "a": [("v2", pytest.approx(22.5 * 16 / 30)), ("v3", pytest.approx(32.5 * 16 / 30))]
    }
