"""A run knows whose it is: its profile and data are kept, found from anywhere, and not mixed with others."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.sealed import write_sealed
from hiero_lib.config import load_profile
from hiero_lib.results.kept_profile import FORMAT, RUN_FILE, check_profile, keep_profile, kept_profile
from tests.helpers.tiny import make_tiny

SAMPLE = load_profile("sample")


def test_what_is_kept_is_read_again_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    assert kept_profile(tmp_path / "r") is None
    keep_profile(tmp_path / "r", SAMPLE)
    monkeypatch.chdir(tmp_path / "elsewhere")
    expected = dataclasses.replace(SAMPLE, data_root=str(tmp_path / SAMPLE.data_root))
    assert kept_profile(tmp_path / "r") == expected
    with_setting = kept_profile(tmp_path / "r", {"training.epochs": "3"})
    assert with_setting is not None
    assert with_setting.training.epochs == 3
    with pytest.raises(ConfigError, match="the run is of the data there, not of those in"):
        check_profile(tmp_path / "r", SAMPLE)


def test_changed_settings_replace_the_former_ones(tmp_path: Path) -> None:
    keep_profile(tmp_path, SAMPLE)
    keep_profile(tmp_path, load_profile("sample", {"training.epochs": 3}))
    kept = kept_profile(tmp_path)
    assert kept is not None
    assert kept.training.epochs == 3


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (load_profile("egovlp"), ["sample", "egovlp", "profile.name"]),
        (load_profile("sample", {"data_root": "/another/place"}), ["/another/place", "data/sample"]),
    ],
)
def test_another_profile_or_other_data_are_an_error_with_both(tmp_path: Path, other: Any, named: list[str]) -> None:
    keep_profile(tmp_path, SAMPLE)
    before = (tmp_path / RUN_FILE).read_bytes()
    for refusing in (keep_profile, check_profile):
        with pytest.raises(ConfigError) as told:
            refusing(tmp_path, other)
        assert [name for name in [*named, RUN_FILE] if name not in str(told.value)] == []
    assert (tmp_path / RUN_FILE).read_bytes() == before


GOOD = SAMPLE.to_dict()


@pytest.mark.parametrize(
    "profile",
    [
        None,
        [],
        {},
        GOOD | {"name": 3},
        GOOD | {"data_root": ["x"]},
        GOOD | {"data_root": "a\0b"},
        GOOD | {"model": []},
        GOOD | {"unknown": 1},
        GOOD | {"features": {}},
        GOOD | {"model": GOOD["model"] | {"input_size": 7}},
    ],
)
def test_a_file_of_another_shape_is_an_error_with_its_name(tmp_path: Path, profile: Any) -> None:
    write_sealed(tmp_path / RUN_FILE, {"profile": profile}, format=FORMAT)
    with pytest.raises(DataError, match=RUN_FILE):
        check_profile(tmp_path, SAMPLE)


@pytest.mark.parametrize("data_root", ["a\0b", "~nobody-of-that-name/x"])
def test_data_that_are_no_path_are_an_error(tmp_path: Path, data_root: str) -> None:
    with pytest.raises(ConfigError, match="data_root"):
        keep_profile(tmp_path, dataclasses.replace(SAMPLE, data_root=data_root))
    assert not (tmp_path / RUN_FILE).exists()


def test_a_run_of_another_version_says_what_may_be_done(tmp_path: Path) -> None:
    write_sealed(tmp_path / RUN_FILE, {"profile": {}}, format=FORMAT - 1)
    with pytest.raises(
        DataError, match=r"not the profile of a run of this version.*Name another --run; or remove this"
    ):
        kept_profile(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}'])
def test_a_file_that_is_none_of_ours_is_an_error_with_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / RUN_FILE).write_text(text)
    with pytest.raises(DataError, match=RUN_FILE):
        kept_profile(tmp_path)


def test_an_edited_file_is_an_error(tmp_path: Path) -> None:
    keep_profile(tmp_path, SAMPLE)
    file = tmp_path / RUN_FILE
    file.write_text(file.read_text().replace('"sample"', '"simple"'))
    with pytest.raises(DataError, match="damaged"):
        kept_profile(tmp_path)


def test_data_that_were_moved_or_copied_are_the_same(tmp_path: Path) -> None:
    profile = load_profile(make_tiny(tmp_path / "data", videos=3))
    keep_profile(tmp_path / "r", profile)
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    moved = dataclasses.replace(profile, data_root=str(tmp_path / "copy"))
    keep_profile(tmp_path / "r", moved)
    kept = kept_profile(tmp_path / "r")
    assert kept is not None
    assert kept.data_root == str(tmp_path / "copy")
    egoclip = tmp_path / "data/raw/annotations/egoclip.csv"
    egoclip.write_text(egoclip.read_text().replace("#C C", "#C D", 1))
    with pytest.raises(ConfigError, match="the run is of the data there"):
        keep_profile(tmp_path / "r", profile)


def test_data_that_come_after_the_run_was_begun_are_known_then(tmp_path: Path) -> None:
    made = load_profile(make_tiny(tmp_path / "made", videos=2))
    profile = dataclasses.replace(made, data_root=str(tmp_path / "data"))
    keep_profile(tmp_path / "r", profile)
    shutil.copytree(tmp_path / "made", tmp_path / "data")
    keep_profile(tmp_path / "r", profile)
    keep_profile(tmp_path / "r", made)


@pytest.mark.parametrize(
    ("place", "told"),
    [("raw/annotations/egoclip.csv", "egoclip.csv is another"), ("raw/features/tiny/v1.pt", "v1.pt. changed")],
)
def test_data_that_change_under_the_same_path_are_refused(tmp_path: Path, place: str, told: str) -> None:
    profile = load_profile(make_tiny(tmp_path / "data", videos=3))
    keep_profile(tmp_path / "r", profile)
    before = (tmp_path / "r" / RUN_FILE).read_bytes()
    content = bytearray((tmp_path / "data" / place).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "data" / place).write_bytes(content)
    for refusing in (keep_profile, check_profile):
        with pytest.raises(ConfigError, match=rf"its data have changed since: .*{told}.*Name another --run"):
            refusing(tmp_path / "r", profile)
    assert (tmp_path / "r" / RUN_FILE).read_bytes() == before


def test_more_features_are_the_same_data_and_are_said_once(tmp_path: Path) -> None:
    profile = load_profile(make_tiny(tmp_path / "data", videos=3))
    said: list[str] = []
    keep_profile(tmp_path / "r", profile, say=said.append)
    shutil.copy(tmp_path / "data/raw/features/tiny/v1.pt", tmp_path / "data/raw/features/tiny/w.pt")
    for _ in range(2):
        keep_profile(tmp_path / "r", profile, say=said.append)
    assert said == ["the data of the run are more than they were: 1 feature file (tiny/w.pt)"]


def test_features_of_another_folder_are_a_changed_setting(tmp_path: Path) -> None:
    profile = load_profile(make_tiny(tmp_path / "data", videos=3))
    keep_profile(tmp_path / "r", profile)
    other = load_profile(tmp_path / "data/tiny.yaml", {"features.folder": "other"})
    assert check_profile(tmp_path / "r", other) is not None
