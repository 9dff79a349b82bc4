"""The data that a run was made of, kept with it: what is there only since then is more, what differs is a change.

All annotation files count (``egoclip.csv`` and those of the benchmarks), the names and sizes of all feature files,
and the content of `SAMPLED` of them, evenly spread, as `hiero_lib.data.features.feature_identity` looks at them. A
file is read again only where its stamp (`hiero_lib.base.identity.stamp_of`) is another, so that a command on the data
as they were costs a look at each name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hiero_lib.base.errors import DataError
from hiero_lib.base.identity import sha256_once, stamp_of
from hiero_lib.data.feature_files import SUFFIXES
from hiero_lib.data.features import feature_identity

SAMPLED = 64  # feature files whose content is compared
_ANNOTATIONS = (".csv", ".json", ".tsv", ".txt")  # not the archives that they came in


@dataclass(frozen=True)
class DataRecord:
    """What tells the data of a run from others.

    Attributes:
        annotations: file below ``raw/annotations`` -> its SHA-256.
        folder: name of the folder of features.
        files: feature file -> its size in bytes and the nanosecond it was last written.
        contents: feature file -> digits of its content, for some of them.
        stamps: annotation (after ``/``) or feature file -> its stamp when it was read, where that can be relied on.
    """

    annotations: Mapping[str, str]
    folder: str
    files: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    contents: Mapping[str, str] = field(default_factory=dict)
    stamps: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain values; `record_from` is the way back."""
        files = {name: " ".join(map(str, pair)) for name, pair in self.files.items()}
        return dataclasses.asdict(self) | {"files": files}


@dataclass(frozen=True)
class Difference:
    """How data differ from those of a record.

    Attributes:
        changed: what is gone or another, in words.
        more: what is there besides, in words.
        unread: feature files that were written since and are not among those that are compared.
    """

    changed: list[str]
    more: list[str]
    unread: list[str]


def record_from(value: Any, file: Path) -> DataRecord:
    """A record as a file holds it.

    Raises:
        DataError: it is of another shape.
    """
    try:
        files = {str(name): _pair(text) for name, text in value["files"].items()}
        annotations, contents, stamps = (
            {str(key): str(text) for key, text in value[name].items()}
            for name in ("annotations", "contents", "stamps")
        )
        return DataRecord(annotations, str(value["folder"]), files, contents, stamps)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise DataError("the data of a run are expected", file=file, field="data", value=str(value)[:80]) from error


def _pair(text: str) -> tuple[int, int]:
    size, written = text.split(" ")
    return int(size), int(written)


def data_record(annotations: Path, features: Path, known: DataRecord | None = None) -> DataRecord:
    """The data of two folders as they are now; what ``known`` holds is not read again where its stamp is the same.

    Raises:
        OSError: a file cannot be read.
    """
    known = known or DataRecord({}, features.name)
    stamps: dict[str, str] = {}

    def content_of(path: Path, key: str, former: str | None, read: Callable[[Path], str]) -> str:
        stamp = stamp_of(path)
        stamps.update({key: stamp} if stamp else {})
        return former if former and stamp and stamp == known.stamps.get(key) else read(path)

    texts = {}
    for path in sorted(annotations.rglob("*")) if annotations.is_dir() else ():
        name = path.relative_to(annotations).as_posix()
        if path.suffix.lower() in _ANNOTATIONS and path.name[0] != "." and path.is_file():
            texts[name] = content_of(path, f"/{name}", known.annotations.get(name), sha256_once)
    files = {}
    for path in sorted(features.iterdir()) if features.is_dir() else ():
        if path.suffix in SUFFIXES and path.name[0] != "." and path.is_file():
            found = path.stat()
            files[path.name] = found.st_size, found.st_mtime_ns
    others = known if known.folder == features.name else DataRecord({}, features.name)
    new = [name for name in files if name not in others.files]
    chosen = np.unique(np.linspace(0, len(new) - 1, min(SAMPLED, len(new))).round().astype(int))
    contents = {
        name: content_of(features / name, name, others.contents.get(name), feature_identity)
        for name in [*(name for name in others.contents if name in files), *(new[row] for row in chosen)]
    }
    return DataRecord(texts, features.name, files, contents, stamps)


def difference(kept: DataRecord, now: DataRecord) -> Difference:
    """How ``now`` differs from ``kept``, of which it was made (`data_record`); another folder of features is more."""
    before, after = kept.annotations, now.annotations
    changed = [
        f"{name} {'is another' if name in after else 'is gone'}" for name in before if before[name] != after.get(name)
    ]
    more = [name for name in after if name not in before]
    if kept.folder != now.folder:
        return Difference(changed, more, [])
    gone = [name for name in kept.files if name not in now.files]
    other = [name for name in kept.files if name in now.files and _differs(name, kept, now)]
    new = [name for name in now.files if name not in kept.files]
    changed += [f"{_some(gone)} gone"] if gone else []
    changed += [f"{_some(other)} changed"] if other else []
    more += [_some(new)] if new else []
    unread = [
        name
        for name, pair in kept.files.items()
        if name not in kept.contents and name in now.files and now.files[name] != pair and name not in other
    ]
    return Difference(changed, more, unread)


def _differs(name: str, kept: DataRecord, now: DataRecord) -> bool:
    return kept.files[name][0] != now.files[name][0] or kept.contents.get(name) != now.contents.get(name)


def _some(names: list[str]) -> str:
    """``3 feature files (a.pt, b.pt, ...)``."""
    shown = ", ".join(names[:2]) + (", ..." if len(names) > 2 else "")
    return f"{len(names)} feature file{'s' if len(names) > 1 else ''} ({shown})"
