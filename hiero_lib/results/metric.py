"""The mean over items with its bootstrap interval."""

from __future__ import annotations

import numpy as np

from hiero_lib.results.record import Metric


def mean_metric(values: np.ndarray, *, excluded: int, resamples: int, seed: int) -> Metric:
    """Mean of ``values [n]`` with the 95 % percentile interval over resampled items; NaN where there is none."""
    if not len(values):
        return Metric(value=float("nan"), n=0, excluded=excluded)
    # Resampling n items only changes how often each distinct value comes up.
    distinct, counts = np.unique(values, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(len(values), counts / counts.sum(), size=resamples)
    low, high = np.quantile(draws @ distinct / len(values), [0.025, 0.975])
    return Metric(float(values.mean()), len(values), excluded, (float(low), float(high)))
