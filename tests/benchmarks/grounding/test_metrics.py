import json

import numpy as np
import pytest

from hiero_lib.benchmarks.grounding.metrics import (
    LabelledSpan,
    average_precision,
    detection_scores,
    grounding_scores,
    temporal_iou,
)


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


def spans(*rows, video="v", label="x"):
    return [LabelledSpan(video, *row[:2], label, *row[2:]) for row in rows]


def test_average_precision_by_hand():
    truth = spans((0, 10), (20, 30))
    # By score: right, wrong, right. Precision 1, 1/2, 2/3; area 1/2 * 1 + 1/2 * 2/3.
    predictions = spans((20, 30, 0.5), (0, 10, 0.9), (40, 50, 0.7))
    assert average_precision(truth, predictions, threshold=0.5) == pytest.approx(0.5 + 1 / 3)
    # The interpolated precision at a recall is the best one beyond it: wrong, right, right -> 2/3 throughout.
    predictions = spans((40, 50, 0.9), (0, 10, 0.8), (20, 30, 0.7))
    assert average_precision(truth, predictions, threshold=0.5) == pytest.approx(2 / 3)


def test_a_second_hit_on_the_same_truth_is_false():
    truth = spans((0, 10), (20, 30))
    predictions = spans((0, 10, 0.9), (0, 10, 0.8), (20, 30, 0.7))
    assert average_precision(truth, predictions, threshold=0.5) == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_a_duplicate_takes_the_next_best_truth_that_still_reaches_the_threshold():
    truth = spans((0, 10), (1, 11))
    predictions = spans((0, 10, 0.9), (0, 10, 0.8))
    assert average_precision(truth, predictions, threshold=0.5) == 1.0


def test_the_threshold_is_met_by_equality():
    assert average_precision(spans((0, 10)), spans((0, 5, 1.0)), threshold=0.5) == 1.0
    assert average_precision(spans((0, 10)), spans((0, 4.9, 1.0)), threshold=0.5) == 0.0


def test_a_prediction_in_another_video_is_false():
    assert average_precision(spans((0, 10)), spans((0, 10, 0.9), video="w"), threshold=0.1) == 0.0
    mixed = spans((0, 10, 0.9), video="w") + spans((0, 10, 0.8))
    assert average_precision(spans((0, 10)), mixed, threshold=0.1) == 0.5


def test_mean_over_labels_and_thresholds():
    truth = spans((0, 10), label="cut") + spans((20, 30), label="stir")
    predictions = (
        spans((0, 4, 0.9), label="cut") + spans((20, 30, 0.5), label="stir") + spans((0, 9, 0.99), label="other")
    )
    got = detection_scores(truth, predictions, thresholds=(0.3, 0.5))
    assert got.mean_ap == {0.3: 1.0, 0.5: 0.5}
    assert got.average == 0.75
    assert (got.n_labels, got.n_truth, got.n_predictions, got.unknown_labels) == (2, 2, 3, 1)


def test_the_five_thresholds_over_two_videos_by_hand():
    truth = (
        spans((0, 10), (20, 30), label="cut") + spans((0, 20), video="w", label="cut") + spans((5, 6), label="stir")
    )
    predictions = [
        *spans((0, 3.5, 0.9), label="cut"),  # IoU 0.35: right up to 0.3
        *spans((0, 20, 0.8), video="w", label="cut"),  # exact
        *spans((24, 30, 0.7), label="cut"),  # 0.6
        *spans((5, 6, 0.6), video="w", label="stir"),  # the other video has no such step
        *spans((5, 6, 0.5), label="stir"),  # right, behind a wrong one: precision 1/2
    ]
    got = detection_scores(truth, predictions)
    # cut: three right ones, or from 0.4 on wrong, right, right: precision 2/3 at recalls 1/3 and 2/3.
    cut = {0.1: 1.0, 0.2: 1.0, 0.3: 1.0, 0.4: 4 / 9, 0.5: 4 / 9}
    assert got.mean_ap == pytest.approx({threshold: (value + 1 / 2) / 2 for threshold, value in cut.items()})
    assert got.average == pytest.approx((3 * 0.75 + 2 * (4 / 9 + 1 / 2) / 2) / 5)


def test_a_label_without_prediction_counts_zero():
    truth = spans((0, 10), label="cut") + spans((20, 30), label="stir")
    assert detection_scores(truth, spans((0, 10, 1.0), label="cut")).average == 0.5
    with pytest.raises(ValueError, match="no truth"):
        detection_scores([], [])


def literal_average_precision(truth, predictions, threshold):
    """The definition read aloud: a curve of points, the best precision at each recall, the area under it."""
    free = list(range(len(truth)))
    points, hits = [], 0
    for seen, p in enumerate(sorted(predictions, key=lambda p: -p.score), start=1):
        best, best_iou = None, -1.0
        for index in free:
            t = truth[index]
            if t.video_uid == p.video_uid:
                iou = float(temporal_iou(np.array([t.start_s, t.end_s]), np.array([p.start_s, p.end_s])))
                if iou > best_iou:
                    best, best_iou = index, iou
        if best is not None and best_iou >= threshold:
            free.remove(best)
            hits += 1
        points.append((hits / len(truth), hits / seen))
    area, last = 0.0, 0.0
    for recall, _ in points:
        area += (recall - last) * max(p for r, p in points if r >= recall)
        last = recall
    return area


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_equals_the_literal_definition(seed):
    rng = np.random.default_rng(seed)

    def some(n):
        start = rng.uniform(0, 40, n)
        return [
            LabelledSpan(f"v{rng.integers(3)}", s, s + rng.uniform(2, 15), "x", rng.uniform()) for s in start.tolist()
        ]

    truth, predictions = some(12), some(60)
    for threshold in (0.1, 0.3, 0.5):
        got = average_precision(truth, predictions, threshold=threshold)
        assert got == pytest.approx(literal_average_precision(truth, predictions, threshold))
        assert 0 < got < 1
