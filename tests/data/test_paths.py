"""Where files lie is the authors' choice (METHOD.md, "Files")."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hiero_lib.data.paths import DataPaths


def test_places_under_a_root() -> None:
    paths = DataPaths.at("data/real")
    assert {name: str(getattr(paths, name)) for name in ("annotations", "egoclip", "egomcq", "videos", "frames")} == {
        "annotations": "data/real/raw/annotations",
        "egoclip": "data/real/raw/annotations/egoclip.csv",
        "egomcq": "data/real/raw/annotations/egomcq.json",
        "videos": "data/real/raw/videos",
        "frames": "data/real/raw/frames",
    }
    assert paths.features("egovlp") == Path("data/real/raw/features/egovlp")
    assert (paths.processed, paths.truth) == (Path("data/real/processed"), Path("data/real/truth"))


def test_the_home_is_expanded_and_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert DataPaths.at("~/hiero").egomcq == tmp_path / "hiero" / "raw" / "annotations" / "egomcq.json"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def no_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HIERO_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))


@pytest.mark.usefixtures("no_setting")
def test_caches_lie_under_the_data(tmp_path: Path) -> None:
    paths = DataPaths.at(tmp_path / "data")
    assert (paths.caches, paths.also_cached) == (tmp_path / "data" / "processed", None)
    assert paths.text_caches == (tmp_path / "data" / "processed" / "text", None)


@pytest.mark.usefixtures("no_setting")
def test_caches_lie_where_one_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIERO_CACHE", str(tmp_path / "scratch"))
    paths = DataPaths.at(tmp_path / "data")
    assert (paths.caches, paths.also_cached) == (tmp_path / "scratch", tmp_path / "data" / "processed")
    assert paths.text_caches == (tmp_path / "scratch" / "text", tmp_path / "data" / "processed" / "text")
    assert paths.surveys == tmp_path / "scratch" / "features"


@pytest.mark.usefixtures("no_setting")
def test_beside_read_only_data_caches_lie_with_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, access = DataPaths.at(tmp_path / "data"), os.access
    read_only = {tmp_path / "data", tmp_path / "data" / "processed"}
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(
        os, "access", lambda path, mode: path not in read_only and access(path, mode)
    )  # tests are root
    assert (paths.caches, paths.also_cached) == (tmp_path / "user" / "hiero_lib", tmp_path / "data" / "processed")
