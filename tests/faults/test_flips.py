"""No flipped bit of what is kept goes unseen; more of them by hand (`flips`)."""

import pytest

from tests.faults.flips import KEPT, flip


@pytest.mark.parametrize("name", KEPT)
def test_no_flipped_bit_is_silent(name: str) -> None:
    counts = flip(KEPT[name], bits=25, seed=1)
    assert counts["silent"] == 0
    assert counts["said"] > 12
