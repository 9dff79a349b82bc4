"""A measured value, and the mean over items with its bootstrap interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Metric:
    """A measured value.

    Args:
        value: the measurement, a fraction (or a difference of fractions).
        n: how many items it is an average over.
        excluded: how many items were left out, and so are not in ``n``.
        interval: lower and upper end of its 95 % interval, in the unit of ``value``.
    """

    value: float
    n: int
    excluded: int = 0
    interval: tuple[float, float] | None = None


def mean_metric(
    values: np.ndarray, *, excluded: int, resamples: int, seed: int, groups: Sequence[Any] | None = None
) -> Metric:
    """The mean of ``values`` with the 95 % percentile interval of a bootstrap; NaN where there is no value.

    Args:
        values: ``[n]``, one an item.
        excluded: items that were left out.
        resamples: draws of the bootstrap.
        seed: of the draws.
        groups: ``[n]`` what each item belongs to, for example its video: items of one group are drawn together,
            for they share its features; of a kind that sorts. None: items are drawn one by one.
    """
    if not len(values):
        return Metric(value=float("nan"), n=0, excluded=excluded)
    rng = np.random.default_rng(seed)
    if groups is None:
        # Resampling n items only changes how often each distinct value comes up.
        distinct, counts = np.unique(values, return_counts=True)
        means = rng.multinomial(len(values), counts / counts.sum(), size=resamples) @ distinct / len(values)
    else:
        number = {name: at for at, name in enumerate(sorted(set(groups)))}
        group = np.array([number[name] for name in groups])
        sums, sizes = np.bincount(group, weights=values), np.bincount(group)
        draws = rng.integers(0, len(sums), (resamples, len(sums)))
        means = sums[draws].sum(1) / sizes[draws].sum(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Metric(float(values.mean()), len(values), excluded, (float(low), float(high)))
