"""The truth of a video: read with its spans, labels at times, and what makes a file no truth."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.thread_recovery.files import LEVELS, TruthSpan, read_truth, read_truths


def document(**changed: Any) -> dict[str, Any]:
    spans = {
        "action": [(0.0, 4.0, 3, "cut the onion"), (4.0, 9.0, 1, "stir the soup")],
        "step": [(0.0, 9.0, 0, "make the soup")],
        "thread": [(0.0, 5.0, 2, "the soup"), (4.0, 9.0, 7, "the table")],
        "procedure": [],
    }
    levels = {
        level: [dict(zip(("start_s", "end_s", "id", "text"), span)) for span in rows] for level, rows in spans.items()
    }
    video = {"video_uid": "v", "split": "val", "scenario": "cooking", "duration_s": 9.0}
    return {"version": 1, **video, "num_segments": 16, "stride_s": 16 / 30, "levels": levels} | changed


def written(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_a_truth_has_the_spans_of_every_level(tmp_path):
    truth = read_truth(written(tmp_path / "v.json", document()))
    assert (truth.video_uid, truth.split, truth.scenario, truth.duration_s) == ("v", "val", "cooking", 9.0)
    assert tuple(truth.levels) == LEVELS
    assert truth.levels["action"][1] == TruthSpan(4.0, 9.0, 1, "stir the soup")
    assert truth.levels["procedure"] == ()


def test_labels_at_times_are_half_open_and_of_the_later_start_where_spans_overlap(tmp_path):
    truth = read_truth(written(tmp_path / "v.json", document()))
    labels = truth.labels("thread", [0.0, 3.999, 4.0, 4.5, 8.999, 9.0, -1.0])
    assert labels.dtype == np.int64
    assert labels.tolist() == [2, 2, 7, 7, 7, -1, -1]
    assert truth.labels("procedure", [1.0]).tolist() == [-1]
    assert truth.labels("thread", []).shape == (0,)


@pytest.mark.parametrize("value", [document(version=7), document(version=None), [document()]])
def test_a_truth_of_another_version_is_refused(tmp_path, value):
    path = written(tmp_path / "v.json", value)
    with pytest.raises(DataError, match=r"v\.json.*expected version 1") as caught:
        read_truth(path)
    assert caught.value.field == "version"


@pytest.mark.parametrize("field", ["video_uid", "split", "scenario", "duration_s", "levels"])
def test_a_missing_field_is_named(tmp_path, field):
    value = document()
    del value[field]
    with pytest.raises(DataError, match=rf"v\.json.*{field}.*is missing"):
        read_truth(written(tmp_path / "v.json", value))


def test_a_span_without_its_times_and_a_missing_level_are_named(tmp_path):
    value = document()
    del value["levels"]["thread"][1]["start_s"]
    with pytest.raises(DataError, match="start_s"):
        read_truth(written(tmp_path / "v.json", value))
    value = document()
    del value["levels"]["step"]
    with pytest.raises(DataError, match="step"):
        read_truth(written(tmp_path / "v.json", value))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("start_s", "0"),
        ("start_s", None),
        ("start_s", float("nan")),
        ("end_s", -1.0),
        ("end_s", 10**400),
        ("id", 1.5),
        ("id", True),
        ("id", 2**70),
        ("text", 5),
    ],
)
def test_a_span_of_other_types_is_named(tmp_path, field, value):
    changed = document()
    changed["levels"]["thread"][1][field] = value
    with pytest.raises(DataError, match=rf"v\.json, field 'levels\.thread\[1\]\.{field}"):
        read_truth(written(tmp_path / "v.json", changed))


def test_a_span_that_ends_before_it_starts_is_named(tmp_path):
    changed = document()
    changed["levels"]["step"][0] |= {"start_s": 9.0, "end_s": 1.0}
    with pytest.raises(DataError, match=r"levels\.step\[0\].*ends before it starts"):
        read_truth(written(tmp_path / "v.json", changed))


def test_a_copy_of_a_truth_is_not_a_second_video(tmp_path):
    written(tmp_path / "v.json", document())
    (tmp_path / "._v.json").write_bytes(b"\0\5\x16\7")
    assert [truth.video_uid for truth in read_truths(tmp_path)] == ["v"]
    written(tmp_path / "v copy.json", document())
    with pytest.raises(DataError, match=r"value 'v'.*in v copy\.json, too"):
        read_truths(tmp_path)
