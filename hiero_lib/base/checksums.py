"""Checksums of what the kit keeps to use again, so that a flipped bit is found before it becomes a number.

``checksums.json`` in a folder has the size and the CRC-32 of each other file in it: ``{"times.npy": [32, 9125]}``.
zlib's CRC-32 reads 1 to 7 GB/s on a core, finds every burst of up to 32 bits, and misses one in 4e9 of the other
errors. It tells damage; it does not tell a forgery.
"""

from __future__ import annotations

import errno
import zlib
from pathlib import Path

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_json, write_json

FILE = "checksums.json"
_BLOCK = 1 << 22


def seal(folder: Path) -> None:
    """Write the checksums of the files of a folder that is complete."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != FILE)
    write_json(folder / FILE, {path.name: [path.stat().st_size, crc32_of(path)] for path in files})


def damage(folder: Path) -> str | None:
    """What is wrong with a sealed folder, in a few words; None where every file is as it was written.

    Raises:
        OSError: it cannot be read just now (too many open files, no permission), which is no damage.
    """
    try:
        sealed = read_json(folder / FILE)
    except DataError:
        return f"{FILE} is not readable"
    if not isinstance(sealed, dict) or not sealed:
        return f"{FILE} names no file"
    for name, kept in sealed.items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            return f"{name} is missing"
        try:
            if kept != [path.stat().st_size, crc32_of(path)]:
                return f"the checksum of {name} does not hold"
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return f"{name} is not readable ({error.strerror or error})"
    return None


def crc32_of(path: Path) -> int:
    """CRC-32 of a file, read in blocks."""
    value = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            value = zlib.crc32(block, value)
    return value
