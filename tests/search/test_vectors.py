from pathlib import Path

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.search import vectors as vectors_module
from hiero_lib.search.vectors import BLOCK_VALUES, HALF_ERROR, Vectors, halves_serve, row_lengths, row_sums

BLOCK_ROWS = BLOCK_VALUES // 64
FLOATS = np.random.default_rng(0).normal(size=(2 * BLOCK_ROWS + 7, 64))
HALF = FLOATS.astype(np.float16)


def test_rows_are_float32_of_length_1_and_zero_stays_zero() -> None:
    half = HALF.copy()
    half[3] = 0
    vectors = Vectors(half)
    for rows in (slice(0, 9), slice(None), slice(2, None, 3), np.array([7, 3, 7])):
        found = vectors[rows]
        assert found.dtype == np.float32
        expected = half[rows].astype(np.float32)
        length = np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(found, expected / np.where(length > 0, length, 1), atol=1e-7)
    assert not vectors[3].any()
    np.testing.assert_allclose(np.linalg.norm(vectors[5]), 1, atol=1e-6)
    assert (len(vectors), vectors.dim) == half.shape


def test_scores_of_ranges_are_those_of_the_rows() -> None:
    vectors = Vectors(HALF)
    query = vectors[1]
    ranges = np.array([[2, 3], [10, BLOCK_ROWS + 20], [len(HALF) - 1, len(HALF)]])
    rows = np.concatenate([np.arange(*pair) for pair in ranges])
    np.testing.assert_allclose(vectors.scores(query, ranges), vectors[rows] @ query, atol=1e-6)
    assert vectors.scores(query, np.empty((0, 2), dtype=np.int64)).shape == (0,)


def close_rows(dim: int) -> np.ndarray:
    """Rows nearly as near to the first as one another: what float16 rounds decides among them; some are equal."""
    random = np.random.default_rng(1)
    rows = np.abs(random.normal(size=(6000, dim)))
    rows[1000:4000] = rows[0] + 0.02 * random.normal(size=(3000, dim))
    rows[1500:1600] = rows[1499]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


@pytest.mark.parametrize("serve", [True, False])
@pytest.mark.parametrize("count", [1, 7, 150, 5999, 7000])
@pytest.mark.parametrize("ranges", [[[0, 6000]], [[0, 1], [900, 2000], [2500, 5900]]])
def test_the_best_are_among_those_near(monkeypatch, serve: bool, count: int, ranges) -> None:
    monkeypatch.setattr(vectors_module, "_FEW_VALUES", 0)
    monkeypatch.setattr(vectors_module, "halves_serve", lambda dim: serve)
    vectors = Vectors(close_rows(96))
    query = vectors[0]
    rows = np.concatenate([np.arange(*pair) for pair in ranges])
    exact = vectors.half[rows].astype(np.float64) @ query.astype(np.float64) / vectors.lengths[rows]
    best = np.argsort(-exact, kind="stable")[:count]
    near = vectors.near(query, count, np.array(ranges))
    assert set(best.tolist()) <= set(near.tolist())
    assert (np.diff(near) > 0).all()


def test_rows_are_compared_as_float16_where_that_serves(monkeypatch) -> None:
    vectors, ranges = Vectors(close_rows(768)), np.array([[0, 6000]])
    monkeypatch.setattr(vectors_module, "halves_serve", lambda dim: True)
    monkeypatch.setattr(Vectors, "scores", lambda *_: pytest.fail("converted"))
    assert 5 <= len(vectors.near(vectors[5000], 5, ranges)) < 100
    half = vectors._half_scores(vectors[0], ranges)
    assert np.abs(half - vectors.half.astype(np.float64) @ vectors[0] / vectors.lengths).max() < HALF_ERROR


def test_rows_that_are_not_of_length_1_are_compared_as_float32(monkeypatch) -> None:
    vectors = Vectors((close_rows(768).astype(np.float32) * 4000).astype(np.float16))
    monkeypatch.setattr(vectors_module, "halves_serve", lambda dim: True)
    monkeypatch.setattr(Vectors, "_half_scores", lambda *_: pytest.fail("would leave float16"))
    assert 5000 in vectors.near(vectors[5000], 5, np.array([[0, 6000]]))


def test_a_torch_that_adds_up_in_float16_is_found_out(monkeypatch) -> None:
    """As on processors whose float16 instructions round each sum."""
    plain = torch.mv

    def adds_in_half(rows, query):
        if rows.dtype != torch.half:
            return plain(rows, query)
        return torch.from_numpy(np.add.accumulate(rows[:64].numpy() * query.numpy(), axis=1, dtype=np.float16)[:, -1])

    monkeypatch.setattr(vectors_module, "_SUMMED_ROWS", 64)
    monkeypatch.setattr(torch, "mv", adds_in_half)
    clock = iter([0.0, 1.0, 9.0] * 8)
    monkeypatch.setattr(vectors_module.time, "perf_counter", lambda: next(clock))
    assert not halves_serve.__wrapped__(768)
    monkeypatch.setattr(torch, "mv", plain)
    clock = iter([0.0, 1.0, 9.0] * 8)
    assert halves_serve.__wrapped__(768)
    clock = iter([0.0, 8.0, 9.0] * 8)
    assert not halves_serve.__wrapped__(768)  # right, and slower


def test_a_score_is_the_same_number_whatever_stands_beside_it() -> None:
    vectors = Vectors(close_rows(768))
    rows = np.random.default_rng(2).permutation(6000)
    together = vectors.scores_at(vectors[3], rows)
    assert all(vectors.scores_at(vectors[3], rows[at : at + 1])[0] == together[at] for at in range(0, 6000, 97))


@pytest.mark.parametrize("bit", range(16))
def test_every_bit_of_a_row_counts(bit: int) -> None:
    sums = row_sums(HALF)
    other = HALF.copy()
    other.view(np.uint16)[np.arange(len(HALF)), np.arange(len(HALF)) % 64] ^= np.uint16(1 << bit)
    assert (row_sums(other) != sums).all()


def test_a_damaged_row_is_no_number_however_it_is_read() -> None:
    half, row = HALF.copy(), BLOCK_ROWS + 5
    vectors = Vectors(half, sums=row_sums(HALF), file=Path("all/vectors.npy"))
    half.view(np.uint16)[row, 2] ^= 1 << 14
    query = Vectors(HALF)[0]
    for read in (
        lambda: vectors[row],
        lambda: vectors[row - 1 : row + 1],
        lambda: vectors[np.array([0, row])],
        lambda: vectors.scores(query, np.array([[0, len(half)]])),
        lambda: vectors.scores_at(query, np.array([1, row])),
        vectors.verify,
    ):
        with pytest.raises(DataError, match=rf"vectors\.npy, field 'row {row}': damaged"):
            read()
    assert vectors.scores(query, np.array([[0, row], [row + 1, row + 2]])).shape == (row + 1,)  # the others can be


def test_what_is_no_float16_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match="float16, not"):
        Vectors(np.ones((2, 3), dtype=np.float32))
    with pytest.raises(ValueError, match="float16, not"):
        Vectors(np.ones(3, dtype=np.float16))
    with pytest.raises(ValueError, match=r"5 vectors but sums of shape \(4,\)"):
        Vectors(HALF[:5], sums=row_sums(HALF[:4]))
    with pytest.raises(ValueError, match="5 vectors but lengths"):
        Vectors(HALF[:5], lengths=row_lengths(HALF[:4]))
