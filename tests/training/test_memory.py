"""The memory of training: what is counted, and what is advised."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiero_lib.config import load_profile
from hiero_lib.training.memory import memory_advice, training_memory_gb
from tests.helpers.tiny import make_tiny


def test_memory_grows_with_the_batch_and_a_trained_text_encoder(tmp_path: Path) -> None:
    path = make_tiny(tmp_path)
    small, large = (
        training_memory_gb(load_profile(path, {"training.batch_size": size, "training.chunk_s": 60.0}))
        for size in (1, 9)
    )
    assert 0 < small < large < 0.2
    trained = load_profile(path, {"training.batch_size": 1, "training.chunk_s": 60.0, "text.frozen": False})
    assert training_memory_gb(trained) == pytest.approx(small + 66.4e6 * 16 / 1e9 + 13 * 30 * 279e3 / 1e9, rel=0.05)


def test_a_batch_that_fits_is_not_divided_and_one_that_does_not_is_not_accumulated() -> None:
    profile = load_profile("egovlp")
    assert (
        "a batch of 8 takes about 0.9 GB in float32; the device has 15.0 GB, so it is not divided"
        in memory_advice(profile, 0.9, 15.0)
    )
    advice = memory_advice(profile, 14.0, 15.0)
    for expected in ("may be too little", "not accumulated", "torchrun", "training.batch_size"):
        assert expected in advice


@pytest.mark.parametrize("name", ["egovlp", "lavila", "omnivore"])
def test_the_published_batches_fit_a_t4(name: str) -> None:
    """15 GB, a quarter of which is left free, as the advice does."""
    profile = load_profile(name)
    needed_gb = training_memory_gb(profile)
    assert 0.1 < needed_gb <= 0.75 * 15
    assert "is not divided" in memory_advice(profile, needed_gb, 15.0)
