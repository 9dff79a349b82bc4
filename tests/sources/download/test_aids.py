"""What surrounds a download: the look at a file, the bar, the list, and what to do by hand."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from hiero_lib.base.errors import DownloadError
from hiero_lib.sources.download.aids import (
    Tally,
    by_hand,
    inspect,
    listing,
    readable_size,
)
from hiero_lib.sources.download.manifest import Archive, Item, Manifest, Mirror


def item(*mirrors: Mirror, target: str = "raw/a.csv", archive: Archive | None = None) -> Item:
    return Item("a", "a test", target, "none", mirrors, archive=archive)


@pytest.mark.parametrize(
    ("mirrors", "target", "archive", "expected"),
    [
        (
            (Mirror(http="https://h/a.csv"),),
            "raw/a.csv",
            None,
            "open https://h/a.csv .* put the file at ROOT/raw/a.csv,",
        ),
        (
            (Mirror(http="https://h/a.zip"), Mirror(drive="D")),
            "raw/f",
            Archive("zip"),
            "https://h/a.zip or https://drive/file/d/D/view .* put the file at ROOT/downloads/a.zip,",
        ),
        (
            (Mirror(drive_folder="F"),),
            "raw/f",
            None,
            "https://drive/drive/folders/F .* put its files into ROOT/raw/f,",
        ),
        (
            (Mirror(ego4d="--datasets x"),),
            "raw/f",
            None,
            "ego4d --output_directory ROOT/downloads/ego4d --datasets x -y;",
        ),
    ],
)
def test_what_to_do_by_hand(
    mirrors: tuple[Mirror, ...], target: str, archive: Archive | None, expected: str, tmp_path: Path
) -> None:
    said = by_hand(item(*mirrors, target=target, archive=archive), tmp_path, Manifest({}, drive="https://drive"))
    for part in expected.replace("ROOT", str(tmp_path)).split(" .* "):
        assert part in said


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("data.pkl", b"x" * 1000)


def test_whole_files_are_let_pass(tmp_path: Path) -> None:
    zipped(tmp_path / "a.zip")
    zipped(tmp_path / "a.pth")
    (tmp_path / "a.json").write_text(' {"a": 1}\n')
    (tmp_path / "old.pth").write_bytes(b"\x80\x02 an older pickle")
    (tmp_path / "a.csv").write_text("a,b\n")
    (tmp_path / "marked.json").write_bytes(b"\xef\xbb\xbf{}")
    for path in tmp_path.iterdir():
        inspect(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"\n<!DOCTYPE html><html>", "a web page was saved"),
        ("a.json", b'{"a": 1', "truncated, or no json file"),
        ("a.json", b"a: 1}", "truncated, or no json file"),
        ("a.zip", b"PK\x03\x04 and no end", "truncated, or no zip file"),
        ("a.pth", b"PK\x03\x04 and no end", "truncated, or no pth file"),
        ("a.tar.gz", b"PK\x03\x04", "truncated, or no gz file"),
    ],
)
def test_what_a_file_cannot_be_is_said(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DownloadError, match=message):
        inspect(tmp_path / name)
    assert (tmp_path / name).exists() == ("web page" not in message)
    part = tmp_path / "a.part"
    part.write_bytes(content)
    with pytest.raises(DownloadError, match=message):
        inspect(part, name=name)


def test_a_zip_of_several_files_is_none(tmp_path: Path) -> None:
    zipped(tmp_path / "a.zip")
    content = bytearray((tmp_path / "a.zip").read_bytes())
    end = content.index(b"PK\x05\x06")
    content[end:end] = b"PK\x06\x06" + bytes(52) + b"PK\x06\x07" + bytes(12) + (9).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DownloadError, match="truncated, or no zip file"):
        inspect(tmp_path / "a.zip")


def test_the_tally_is_of_all_transfers() -> None:
    tally = Tally(2, quiet=True)
    tally.report("a", 5_000_000, 20_000_000)
    tally.report("b", 1_000_000, None)  # of unknown length
    assert tally.progress.total == 20 + 2 + 1
    assert tally.progress.start == 6  # what was there already is no speed of today
    tally.finished("a")
    assert tally.left == 1
    tally.close()


@pytest.mark.parametrize(
    ("size", "text"),
    [(2_340_000_000, "2.3 GB"), (5_000_000, "5.0 MB"), (1200, "1.2 kB"), (7, "7 B"), (None, "size not known")],
)
def test_sizes_for_people(size: int | None, text: str) -> None:
    assert readable_size(size) == text


def test_the_list_marks_what_is_needed_and_there(tmp_path: Path) -> None:
    there = item(Mirror(drive="D"))
    archive = Item("b", "features", "raw/f", "free", (Mirror(http="h"),), archive=Archive("zip"))
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a.csv").write_text("a")
    lines = listing([there, archive], tmp_path, needed={"b"}).splitlines()
    assert lines[0].split() == ["a", "there", "raw/a.csv"]
    assert lines[1].strip() == "a test [none]"
    assert lines[2].split() == ["b", "needed", "raw/f"]
    (tmp_path / "downloads").mkdir()
    record = {"id": "b", "source": "by hand", "size": 3_000_000, "date": "2026-01-01T00:00:00Z"}
    (tmp_path / "downloads/b.json").write_text(json.dumps(record))
    assert listing([archive], tmp_path, needed=set()).splitlines()[0].split() == ["b", "there", "3.0", "MB", "raw/f"]
