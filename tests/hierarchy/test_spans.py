from itertools import groupby, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hiero_lib.hierarchy.spans import (
    Span,
    in_order_of_appearance,
    match_labels,
    relabelled,
    spans_of,
    stretches,
    temporal_iou,
)


def test_equal_neighbours_are_merged_and_a_thread_that_comes_back_is_a_new_span() -> None:
    spans = spans_of([4, 4, 2, 4], [1.0, 3.0, 5.0, 7.0], 2.0)
    assert spans == [Span(0.0, 4.0, 4), Span(4.0, 6.0, 2), Span(6.0, 8.0, 4)]
    assert [span.length_s for span in spans] == [4.0, 2.0, 2.0]


def test_tensors_in_any_order_of_time() -> None:
    spans = spans_of(torch.tensor([1, 0, 0]), torch.tensor([2.5, 1.5, 0.5]), 1.0)
    assert spans == [Span(0.0, 2.0, 0), Span(2.0, 3.0, 1)]


def test_one_segment_and_none() -> None:
    assert spans_of([3], [10.0], 4.0) == [Span(8.0, 12.0, 3)]
    assert spans_of([], [], 1.0) == []
    assert spans_of(torch.empty(0, dtype=torch.long), torch.empty(0), 1.0) == []


def test_a_hole_ends_a_span_and_belongs_to_none() -> None:
    assert spans_of([0, 0, 0], [0.5, 1.5, 5.5], 1.0) == [Span(0.0, 2.0, 0), Span(5.0, 6.0, 0)]


def test_an_odd_last_segment_of_a_pooled_level_does_not_overlap_the_one_before() -> None:
    assert spans_of([0, 0, 1], [1.0, 3.0, 4.5], 2.0) == [Span(0.0, 3.75, 0), Span(3.75, 5.5, 1)]


def test_float32_positions_of_two_hours_make_no_slivers() -> None:
    stride_s = 16 / 30
    pos = (torch.arange(13_500) + 0.5) * 16 / 30
    spans = spans_of((torch.arange(13_500) // 100) % 3, pos, stride_s)
    assert len(spans) == 135
    np.testing.assert_allclose([span.start_s for span in spans], np.arange(135) * 100 * stride_s, atol=2e-3)
    assert [span.end_s for span in spans[:-1]] == [span.start_s for span in spans[1:]]
    assert spans[-1].end_s == pytest.approx(7200, abs=2e-3)


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=40))
def test_spans_give_back_the_labels_of_the_segments(labels: list[int]) -> None:
    pos = np.arange(len(labels)) + 0.5
    spans = spans_of(labels, pos, 1.0)
    assert [span.label for p in pos for span in spans if span.start_s <= p < span.end_s] == labels
    assert all(a.label != b.label for a, b in pairwise(spans))
    assert sum(span.length_s for span in spans) == len(labels)


@pytest.mark.parametrize(
    ("labels", "pos", "stride_s", "message"),
    [
        ([0, 1], [0.5], 1.0, r"\(2,\) and \(1,\)"),
        ([[0]], [[0.5]], 1.0, "must both be"),
        ([0], [0.5], 0.0, "stride_s"),
        ([0], [0.5], float("nan"), "stride_s"),
        ([0, 1], [0.5, float("nan")], 1.0, "pos holds"),
    ],
)
def test_what_cannot_be_drawn_is_refused(labels, pos, stride_s, message) -> None:
    with pytest.raises(ValueError, match=message):
        spans_of(labels, pos, stride_s)


def test_order_of_appearance_does_not_depend_on_the_clusterings_numbers() -> None:
    pos = [0.5, 1.5, 2.5, 3.5, 4.5]
    assert in_order_of_appearance([7, 7, -1, 2, 7], pos).tolist() == [0, 0, -1, 1, 0]
    assert in_order_of_appearance([2, 2, -1, 9, 2], pos).tolist() == [0, 0, -1, 1, 0]
    assert in_order_of_appearance(torch.tensor([7, 2]), torch.tensor([9.0, 1.0])).tolist() == [1, 0]
    assert in_order_of_appearance([], []).tolist() == []


