"""Archives are unpacked whole, go on after an interruption, and write nothing outside whatever they try."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest

from hiero_lib.base.errors import DownloadError, UnsafeFileError
from hiero_lib.sources.download import members
from hiero_lib.sources.download.archives import flat, under, unpack
from hiero_lib.sources.download.transfer import Stopped

FILES = {f"data/egovlp/v{number}.pt": bytes([number]) * (5000 + number) for number in range(20)}
KINDS = ["zip", "tar.gz"]


def make(path: Path, kind: str, files: dict[str, bytes]) -> Path:
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
            for name, content in files.items():
                opened.writestr(name, content)
    else:
        with tarfile.open(path, "w:gz") as opened:
            for name, content in files.items():
                opened.addfile(member(name, size=len(content)), io.BytesIO(content))
    return path


def member(name: str, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "in" / "here"


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_it_comes_out(kind: str, tmp_path: Path, into: Path) -> None:
    archive = make(tmp_path / "a", kind, FILES)
    unpacked = unpack(archive, into, kind=kind, journal=tmp_path / "j")
    assert tree(into) == FILES
    assert unpacked.files == {name: len(content) for name, content in FILES.items()}
    assert unpacked.left_out == 0


@pytest.mark.parametrize("kind", KINDS)
def test_features_are_laid_flat_and_named_pt(kind: str, tmp_path: Path, into: Path) -> None:
    files = {"a/b/v1.pt": b"1", "v2.pth": b"2", "c/v3.safetensors": b"3", "README.md": b"4", "__MACOSX/a/v4.pt": b"5"}
    unpacked = unpack(make(tmp_path / "a", kind, files), into, kind=kind, journal=tmp_path / "j", place=flat)
    assert tree(into) == {"v1.pt": b"1", "v2.pt": b"2", "v3.safetensors": b"3"}
    assert unpacked.left_out == 2


def test_folders_are_found_wherever_they_lie(tmp_path: Path, into: Path) -> None:
    files = {
        "x/omnivore/PC/v1.pt": b"1",
        "PC/v2.pt": b"2",
        "x/other/v3.pt": b"3",
        "x/PC": b"4",
        "y/EGTEA/.hidden": b"5",
    }
    unpack(make(tmp_path / "a", "zip", files), into, kind="zip", journal=tmp_path / "j", place=under(("PC", "EGTEA")))
    assert tree(into) == {"PC/v1.pt": b"1", "PC/v2.pt": b"2"}


@pytest.mark.parametrize("kind", KINDS)
def test_it_goes_on_where_it_stopped(kind: str, tmp_path: Path, into: Path) -> None:
    archive, journal, stop = make(tmp_path / "a", kind, FILES), tmp_path / "j", threading.Event()
    with pytest.raises(Stopped):
        unpack(
            archive, into, kind=kind, journal=journal, stop=stop,
            on_bytes=lambda done, total: stop.set() if len(list(into.rglob("*.pt"))) == 7 else None,
        )  # fmt: skip
    done = {path: path.stat().st_mtime_ns for path in into.rglob("*.pt")}
    assert 7 <= len(done) < 20
    journal.write_text(journal.read_text() + "50")  # a line that was being written
    (into / "data/egovlp/v0.pt").write_bytes(b"short")
    unpack(archive, into, kind=kind, journal=journal)
    assert tree(into) == FILES
    again = {path for path, time in done.items() if path.stat().st_mtime_ns != time}
    assert again == {into / "data/egovlp/v0.pt"}


def zip_member(path: Path, name: str, content: bytes = b"evil", mode: int = stat.S_IFREG | 0o644) -> None:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    with zipfile.ZipFile(path, "a") as opened:
        opened.writestr(info, content)


def tar_members(*members: tuple[tarfile.TarInfo, bytes]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with tarfile.open(path, "w:gz") as opened:
            for info, content in members:
                info.size = len(content)
                opened.addfile(info, io.BytesIO(content))

    return write


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=kind, linkname=to), b""


EVIL = (member("d/evil.pt"), b"evil")
ATTACKS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "zip: up and out": ("zip", lambda path: zip_member(path, "../../evil.pt")),
    "zip: up in the middle": ("zip", lambda path: zip_member(path, "a/../../../evil.pt")),
    "zip: absolute": ("zip", lambda path: zip_member(path, "/tmp/hiero-evil.pt")),
    "zip: backslashes": ("zip", lambda path: zip_member(path, "a\\..\\..\\evil.pt")),
    "zip: drive letter": ("zip", lambda path: zip_member(path, "C:/evil.pt")),
    "zip: link": ("zip", lambda path: zip_member(path, "d", b"../..", stat.S_IFLNK | 0o777)),
    "zip: device": ("zip", lambda path: zip_member(path, "null", b"", stat.S_IFCHR | 0o666)),
    "tar: up and out": ("tar.gz", tar_members((member("../../evil.pt"), b"evil"))),
    "tar: absolute": ("tar.gz", tar_members((member("/tmp/hiero-evil.pt"), b"evil"))),
    "tar: up as a folder": ("tar.gz", tar_members((member("../../evil", type=tarfile.DIRTYPE), b""))),
    "tar: link, then through it": ("tar.gz", tar_members(link("d", "../.."), EVIL)),
    "tar: absolute link, then through it": ("tar.gz", tar_members(link("d", "/tmp"), EVIL)),
    "tar: hard link out": ("tar.gz", tar_members(link("d", "../../outside", tarfile.LNKTYPE), EVIL)),
    "tar: device": ("tar.gz", tar_members((member("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3), b""))),
    "tar: pipe": ("tar.gz", tar_members((member("pipe", type=tarfile.FIFOTYPE), b""))),
    "tar: a file as a folder": ("tar.gz", tar_members((member("d"), b"file"), EVIL)),
    "tar: one file twice": ("tar.gz", tar_members((member("d/evil.pt"), b"good"), EVIL)),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_and_writes_nothing_outside(attack: str, tmp_path: Path, into: Path) -> None:
    kind, write = ATTACKS[attack]
    write(tmp_path / "archive")
    (tmp_path / "outside").write_bytes(b"mine")
    with pytest.raises(UnsafeFileError, match="refused"):
        unpack(tmp_path / "archive", into, kind=kind, journal=tmp_path / "journal")
    assert {path.name for path in tmp_path.iterdir()} == {"archive", "journal", "in", "outside"}
    assert {path.name for path in (tmp_path / "in").iterdir()} == {"here"}
    assert (tmp_path / "outside").read_bytes() == b"mine"
    assert not Path("/tmp/hiero-evil.pt").exists()
    assert not Path("/tmp/evil.pt").exists()
    assert all(path.is_dir() or (path.is_file() and not path.is_symlink()) for path in into.rglob("*"))


@pytest.mark.parametrize(
    ("attack", "message"), [("tar: device", "special file"), ("tar: pipe", "special file"), ("zip: link", "a link")]
)
def test_a_refusal_says_why(attack: str, message: str, tmp_path: Path, into: Path) -> None:
    kind, write = ATTACKS[attack]
    write(tmp_path / "archive")
    with pytest.raises(UnsafeFileError, match=rf"archive, value .*refused: .*{message}"):
        unpack(tmp_path / "archive", into, kind=kind, journal=tmp_path / "journal")


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_that_is_there_already_is_not_followed(kind: str, tmp_path: Path, into: Path) -> None:
    into.mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (into / "data").symlink_to(tmp_path / "other")
    with pytest.raises(UnsafeFileError, match="a link on the way"):
        unpack(make(tmp_path / "a", kind, FILES), into, kind=kind, journal=tmp_path / "j")
    assert list((tmp_path / "other").iterdir()) == []
    (into / "data").unlink()
    (into / "data/egovlp").mkdir(parents=True)
    (tmp_path / "precious").write_bytes(b"mine")
    (into / "data/egovlp/v0.pt").symlink_to(tmp_path / "precious")
    unpack(tmp_path / "a", into, kind=kind, journal=tmp_path / "j")
    assert (tmp_path / "precious").read_bytes() == b"mine"
    assert tree(into) == FILES


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_is_refused(kind: str, tmp_path: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "LIMIT_FLOOR", 100_000)
    archive = make(tmp_path / "a", kind, {f"{number}.pt": bytes(1_000_000) for number in range(20)})
    with pytest.raises(UnsafeFileError, match="over the limit"):
        unpack(archive, into, kind=kind, journal=tmp_path / "j")
    limit = 100_000 + members.LIMIT_RATIO * archive.stat().st_size
    assert sum(map(len, tree(into).values())) <= limit < 20_000_000


def test_a_bomb_that_lies_about_its_size_is_refused(tmp_path: Path, into: Path) -> None:
    archive = make(tmp_path / "a", "zip", {"v.pt": bytes(1_000_000)})
    raw = archive.read_bytes().replace((1_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    archive.write_bytes(raw)
    with pytest.raises(DownloadError, match="truncated or broken"):
        unpack(archive, into, kind="zip", journal=tmp_path / "j")
    assert tree(into) == {}


def test_too_many_members_are_refused(tmp_path: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "LIMIT_MEMBERS", 5)
    with pytest.raises(UnsafeFileError, match="too many members"):
        unpack(make(tmp_path / "a", "zip", FILES), into, kind="zip", journal=tmp_path / "j")


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def bent(content: bytes) -> bytes:
    """One byte in the middle of the compressed data is another."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("harm", [truncated, bent, lambda _: b"not an archive at all"])
