"""What the doctor says of caches."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hiero_lib.config import load_profile
from hiero_lib.doctor.caches import Caches, caches_of, size_of
from hiero_lib.training.batches import encode_narrations
from tests.helpers.tiny import make_tiny


def test_before_and_after_encoding(tmp_path: Path) -> None:
    profile = load_profile(make_tiny(tmp_path))
    before = caches_of(profile)
    assert before.texts is not None
    assert before.missing == before.texts > 5
    assert before.whole_bytes == 2 * profile.text.dim * before.texts
    assert before.encoding_s is not None
    assert before.encoding_s > 0
    assert f"0 of {before.texts} different narrations are encoded" in str(before)
    assert "texts/s, measured now" in str(before)
    assert encode_narrations(profile, device=torch.device("cpu")) == (before.texts, before.texts)
    after = caches_of(profile)
    assert (after.missing, after.encoding_s) == (0, 0.0)
    assert after.bytes > before.bytes
    assert "the rest takes" not in str(after)


def test_the_place_and_the_other_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = load_profile(make_tiny(tmp_path / "data"))
    monkeypatch.setenv("HIERO_CACHE", str(tmp_path / "scratch"))
    found = caches_of(profile)
    assert (found.folder, found.also) == (str(tmp_path / "scratch"), str(tmp_path / "data" / "processed"))
    assert str(tmp_path / "scratch") in str(found)


@pytest.mark.parametrize("settings", [{"text.cache": False}, {"text.frozen": False}])
def test_without_a_cache_nothing_is_asked_of_the_encoder(tmp_path: Path, settings: dict[str, bool]) -> None:
    make_tiny(tmp_path)
    found = caches_of(load_profile(tmp_path / "tiny.yaml", settings))
    assert (found.texts, found.encoding_s) == (None, None)


def test_without_narrations(tmp_path: Path) -> None:
    profile = load_profile(make_tiny(tmp_path))
    (tmp_path / "raw/annotations/egoclip.csv").unlink()
    assert caches_of(profile).texts is None


def test_long_times_are_hours() -> None:
    caches = Caches("c", None, 10, texts=2_300_000, missing=2_300_000, whole_bytes=3_532_800_000, texts_per_s=51.0)
    assert "the rest takes about 12.5 h here (51 texts/s, measured now)" in str(caches)
    assert "3.53 GB when all are" in str(caches)


def test_sizes(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(bytes(10))
    (tmp_path / "a" / "b" / "two").write_bytes(bytes(5))
    assert size_of(tmp_path) == 15
    assert size_of(tmp_path / "nowhere") == 0