def test_threads_take_the_numbers_of_the_truth_that_they_overlap_most() -> None:
    truth = [Span(0, 10, 5), Span(10, 20, 6), Span(20, 30, 5)]
    pred = [Span(0, 9, 1), Span(9, 21, 0), Span(21, 28, 1), Span(28, 30, 2), Span(30, 31, -1)]
    mapping = match_labels(pred, truth)
    assert mapping == {1: 5, 0: 6, 2: 7, -1: -1}
    assert [span.label for span in relabelled(pred, mapping)] == [5, 6, 5, 7, -1]
    assert [(span.start_s, span.end_s) for span in relabelled(pred, mapping)] == [(r.start_s, r.end_s) for r in pred]


def test_the_matching_is_the_best_in_total_not_greedy() -> None:
    # 0 overlaps 0 by 6 s and 1 by 5 s; 1 overlaps 0 by 5 s only. Greedy takes 6 + 0, the best is 5 + 5.
    truth = [Span(0, 11, 0), Span(11, 16, 1)]
    pred = [Span(0, 6, 0), Span(6, 11, 1), Span(11, 16, 0)]
    assert match_labels(pred, truth) == {0: 1, 1: 0}


def test_no_overlap_means_no_match() -> None:
    assert match_labels([Span(5, 6, 0)], [Span(0, 1, 0)]) == {0: 1}
    assert match_labels([Span(0, 1, 4)], []) == {4: 0}
    assert match_labels([], [Span(0, 1, 4)]) == {}


def test_time_that_two_spans_of_a_thread_share_counts_once() -> None:
    truth = [Span(0, 4, 0), Span(0, 4, 0), Span(4, 10, 1)]
    assert match_labels([Span(0, 10, 3)], truth) == {3: 1}


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.permutations(range(5)))
def test_a_permutation_of_the_truth_is_undone(labels: list[int], permutation: list[int]) -> None:
    pos = np.arange(len(labels)) + 0.5
    truth = spans_of(labels, pos, 1.0)
    pred = spans_of([permutation[label] for label in labels], pos, 1.0)
    assert relabelled(pred, match_labels(pred, truth)) == truth


@pytest.mark.parametrize("seed", range(20))
def test_stretches_are_what_groupby_finds(seed) -> None:
    ids = np.random.default_rng(seed).integers(-1, 2, seed)
    expected, first = [], 0
    for _, group in groupby(ids.tolist()):
        stop = first + len(list(group))
        expected.append((first, stop))
        first = stop
    assert stretches(ids) == expected
    assert stretches(np.stack([ids, np.zeros_like(ids)], axis=1)) == expected


def test_a_change_in_any_column_ends_a_stretch() -> None:
    assert stretches([[4, 0], [4, 0], [4, 1], [3, 1]]) == [(0, 2), (2, 3), (3, 4)]
    assert stretches([]) == []
    assert stretches([7]) == [(0, 1)]


def test_temporal_iou_is_shared_seconds_over_all_seconds() -> None:
    intervals = [(0.0, 4.0), (2.0, 6.0), (6.0, 8.0), (3.0, 3.0), (2.5, 3.5)]
    for a in intervals:
        row = temporal_iou(a, intervals)
        for b, value in zip(intervals, row):
            moments = np.arange(0, 8, 0.25) + 0.125
            in_a, in_b = ((start <= moments) & (moments < end) for start, end in (a, b))
            either = (in_a | in_b).sum()
            assert value == pytest.approx((in_a & in_b).sum() / either if either else 0.0)


def test_temporal_iou_broadcasts() -> None:
    assert temporal_iou(np.zeros((3, 1, 2)), np.zeros((4, 2))).shape == (3, 4)
