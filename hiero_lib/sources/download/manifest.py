"""The manifest: every file of the published runs, what it is for, where it comes from and where it goes.

It ships with the package (``manifest.yaml`` beside this module); an institute with mirrors hands in its own.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from hiero_lib.base.errors import ConfigError, known
from hiero_lib.config import Profile, from_dict
from hiero_lib.config.loading import read_yaml
from hiero_lib.config.validation import checked_dataclass, short
from hiero_lib.sources.download.names import fault_of
from hiero_lib.sources.download.rules import check_items, id_fault, is_address

PACKAGED = Path(__file__).with_name("manifest.yaml")
_LIMIT = 1 << 18  # bytes of a manifest


@checked_dataclass
class Mirror:
    """One place that a file comes from; exactly one of the fields is set."""

    http: str | None = None  # an address
    drive: str | None = None  # id of a file on Google Drive
    drive_folder: str | None = None  # id of a folder on Google Drive
    ego4d: str | None = None  # arguments of the ego4d command


@checked_dataclass
class Archive:
    """How an archive is unpacked into its target."""

    format: Literal["zip", "tar.gz"]
    flat: bool = False  # feature files by name, whatever folders they lie in; .pth becomes .pt
    name: str | None = None  # of the file while it lies in downloads/; None: the last part of its address


@dataclass(frozen=True)
class Item:
    """A file (or an archive of files) that can be fetched."""

    id: str
    what: str
    target: str  # under the data root: a file, or the folder that an archive fills
    licence: str
    mirrors: tuple[Mirror, ...]
    size: int | None = None  # bytes; None: not known
    sha256: str | None = None
    archive: Archive | None = None
    under: tuple[str, ...] = ()  # of an archive or a Drive folder: what lies in folders of these names; (): all
    take: str | None = None  # of what the ego4d command fetches: a pattern below its version folder
    instead_of: str | None = None

    @property
    def file_name(self) -> str:
        """Name of the fetched file itself: the archive's, or the target's."""
        if self.archive is None:
            return PurePosixPath(self.target).name
        first = self.mirrors[0].http
        return self.archive.name or (PurePosixPath(urllib.parse.urlsplit(first).path).name if first else self.id)


@dataclass(frozen=True)
class Manifest:
    """All items by id, and the address of Google Drive (another one in tests)."""

    items: Mapping[str, Item]
    drive: str = "https://drive.google.com"
    file: Path = field(default=PACKAGED)

    def select(self, what: Sequence[str], profile: Profile) -> list[Item]:
        """The items named, in the manifest's order: ids, or prefixes of ids (``egoprocel``), ``needed``, ``all``.

        Nothing named means ``needed``: what training and EgoMCQ on the profile want. An item that stands in for
        another comes only by its own name.

        Raises:
            ConfigError: a name that no item begins with.
        """
        chosen: set[str] = set()
        for name in what or ["needed"]:
            if name == "needed":
                ids = {item.id for item in self.items.values() if is_needed(item, profile)}
            elif name == "all":
                ids = {item.id for item in self.items.values() if item.instead_of is None}
            elif name in self.items:
                ids = {name}
            else:
                ids = {key for key in self.items if key.startswith(name) and self.items[key].instead_of is None}
                if not ids:
                    hint = f"{known(name, ['needed', 'all', *self.items])}; or the beginning of some"
                    raise ConfigError("there is nothing of this name", file=self.file, value=name, hint=hint)
            chosen |= ids
        return [item for key, item in self.items.items() if key in chosen]


def is_needed(item: Item, profile: Profile) -> bool:
    """Whether training and EgoMCQ on ``profile`` read this item; stand-ins are not needed."""
    wanted = {
        "raw/annotations/egoclip.csv",
        "raw/annotations/egomcq.json",
        f"raw/features/{profile.features.folder}",
        profile.text.weights,
        profile.features.text_projection,
    }
    return item.target in wanted and item.instead_of is None


def load_manifest(file: str | Path | None = None) -> Manifest:
    """Read a manifest; the packaged one when ``file`` is None.

    Raises:
        ConfigError: not YAML, an unknown field, a name or a target that leads elsewhere, a mirror of no or two kinds
            or that is no address, or two items for one file.
    """
    path = Path(file) if file is not None else PACKAGED
    if not path.is_file():
        raise ConfigError("there is no such manifest", file=path)
    if (size := path.stat().st_size) > _LIMIT:
        raise ConfigError(f"a manifest has {_LIMIT} bytes at most", file=path, field="size", value=size)
    try:
        raw = read_yaml(path)
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror or error})", file=path) from error
    if not isinstance(raw, dict) or not isinstance(raw.get("files"), dict):
        raise ConfigError("a manifest is a mapping with a section of files", file=path, field="files")
    if unknown := raw.keys() - {"files", "drive"}:
        raise ConfigError("unknown, beside files and drive", file=path, value=short(sorted(map(str, unknown))[0]))
    items = {key: _item(key, value, path) for key, value in raw["files"].items()}
    for item in items.values():
        if item.instead_of is not None and item.instead_of not in items:
            where = f"files.{item.id}.instead_of"
            raise ConfigError("there is no such item", file=path, field=where, value=item.instead_of)
    drive = raw.get("drive", Manifest.drive)
    if not is_address(drive):
        raise ConfigError("expected an address, http or https", file=path, field="drive", value=short(drive))
    check_items(items, path)
    return Manifest(items, drive=drive.rstrip("/"), file=path)


def _item(key: Any, raw: Any, path: Path) -> Item:
    """An item, whose fields are of the right types."""
    if fault := id_fault(key):
        raise ConfigError(f"an id is part of file names: {fault}", file=path, field="files", value=short(key))
    at = f"files.{key}"
    if not isinstance(raw, dict) or not isinstance(raw.get("mirrors"), list) or not raw["mirrors"]:
        raise ConfigError("an item is a mapping with a list of mirrors", file=path, field=at, value=short(raw))
    mirrors = tuple(
        from_dict(Mirror, mirror, file=path, prefix=f"{at}.mirrors[{number}].")
        for number, mirror in enumerate(raw["mirrors"])
    )
    for number, mirror in enumerate(mirrors):
        if sum(value is not None for value in vars(mirror).values()) != 1:
            raise ConfigError("a mirror has one kind", file=path, field=f"{at}.mirrors[{number}]")
    archive, under = raw.get("archive"), raw.get("under", [])
    if archive is not None:
        archive = from_dict(Archive, archive, file=path, prefix=f"{at}.archive.")
    if not isinstance(under, list) or not all(isinstance(name, str) for name in under):
        raise ConfigError("expected a list of names", file=path, field=f"{at}.under", value=short(under))
    simple = {name: value for name, value in raw.items() if name not in ("mirrors", "archive", "under")}
    item: _Simple = from_dict(_Simple, simple, file=path, prefix=f"{at}.")
    if fault := fault_of(item.target):
        problem = f"a target lies under the data root: {fault}"
        raise ConfigError(problem, file=path, field=f"{at}.target", value=item.target)
    return Item(id=key, mirrors=mirrors, archive=archive, under=tuple(under), **vars(item))


@checked_dataclass
class _Simple:
    """The fields of an item that are plain values."""

    what: str
    target: str
    licence: str
    size: int | None = None
    sha256: str | None = None
    take: str | None = None
    instead_of: str | None = None
