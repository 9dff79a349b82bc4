"""Whatever is wrong with an archive is one of the kit's errors; headers are believed in nothing."""

from __future__ import annotations

import gzip
import random
import shutil
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError, DownloadError, UnsafeFileError
from hiero_lib.sources.download.archives import flat, unpack
from hiero_lib.sources.download.members import BrokenArchive, Member, reading, tar_members, zip_members
from tests.helpers.hostile import FORMATS, METHODS, damaged, hostile, whole

CASES = Path(__file__).parents[2] / "cases/files"
FILES = {
    "a/v0.pt": bytes(3000) + random.Random(1).randbytes(2000),
    "a/v1.pt": random.Random(2).randbytes(3000),
    "mine.pt": b"theirs" * 50,
}
BEFORE = {"mine.pt": b"mine", "own.pt": b"own"}


def read(path: Path, kind: str) -> list[Member]:
    return [
        member for member in (zip_members if kind == "zip" else tar_members)(path) if member.open().read() is not None
    ]


class Yard:
    """A folder to unpack into, with a user's own files in it and one beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.archive, self.into, self.journal = folder, folder / "a", folder / "in", folder / "j"
        (folder / "precious").write_bytes(b"p")

    def unpack(self, kind: str, **options) -> bool:
        """Whether it went well; nothing but the kit's errors, and nothing outside, whatever happens."""
        shutil.rmtree(self.into, ignore_errors=True)
        self.into.mkdir()
        self.journal.unlink(missing_ok=True)
        for name, content in BEFORE.items():
            (self.into / name).write_bytes(content)
        try:
            unpack(self.archive, self.into, kind=kind, journal=self.journal, **options)
        except DownloadError:
            went_well = False
        except UnsafeFileError:
            went_well = False
        else:
            went_well = True
        assert (self.folder / "precious").read_bytes() == b"p"
        assert {path.name for path in self.folder.iterdir()} == {"precious", "in", "a", "j"}
        assert (self.into / "own.pt").read_bytes() == b"own"
        assert not [path for path in self.into.rglob("*") if path.is_symlink() or path.suffix == ".tmp"]
        if not went_well:  # nothing was written
            assert {path.name: path.read_bytes() for path in self.into.rglob("*")} == BEFORE
        return went_well


@pytest.mark.parametrize("how", [*METHODS, *FORMATS])
def test_a_damaged_archive_never_gives_other_bytes(how: str, tmp_path: Path) -> None:
    kind, yard = "zip" if how in METHODS else "tar.gz", Yard(tmp_path)
    base, went_well = whole(kind, how, FILES), 0
    for number in range(150):
        draw = random.Random(f"{how} {number}")
        if kind == "tar.gz" and number % 2:  # the tar itself, under a checksum that holds
            content = gzip.compress(damaged(gzip.decompress(base), draw), mtime=0)
        else:
            content = damaged(base, draw)
        yard.archive.write_bytes(content)
        went_well += yard.unpack(kind)
        if kind == "zip" or not number % 2:
            there = {name: (yard.into / name) for name in FILES if name not in BEFORE}
            assert all(path.read_bytes() == FILES[name] for name, path in there.items() if path.exists())
    assert went_well < 150
    yard.archive.write_bytes(base)
    assert yard.unpack(kind)


def test_an_archive_made_to_do_harm_does_none(tmp_path: Path) -> None:
    yard, refused = Yard(tmp_path), 0
    for number in range(1100):
        draw = random.Random(f"hostile {number}")
        kind = hostile(yard.archive, draw)
        refused += not yard.unpack(kind, **({"place": flat} if number % 2 else {}))
    assert refused > 1000


def test_a_damaged_lzma_member_is_a_download_error(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"lzma_damaged\.zip: the archive is truncated or broken"):
        unpack(CASES / "lzma_damaged.zip", tmp_path / "in", kind="zip", journal=tmp_path / "j")


@pytest.mark.parametrize(
    "error",
    [
        EOFError(), KeyError("x"), MemoryError(), OSError("Invalid data stream"), RuntimeError("password"),
        OverflowError(), IndexError(), OSError(22, "x"),
        struct.error("unpack"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), ValueError("x"), RecursionError(),
        zipfile.BadZipFile("x"), tarfile.ReadError("x"), NotImplementedError("method 99"),
    ],
)  # fmt: skip
def test_whatever_the_readers_raise_is_the_archives_fault(error: Exception, tmp_path: Path) -> None:
    with (
        pytest.raises(BrokenArchive, match=r"a\.zip: the archive is truncated or broken"),
        reading(tmp_path / "a.zip"),
    ):
        raise error


def test_a_disk_that_fails_is_not_the_archives_fault(tmp_path: Path) -> None:
    message = r"a\.zip: cannot be read \(Input/output error\)"
    with pytest.raises(DownloadError, match=message) as caught, reading(tmp_path / "a.zip"):
        raise OSError(5, "Input/output error")
    assert not isinstance(caught.value, BrokenArchive)
    with pytest.raises(KeyboardInterrupt), reading(tmp_path / "a.zip"):
        raise KeyboardInterrupt


def test_a_tar_that_breaks_off_in_a_header_is_not_taken_for_whole(tmp_path: Path) -> None:
    tar = gzip.decompress(whole("tar.gz", "ustar", {"a.pt": b"a" * 512, "b.pt": b"b"}))
    for content in (tar[:1024] + b"x" * 512, tar[:1024] + tar[1024:1300]):
        (tmp_path / "a").write_bytes(gzip.compress(content))
        with pytest.raises(DataError, match="header where a member or the end is expected"):
            read(tmp_path / "a", "tar.gz")


def test_a_header_claims_no_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 33
    (tmp_path / "a").write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 16)))
    with pytest.raises(DataError, match="a header of 8589934592 bytes"):
        read(tmp_path / "a", "tar.gz")
    content = bytearray(whole("zip", "lzma", {"a.pt": b"a" * 100}))
    at = content.index(b"a.pt") + 4 + 5  # the name, then LZMA's version, lengths and properties
    content[at : at + 4] = (1 << 31).to_bytes(4, "little")
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UnsafeFileError, match="refused: a dictionary of 2147483648 bytes"):
        read(tmp_path / "a", "zip")


def test_a_tar_of_a_folder_begins_with_the_folder_itself(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.pt").write_bytes(b"a")
    with tarfile.open(tmp_path / "a", "w:gz") as opened:
        opened.add(tmp_path / "in", ".")
    assert [member.name for member in tar_members(tmp_path / "a")] == ["./a.pt"]


def test_a_name_that_zipfile_would_cut_is_refused(tmp_path: Path) -> None:
    content = whole("zip", "stored", {"a.ptX../../x": b"a"}).replace(b"a.ptX", b"a.pt\0")
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UnsafeFileError, match="a control character"):
        read(tmp_path / "a", "zip")
