"""Unpacking zip and tar.gz archives that come from elsewhere: streaming, resumable, and never outside the folder.

Every member goes to a temporary name and is renamed when it is whole; a journal beside the archive says which are
done, so that a second call writes only the rest (a tar.gz is read again from its start: gzip has no index).

Refused, each with an :class:`UnsafeFileError`, before anything of the member is written: what tarfile's ``data``
filter refuses, and in both formats absolute names, ``..``, backslashes and drive letters, links, devices, two members
for one file, and a way into the folder that leads out of it through a link. The stated limit against bombs:
unpacked, an archive may have ``LIMIT_RATIO`` times its own bytes (plus ``LIMIT_FLOOR``) and ``LIMIT_MEMBERS``
members; bytes are counted as they come, whatever a header says.
"""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from hiero_lib.base.errors import DownloadError, UnsafeFileError
from hiero_lib.sources.download.transfer import Stopped, need_room

LIMIT_RATIO = 50
LIMIT_FLOOR = 256 << 20
LIMIT_MEMBERS = 2_000_000
FEATURE_SUFFIXES = (".pt", ".pth", ".safetensors")
_BLOCK = 1 << 20
_SPARE = 100_000_000


class _Broken(DownloadError):
    """The archive itself is at fault."""


Place = Callable[[PurePosixPath], PurePosixPath | None]  # a member's name -> its place in the folder; None: left out


@dataclass(frozen=True)
class Unpacked:
    """What came out of an archive: sizes by path in the folder, and how many members were left out."""

    files: dict[str, int]
    left_out: int


def flat(name: PurePosixPath) -> PurePosixPath | None:
    """Feature files by their own name, whatever folders they lie in; ``.pth`` becomes ``.pt``."""
    if name.suffix not in FEATURE_SUFFIXES or name.name[0] == "." or "__MACOSX" in name.parts:
        return None
    return PurePosixPath(name.name).with_suffix(".pt" if name.suffix == ".pth" else name.suffix)


def under(folders: tuple[str, ...]) -> Place:
    """What lies in folders of these names, from there on."""

    def place(name: PurePosixPath) -> PurePosixPath | None:
        starts = [number for number, part in enumerate(name.parts[:-1]) if part in folders]
        if not starts or name.name[0] == "." or "__MACOSX" in name.parts:
            return None
        return PurePosixPath(*name.parts[starts[0] :])

    return place


