import json

import numpy as np
import pytest

from hiero_lib.benchmarks.grounding.metrics import grounding_scores
from hiero_lib.hierarchy.spans import temporal_iou


def test_golden_nlq_metric(golden):
    case = json.loads((golden / "nlq_metric.json").read_text())
    truth = {
        (clip["clip_uid"], annotation["annotation_uid"], index): (q["clip_start_sec"], q["clip_end_sec"])
        for video in case["ground_truth"]["videos"]
        for clip in video["clips"]
        for annotation in clip["annotations"]
        for index, q in enumerate(annotation["language_queries"])
    }
    predictions = {
        (p["clip_uid"], p["annotation_uid"], p["query_idx"]): p["predicted_times"] for p in case["predictions"]
    }
    got = grounding_scores(truth, predictions, ranks=case["topk"], thresholds=case["thresholds"])
    for threshold, row in zip(case["thresholds"], case["recall"], strict=True):
        for rank, expected in zip(case["topk"], row, strict=True):
            assert got.recall[rank, threshold] == pytest.approx(expected, abs=1e-5)
    assert got.mean_iou == pytest.approx(case["mIoU"], abs=1e-5)
    assert got.n == len(predictions)
    assert got.excluded == len(truth) - len(predictions)


def test_iou_by_hand():
    spans = np.array([[0, 10], [5, 15], [10, 20], [30, 40], [2, 4], [7, 7]])
    np.testing.assert_allclose(temporal_iou(spans, np.array([0, 10])), [1, 5 / 15, 0, 0, 0.2, 0])
    assert temporal_iou(np.array([3, 3]), np.array([3, 3])) == 0


def test_threshold_is_strict_and_an_empty_answer_is_a_miss():
    truth = {("c", "a", 0): (0.0, 10.0), ("c", "a", 1): (0.0, 10.0)}
    got = grounding_scores(truth, {("c", "a", 0): [(0.0, 3.0)], ("c", "a", 1): []}, ranks=(1,), thresholds=(0.3, 0.2))
    assert got.recall == {(1, 0.3): 0.0, (1, 0.2): 0.5}
    assert got.mean_iou == pytest.approx(0.15)
    assert [list(got.shares(measure).values()) for measure in ("R1@0.3", "R5@0.2")] == [[0, 0], [1, 0]]
    assert list(got.shares("mIoU").values()) == [pytest.approx(0.3), 0.0]


def test_nothing_to_score_and_an_unknown_query():
    with pytest.raises(ValueError, match="no prediction"):
        grounding_scores({("c", "a", 0): (0, 1)}, {})
    with pytest.raises(KeyError):
        grounding_scores({("c", "a", 0): (0, 1)}, {("c", "a", 1): [(0, 1)]})
