"""The headers of a whole folder of features, kept in one file, so that a second start opens none of them.

Of 8,000 files over a mounted Drive, reading the headers takes half an hour; listing them takes seconds. A header is
believed as long as its file has the name, the size and the time of change that it had; all others are read again.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.base.kept import read_kept, write_kept
from hiero_lib.data.feature_files import SUFFIXES
from hiero_lib.data.features import FeatureHeader, FeatureStore

FORMAT = "1"
_READERS = 16  # threads: over a network, headers are waited for
_DTYPES = (torch.float16, torch.float32)

Stamp = tuple[int, int]
"""Size in bytes and time of change in ns."""


class SurveyedStore(FeatureStore):
    """A folder of features whose headers are all known; broken files are kept as their errors.

    Args:
        folder, dim: as `FeatureStore`.
        kept_in: folder for the surveys of several folders; None: nothing is kept.
        progress: called with headers read and headers to read.

    Attributes:
        headers: by video; broken: the error of each file that cannot be used, by video.
        read_now: headers that were read, not known.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        dim: int,
        kept_in: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        super().__init__(folder, dim=dim)
        self.headers: dict[str, FeatureHeader] = {}
        self.broken: dict[str, DataError] = {}
        stamps = stamps_of(self.folder)
        kept = None if kept_in is None else kept_in / f"{self._digits()}.safetensors"
        known = {} if kept is None else _known(kept)
        uids = [os.path.splitext(name)[0] for name in stamps]
        doubled = {uid for uid, count in Counter(uids).items() if count > 1}
        unread = []
        for name, uid in zip(stamps, uids):
            stamp, header = known.get(name, ((-1, -1), None))
            if header is not None and stamp == stamps[name] and header.dim == dim and uid not in doubled:
                self.headers[uid] = header
            else:
                unread.append(uid)
        self.read_now = len(unread)
        with ThreadPoolExecutor(_READERS) as pool:
            for done, (uid, read) in enumerate(zip(unread, pool.map(self._read_header, unread)), start=1):
                if isinstance(read, DataError):
                    self.broken[uid] = read
                else:
                    self.headers[uid] = read
                if progress is not None:
                    progress(done, len(unread))
        if kept is not None and (unread or known.keys() - stamps.keys()):
            with contextlib.suppress(OSError):  # it only saves time
                self._keep(kept, stamps)

    def _read_header(self, video_uid: str) -> FeatureHeader | DataError:
        try:
            return super().header(video_uid)
        except DataError as error:
            return error

    def _digits(self) -> str:
        return Fingerprint().data(os.fsencode(self.folder.resolve())).digits(16)

    def _keep(self, path: Path, stamps: dict[str, Stamp]) -> None:
        names = [name for name in stamps if os.path.splitext(name)[0] in self.headers]
        headers = [self.headers[os.path.splitext(name)[0]] for name in names]
        arrays: dict[str, np.ndarray] = {
            "names": np.frombuffer("\n".join(names).encode("utf-8", "surrogateescape"), dtype=np.uint8),
            "stamps": np.array([stamps[name] for name in names], dtype=np.int64).reshape(-1, 2),
            "shapes": np.array([(h.num_segments, h.dim) for h in headers], dtype=np.int64).reshape(-1, 2),
            "dtypes": np.array([_DTYPES.index(h.dtype) for h in headers], dtype=np.int8),
        }
        write_kept(path, arrays, about={"format": FORMAT})

    @property
    def video_uids(self) -> list[str]:
        return sorted({*self.headers, *self.broken})

    def __contains__(self, video_uid: object) -> bool:
        return video_uid in self.headers or video_uid in self.broken

    def header(self, video_uid: str) -> FeatureHeader:
        if video_uid in self.broken:
            raise self.broken[video_uid]
        return self.headers[video_uid] if video_uid in self.headers else super().header(video_uid)


def stamps_of(folder: Path) -> dict[str, Stamp]:
    """Size and time of change of each feature file by its name, sorted; a name with a line end is no video's."""
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name[0] != "." and os.path.splitext(entry.name)[1] in SUFFIXES and "\n" not in entry.name:
                with contextlib.suppress(FileNotFoundError):  # a link to nothing, or removed just now
                    about = entry.stat()
                    found[entry.name] = (about.st_size, about.st_mtime_ns)
    return dict(sorted(found.items()))


def _known(path: Path) -> dict[str, tuple[Stamp, FeatureHeader]]:
    """What a survey that was kept says; nothing where there is none that can be used."""
    try:
        arrays, about = read_kept(path)
    except DataError:
        return {}
    if about.get("format") != FORMAT:
        return {}
    names = arrays["names"].tobytes().decode("utf-8", "surrogateescape").split("\n")
    rows = zip(arrays["stamps"].tolist(), arrays["shapes"].tolist(), arrays["dtypes"].tolist())
    return {
        name: ((size, changed), FeatureHeader(segments, dim, _DTYPES[dtype]))
        for name, ((size, changed), (segments, dim), dtype) in zip(names, rows)
    }
