"""Why narrations do not fall on features, in a sentence."""

import re
from pathlib import Path

import pytest
import torch

from hiero_lib.config import FeatureConfig
from hiero_lib.data.egoclip_fit import misfit
from hiero_lib.data.features import FeatureStore
from tests.helpers.egoclip import index_of, table

FEATURES = FeatureConfig("f", 4)


def make_store(folder: Path, lengths: dict[str, int]) -> FeatureStore:
    folder.mkdir()
    for uid, segments in lengths.items():
        torch.save(torch.zeros(segments, FEATURES.dim), folder / f"{uid}.pt")
    return FeatureStore(folder)


def wrong(tmp_path: Path, rows: list[tuple[str, float, str]], lengths: dict[str, int]) -> str | None:
    store = make_store(tmp_path / "f", lengths)
    index = index_of(tmp_path, table(*rows))
    return misfit(index, store, FEATURES, index.chunks(store, FEATURES)[1])


@pytest.mark.parametrize(
    ("rows", "lengths", "said"),
    [
        ([("v", 1.0, "a"), ("v", 3.0, "b")], {"v": 60}, None),
        ([("v", 1.0 * t, "a") for t in range(20)], {"v": 36}, None),  # one of 20 beyond 19.2 s is no reason
        ([("v", 1.0 * t, "a") for t in range(20)], {"v": 30}, "4 of 20 narrations lie beyond.* 1.2 times its length"),
        ([("v", 1000.0 * t, "a") for t in range(20)], {"v": 60}, "19 of 20 .* 594 times .*in milliseconds"),
        ([("w", 1.0, "a")], {"v": 60}, "not one of the 1 narrated videos .*'w', with features 'v'"),
        ([("w", 1.0, "a")], {}, "there are no features in"),
        ([("e\u0301", 1.0, "a")], {"\u00e9": 60}, "1 videos differ .*NFC against NFD"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, rows, lengths, said) -> None:
    found = wrong(tmp_path, rows, lengths)
    if said is None:
        assert found is None
    else:
        assert re.search(said, found or ""), found
