"""Whether anything fits a text: by what unrelated texts score."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hiero_lib.search.fit import UNRELATED, Fit, fit_of


def test_the_threshold_is_what_95_of_100_unrelated_texts_stay_below() -> None:
    fit = Fit(np.linspace(0, 1, 101))
    assert fit.threshold == pytest.approx(0.95)
    assert fit.is_good(0.96)
    assert not fit.is_good(0.95)


def test_it_is_calibrated_by_the_search_itself() -> None:
    asked = []

    def best_score(query):
        asked.append(query)
        return float(query[0])

    def embed(texts):
        assert all(text.startswith("#C C ") for text in texts)
        return torch.arange(len(texts), 0, -1).float()[:, None] / 100

    fit = fit_of(best_score, embed)
    assert len(asked) == len(UNRELATED) == len(set(UNRELATED)) >= 40
    assert fit.unrelated.tolist() == sorted(fit.unrelated.tolist())
    with pytest.raises(ValueError, match="texts"):
        fit_of(best_score, embed, texts=())
