"""The spans of all videos in one folder that is opened without being read: arrays that are mapped, checked, and kept.

``<index>/all/``, written at once and then renamed:

- ``vectors.npy`` ``[R, D]`` float16, sorted by level, video and start as `hiero_lib.search.table.join` sorts, so that
  what a video has of a level is one piece of the file, and several threads write at once;
- a file a column ``[R]``: ``video``, ``level``, ``thread``, ``start_s``, ``end_s`` as in `SpanTable`, ``label`` (the
  number of its text), ``lengths`` and ``sums`` of the vectors (`hiero_lib.search.vectors`);
- ``texts.npy`` and ``text_ends.npy``, the different labels (`hiero_lib.search.labels`);
- ``about.json``, sealed: R, D, the videos, the content of the features that each was made from (``source``) and their
  file's stamp (size, time of change), and the CRC-32 of every file but ``vectors.npy``;
- beyond a million spans faiss's index (`hiero_lib.search.inverted`), in a folder named by the content.

The stamps let a second start read no feature and no table. The columns' CRC-32 are verified whenever the folder is
opened. The vectors are verified by their sums: all of them at once up to `VERIFIED_WHOLE` rows; of more, each row
when it is read, before it becomes a score or an answer, so that 8 GB are not read at every start.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hiero_lib.base.checksums import crc32_of
from hiero_lib.base.errors import DataError
from hiero_lib.base.files import atomic_path
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.base.sealed import read_sealed, write_sealed
from hiero_lib.data.feature_survey import Stamp
from hiero_lib.search.labels import Labels, Texts
from hiero_lib.search.table import SpanTable, read_table, spans_by_level
from hiero_lib.search.vectors import Vectors, row_lengths, row_sums

FORMAT = 1
ABOUT, VECTORS = "about.json", "vectors.npy"
VERIFIED_WHOLE = 1_000_000
_COLUMNS = {
    "video": np.int32,
    "level": np.int32,
    "thread": np.int32,
    "start_s": np.float64,
    "end_s": np.float64,
    "label": np.uint32,
    "lengths": np.float32,
    "sums": np.uint64,
}
_FROM_TABLE = ("level", "thread", "start_s", "end_s")


@dataclass(frozen=True)
class Made:
    """What the spans of a video were made from: the content of its features, and their file's stamp then."""

    source: str
    stamp: Stamp


class BrokenTables(Exception):
    """Files of videos that cannot be joined, and why, by uid."""

    def __init__(self, why: Mapping[str, DataError]) -> None:
        super().__init__(f"{len(why)} files of spans are damaged")
        self.why = dict(why)


@dataclass(frozen=True)
class Merged:
    """What the folder says of itself, which is all that is read of it here."""

    folder: Path
    spans: int
    dim: int
    videos: Mapping[str, Made]
    checksums: Mapping[str, Sequence[int]]

    @property
    def digits(self) -> str:
        """Of its content: of the videos and of what their spans were made from."""
        return Fingerprint().json([[uid, made.source] for uid, made in self.videos.items()]).digits(12)

    @classmethod
    def read(cls, folder: Path) -> Merged | None:
        """None where there is no folder of this version."""
        try:
            about = read_sealed(folder / ABOUT, format=FORMAT, what="the spans of all videos", files=False)
        except (DataError, OSError):
            return None
        rows = zip(about["video_uids"], about["sources"], about["stamps"])
        videos = {uid: Made(source, (size, changed)) for uid, source, (size, changed) in rows}
        return cls(folder, about["spans"], about["dim"], videos, about["checksums"])

    def write_about(self, folder: Path) -> None:
        """Write ``about.json`` into a folder; it replaces one that is there."""
        about = {
            "spans": self.spans,
            "dim": self.dim,
            "video_uids": list(self.videos),
            "sources": [made.source for made in self.videos.values()],
            "stamps": [list(made.stamp) for made in self.videos.values()],
            "checksums": {name: list(sums) for name, sums in self.checksums.items()},
        }
        with atomic_path(folder / ABOUT) as temporary:
            write_sealed(temporary, about, format=FORMAT)

    def open(self) -> SpanTable:
        """Map the arrays.

        Raises:
            DataError: a file is not what was written.
        """
        for name, (size, crc) in self.checksums.items():
            path = self.folder / name
            try:
                whole = path.stat().st_size == size and crc32_of(path) == crc
            except OSError as error:
                raise DataError(f"not readable ({error.strerror})", file=path) from error
            if not whole:
                raise DataError("damaged: its checksum does not hold", file=path)
        try:
            column = {name: np.load(self.folder / f"{name}.npy", mmap_mode="r") for name in _COLUMNS}
            texts, ends = (np.load(self.folder / f"{name}.npy", mmap_mode="r") for name in ("texts", "text_ends"))
        except (OSError, ValueError) as error:  # replaced at this moment
            raise DataError(f"not readable ({error})"[:300], file=self.folder) from error
        vectors = Vectors(self._half(), lengths=column["lengths"], sums=column["sums"], file=self.folder / VECTORS)
        if len(vectors) <= VERIFIED_WHOLE:
            vectors.verify()
        return SpanTable(
            tuple(self.videos),
            vectors,
            **{name: column[name] for name in ("video", *_FROM_TABLE)},
            labels=Labels(column["label"], ends, texts),
        )

    def _half(self) -> np.ndarray:
        path, shape = self.folder / VECTORS, (self.spans, self.dim)
        header = _header(shape)
        try:
            with path.open("rb") as stream:
                begins = stream.read(len(header))
            whole = begins == header and path.stat().st_size == len(header) + 2 * self.spans * self.dim
            if whole and self.spans and self.dim:
                return np.memmap(path, dtype=np.float16, mode="r", offset=len(header), shape=shape)
        except OSError as error:
            raise DataError(f"not readable ({error.strerror})", file=path) from error
        if not whole:
            raise DataError("damaged: it is not of the shape that was written", file=path, field="shape", value=shape)
        return np.zeros(shape, dtype=np.float16)


