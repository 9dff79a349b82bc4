"""Where files lie is the authors' choice (METHOD.md, "Files")."""

from __future__ import annotations

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
