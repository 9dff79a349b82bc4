from pathlib import Path

import numpy as np
import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.search.vectors import BLOCK_VALUES, Vectors, row_lengths, row_sums

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
