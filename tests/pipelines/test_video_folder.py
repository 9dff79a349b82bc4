"""Folders of explored videos: one content each, whatever cameras call their files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.base.identity import file_identity
from hiero_lib.pipelines.video_folder import MARKER, claim_folder, folder_of, link_to, typed_name, uid_of

CASES = Path(__file__).parents[1] / "cases" / "videos"


@pytest.fixture
def cards(tmp_path: Path) -> tuple[Path, Path]:
    """Two cameras' files of one name."""
    for letter in "AB":
        (tmp_path / letter).mkdir()
        shutil.copy(CASES / f"cam{letter}_GX010001.mp4", tmp_path / letter / "GX010001.mp4")
    return tmp_path / "A/GX010001.mp4", tmp_path / "B/GX010001.mp4"


def test_a_second_file_of_a_name_has_its_own_folder(cards: tuple[Path, Path], tmp_path: Path) -> None:
    one, other = cards
    said: list[str] = []
    first = folder_of(tmp_path / "out", one, say=said.append)
    assert (first, said) == (tmp_path / "out/GX010001", [])
    claim_folder(first, one)
    second = folder_of(tmp_path / "out", other, say=said.append)
    assert second == tmp_path / f"out/GX010001-{file_identity(other)[:8]}"
    assert len(said) == 1
    claim_folder(second, other)
    shutil.move(other, tmp_path / "GX010001.mp4")
    assert folder_of(tmp_path / "out", tmp_path / "GX010001.mp4", say=said.append) == second
    assert folder_of(tmp_path / "out", one) == first
    shutil.copy(tmp_path / "GX010001.mp4", one)  # replaced in its place
    assert folder_of(tmp_path / "out", one, say=said.append) == second


def test_a_folder_of_another_video_is_refused(cards: tuple[Path, Path], tmp_path: Path) -> None:
    one, other = cards
    claim_folder(tmp_path / "x", one)
    claim_folder(tmp_path / "x", one)
    with pytest.raises(DataError, match=r"holds another video \(GX010001\.mp4\).*Write to another folder"):
        claim_folder(tmp_path / "x", other)
    (tmp_path / "x" / MARKER).write_text("{")
    with pytest.raises(DataError, match="holds another video"):
        claim_folder(tmp_path / "x", one)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="nothing can be written here"):
        claim_folder(tmp_path / "file" / "x", one)


def test_a_folder_that_says_nothing_is_not_taken_by_default(cards: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "out/GX010001/data").mkdir(parents=True)
    assert folder_of(tmp_path / "out", cards[0], say=lambda line: None).name.startswith("GX010001-")


def test_a_link_to_another_file_is_replaced_and_a_file_refused(cards: tuple[Path, Path], tmp_path: Path) -> None:
    one, other = cards
    place = tmp_path / "videos/GX010001.mp4"
    for video in (one, other, other):
        link_to(video, place)
        assert place.resolve() == video.resolve()
    place.unlink()
    place.symlink_to("nowhere.mp4")
    link_to(one, place)
    assert place.resolve() == one.resolve()
    place.unlink()
    shutil.copy(one, place)
    link_to(one, place)
    with pytest.raises(DataError, match="another file than"):
        link_to(other, place)
    assert place.read_bytes() == one.read_bytes()


def test_any_file_has_a_uid() -> None:
    assert uid_of(Path("my video #1.mp4")) == "my video #1"
    assert uid_of(Path("a\\b.mp4")) == "a-5Cb"
    assert uid_of(Path(os.fsdecode(b"caf\xe9.mp4"))).isascii()
    assert len(uid_of(Path("x" * 250 + ".mp4"))) <= 120


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("kitchen day", "kitchen_day"),
        ("GX010001", "GX010001"),
        ("_DSC-1.2_", "_DSC-1.2_"),
        ("Küche (2) — Ende!", "Küche_2_Ende"),
        ("Ku\u0308che", "Küche"),
        ("हिन्दी 1", "हिन्दी_1"),
        ("a/b\\c:d", "a_b_c_d"),
        ("a%20b=20c#1", "a_20b_20c_1"),
        ("..", "_"),
        ("!", "_"),
        ("-rf x", "rf_x"),
        (os.fsdecode(b"caf\xe9"), "caf"),
    ],
)
def test_the_folder_of_a_video_has_a_name_that_one_types(stem: str, name: str) -> None:
    assert typed_name(stem) == name
    assert typed_name(name) == name


def test_a_long_name_is_cut_and_still_told_apart() -> None:
    names = [typed_name(letter * 200 + end) for letter in "xä" for end in "12"]
    assert len(set(names)) == 4
    assert max(len(name.encode()) for name in names) <= 120


def test_two_files_whose_names_are_typed_alike_have_two_folders(cards: tuple[Path, Path], tmp_path: Path) -> None:
    one, other = tmp_path / "kitchen day.mp4", tmp_path / "kitchen#day.mp4"
    shutil.copy(cards[0], one)
    shutil.copy(cards[1], other)
    first = folder_of(tmp_path / "out", one)
    assert first == tmp_path / "out/kitchen_day"
    claim_folder(first, one)
    second = folder_of(tmp_path / "out", other, say=lambda line: None)
    assert second == tmp_path / f"out/kitchen_day-{file_identity(other)[:8]}"
