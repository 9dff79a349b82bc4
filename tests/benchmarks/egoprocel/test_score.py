import json

import numpy as np
import pytest

from hiero_lib.benchmarks.egoprocel.score import KeystepScores, f1_score, keystep_scores, mean_scores


def test_golden_procedure_metric(golden):
    cases = json.loads((golden / "procedure_metric.json").read_text())
    assert cases
    for case in cases:
        got = keystep_scores(
            np.array(case["pred"]),
            np.array(case["gt"]),
            n_keysteps=case["n_keysteps"],
            n_clusters=case["n_clusters"],
            per_keystep=case["per_keystep"],
            skip_background=case["skip_background"],
        )
        for name in ("recall", "precision", "iou", "coverage"):
            assert getattr(got, name) == pytest.approx(case[name], abs=1e-5), name


def test_hand_computed_with_a_label_that_no_cluster_can_take():
    # Two clusters, three labels of 4, 2, 2 frames. Cluster 0 covers label 0 and one frame of label 1.
    truth = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    predicted = np.array([0, 0, 0, 0, 0, 1, 1, 1])
    got = keystep_scores(predicted, truth, n_keysteps=2, n_clusters=2)
    assert got.recall == pytest.approx((1 + 1) / 2)
    assert got.precision == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert got.iou == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert got.coverage == pytest.approx(6 / 8)
    assert got.all_recall == pytest.approx(2 / 3)
    assert got.all_precision == pytest.approx((4 / 5 + 2 / 3) / 3)
    assert got.all_f1 < got.f1


def test_pooled_scores_over_all_labels():
    truth = np.array([0, 0, 1, 2])
    predicted = np.array([0, 0, 1, 1])
    got = keystep_scores(predicted, truth, n_keysteps=2, n_clusters=2, per_keystep=False)
    assert got.recall == 1.0
    assert got.precision == pytest.approx(3 / 4)
    assert got.all_recall == pytest.approx(3 / 4)
    assert got.all_iou == pytest.approx(3 / 5)


def test_cluster_names_do_not_matter():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 5, 300), rng.integers(0, 7, 300)
    renamed = rng.permutation(7)[predicted]
    one = keystep_scores(predicted, truth, n_keysteps=4, n_clusters=7)
    two = keystep_scores(renamed, truth, n_keysteps=4, n_clusters=7)
    assert one == two


def test_only_background_and_background_skipped():
    got = keystep_scores(np.zeros(5), np.zeros(5), n_keysteps=3, n_clusters=2, skip_background=True)
    assert got.f1 == 0.0
    assert keystep_scores(np.zeros(5), np.zeros(5), n_keysteps=3, n_clusters=2).f1 == 1.0


def test_means_come_before_f1():
    a = KeystepScores(1.0, 0.2, 0, 0, 0, 0, 0)
    b = KeystepScores(0.2, 1.0, 0, 0, 0, 0, 0)
    assert mean_scores([a, b]).f1 == pytest.approx(0.6)
    assert (a.f1 + b.f1) / 2 == pytest.approx(1 / 3)
    assert f1_score(0.0, 0.0) == 0.0


@pytest.mark.parametrize(
    ("predicted", "truth"),
    [([0, 1], [0]), ([], []), ([0, 9], [0, 1]), ([0, 1], [0, 4]), ([-1, 0], [0, 0])],
)
def test_bad_ids_are_refused(predicted, truth):
    with pytest.raises(ValueError, match="expected"):
        keystep_scores(np.array(predicted, dtype=int), np.array(truth, dtype=int), n_keysteps=3, n_clusters=2)


def test_no_scores_to_average():
    with pytest.raises(ValueError, match="no scores"):
        mean_scores([])
