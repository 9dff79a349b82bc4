from itertools import combinations_with_replacement

import numpy as np
import pytest
import torch

from hiero_lib.benchmarks.grounding.stepg import (
    coarse_similarity,
    find_peaks,
    fuse,
    grow_peak,
    stepg,
    stepg_ablation,
    suppress,
    viterbi_order,
    widen,
)
from hiero_lib.benchmarks.grounding.zero_shot import VideoFeatures
from hiero_lib.config import StepGConfig


def by_axis(x, n_clusters, temperature):
    return x.argmax(dim=1)


def test_fusion_by_hand():
    assert fuse(torch.tensor([[1.0]]), torch.tensor([[0.5]]), coarse_weight=0.3).item() == pytest.approx(0.85)


def test_coarse_similarity_is_spread_over_four_segments_a_node():
    coarse = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    got = coarse_similarity(coarse, torch.eye(2), num_segments=10, config=StepGConfig(), cluster=by_axis)
    assert got[0].tolist() == [1.0] * 8 + [0.0] * 2
    assert got[1].tolist() == [0.0] * 8 + [1.0] * 2


@pytest.mark.parametrize("seed", range(8))
def test_viterbi_equals_trying_all_orders(seed):
    rng = np.random.default_rng(seed)
    similarity = rng.normal(size=(3, 7)).round(1)
    path = viterbi_order(similarity)
    best = max(sum(similarity[q, n] for q, n in enumerate(p)) for p in combinations_with_replacement(range(7), 3))
    assert (np.diff(path) >= 0).all()
    assert similarity[np.arange(3), path].sum() == pytest.approx(best)


def test_viterbi_of_one_step_and_of_one_segment():
    assert viterbi_order(np.array([[0.1, 0.9, 0.3]])).tolist() == [1]
    assert viterbi_order(np.zeros((3, 1))).tolist() == [0, 0, 0]


def test_peaks_are_the_highest_of_their_window():
    line = np.array([0.1, 0.5, 0.4, 0.9, 0.2, 0.3, 0.3, 0.0, 0.8])
    assert find_peaks(line, window=5).tolist() == [3, 8]
    assert find_peaks(line, window=3).tolist() == [3, 8, 1, 5]
    assert find_peaks(np.zeros(4)).tolist() == [0]


def test_growing_stops_below_the_threshold_but_steps_over_short_dips():
    line = np.array([0.0, 0.3, 0.0, 0.0, 0.0, 0.5, 0.8, 0.5, 0.1, 0.1, 0.1, 0.45, 0.1, 0.1, 0.1, 0.1, 0.7])
    # The threshold is 0.5 * 0.8: three low segments are stepped over to the right, then four are too many.
    assert grow_peak(line, 6, ratio=0.5) == (5, 11)
    assert grow_peak(line, 6, ratio=0.5, patience=2) == (5, 7)
    assert grow_peak(line, 6, ratio=0.3) == (1, 11)
    assert grow_peak(line, 6, ratio=0.9, ceiling=1.0) == (6, 6)
    assert grow_peak(line, 6, ratio=0.9, ceiling=0.5) == (5, 7)
    assert grow_peak(np.ones(50), 20, ratio=0.5, reach=10) == (10, 30)
    assert grow_peak(np.full(9, -0.5), 4, ratio=0.5) == (4, 4)


def test_short_spans_are_widened_inside_the_video():
    assert widen((10.0, 13.0), min_length_s=2.0, duration_s=60.0) == (10.0, 13.0)
    assert widen((10.0, 11.0), min_length_s=2.0, duration_s=60.0) == (9.5, 11.5)
    assert widen((0.0, 0.5), min_length_s=2.0, duration_s=60.0) == (0.0, 2.0)
    assert widen((59.5, 60.0), min_length_s=2.0, duration_s=60.0) == (58.0, 60.0)
    assert widen((0.0, 0.5), min_length_s=2.0, duration_s=1.0) == (0.0, 1.0)


def test_duplicates_are_suppressed():
    spans = [(0.0, 10.0), (0.0, 9.0), (0.0, 6.0), (20.0, 30.0)]
    assert suppress(spans, iou=0.65) == [(0.0, 10.0), (0.0, 6.0), (20.0, 30.0)]
    assert suppress(spans, iou=0.65, limit=2) == [(0.0, 10.0), (0.0, 6.0)]


def repeated():
    """Step A, B, A again: the second query for A is right only if the order counts."""
    axes = torch.eye(3)
    fine = axes[[0] * 20 + [2] * 20 + [1] * 20 + [2] * 20 + [0] * 20]
    return VideoFeatures(fine, fine[::4], 0.5), axes[[0, 1, 0]]


def test_stepg_tells_repeated_steps_apart_by_their_order():
    features, queries = repeated()
    a, b, again = stepg(features, queries, cluster=by_axis)
    assert a[0] == (0.0, 10.0)
    assert b[0] == (20.0, 30.0)
    assert again[0] == (40.0, 50.0)
    unordered = stepg(features, queries, config=StepGConfig(use_order=False), cluster=by_axis)
    assert unordered[2][0] == unordered[0][0]


def test_each_switch_of_stepg_changes_the_answers():
    features, queries = repeated()
    noise = torch.randn(features.fine.shape, generator=torch.Generator().manual_seed(1)) * 0.6
    features = VideoFeatures(features.fine + noise, (features.fine + noise)[::4], 0.5)
    answers = {name: stepg(features, queries, config=c, cluster=by_axis) for name, c in stepg_ablation().items()}
    full = answers.pop("HiERO-StepG")
    assert len(answers) == 4
    for name, other in answers.items():
        assert other != full, name
    assert all(1 <= len(spans) <= 5 for spans in full)
    assert all(end - start >= 2.0 and start >= 0 and end <= 50.0 for spans in full for start, end in spans)
