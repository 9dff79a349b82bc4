"""What is known of the items that are there: ``downloads/ID.json``, and the journals of unpacked archives.

A record holds where an item came from, its size and SHA-256 (of a folder: of each file), and binds later downloads.
What is read back is checked as if it came from elsewhere: one that is not of this shape counts as none, and is said.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError, DownloadError
from hiero_lib.base.files import read_json, sha256_of, write_json
from hiero_lib.base.progress import quiet
from hiero_lib.sources.download.journal import read_journal
from hiero_lib.sources.download.manifest import Item
from hiero_lib.sources.download.names import fault_of

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileRecord:
    """Of one file of a folder: its bytes and their SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Record:
    """Of an item.

    Args:
        id: the item's; source: an address, ``by hand``, or a command.
        size: bytes of what was fetched; date: when (UTC).
        sha256: of the fetched file; None of a folder.
        unpacked: files that came out of an archive.
        files: of a folder, by path in it.
    """

    id: str
    source: str
    size: int
    date: str
    sha256: str | None = None
    unpacked: int | None = None
    files: Mapping[str, FileRecord] | None = None


def record_file(root: Path, item: Item) -> Path:
    """Where the record of an item lies."""
    return root / "downloads" / f"{item.id}.json"


def journal_file(root: Path, item: Item) -> Path:
    """Where the journal of an item's archive lies."""
    return root / "downloads" / f"{item.id}.files"


def write_record(root: Path, item: Item, record: Record) -> None:
    """Write the record of an item."""
    given = {name: value for name, value in asdict(record).items() if value is not None}
    write_json(record_file(root, item), given)


def read_record(root: Path, item: Item, *, say: Callable[[str], None] = quiet) -> Record | None:
    """The record of an item; None where there is none.

    Args:
        root: the data root.
        item: whose.
        say: is told where what is there is no record of this item.

    Raises:
        OSError: it cannot be read.
    """
    path = record_file(root, item)
    if not path.exists():
        return None
    try:
        raw = read_json(path)
    except DataError as error:
        fault = error.problem
    except (ValueError, RecursionError) as error:
        fault = f"not readable as JSON ({str(error)[:80]})"
    else:
        found = _record(raw, item.id)
        if isinstance(found, Record):
            return found
        fault = found
    say(f"{path}: {fault}; it is no record of {item.id}, and counts as none")
    return None


def is_whole(item: Item, root: Path, record: Record, *, say: Callable[[str], None] = quiet) -> bool:
    """Whether no file of an item has gone or changed its size since it was recorded; nothing is read."""
    target = root / item.target
    if item.archive is not None:
        sizes = {name: file.size for name, file in read_journal(journal_file(root, item), say=say).items()}
        if len(sizes) < (record.unpacked or 1):
            return False
    elif record.files is not None:
        sizes = {name: file.size for name, file in record.files.items()}
    else:
        sizes, target = {target.name: record.size}, target.parent
    for name, size in sizes.items():
        path = target / name
        if not path.is_file() or path.stat().st_size != size:
            return False
    return True


def verify(item: Item, root: Path, record: Record, fetched: Path) -> str:
    """Read what is there and compare; how much that was, in words.

    Args:
        item, root, record: of what.
        fetched: where the file itself lies, an archive too, if it is still there.

    Raises:
        DownloadError: a file differs from its record.
    """
    files = {root / item.target / name: file.sha256 for name, file in (record.files or {}).items()}
    if record.sha256 is not None and fetched.is_file():
        files[fetched] = record.sha256
    for path, digest in files.items():
        if (actual := sha256_of(path)) != digest:
            raise _differs(path, f"SHA-256 {actual}; recorded is {digest}", record_file(root, item))
    if item.archive is not None:
        for name, written in read_journal(journal_file(root, item)).items():
            if (crc32 := _crc32_of(root / item.target / name)) != written.crc32:
                what = f"CRC-32 {crc32:08x}; when it was unpacked it was {written.crc32:08x}"
                raise _differs(root / item.target / name, what, journal_file(root, item))
    return ", checksum verified"


def _differs(path: Path, what: str, known: Path) -> DownloadError:
    hint = f"Delete it and run this again; if it was changed on purpose, delete {known}"
    return DownloadError(f"wrong checksum: {what}", file=path, hint=hint)


def _crc32_of(path: Path) -> int:
    crc32 = 0
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            crc32 = zlib.crc32(block, crc32)
    return crc32


def _record(raw: Any, item_id: str) -> Record | str:
    """The record that a JSON value is, or why it is none."""
    if not isinstance(raw, dict):
        return "no object"
    missing = {"id", "source", "size", "date"} - raw.keys()
    unknown = raw.keys() - {"id", "source", "size", "date", "sha256", "unpacked", "files"}
    if missing or unknown:
        return f"fields missing or unknown: {', '.join(sorted(missing | unknown))[:80]}"
    if raw["id"] != item_id:
        return "of another item"
    files = raw.pop("files", None)
    checks = {"source": _is_text, "date": _is_text, "size": _is_count, "sha256": _is_sha256, "unpacked": _is_count}
    odd = [name for name, check in checks.items() if name in raw and not check(raw[name])]
    if odd:
        return f"not what is written there: {', '.join(odd)}"
    if files is None:
        return Record(**raw)
    if not isinstance(files, dict) or not all(_is_file(name, file) for name, file in files.items()):
        return "not what is written there: files"
    return Record(**raw, files={name: FileRecord(**file) for name, file in files.items()})


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value) < 10_000


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _is_file(name: object, file: object) -> bool:
    if fault_of(name) is not None or not isinstance(file, dict) or file.keys() != {"size", "sha256"}:
        return False
    return _is_count(file["size"]) and _is_sha256(file["sha256"])