def merge(folder: Path, tables: Mapping[str, Path], made: Mapping[str, Made], *, workers: int = 4) -> Merged:
    """Join files of videos into ``folder``, which is replaced; every byte of them is read once, and verified.

    Args:
        folder: ``<index>/all``.
        tables: video -> its file; in the order of their rows.
        made: video -> what it was made from.
        workers: threads that read, verify and write.

    Raises:
        BrokenTables: files that are damaged; nothing was written.
        OSError: it cannot be written.
    """
    with ThreadPoolExecutor(workers) as pool:
        counts, dim = _counts(tables, pool)
        starts = np.concatenate([[0], np.cumsum(counts.T.reshape(-1))])  # of each level and video
        spans = int(starts[-1])
        piece = starts[:-1].reshape(counts.T.shape)
        columns = {name: np.empty(spans, dtype=kind) for name, kind in _COLUMNS.items()}
        texts = Texts()
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            header = _header((spans, dim))
            with (temporary / VECTORS).open("wb") as stream:
                stream.write(header)
                stream.truncate(len(header) + 2 * spans * dim)
                stream.flush()

                def place(video: int, path: Path) -> tuple[np.ndarray, list[str]] | DataError:
                    """Write a video's rows where they belong; where its labels belong."""
                    try:
                        table = read_table(path)
                    except DataError as error:
                        return error
                    order = np.lexsort((table.start_s, table.level))
                    rows = _rows(piece[:, video], counts[video])
                    if len(rows) != len(order) or table.dim != dim:
                        return DataError("not of the shape that its header tells", file=path)
                    half = table.vectors.half[order]
                    columns["video"][rows], columns["sums"][rows] = video, row_sums(half)
                    columns["lengths"][rows] = row_lengths(half)
                    for name in _FROM_TABLE:
                        columns[name][rows] = getattr(table, name)[order]
                    at = 0
                    for start, count in zip(piece[:, video].tolist(), counts[video].tolist()):
                        _write_at(stream.fileno(), half[at : at + count], len(header) + 2 * start * dim)
                        at += count
                    return rows, [table.labels[row] for row in order.tolist()]

                broken = {}
                for uid, placed in zip(tables, pool.map(place, range(len(tables)), tables.values())):
                    if isinstance(placed, DataError):
                        broken[uid] = placed
                    else:
                        columns["label"][placed[0]] = texts.numbers(placed[1])
            if broken:
                raise BrokenTables(broken)
            columns["text_ends"], columns["texts"] = texts.blob()
            for name, values in columns.items():
                np.save(temporary / f"{name}.npy", values)
            names = [f"{name}.npy" for name in columns]
            sums = {name: [(temporary / name).stat().st_size, crc32_of(temporary / name)] for name in names}
            merged = Merged(folder, spans, dim, {uid: made[uid] for uid in tables}, sums)
            merged.write_about(temporary)
    return merged


def _counts(tables: Mapping[str, Path], pool: ThreadPoolExecutor) -> tuple[np.ndarray, int]:
    """``[videos, levels]`` numbers of spans, and D."""

    def shape_of(path: Path) -> tuple[np.ndarray, int] | DataError:
        try:
            return spans_by_level(path)
        except DataError as error:
            return error

    shapes: list[tuple[np.ndarray, int]] = []
    broken = {}
    for uid, shape in zip(tables, pool.map(shape_of, tables.values())):
        if isinstance(shape, DataError):
            broken[uid] = shape
        else:
            shapes.append(shape)
    dims = [dim for _, dim in shapes]
    usual = max(set(dims), key=dims.count) if dims else 0
    for uid, dim in zip(tables, dims) if not broken else ():
        if dim != usual:
            broken[uid] = DataError(f"vectors of {usual} channels are expected", file=tables[uid], value=dim)
    if broken:
        raise BrokenTables(broken)
    counts = np.zeros((len(shapes), max(len(count) for count, _ in shapes)), dtype=np.int64)
    for video, (count, _) in enumerate(shapes):
        counts[video, : len(count)] = count
    return counts, usual


def _rows(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The rows of a video: of each level as many as it has, from where they begin."""
    pieces = [np.arange(start, start + count) for start, count in zip(starts.tolist(), counts.tolist())]
    return np.concatenate(pieces)


def _write_at(file: int, half: np.ndarray, offset: int) -> None:
    left = memoryview(half.tobytes())
    while left:
        written = os.pwrite(file, left, offset)
        left, offset = left[written:], offset + written


def _header(shape: tuple[int, int]) -> bytes:
    """How ``vectors.npy`` begins."""
    stream = io.BytesIO()
    about = {"descr": "<f2", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, about)
    return stream.getvalue()
