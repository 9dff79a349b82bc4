"""Names that cannot be paths below a folder are told apart from those that can."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path, PurePosixPath

import pytest

from hiero_lib.base.errors import DownloadError, UnsafeFileError
from hiero_lib.sources.download.names import fault_of, file_fault_of, place_inside, same_file


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "a/b.pt",
        "./a",
        "64b355f3-ef49.v2.pt",
        "é/日本語 (1).csv",
        "a b",
        ".hidden",
        "nullable",
        "console.pt",
        "x" * 255,
    ],
)
def test_a_plain_name_has_no_fault(name: str) -> None:
    assert fault_of(name) is None


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "empty"), (".", "empty"), ("./.", "empty"),
        ("../a", "leads out"), ("a/../../b", "leads out"), ("/a", "leads out"), ("//a", "leads out"),
        ("a\\..\\b", "leads out"), ("C:/a", "leads out"), ("c:a", "leads out"),
        ("a\n5\t../../b", "control"), ("a\0b", "control"), ("\x1b[2J", "control"), ("a\x85", "control"),
        ("a\u2028", "line separator"), ("a\u2029", "paragraph separator"),
        ("a\u202egnp.pt", "cannot be seen"), ("\ufeffa", "cannot be seen"), ("a\udc80", "not UTF-8"),
        ("x" * 256, "too long"), ("é" * 128, "too long"), ("/".join(["x" * 200] * 6), "too long"),
        ("a/what?", "Windows"), ("a/b:c", "Windows"), ("a|b", "Windows"), ("con", "Windows"),
        ("a/NUL.tar.gz", "Windows"), ("com1", "Windows"), ("x.", "Windows"), ("x /y", "Windows"),
        (3, "no text"), (None, "no text"), ([], "no text"),
    ],
)  # fmt: skip
def test_a_fault_is_named(name: object, fault: str) -> None:
    assert fault in str(fault_of(name))


def test_no_character_that_cannot_be_seen_gets_through() -> None:
    hidden = [
        chr(code) for code in range(0x30000) if unicodedata.category(chr(code)) in ("Cc", "Cf", "Zl", "Zp", "Cs")
    ]
    assert len(hidden) > 2000
    assert [name for name in hidden if fault_of(f"a{name}b") is None] == []


def test_a_file_name_is_one_part() -> None:
    assert file_fault_of("a.zip") is None
    for name in ("a/b", "a/", "./a", "..", "", None):
        assert file_fault_of(name) is not None


def test_names_that_differ_by_case_or_accents_alone_are_one_file_somewhere() -> None:
    assert same_file(PurePosixPath("A/É.pt")) == same_file(PurePosixPath("a/e\u0301.PT"))
    assert same_file(PurePosixPath("a")) != same_file(PurePosixPath("b"))


def test_a_place_is_not_behind_a_link_or_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    assert place_inside(folder, PurePosixPath("a/b/c.pt"), file=tmp_path) == folder / "a/b/c.pt"
    assert (folder / "a/b").is_dir()
    (folder / "link").symlink_to(tmp_path)
    (folder / "file").touch()
    with pytest.raises(UnsafeFileError, match="a link on the way"):
        place_inside(folder, PurePosixPath("link/x"), file=tmp_path)
    with pytest.raises(UnsafeFileError, match="a file as a folder"):
        place_inside(folder, PurePosixPath("file/x"), file=tmp_path)
    with pytest.raises(DownloadError, match="cannot be made"):
        place_inside(folder / "missing", PurePosixPath("a/x"), file=tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["in"]
