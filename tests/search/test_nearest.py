"""The rows nearest to a query, by the matrix product and through faiss."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from hiero_lib.base import checksums
from hiero_lib.base.errors import ConfigError
from hiero_lib.search import nearest
from hiero_lib.search.table import normalised

VECTORS = normalised(np.random.default_rng(0).normal(size=(60, 8)))


@pytest.mark.parametrize("engine", [nearest.exact, nearest.with_faiss])
@pytest.mark.parametrize("rows", [slice(0, 60), slice(10, 31), np.array([3, 4, 20, 55])])
@pytest.mark.parametrize("count", [1, 4, 100])
def test_the_best_rows_are_those_of_sorting_all(engine, rows, count) -> None:
    query = VECTORS[20] + 0.1 * VECTORS[3]
    candidates = np.arange(60)[rows]
    expected = sorted(candidates.tolist(), key=lambda row: -float(VECTORS[row] @ query))[:count]
    scores, best = engine(VECTORS)(query, count, rows)
    assert best.tolist() == expected
    np.testing.assert_allclose(scores, VECTORS[expected] @ query, atol=1e-6)


def test_of_equal_scores_the_lower_row_is_first() -> None:
    same = np.ones((9, 4), dtype=np.float32)
    scores, best = nearest.exact(same)(same[0], 3, np.array([2, 5, 7, 8]))
    assert best.tolist() == [2, 5, 7]
    assert scores.tolist() == [4, 4, 4]


def test_faiss_keeps_what_it_trained(tmp_path, monkeypatch) -> None:
    kept_in = tmp_path / "faiss"
    first = nearest.with_faiss(VECTORS, kept_in)
    with monkeypatch.context() as patched:
        patched.setattr(nearest, "_train", None)  # a second training would fail
        again = nearest.with_faiss(VECTORS, kept_in)
    for one, other in zip(first(VECTORS[7], 5, slice(0, 60)), again(VECTORS[7], 5, slice(0, 60))):
        np.testing.assert_array_equal(one, other)
    (file,) = kept_in.glob("*.index")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    nearest.with_faiss(VECTORS, kept_in)  # damaged: trained again
    assert checksums.damage(kept_in) is None


def test_faiss_is_taken_beyond_a_million_rows_and_only_where_it_is(monkeypatch) -> None:
    vectors = VECTORS
    calls = []
    monkeypatch.setattr(nearest, "with_faiss", lambda vectors, file: calls.append(len(vectors)))
    nearest.choose(vectors)
    assert calls == []
    monkeypatch.setattr(nearest, "EXACT_UP_TO", len(vectors) - 1)
    nearest.choose(vectors)
    assert calls == [len(vectors)]
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.setattr(nearest.importlib.util, "find_spec", lambda name: None)
    assert callable(nearest.choose(vectors))
    assert calls == [len(vectors)]


def test_without_faiss_the_error_names_the_package(monkeypatch) -> None:
    monkeypatch.setattr(nearest, "faiss_is_installed", lambda: False)
    with pytest.raises(ConfigError, match=r"pip install 'faiss-cpu>=1\.8'"):
        nearest.with_faiss(np.eye(3, dtype=np.float32))
