"""What the items of a manifest may say: names, addresses and patterns that lead nowhere else, and no file twice."""

from __future__ import annotations

import re
import shlex
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from hiero_lib.base.errors import ConfigError
from hiero_lib.sources.download.names import fault_of, file_fault_of, same_file

if TYPE_CHECKING:
    from hiero_lib.sources.download.manifest import Item

Fault = tuple[str, object, str]  # the field, its value, what is wrong

_DRIVE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_ID = 100  # bytes; endings and a process's name stand around it in file names


def is_address(value: object) -> bool:
    """Whether a value is an address that is fetched: http or https, with a host and nothing that cannot be seen."""
    if not isinstance(value, str) or not value.isprintable() or " " in value or "\\" in value:
        return False
    try:
        parts = urllib.parse.urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def is_drive_id(value: object) -> bool:
    """Whether a value can be an id of Google Drive."""
    return isinstance(value, str) and _DRIVE_ID.fullmatch(value) is not None


def id_fault(key: object) -> str | None:
    """Why an item cannot have this id, which file names are made of; None where it can."""
    if fault := file_fault_of(key):
        return fault
    if str(key).startswith(".") or len(str(key).encode()) > _LONGEST_ID:
        return f"hidden, or of more than {_LONGEST_ID} bytes"
    return None


def check_items(items: Mapping[str, Item], file: Path) -> None:
    """Raise a ConfigError at the first fault of an item by itself, then of items together."""
    for item in items.values():
        for field, value, problem in _faults(item):
            raise ConfigError(problem, file=file, field=f"files.{item.id}.{field}", value=value)
    in_downloads = {same_file(PurePosixPath("ego4d")): "ego4d"}
    targets: dict[str, Item] = {}
    for item in items.values():
        for name in _names_in_downloads(item):
            other = in_downloads.setdefault(same_file(PurePosixPath(name)), item.id)
            if other != item.id:
                hint = "Give one of them another id, or an archive.name"
                problem = f"{other} has a file of this name in downloads/, too"
                raise ConfigError(problem, file=file, field=f"files.{item.id}", value=name, hint=hint)
        if item.archive is None and item.take is None and item.mirrors[0].drive_folder is None:
            other_item = targets.setdefault(same_file(PurePosixPath(item.target)), item)
            stands_in = item.instead_of == other_item.id or other_item.instead_of == item.id
            if other_item is not item and not stands_in:
                problem = f"{other_item.id} has this target, too, and neither is instead_of the other"
                raise ConfigError(problem, file=file, field=f"files.{item.id}.target", value=item.target)


def _faults(item: Item) -> Iterator[Fault]:
    """The faults of an item by itself."""
    for field in ("what", "licence"):
        if not getattr(item, field).isprintable():
            yield field, getattr(item, field), "expected one line of plain text"
    first = item.mirrors[0]
    alone = first.drive_folder is not None or first.ego4d is not None
    for number, mirror in enumerate(item.mirrors):
        field = f"mirrors[{number}]"
        if number and (alone or mirror.drive_folder is not None or mirror.ego4d is not None):
            yield field, None, "a drive_folder or ego4d is the only mirror of an item"
        if mirror.http is not None and not is_address(mirror.http):
            yield f"{field}.http", mirror.http, "expected an address, http or https"
        for kind in ("drive", "drive_folder"):
            value = getattr(mirror, kind)
            if value is not None and not is_drive_id(value):
                yield f"{field}.{kind}", value, "no id of Google Drive (letters, digits, - and _)"
        if mirror.ego4d is not None:
            yield from _ego4d_faults(field, mirror.ego4d)
    if PurePosixPath(item.target).parts[0].casefold() == "downloads":
        yield "target", item.target, "downloads/ holds the records"
    if item.sha256 is not None and _SHA256.fullmatch(item.sha256) is None:
        yield "sha256", item.sha256, "expected 64 hexadecimal digits, in small letters"
    if item.size is not None and not 0 < item.size < 1 << 63:
        yield "size", item.size, "expected bytes, 1 or more"
    yield from _place_faults(item, folder=first.drive_folder is not None, ego4d=first.ego4d is not None)


def _place_faults(item: Item, *, folder: bool, ego4d: bool) -> Iterator[Fault]:
    """Faults of what is taken, and of where it lies until it is."""
    if (item.take is not None) != ego4d:
        yield "take", item.take, "belongs to an ego4d mirror, which needs it"
    if item.take is not None and (fault := fault_of(re.sub(r"[*?]", "x", item.take))):
        yield "take", item.take, f"no pattern below the version folder: {fault}"
    if item.archive is not None:
        if folder or ego4d:
            yield "archive", item.archive.format, "a drive_folder or ego4d is no archive"
        if item.archive.flat and item.under:
            yield "under", list(item.under), "flat leaves no folders"
        if (fault := file_fault_of(item.file_name)) or item.file_name.startswith("."):
            yield "archive.name", item.file_name, f"no name of a file: {fault or 'hidden'}"
    elif item.under and not folder:
        yield "under", list(item.under), "belongs to an archive or a drive_folder"
    for name in item.under:
        if fault := file_fault_of(name):
            yield "under", name, f"no name of a folder: {fault}"


def _ego4d_faults(field: str, arguments: str) -> Iterator[Fault]:
    try:
        words = shlex.split(arguments)
    except ValueError as error:
        yield f"{field}.ego4d", arguments, f"no arguments of a command ({error})"
        return
    if not arguments.isprintable() or any(word.startswith(("--o", "-o")) for word in words):
        yield f"{field}.ego4d", arguments, "where it writes is not for the manifest to say"


def _names_in_downloads(item: Item) -> list[str]:
    """Files that belong to an item in downloads/."""
    names = [f"{item.id}{ending}" for ending in (".json", ".files", ".archive")]
    if item.archive is not None:
        names += [f"{item.file_name}{ending}" for ending in ("", ".part", ".part.json", ".unexpected")]
    return names
