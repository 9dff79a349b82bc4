"""The journal of an archive that is being unpacked: a JSON object a line, of each file that is done.

``{"path": "a/v0.pt", "size": 5000, "crc32": 907060870}``: its path in the folder, its bytes, and their CRC-32. What
is read back is checked as if it came from elsewhere: a line that is not of this shape counts for nothing, and that is
said.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from hiero_lib.base.progress import quiet
from hiero_lib.sources.download.names import fault_of


@dataclass(frozen=True)
class Written:
    """A file that is done: its path in the folder, bytes, and their CRC-32."""

    path: str
    size: int
    crc32: int


def add_to(log: IO[str], written: Written) -> None:
    """Add a line, and have it on the disk before the next file is begun."""
    log.write(json.dumps(asdict(written)) + "\n")
    log.flush()


def read_journal(journal: Path, *, say: Callable[[str], None] = quiet) -> dict[str, Written]:
    """What is done, by path; a last line that was cut off does not count.

    Args:
        journal: need not be there.
        say: is told of lines that are none of a journal.

    Raises:
        OSError: it cannot be read.
    """
    try:
        lines = journal.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return {}
    found = [_entry(line) for line in lines if line]
    odd = sum(entry is None for entry in found)
    if odd:
        say(f"{journal}: {odd} of {len(found)} lines are not of a journal, and count for nothing")
    return {entry.path: entry for entry in found if entry is not None}


def _entry(line: bytes) -> Written | None:
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict) or raw.keys() != {"path", "size", "crc32"} or fault_of(raw["path"]) is not None:
        return None
    numbers = (raw["size"], raw["crc32"])
    if not all(type(number) is int and 0 <= number < 1 << 63 for number in numbers):
        return None
    return Written(**raw)
