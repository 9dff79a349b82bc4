"""The mean over items and its interval, against drawing the items one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hiero_lib.results.metric import Metric, mean_metric


def items(n: int, groups: int, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Hits and misses that depend on their group, in groups of different sizes."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, n)
    chance = rng.uniform(0.1, 0.9, groups)
    return (rng.random(n) < chance[group]).astype(float), [f"video {number}" for number in group]


def literal_interval(values: np.ndarray, groups: list[str], *, resamples: int, seed: int) -> tuple[float, float]:
    """The definition read aloud: draw as many groups as there are, with replacement; pool their items; their mean."""
    members: dict[str, list[float]] = {}
    for value, group in zip(values.tolist(), groups):
        members.setdefault(group, []).append(value)
    names, rng, means = sorted(members), np.random.default_rng(seed), []
    for _ in range(resamples):
        pooled = [value for _ in names for value in members[names[rng.integers(len(names))]]]
        means.append(sum(pooled) / len(pooled))
    means.sort()
    return means[round(0.025 * (resamples - 1))], means[round(0.975 * (resamples - 1))]


def widths(interval: tuple[float, float] | None) -> float:
    assert interval is not None
    return interval[1] - interval[0]


@pytest.mark.parametrize(("n", "groups"), [(300, 12), (60, 40), (50, 3)])
def test_groups_are_drawn_whole_and_their_items_pooled(n: int, groups: int) -> None:
    values, group = items(n, groups)
    got = mean_metric(values, excluded=0, resamples=20_000, seed=1, groups=group).interval
    expected = literal_interval(values, group, resamples=4000, seed=2)
    assert got == pytest.approx(expected, abs=0.06 * widths(expected))


def test_items_that_go_together_make_the_interval_wider_and_the_mean_the_same() -> None:
    values, group = items(600, 10)
    alone = mean_metric(values, excluded=4, resamples=4000, seed=0)
    together = mean_metric(values, excluded=4, resamples=4000, seed=0, groups=group)
    assert together.value == alone.value == values.mean()
    assert (together.n, together.excluded) == (alone.n, alone.excluded) == (600, 4)
    assert widths(together.interval) > 1.5 * widths(alone.interval)


@pytest.mark.parametrize("values", [items(80, 5)[0], np.random.default_rng(3).exponential(size=80)])
def test_one_item_a_group_is_the_plain_bootstrap(values: np.ndarray) -> None:
    """In distribution: the two draw differently, so single quantiles of many resamples are compared."""
    plain = mean_metric(values, excluded=0, resamples=40_000, seed=0).interval
    grouped = mean_metric(values, excluded=0, resamples=40_000, seed=5, groups=range(len(values))).interval
    assert plain is not None
    assert grouped == pytest.approx(plain, abs=0.03 * widths(plain))


def test_the_plain_interval_is_that_of_items_drawn_one_by_one() -> None:
    values, _ = items(150, 5)
    got = mean_metric(values, excluded=0, resamples=20_000, seed=0).interval
    expected = literal_interval(values, [str(at) for at in range(150)], resamples=4000, seed=1)
    assert got == pytest.approx(expected, abs=0.06 * widths(expected))


def test_the_names_and_the_order_of_groups_do_not_matter() -> None:
    values, group = items(90, 7)
    by_number = [int(name.split()[1]) for name in group]
    settings = {"excluded": 0, "resamples": 500, "seed": 3}
    assert mean_metric(values, groups=by_number, **settings) == mean_metric(values, groups=group, **settings)
    one = mean_metric(values, groups=["all"] * 90, **settings)
    assert one.interval == pytest.approx((values.mean(), values.mean()))


def test_the_same_seed_draws_the_same() -> None:
    values, group = items(90, 7)
    for groups in (None, group):
        first, same, other = (
            mean_metric(values, excluded=0, resamples=300, seed=seed, groups=groups) for seed in (1, 1, 2)
        )
        assert first == same
        assert first.interval != other.interval


def test_all_alike_and_no_value() -> None:
    assert mean_metric(np.full(9, 0.25), excluded=1, resamples=50, seed=0) == Metric(0.25, 9, 1, (0.25, 0.25))
    nothing = mean_metric(np.zeros(0), excluded=3, resamples=50, seed=0, groups=[])
    assert math.isnan(nothing.value)
    assert (nothing.n, nothing.excluded, nothing.interval) == (0, 3, None)
