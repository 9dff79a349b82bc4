"""Unpacking zip and tar.gz archives that come from elsewhere: streaming, resumable, and never outside the folder.

An archive is read through before anything of it is written: of a zip each member to its checksum, of a tar.gz to its
end, where its checksum stands. So one that is broken or refused has replaced nothing, and nothing is ever removed.
Then every member goes to a temporary name and is renamed when it is whole; the journal says which are done, so that a
second call reads and writes only the rest (a tar.gz is read again from its start: gzip has no index).

Refused, each with an :class:`UnsafeFileError`: what tarfile's ``data`` filter refuses, and in both formats names with
a fault (:mod:`~hiero_lib.sources.download.names`), links, devices, two members for one file, and a way into the
folder that leads out of it through a link. The stated limit against bombs: unpacked, an archive may have
``LIMIT_RATIO`` times its own bytes (plus ``LIMIT_FLOOR``) and ``LIMIT_MEMBERS`` members; bytes are counted as they
come, whatever a header says.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hiero_lib.base.errors import DownloadError, UnsafeFileError
from hiero_lib.base.files import scratch_folder
from hiero_lib.base.progress import quiet
from hiero_lib.sources.download import members
from hiero_lib.sources.download.journal import Written, add_to, read_journal
from hiero_lib.sources.download.members import BrokenArchive, Member, reading, refuse_bomb
from hiero_lib.sources.download.names import place_inside, same_file
from hiero_lib.sources.download.transfer import Stopped, need_room

FEATURE_SUFFIXES = (".pt", ".pth", ".safetensors")
_BLOCK = 1 << 20
_SPARE = 100_000_000

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
    say: Callable[[str], None] = quiet,
) -> Unpacked:
    """Unpack ``archive`` into ``folder``, going on where an earlier call stopped.

    Args:
        archive: the file.
        folder: made if it is not there; files in it that the archive has too are replaced.
        kind: ``zip`` or ``tar.gz``.
        journal: lists what is done (:mod:`~hiero_lib.sources.download.journal`); belongs to this archive alone.
        place: where a member goes, see :func:`flat` and :func:`under`.
        on_bytes: called with (bytes of the archive read, bytes of the archive).
        stop: ends the unpacking when it is set.
        say: is told of what is odd in the journal.

    Raises:
        UnsafeFileError: the archive would write outside the folder, or is a bomb; see the module.
        DownloadError: it is truncated, broken or of another format (nothing is written then), or the disk is full or
            cannot be written.
        Stopped: ``stop`` was set.
    """
    listed = members.zip_members if kind == "zip" else members.tar_members
    try:
        folder.mkdir(parents=True, exist_ok=True)
        done = read_journal(journal, say=say)
        with journal.open("a", encoding="utf-8") as log:
            log.write("\n")  # ends a line that was cut off
            size = archive.stat().st_size
            with closing(listed(archive)) as found:
                going = _going(found, lambda position: on_bytes(position // 2, size), stop)
                plan = _plan(archive, going, place, read=lambda name: kind == "zip" and name not in done)
            need_room(folder, sum(size for name, size in plan.files.items() if name not in done), _SPARE)
            with scratch_folder(folder, "unpacking") as scratch, closing(listed(archive)) as found:
                for member in _going(found, lambda position: on_bytes((size + position) // 2, size), stop):
                    target = place(PurePosixPath(member.name))
                    if target is None:
                        continue
                    if plan.files.get(str(target)) != member.size:
                        raise BrokenArchive("the archive has changed while it was unpacked", file=archive)
                    path = place_inside(folder, target, file=archive)
                    known = done.get(str(target))
                    if known and known.size == member.size and path.is_file() and path.stat().st_size == member.size:
                        continue
                    try:
                        crc32 = _write(member, scratch / "member", archive)
                        os.replace(scratch / "member", path)  # over a link, not through it
                    except OSError as error:
                        message = f"cannot be written ({error.strerror or error})"
                        raise DownloadError(message, file=path) from error
                    add_to(log, Written(str(target), member.size, crc32))
    except OSError as error:
        message = f"cannot be read or written ({error.strerror or error})"
        raise DownloadError(message, file=error.filename or folder) from error
    on_bytes(size, size)
    return plan


def _going(
    found: Iterator[Member], on_position: Callable[[int], None], stop: threading.Event | None
) -> Iterator[Member]:
    """Members, until ``stop`` is set."""
    for member in found:
        if stop is not None and stop.is_set():
            raise Stopped
        on_position(member.position)
        yield member


def _plan(archive: Path, found: Iterator[Member], place: Place, *, read: Callable[[str], bool]) -> Unpacked:
    """What will come out, after all that the archive may be refused for.

    ``read`` says of which paths the member is read to its checksum here.
    """
    budget, total, left_out = members.budget_of(archive), 0, 0
    files, taken = dict[str, int](), set[str]()
    for number, member in enumerate(found):
        if number >= members.LIMIT_MEMBERS:
            raise UnsafeFileError("refused: too many members", file=archive, value=number)
        target = place(PurePosixPath(member.name))
        if target is None:
            left_out += 1
            continue
        if same_file(target) in taken:
            raise UnsafeFileError("refused: two members for one file", file=archive, value=str(target))
        taken.add(same_file(target))
        files[str(target)] = member.size
        total += member.size
        if total > budget:
            refuse_bomb(archive, total, budget)
        if read(str(target)):
            _write(member, None, archive)
    for name in files:
        if any(same_file(parent) in taken for parent in PurePosixPath(name).parents):
            raise UnsafeFileError("refused: a file as a folder", file=archive, value=name)
    if not files:
        raise DownloadError(
            "nothing of what is expected lies in the archive", file=archive, field="members left out", value=left_out
        )
    return Unpacked(files, left_out)


def _write(member: Member, path: Path | None, archive: Path) -> int:
    """Write a member to ``path``, or only read it to its end; its CRC-32.

    Raises:
        BrokenArchive: its checksum does not hold, or it has fewer bytes than it says.
    """
    count, crc32 = 0, 0
    with reading(archive):
        content: Any = member.open()
    with content, nullcontext() if path is None else path.open("wb") as stream:
        while True:
            with reading(archive):
                block = content.read(_BLOCK)
            if not block:
                break
            count, crc32 = count + len(block), zlib.crc32(block, crc32)
            if count > member.size:
                refuse_bomb(archive, count, member.size)
            if stream is not None:
                stream.write(block)
    if count != member.size:
        raise BrokenArchive(
            f"the archive is truncated: {count} of {member.size} bytes of a member", file=archive, value=member.name
        )
    return crc32
