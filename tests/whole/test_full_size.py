"""A tenth of the published runs' data: training starts in little memory, and a second start opens no feature file."""

import re
from pathlib import Path

import pytest

from tests.tools import full_size


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("full") / "data"
    made.mkdir()
    return made


@pytest.fixture(scope="module")
def rows(folder: Path) -> dict[str, str]:
    return {what: now for what, _, now in full_size.measure(folder, 0.1)}


def test_training_starts_and_goes_on_within_two_gigabytes(rows: dict[str, str]) -> None:
    """Where memory groups can be made, more than that ends it; elsewhere its largest resident memory tells."""
    for what, now in rows.items():
        if what.startswith("train"):
            assert float(now.split(" GB")[0].split()[-1]) < 2.0, (what, now)
    assert "3 steps, " in rows["train again, after an end there, in 2 GB"]


def test_a_second_start_reads_no_header(rows: dict[str, str]) -> None:
    assert "800 headers read" in rows["chunks, first"]
    assert " 0 headers read" in rows["chunks, again"]


def test_the_cache_is_one_file_of_float16(rows: dict[str, str]) -> None:
    gigabytes = float(rows["the text cache"].split()[0])
    assert gigabytes == pytest.approx(230_000 * 768 * 2 / 1e9, rel=0.15)
    assert rows["the text cache"].endswith("1 file")


@pytest.mark.usefixtures("rows")
def test_the_quick_start_says_what_is_ahead_within_two_gigabytes(folder: Path) -> None:
    lines = full_size.quick_start(folder, 2e9, 2)
    assert any(re.search(r"encoded once: ([\d,]{7}) of \1 different texts are left", line) for line in lines), lines
    assert any(re.match(r"training hiero: ([\d,]{5}) of \1 steps.* s a step", line) for line in lines), lines
    assert not (folder / "quick").exists()


def test_sparse_features_are_read(tmp_path: Path) -> None:
    full_size.write_zeros(tmp_path / "v.safetensors", 1000)
    from hiero_lib.data.features import FeatureStore

    store = FeatureStore(tmp_path, dim=full_size.DIM)
    assert store.num_segments("v") == 1000
    assert store.read("v", 990, 1000).abs().sum() == 0
