"""Two videos aligned: against a slow literal warping, and on videos of which one knows what corresponds."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.hierarchy import alignment
from hiero_lib.hierarchy.alignment import Pair, align, unlike, warp
from hiero_lib.hierarchy.video import VideoHierarchy
from tests.helpers.made_up import record

STEPS = torch.nn.functional.normalize(torch.eye(32)[:8] + 0.1, dim=1)  # any two have the same cosine


def price(cost: np.ndarray, path: np.ndarray, left_out: float) -> float:
    """Of a way: twice a cell that is come to diagonally or after a gap, once one beside the cell before."""
    total, before = 0.0, None
    for row, column in path.tolist():
        beside = before is not None and (row, column) in ((before[0] + 1, before[1]), (before[0], before[1] + 1))
        total += cost[row, column] * (1 if beside else 2)
        before = (row, column)
    rows, columns = (len(set(path[:, side].tolist())) for side in (0, 1))
    return total + left_out * (cost.shape[0] - rows + cost.shape[1] - columns)


def literal(cost: np.ndarray, left_out: float) -> float:
    """The price of the cheapest way, cell by cell."""
    rows, columns = cost.shape
    matched, anyhow = np.full((rows + 1, columns + 1), np.inf), np.zeros((rows + 1, columns + 1))
    anyhow[0, :] = left_out * np.arange(columns + 1)
    anyhow[:, 0] = left_out * np.arange(rows + 1)
    for i, j in itertools.product(range(1, rows + 1), range(1, columns + 1)):
        c = cost[i - 1, j - 1]
        matched[i, j] = min(anyhow[i - 1, j - 1] + 2 * c, matched[i - 1, j] + c, matched[i, j - 1] + c)
        anyhow[i, j] = min(matched[i, j], anyhow[i - 1, j] + left_out, anyhow[i, j - 1] + left_out)
    return float(anyhow[-1, -1])


def symmetric(cost: np.ndarray) -> float:
    """Sakoe and Chiba's symmetric form, from corner to corner, nothing left out."""
    total = np.full(cost.shape, np.inf)
    for i, j in itertools.product(*map(range, cost.shape)):
        if i == j == 0:
            total[i, j] = 2 * cost[i, j]
            continue
        ways = [total[i - 1, j] + cost[i, j]] if i else []
        ways += [total[i, j - 1] + cost[i, j]] if j else []
        ways += [total[i - 1, j - 1] + 2 * cost[i, j]] if i and j else []
        total[i, j] = min(ways)
    return float(total[-1, -1])


@pytest.mark.parametrize("left_out", [0.0, 0.2, 0.5, 0.9, 2.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 1), (5, 9), (14, 11)])
def test_the_way_is_the_cheapest(shape: tuple[int, int], left_out: float) -> None:
    cost = np.random.default_rng(sum(shape)).random(shape)
    path = warp(cost, left_out=left_out)
    assert price(cost, path, left_out) == pytest.approx(literal(cost, left_out))
    steps = np.diff(path, axis=0)
    assert (steps >= 0).all()
    assert (steps.sum(1) > 0).all()
    turned = warp(cost.T, left_out=left_out)
    assert price(cost.T, turned, left_out) == pytest.approx(price(cost, path, left_out))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 9), (14, 11)])
def test_where_leaving_out_never_pays_it_is_symmetric_warping(shape: tuple[int, int]) -> None:
    cost = np.random.default_rng(7).random(shape)
    path = warp(cost, left_out=2.0)
    assert price(cost, path, 2.0) == pytest.approx(symmetric(cost))
    assert set(path[:, 0]) == set(range(shape[0]))
    assert set(path[:, 1]) == set(range(shape[1]))


def test_what_is_dearer_than_leaving_out_is_left_out() -> None:
    assert len(warp(np.ones((4, 5)), left_out=0.5)) == 0
    assert len(warp(np.ones((4, 5)), left_out=1.0)) == 0  # no nearer than what is unlike
    cost = np.ones((3, 4))
    cost[0, 1] = cost[2, 2] = 0.0
    assert warp(cost, left_out=0.5).tolist() == [[0, 1], [2, 2]]