def unpack(
    archive: Path,
    folder: Path,
    *,
    kind: str,
    journal: Path,
    place: Place = lambda name: name,
    on_bytes: Callable[[int, int | None], None] = lambda done, total: None,
    stop: threading.Event | None = None,
) -> Unpacked:
    """Unpack ``archive`` into ``folder``, going on where an earlier call stopped.

    Args:
        archive: the file.
        folder: made if it is not there; files in it that the archive has too are replaced.
        kind: ``zip`` or ``tar.gz``.
        journal: lists what is done (size, tab, path); belongs to this archive alone.
        place: where a member goes, see :func:`flat` and :func:`under`.
        on_bytes: called with (bytes of the archive read, bytes of the archive).
        stop: ends the unpacking when it is set.

    Raises:
        UnsafeFileError: the archive would write outside the folder, or is a bomb; see the module.
        DownloadError: it is truncated, broken or of another format (of a tar.gz nothing stays then), or the disk is
            full.
        Stopped: ``stop`` was set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return _unpack(archive, folder, kind, journal, place, on_bytes, stop)
    except _Broken:
        if kind == "tar.gz":  # its checksum stands at the very end, so that nothing of it can be trusted
            for name in read_journal(journal):
                (folder / name).unlink(missing_ok=True)
            journal.unlink(missing_ok=True)
        raise


def _unpack(
    archive: Path,
    folder: Path,
    kind: str,
    journal: Path,
    place: Place,
    on_bytes: Callable[[int, int | None], None],
    stop: threading.Event | None,
) -> Unpacked:
    """:func:`unpack`, without cleaning up."""
    budget = LIMIT_FLOOR + LIMIT_RATIO * archive.stat().st_size
    done, files, left_out = read_journal(journal), {}, 0
    members = _zip_members(archive, folder, budget, done) if kind == "zip" else _tar_members(archive, budget)
    written = 0
    with journal.open("a", encoding="utf-8") as log:
        log.write("\n")  # ends a line that was cut off
        for number, member in enumerate(members):
            if stop is not None and stop.is_set():
                raise Stopped
            if number >= LIMIT_MEMBERS:
                raise UnsafeFileError("refused: too many members", file=archive, value=number)
            on_bytes(member.position, archive.stat().st_size)
            target = place(_safe_name(archive, member.name))
            if target is None:
                left_out += 1
                continue
            key = str(target)
            if key in files:
                raise UnsafeFileError("refused: two members for one file", file=archive, value=key)
            files[key] = member.size
            written += member.size
            if written > budget:
                _refuse_bomb(archive, written, budget)
            path = _inside(archive, folder, target)
            if done.get(key) == member.size and path.is_file() and path.stat().st_size == member.size:
                continue
            _write(member, path, archive)
            log.write(f"{member.size}\t{key}\n")
            log.flush()
    if not files:
        raise DownloadError(
            "nothing of what is expected lies in the archive", file=archive, field="members left out", value=left_out
        )
    on_bytes(archive.stat().st_size, archive.stat().st_size)
    return Unpacked(files, left_out)


@dataclass(frozen=True)
class _Member:
    """A regular file of an archive: its name, bytes, how far into the archive it begins, and its content."""

    name: str
    size: int
    position: int
    open: Callable[[], IO[bytes]]


def _zip_members(archive: Path, folder: Path, budget: int, done: dict[str, int]) -> Iterator[_Member]:
    with _readable(archive), zipfile.ZipFile(archive) as opened:
        infos = opened.infolist()
        declared = sum(info.file_size for info in infos)
        if declared > budget:
            _refuse_bomb(archive, declared, budget)
        need_room(folder, declared - sum(done.values()), _SPARE)
        for info in infos:
            mode = info.external_attr >> 16
            if info.is_dir():
                _safe_name(archive, info.filename)
                continue
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                kind = "a link" if stat.S_ISLNK(mode) else "a device or the like"
                raise UnsafeFileError(f"refused: {kind}", file=archive, value=info.filename)
            if info.flag_bits & 1:
                raise DownloadError("a member is encrypted", file=archive, value=info.filename)
            yield _Member(info.filename, info.file_size, info.header_offset, lambda info=info: opened.open(info))  # type: ignore[misc]


def _tar_members(archive: Path, budget: int) -> Iterator[_Member]:
    with _readable(archive), archive.open("rb") as raw, gzip.GzipFile(fileobj=raw) as unzipped:
        counted = _Counted(unzipped, archive, budget)
        with tarfile.open(fileobj=cast(IO[bytes], counted), mode="r|", errorlevel=2) as opened:
            for info in opened:
                _refuse_by_filter(archive, info)
                if info.isdir():
                    _safe_name(archive, info.name)
                    continue
                if not info.isreg():  # tarfile lets links pass that stay inside
                    raise UnsafeFileError("refused: a link", file=archive, value=info.name)

                def content(info: tarfile.TarInfo = info) -> IO[bytes]:
                    stream = opened.extractfile(info)
                    assert stream is not None
                    return stream

                yield _Member(info.name, info.size, raw.tell(), content)
        while counted.read(_BLOCK):  # to the end, where gzip's checksum stands
            pass


def _refuse_by_filter(archive: Path, info: tarfile.TarInfo) -> None:
    """What tarfile itself refuses of data: devices, pipes, and ways out of a folder that is empty before."""
    try:
        tarfile.data_filter(info, str(archive.with_name(f".{archive.name}.members")))
    except tarfile.FilterError as error:
        raise UnsafeFileError(f"refused: {error}", file=archive, value=info.name) from error


class _Counted:
    """A stream that refuses to give more bytes than an honest archive holds."""

    def __init__(self, stream: Any, archive: Path, budget: int) -> None:
        self.stream, self.archive, self.budget, self.given = stream, archive, budget, 0

    def read(self, size: int) -> bytes:
        block: bytes = self.stream.read(size)
        self.given += len(block)
        if self.given > self.budget + LIMIT_FLOOR:  # headers and padding come on top
            _refuse_bomb(self.archive, self.given, self.budget)
        return block


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """Turn what zipfile, tarfile, gzip and zlib raise into one error."""
    broken = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError)
    try:
        yield
    except broken as error:
        raise _Broken(
            f"the archive is truncated or broken ({' '.join(str(error).split())[:120] or type(error).__name__})",
            file=archive,
            hint="Delete it and run the same command again",
        ) from error


def _safe_name(archive: Path, name: str) -> PurePosixPath:
    """A member's name as a path that stays below where it starts."""
    path = PurePosixPath(name)
    bad = path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or ":" in name.split("/")[0]
    if bad:
        raise UnsafeFileError("refused: a name that leads out of the folder", file=archive, value=name)
    return path


def _inside(archive: Path, folder: Path, target: PurePosixPath) -> Path:
    """``folder/target`` with its folders made; no part below ``folder`` may be a link."""
    path = folder
    for part in target.parts[:-1]:
        path = path / part
        if path.is_symlink():
            raise UnsafeFileError("refused: a link on the way", file=archive, value=str(target))
        try:
            path.mkdir(exist_ok=True)
        except FileExistsError as error:
            raise UnsafeFileError("refused: a file as a folder", file=archive, value=str(target)) from error
    return path / target.name


def _write(member: _Member, path: Path, archive: Path) -> None:
    """Write a member under a temporary name, then rename it (over a link, not through it)."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    count = 0
    with _readable(archive), member.open() as content:
        try:
            with os.fdopen(os.open(temporary, flags, 0o644), "wb") as stream:
                while block := content.read(_BLOCK):
                    count += len(block)
                    if count > member.size:
                        _refuse_bomb(archive, count, member.size)
                    stream.write(block)
            if count == member.size:
                os.replace(temporary, path)
        except OSError as error:
            if isinstance(error, gzip.BadGzipFile):
                raise
            raise DownloadError(f"cannot be written ({error.strerror or error})", file=path) from error
        finally:
            temporary.unlink(missing_ok=True)
    if count != member.size:
        raise _Broken(
            f"the archive is truncated: {count} of {member.size} bytes of a member", file=archive, value=member.name
        )


def _refuse_bomb(archive: Path, size: int, limit: int) -> None:
    raise UnsafeFileError(
        f"refused: it would unpack to {size} bytes and more, over the limit of {limit}", file=archive
    )


def read_journal(journal: Path) -> dict[str, int]:
    """Sizes of what is done by path; a last line that was cut off does not count."""
    if not journal.is_file():
        return {}
    lines = [line for line in journal.read_text("utf-8", "replace").splitlines(keepends=True) if line.endswith("\n")]
    parts = [line.rstrip("\n").partition("\t") for line in lines]
    return {name: int(size) for size, tab, name in parts if tab and size.isdigit()}
