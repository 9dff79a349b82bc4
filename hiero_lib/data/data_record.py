"""The data that a run was made of, kept with it: what is there only since then is more, what differs is a change.

All annotation files count (``egoclip.csv`` and those of the benchmarks) and the weights that the profile names, the
names and sizes of all feature files, and the content of `SAMPLED` of each folder of them, evenly spread, as
`hiero_lib.data.features.feature_identity` looks at them. A file is read again only where its stamp
(`hiero_lib.base.identity.stamp_of`) is another, so that a command on the data as they were costs a look at each name.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hiero_lib.base.errors import DataError
from hiero_lib.base.identity import sha256_once, stamp_of
from hiero_lib.data.feature_files import SUFFIXES
from hiero_lib.data.features import feature_identity
from hiero_lib.data.paths import DataPaths

SAMPLED = 64  # feature files of a folder whose content is compared
_ANNOTATIONS = (".csv", ".json", ".tsv", ".txt")  # not the archives that they came in


@dataclass(frozen=True)
class DataRecord:
    """What tells the data of a run from others.

    Attributes:
        annotations: file below ``raw/annotations`` -> its SHA-256; weights: as the profile names them, the same.
        folders: the folders of features, below ``raw/features``.
        files: feature file, after its folder -> its size in bytes and the nanosecond it was last written.
        contents: feature file -> digits of its content, for some of them.
        stamps: each file that was read -> its stamp then, where that can be relied on.
    """

    annotations: Mapping[str, str]
    folders: tuple[str, ...]
    weights: Mapping[str, str] = field(default_factory=dict)
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
        annotations, weights, contents, stamps = (
            {str(key): str(text) for key, text in value[name].items()}
            for name in ("annotations", "weights", "contents", "stamps")
        )
        folders = tuple(map(str, value["folders"]))
        return DataRecord(annotations, folders, weights, files, contents, stamps)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise DataError("the data of a run are expected", file=file, field="data", value=str(value)[:80]) from error


def _pair(text: str) -> tuple[int, int]:
    size, written = text.split(" ")
    return int(size), int(written)


def data_record(
    paths: DataPaths, folders: Sequence[str], weights: Sequence[str] = (), known: DataRecord | None = None
) -> DataRecord:
    """The data under a root as they are now.

    Args:
        paths: of the root.
        folders: of features, below ``raw/features``; what lies in folders of theirs counts.
        weights: files, below the root or, with a whole path, anywhere.
        known: what it holds is not read again where its stamp is the same.

    Raises:
        OSError: a file cannot be read.
    """
    known = known or DataRecord({}, ())
    stamps: dict[str, str] = {}

    def content_of(path: Path, key: str, former: str | None, read: Callable[[Path], str]) -> str:
        stamp = stamp_of(path)
        stamps.update({key: stamp} if stamp else {})
        return former if former and stamp and stamp == known.stamps.get(key) else read(path)

    texts = {
        name: content_of(path, f"raw/annotations/{name}", known.annotations.get(name), sha256_once)
        for name, path in _files(paths.annotations)
        if path.suffix.lower() in _ANNOTATIONS
    }
    present = [name for name in dict.fromkeys(weights) if (paths.root / name).is_file()]
    hashed = {name: content_of(paths.root / name, name, known.weights.get(name), sha256_once) for name in present}
    files, contents = {}, {}
    for folder in dict.fromkeys(folders):
        found = {f"{folder}/{name}": path for name, path in _files(paths.features(folder)) if path.suffix in SUFFIXES}
        for name, path in found.items():
            about = path.stat()
            files[name] = about.st_size, about.st_mtime_ns
        new = [name for name in found if name not in known.files]
        chosen = np.unique(np.linspace(0, len(new) - 1, min(SAMPLED, len(new))).round().astype(int))
        for name in [*(name for name in found if name in known.contents), *(new[row] for row in chosen)]:
            contents[name] = content_of(
                found[name], f"raw/features/{name}", known.contents.get(name), feature_identity
            )
    return DataRecord(texts, tuple(dict.fromkeys(folders)), hashed, files, contents, stamps)


def _files(folder: Path) -> list[tuple[str, Path]]:
    """The files below a folder, also of linked ones, with their names there; hidden ones are a Mac's or left over."""
    found, seen = [], set()
    for place, folders, names in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(place))  # a link may lead back
        folders[:] = [n for n in folders if n[0] != "." and os.path.realpath(os.path.join(place, n)) not in seen]
        found += [Path(place, name) for name in names if name[0] != "."]
    return sorted((path.relative_to(folder).as_posix(), path) for path in found if path.is_file())


def difference(kept: DataRecord, now: DataRecord) -> Difference:
    """How ``now`` differs from ``kept``, of which it was made (`data_record`); other folders and weights are more."""
    before, after = kept.annotations, now.annotations
    changed = [
        f"{name} {'is another' if name in after else 'is gone'}" for name in before if before[name] != after.get(name)
    ]
    changed += [f"{name} is another" for name, was in kept.weights.items() if now.weights.get(name, was) != was]
    more = [name for name in after if name not in before]
    both = {folder for folder in kept.folders if folder in now.folders}
    files = {name: pair for name, pair in kept.files.items() if _folder_of(name, kept) in both}
    gone = [name for name in files if name not in now.files]
    other = [name for name in files if name in now.files and _differs(name, kept, now)]
    new = [name for name in now.files if name not in kept.files and _folder_of(name, now) in both]
    changed += [f"{_some(gone)} gone"] if gone else []
    changed += [f"{_some(other)} changed"] if other else []
    more += [_some(new)] if new else []
    unread = [
        name
        for name, pair in files.items()
        if name not in kept.contents and name in now.files and now.files[name] != pair and name not in other
    ]
    return Difference(changed, more, unread)


def _folder_of(name: str, record: DataRecord) -> str:
    """The folder of features that a file's name begins with, the longest of them."""
    return max((folder for folder in record.folders if name.startswith(f"{folder}/")), key=len, default="")


def _differs(name: str, kept: DataRecord, now: DataRecord) -> bool:
    return kept.files[name][0] != now.files[name][0] or kept.contents.get(name) != now.contents.get(name)


def _some(names: list[str]) -> str:
    """``3 feature files (a.pt, b.pt, ...)``."""
    shown = ", ".join(names[:2]) + (", ..." if len(names) > 2 else "")
    return f"{len(names)} feature file{'s' if len(names) > 1 else ''} ({shown})"
