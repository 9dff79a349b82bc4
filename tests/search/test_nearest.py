"""The rows nearest to a query: all compared, and who is chosen."""

from __future__ import annotations

import numpy as np
import pytest

from hiero_lib.search import inverted, nearest
from hiero_lib.search.table import normalised
from hiero_lib.search.vectors import Vectors

VECTORS = Vectors(normalised(np.random.default_rng(0).normal(size=(60, 8))).astype(np.float16))


@pytest.mark.parametrize("ranges", [[[0, 60]], [[10, 31]], [[3, 5], [20, 21], [55, 60]], []])
@pytest.mark.parametrize("count", [1, 4, 100])
def test_the_best_rows_are_those_of_sorting_all(ranges, count) -> None:
    query = normalised(VECTORS[20] + 0.1 * VECTORS[3])
    candidates = [row for first, stop in ranges for row in range(first, stop)]
    expected = sorted(candidates, key=lambda row: -float(VECTORS[row] @ query))[:count]
    scores, best = nearest.Exact(VECTORS)(query, count, np.array(ranges, dtype=np.int64).reshape(-1, 2))
    assert best.tolist() == expected
    np.testing.assert_allclose(scores, VECTORS[np.array(expected, dtype=int)] @ query, atol=1e-6)


def test_of_equal_scores_the_lower_row_is_first() -> None:
    same = Vectors(np.ones((9, 4), dtype=np.float16))
    scores, best = nearest.Exact(same)(same[0], 3, np.array([[2, 3], [5, 6], [7, 9]]))
    assert best.tolist() == [2, 5, 7]
    assert scores.tolist() == [1, 1, 1]


def test_faiss_is_taken_beyond_a_million_rows_and_only_where_it_is(monkeypatch, tmp_path) -> None:
    calls, said = [], []
    monkeypatch.setattr(inverted, "with_faiss", lambda vectors, kept_in, say: calls.append(len(vectors)))
    nearest.choose(VECTORS, tmp_path)
    assert calls == []
    monkeypatch.setattr(nearest, "EXACT_UP_TO", len(VECTORS) - 1)
    nearest.choose(VECTORS, tmp_path)
    assert calls == [len(VECTORS)]
    monkeypatch.setattr(nearest.importlib.util, "find_spec", lambda name: None)
    assert nearest.choose(VECTORS, tmp_path, say=said.append) == nearest.Exact(VECTORS)
    assert calls == [len(VECTORS)]
    (line,) = said
    assert "all 60 spans are compared with each text; with faiss (pip install 'faiss-cpu>=1.8')" in line
