"""Names of videos: what can be a uid, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import atomic_path
from hiero_lib.sources.extraction.names import MOST_BYTES, check_uid, printable, problem_of


@pytest.mark.parametrize(
    "uid", ["a", "GX010001", "my video #1 %41", "a:b", 'quote"', "NA", "é" * 100, "x" * MOST_BYTES]
)
def test_a_name_that_files_can_have_is_a_uid(uid: str, tmp_path: Path) -> None:
    check_uid(uid, "v.mp4")
    with atomic_path(tmp_path / f"{uid}.json") as temporary:
        temporary.write_text("")


@pytest.mark.parametrize(
    ("uid", "problem"),
    [
        ("caf\udce9", "not UTF-8"),
        ("x" * 250, "250 bytes is too long"),
        ("é" * 120, "240 bytes is too long"),
        ("", "empty"),
        (".hidden", "begins with a dot"),
        ("a\\b", "slash"),
        ("a/b", "slash"),
        ("a\nb", "control"),
        ("a\x7fb", "control"),
        ("a\u2028b", "control"),
        (" a", "white space"),
    ],
)
def test_a_name_that_is_no_uid(uid: str, problem: str) -> None:
    assert problem in problem_of(uid)
    with pytest.raises(DataError, match=r"v\.mp4.*Rename the file"):
        check_uid(uid, "v.mp4")


def test_any_name_can_be_printed_in_a_line() -> None:
    assert printable("é caf\udce9\n") == "é caf\\udce9\\n"