def video_of(steps: list[int], *, uid: str, noise: float = 0.0, seconds: int = 6) -> VideoHierarchy:
    """A video whose steps have features of their own; one thread a step at every level."""
    labels = [step for step in steps for _ in range(4 * seconds)]
    made = record([labels, labels[::2], labels[::4]], channels=32, video_uid=uid)
    generator, order = torch.Generator().manual_seed(len(steps)), list(dict.fromkeys(steps))
    levels = []
    for level in made.levels:
        span_x = STEPS[[order[span.label] for span in level.spans]]
        span_x = span_x + noise * torch.randn(span_x.shape, generator=generator) / 32**0.5
        levels.append(dataclasses.replace(level, span_x=span_x))
    return dataclasses.replace(made, levels=tuple(levels))


def test_steps_find_each_other_and_what_is_in_one_alone_is_told() -> None:
    one = video_of([0, 1, 2, 3, 4], uid="one")
    other = video_of([5, 0, 2, 6, 3, 3, 7], uid="other")
    for level in (0, 1, 2):
        found = align(one, other, level=level)
        assert [(pair.one, pair.other) for pair in found.pairs] == [(0, 1), (2, 2), (3, 4)]
        assert all(pair.cosine > max(found.threshold, 0.9) for pair in found.pairs)
        assert found.shares[0] == pytest.approx(3 / 5, abs=0.05)
        assert found.shares[1] == pytest.approx(4 / 7, abs=0.05)  # a step that is twice as long counts twice


def test_videos_that_share_nothing_have_no_counterparts() -> None:
    found = align(video_of([0, 1, 2], uid="a"), video_of([3, 4, 5, 6], uid="b"), level=1)
    assert found.pairs == ()
    assert found.shares == (0.0, 0.0)


def test_a_video_is_its_own_counterpart_and_the_two_can_change_places() -> None:
    one, other = video_of([0, 1, 2, 3], uid="a"), video_of([1, 4, 3, 0], uid="b")
    noisy = video_of([0, 1, 2, 3], uid="n", noise=0.5)
    itself = align(noisy, noisy, level=0)
    assert [(pair.one, pair.other) for pair in itself.pairs] == [(n, n) for n in range(4)]
    assert itself.shares == pytest.approx((1.0, 1.0))
    there, back = align(one, other, level=0), align(other, one, level=0)
    assert {(pair.other, pair.one) for pair in there.pairs} == {(pair.one, pair.other) for pair in back.pairs}
    assert there.shares == back.shares[::-1]


def test_of_several_counterparts_the_nearest_is_named() -> None:
    pairs = (Pair(0, 0, 0.8), Pair(0, 1, 0.9), Pair(1, 1, 0.95))
    found = alignment.Alignment(0, pairs, 0.5, (1.0, 1.0))
    assert found.nearest() == {0: pairs[1], 1: pairs[2]}
    assert found.nearest_to_other() == {0: pairs[0], 1: pairs[2]}


def test_what_is_unlike_is_of_different_threads_by_their_seconds() -> None:
    video = video_of([0, 1, 0, 1], uid="v")
    expected = float(STEPS[0] @ STEPS[1])
    assert unlike(video, level=0) == pytest.approx(expected, abs=2e-3)
    # a pair of the same thread does not count, however alike
    assert unlike(video_of([0, 1], uid="v"), level=0) == pytest.approx(expected, abs=2e-3)
    assert unlike(video_of([0], uid="v"), level=0) == 0.0


def test_what_cannot_be_aligned_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    one = video_of([0, 1, 2], uid="one")
    with pytest.raises(DataError, match="video one has no such level"):
        align(one, one, level=3)
    other = dataclasses.replace(
        one, levels=tuple(dataclasses.replace(level, span_x=level.span_x[:, :5]) for level in one.levels)
    )
    with pytest.raises(DataError, match="32 and of 5 channels"):
        align(one, other, level=0)
    monkeypatch.setattr(alignment, "MOST_PAIRS", 8)
    with pytest.raises(DataError, match="too many to be aligned"):
        align(one, one, level=0)