def test_a_broken_archive_is_named(kind: str, harm: Callable[[bytes], bytes], tmp_path: Path, into: Path) -> None:
    noise = {f"v{number}.pt": os.urandom(5000) for number in range(20)}
    archive = make(tmp_path / "a", kind, noise)
    archive.write_bytes(harm(archive.read_bytes()))
    with pytest.raises(DownloadError, match=r"truncated or broken.*Delete it and run the same command again"):
        unpack(archive, into, kind=kind, journal=tmp_path / "j")
    assert tree(into) == {}


def test_a_disk_too_small_is_seen_before(tmp_path: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make(tmp_path / "a", "zip", FILES)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(DownloadError, match="too full"):
        unpack(archive, into, kind="zip", journal=tmp_path / "j")
    assert tree(into) == {}


def test_an_archive_of_other_things_is_an_error(tmp_path: Path, into: Path) -> None:
    archive = make(tmp_path / "a", "zip", {"README.md": b"hello"})
    with pytest.raises(DownloadError, match="'members left out', value 1: nothing of what is expected"):
        unpack(archive, into, kind="zip", journal=tmp_path / "j", place=flat)


def test_names_that_stay_inside_are_kept() -> None:
    assert flat(PurePosixPath("a/64b355f3-ef49.v2.pt")) == PurePosixPath("64b355f3-ef49.v2.pt")
    assert under(("EGTEA",))(PurePosixPath("EGTEA/P1/v.pt")) == PurePosixPath("EGTEA/P1/v.pt")
