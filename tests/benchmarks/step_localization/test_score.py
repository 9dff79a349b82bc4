"""Steps found and named, and mean average precision by hand and against the literal definition."""

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.step_localization.data import LabelledSpan
from hiero_lib.benchmarks.step_localization.files import Step, StepVideo
from hiero_lib.benchmarks.step_localization.score import (
    average_precision,
    detection_scores,
    localize_steps,
    localize_videos,
)
from hiero_lib.config import LocalizationConfig
from hiero_lib.hierarchy.spans import temporal_iou
from tests.helpers.clusterings import by_axis

LABELS = ["cut_onion", "stir_pan", "wash_pot"]


def line(*parts):
    """A video of (axis, segments) parts."""
    return torch.cat([torch.eye(3)[axis].repeat(n, 1) for axis, n in parts])


def embed(texts):
    assert texts == [label.replace("_", " ") for label in LABELS]
    return torch.eye(3)


VIDEOS = [
    StepVideo("v", (Step(0, 10, "cut_onion", "", 0, (Step(0, 5, "stir_pan", "", 1),)), Step(10, 20, "wash_pot", ""))),
    StepVideo("lost", (Step(0, 10, "cut_onion", ""),)),
    StepVideo("bare", ()),
]


def test_runs_get_their_label_first():
    found = localize_steps(
        "v", line((0, 10), (1, 6), (0, 8)), torch.eye(3), labels=LABELS, stride_s=0.5, cluster=by_axis
    )
    best = [s for s in found if s.score > 0.9]
    assert {(s.label, s.start_s, s.end_s) for s in best} == {
        ("cut_onion", 0.0, 5.0),
        ("stir_pan", 5.0, 8.0),
        ("cut_onion", 8.0, 12.0),
    }
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)
    # Both scales found the same runs here: no span of a label is there twice.
    assert len({(s.label, s.start_s, s.end_s) for s in found}) == len(found)


def test_both_scales_are_offered():
    def scales(x, n_clusters, temperature):
        return torch.arange(len(x)) * n_clusters // len(x)

    config = LocalizationConfig(n_clusters=(1, 2), labels=1)
    found = localize_steps(
        "v", line((0, 20)), torch.eye(3), labels=LABELS, stride_s=1.0, config=config, cluster=scales
    )
    assert {(s.start_s, s.end_s) for s in found} == {(0.0, 20.0), (0.0, 10.0), (10.0, 20.0)}


def test_evaluation_counts_what_has_no_features():
    features = {"v": line((0, 10), (2, 10)), "bare": line((1, 10))}
    got = localize_videos(VIDEOS, features_of=features.get, embed=embed, stride_s=1.0, cluster=by_axis)
    assert got.without_features == ("lost",)
    assert got.scores.n_truth == 3
    # cut_onion and wash_pot are found exactly; the half of stir_pan is answered by worse scores only.
    assert got.scores.mean_ap[0.5] == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert 0 < got.scores.average <= 1


def test_bad_features():
    with pytest.raises(DataError, match="NaN") as error:
        localize_videos(VIDEOS, features_of=lambda uid: torch.full((4, 3), float("nan")), embed=embed, stride_s=1.0)
    assert error.value.file == "v"
    with pytest.raises(DataError, match="no video"):
        localize_videos(VIDEOS, features_of=lambda uid: None, embed=embed, stride_s=1.0)


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
