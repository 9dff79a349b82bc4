"""The members of zip and tar.gz archives, with whatever their readers raise turned into one error.

Nothing is believed: bytes are counted as they come, whatever a header says, headers may claim no memory, and a tar
that breaks off within a header is an error (:mod:`tarfile` takes it for the end).
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import stat
import tarfile
import zipfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from hiero_lib.base.errors import DataError, DownloadError, UnsafeFileError
from hiero_lib.sources.download.names import fault_of

LIMIT_RATIO = 50
LIMIT_FLOOR = 256 << 20
LIMIT_MEMBERS = 2_000_000
_LIMIT_HEADER = 1 << 20  # of a tar's long name or extended header, which is read into memory
_LIMIT_DICTIONARY = 1 << 29  # of LZMA, allocated before the first byte comes
_BLOCK = 1 << 20
_TAR_HEADERS = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE)


@dataclass(frozen=True)
class Member:
    """A regular file of an archive: its name, bytes, how far into the archive it begins, and its content."""

    name: str
    size: int
    position: int
    open: Callable[[], IO[bytes]]


class BrokenArchive(DownloadError):
    """The archive itself is at fault."""


def budget_of(archive: Path) -> int:
    """Bytes that it may unpack to."""
    return LIMIT_FLOOR + LIMIT_RATIO * archive.stat().st_size


def refuse_bomb(archive: Path, size: int, limit: int) -> None:
    """Raise the error of an archive that unpacks to more than it may."""
    raise UnsafeFileError(
        f"refused: it would unpack to {size} bytes and more, over the limit of {limit}", file=archive
    )


@contextlib.contextmanager
def reading(archive: Path) -> Iterator[None]:
    """Turn what zipfile, tarfile, gzip, bz2, lzma and zlib raise of a broken archive into one error.

    They raise nearly anything: EOFError, KeyError, MemoryError, OSError without a number, RuntimeError, struct.error,
    UnicodeDecodeError, ValueError.

    Raises:
        BrokenArchive: it is at fault.
        DownloadError: its disk is.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise DownloadError(f"cannot be read ({error.strerror or error})", file=archive) from error
        raise BrokenArchive(
            f"the archive is truncated or broken ({' '.join(str(error).split())[:120] or type(error).__name__})",
            file=archive,
            hint="Delete it and run the same command again",
        ) from error


def zip_members(archive: Path) -> Generator[Member, None, None]:
    """The files of a zip.

    Raises:
        UnsafeFileError: a link, a device, a bomb.
        DownloadError: broken, or encrypted.
    """
    with reading(archive), zipfile.ZipFile(archive) as opened:
        infos, budget = opened.infolist(), budget_of(archive)
        declared = sum(info.file_size for info in infos)
        if declared > budget:
            refuse_bomb(archive, declared, budget)
        for info in infos:
            _refuse_name(archive, info.orig_filename, folder=info.is_dir())  # zipfile cuts the other at its first NUL
            if info.is_dir():
                continue
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                kind = "a link" if stat.S_ISLNK(mode) else "a device or the like"
                raise UnsafeFileError(f"refused: {kind}", file=archive, value=info.filename)
            if info.flag_bits & 1:
                raise DownloadError("a member is encrypted", file=archive, value=info.filename)
            if info.compress_type == zipfile.ZIP_LZMA:
                _refuse_dictionary(archive, info)
            yield Member(info.filename, info.file_size, info.header_offset, lambda info=info: opened.open(info))  # type: ignore[misc]


def _refuse_name(archive: Path, name: str, *, folder: bool) -> None:
    fault = fault_of(name)
    if fault and not (folder and name in (".", "./")):  # tar begins with it
        raise UnsafeFileError(f"refused: {fault}", file=archive, value=name)


def _refuse_dictionary(archive: Path, info: zipfile.ZipInfo) -> None:
    """Refuse a member of LZMA that asks for more memory than an honest one."""
    with archive.open("rb") as stream:
        stream.seek(info.header_offset + 26)  # the lengths of the name and of the extra field
        lengths = stream.read(4)
        stream.seek(int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little"), 1)
        size = int.from_bytes(stream.read(9)[5:], "little")
    if size > _LIMIT_DICTIONARY:
        raise UnsafeFileError(f"refused: a dictionary of {size} bytes", file=archive, value=info.filename)


def tar_members(archive: Path) -> Generator[Member, None, None]:
    """The files of a tar.gz, read to its very end, where gzip's checksum stands.

    Raises:
        UnsafeFileError: a name or a kind of member that tarfile's ``data`` filter refuses, a link, a bomb.
        DownloadError: broken.
    """
    with reading(archive), archive.open("rb") as raw, gzip.GzipFile(fileobj=raw) as unzipped:
        counted = _Counted(unzipped, archive, budget_of(archive))
        with tarfile.open(fileobj=cast(IO[bytes], counted), mode="r|", errorlevel=2, tarinfo=_Header) as opened:
            while (info := opened.next()) is not None:
                opened.members.clear()  # type: ignore[attr-defined]  # tarfile keeps every header
                _refuse_name(archive, info.name, folder=info.isdir())
                _refuse_by_filter(archive, info)
                if info.isdir():
                    continue
                if not info.isreg():  # tarfile lets links pass that stay inside
                    raise UnsafeFileError("refused: a link", file=archive, value=info.name)

                def content(info: tarfile.TarInfo = info) -> IO[bytes]:
                    stream = opened.extractfile(info)
                    assert stream is not None
                    return stream

                yield Member(info.name, info.size, raw.tell(), content)
        while counted.read(_BLOCK):
            pass


class _Header(tarfile.TarInfo):
    """A header that claims no memory, and is whole."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        try:
            return super().frombuf(buf, encoding, errors)
        except (tarfile.TruncatedHeaderError, tarfile.InvalidHeaderError) as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError(f"{error} where a member or the end is expected") from error

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if self.size < 0 or (self.type in _TAR_HEADERS and self.size > _LIMIT_HEADER):
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        return super()._proc_member(archive)  # type: ignore[misc]


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
            refuse_bomb(self.archive, self.given, self.budget)
        return block
