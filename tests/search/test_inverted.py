"""Millions of rows through faiss, on a few thousand: what is kept, what is found, what is said of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hiero_lib.base import checksums
from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.search import inverted, nearest
from hiero_lib.search.table import normalised
from hiero_lib.search.vectors import Vectors, row_sums

RANDOM = np.random.default_rng(0)
CENTRES = RANDOM.normal(size=(40, 16))
HALF = normalised(CENTRES[np.arange(4000) // 100] + 0.4 * RANDOM.normal(size=(4000, 16))).astype(np.float16)
ALL = np.array([[0, 4000]])


def test_scores_are_exact_and_few_rows_are_all_compared() -> None:
    vectors = Vectors(HALF)
    engine = inverted.with_faiss(vectors)
    query, part = vectors[7], np.array([[0, 50], [900, 2000]])
    for ranges in (ALL, part, np.array([[300, 3900]])):
        scores, rows = dataclasses.replace(engine, exact_up_to=0)(query, 5, ranges)
        np.testing.assert_allclose(scores, vectors[rows] @ query, atol=1e-6)
        assert all(any(first <= row < stop for first, stop in ranges.tolist()) for row in rows.tolist())
    for one, other in zip(engine(query, 5, part), nearest.Exact(vectors)(query, 5, part)):
        np.testing.assert_array_equal(one, other)


def test_a_part_that_lies_far_from_the_query_is_searched_as_well() -> None:
    vectors = Vectors(HALF)
    engine = dataclasses.replace(inverted.with_faiss(vectors), cells=2, exact_up_to=0)
    assert engine.index.nlist > 20
    part = np.array([[1000, 1100], [2000, 2050], [3000, 3350]])  # 500 of 4,000 rows, none of the query's cluster
    for row in range(0, 900, 50):
        query = vectors[row]
        scores, rows = engine(query, 5, part)
        assert len(rows) == 5
        expected, _ = nearest.Exact(vectors)(query, 5, part)
        assert scores[0] > expected[0] - 0.05
    assert len(engine(vectors[0], 500, part)[1]) == 500


def test_the_recall_is_measured_against_comparing_all(monkeypatch) -> None:
    vectors = Vectors(HALF)
    said: list[str] = []
    engine = inverted.with_faiss(vectors, say=said.append)
    assert engine.recall >= 0.95
    assert said[-1] == engine.about
    assert f"{100 * engine.recall:.1f} % of the best 5 found, of 32 queries" in engine.about
    assert inverted._exact_best(vectors, vectors[[5, 70]])[:, 0].tolist() == [5, 70]
    best = inverted._exact_best
    monkeypatch.setattr(inverted, "_exact_best", lambda *given: (best(*given) + 2000) % 4000)  # others
    assert inverted.with_faiss(vectors).recall < 0.05


def test_it_is_kept_and_made_again_where_it_is_damaged(tmp_path, monkeypatch) -> None:
    vectors, kept_in = Vectors(HALF), tmp_path / "faiss"
    first = dataclasses.replace(inverted.with_faiss(vectors, kept_in), exact_up_to=0)
    with monkeypatch.context() as patched:
        patched.setattr(inverted, "_train", None)  # a second training would fail
        again = dataclasses.replace(inverted.with_faiss(vectors, kept_in), exact_up_to=0)
    assert (again.cells, again.recall, again.queries) == (first.cells, first.recall, 32)
    for one, other in zip(first(vectors[7], 5, ALL), again(vectors[7], 5, ALL)):
        np.testing.assert_array_equal(one, other)
    (file,) = kept_in.glob("*.index")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    inverted.with_faiss(vectors, kept_in)  # damaged: trained again
    assert checksums.damage(kept_in) is None
    assert [path.name for path in tmp_path.iterdir()] == ["faiss"]


def test_a_damaged_candidate_is_an_error_and_no_score() -> None:
    damaged = HALF.copy()
    engine = inverted.with_faiss(Vectors(damaged, sums=row_sums(HALF)))
    query = normalised(HALF[7])
    damaged.view(np.uint16)[7, 3] ^= 1
    with pytest.raises(DataError, match="field 'row 7': damaged"):
        dataclasses.replace(engine, exact_up_to=0)(query, 5, ALL)


def test_without_faiss_the_error_names_the_package(monkeypatch) -> None:
    monkeypatch.setattr(inverted, "faiss_is_installed", lambda: False)
    with pytest.raises(ConfigError, match=r"pip install 'faiss-cpu>=1\.8'"):
        inverted.with_faiss(Vectors(HALF))
