"""What tells a large file from another: its content, whatever it is called, wherever and since when it lies."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import stat
import time
from pathlib import Path

from hiero_lib.base.files import sha256_of

BLOCK_BYTES = 1 << 18
BLOCKS = 256
SETTLED_S = 2.0  # file systems tell times to 2 s at worst (FAT), most to a few ms


def file_identity(path: str | Path, *, blocks: int = BLOCKS, block_bytes: int = BLOCK_BYTES) -> str:
    """64 hexadecimal digits: SHA-256 over a file's size and its content.

    Up to 64 MiB all of it is read; of a longer file 256 blocks of 256 KiB, evenly spread, the first and the last
    included, so that 10 GB cost what 64 MiB do; or as many ``blocks`` of ``block_bytes`` as are asked for. A change
    of a longer file is missed where it keeps the size to the byte and touches none of the blocks: damage of a few
    bytes may be, another recording, cut or encoding is not.

    Raises:
        OSError: it is no file, or cannot be read.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
        raise OSError(errno.EINVAL, "it is no file", str(path))
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        digest = hashlib.sha256(f"{size} ".encode())
        if size <= blocks * block_bytes:
            for block in iter(lambda: stream.read(1 << 20), b""):
                digest.update(block)
        else:
            for number in range(blocks):
                stream.seek(number * (size - block_bytes) // (blocks - 1))
                digest.update(stream.read(block_bytes))
    return digest.hexdigest()


def identity_once(path: str | Path) -> str:
    """`file_identity`, computed once by a process as long as the file's stamp stays: a player asks often.

    Raises:
        OSError: as `file_identity`.
    """
    stamp = stamp_of(path)
    return _identity_of(str(Path(path).absolute()), stamp) if stamp else file_identity(path)


@functools.lru_cache(maxsize=64)
def _identity_of(path: str, stamp: str) -> str:
    """``stamp`` is that of the file now: with another one it is another file."""
    return file_identity(path)


def stamp_of(path: str | Path) -> str:
    """Digits that stay while a file is not written: its size, the times of its last write and change, its inode.

    Setting a file's time of writing sets that of its change, so that a stamp holds only where nothing was written;
    empty, and nothing to rely on, where the last change is less than `SETTLED_S` ago: another may have the same time.
    """
    found = os.stat(path)
    if time.time() - found.st_ctime < SETTLED_S:
        return ""
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


def sha256_once(path: str | Path) -> str:
    """A file's SHA-256, read once by a process as long as its stamp stays; at full size ``egoclip.csv`` is 0.7 GB.

    Raises:
        OSError: it cannot be read.
    """
    stamp = stamp_of(path)
    return _sha256_of(str(Path(path).absolute()), stamp) if stamp else sha256_of(path)


@functools.lru_cache(maxsize=16)
def _sha256_of(path: str, stamp: str) -> str:
    """``stamp`` is that of the file now: with another one it is another file."""
    return sha256_of(path)
