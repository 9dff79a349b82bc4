"""Spans of videos as rows: a vector in the text space, and where and what each span is. One file a video.

A file is `hiero_lib.base.kept`'s, with ``vectors [R, D]`` float16, ``start_s``, ``end_s`` ``[R]`` float64, ``level``
and ``thread`` ``[R]`` int32, and in its header the format, the video's uid, the labels (a JSON list of R texts) and
``source``, which names what the spans were made from. float16 moves a cosine by less than 1e-3. The rows of all
videos together are `hiero_lib.search.merged`'s.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hiero_lib.base.errors import DataError
from hiero_lib.base.kept import read_kept, write_kept
from hiero_lib.search.vectors import Vectors

FORMAT = "hiero_lib.search 2"
_COLUMNS = ("start_s", "end_s", "level", "thread")


@dataclass(frozen=True)
class SpanTable:
    """Rows of spans.

    Shapes:
        vectors: ``[R, D]``, which give float32 of length 1 (a zero vector stays zero); video: ``[R]`` int32, number
        in ``video_uids``; level, thread: ``[R]`` int32, thread -1 where there is none; start_s, end_s: ``[R]``
        float64.

    ``labels`` has R texts, empty where a span has none.
    """

    video_uids: tuple[str, ...]
    vectors: Vectors
    video: np.ndarray
    level: np.ndarray
    thread: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray
    labels: Sequence[str]

    def __post_init__(self) -> None:
        for name in ("video", "level", "thread", "start_s", "end_s", "labels"):
            if len(getattr(self, name)) != len(self.vectors):
                raise ValueError(f"{len(self.vectors)} vectors but {len(getattr(self, name))} of {name}")

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def dim(self) -> int:
        """D."""
        return self.vectors.dim


def table_of(
    video_uid: str,
    vectors: np.ndarray,
    *,
    level: np.ndarray,
    thread: np.ndarray,
    start_s: np.ndarray,
    end_s: np.ndarray,
    labels: Sequence[str],
) -> SpanTable:
    """The spans of one video; ``vectors [R, D]`` of any length are brought to length 1.

    Raises:
        ValueError: numbers of rows differ, or a vector is not finite.
    """
    if not np.isfinite(vectors).all():
        raise ValueError(f"a vector of video {video_uid!r} holds NaN or infinity")
    return SpanTable(
        (video_uid,),
        Vectors(normalised(vectors).astype(np.float16)),
        np.zeros(len(vectors), dtype=np.int32),
        np.asarray(level, dtype=np.int32),
        np.asarray(thread, dtype=np.int32),
        np.asarray(start_s, dtype=np.float64),
        np.asarray(end_s, dtype=np.float64),
        list(labels),
    )


def normalised(vectors: np.ndarray) -> np.ndarray:
    """``[..., D]`` float32 of length 1; zero stays zero."""
    vectors = np.asarray(vectors, dtype=np.float32)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)


def join(tables: Sequence[SpanTable]) -> SpanTable:
    """All rows of ``tables``, sorted by level, then video (in the order given), then start.

    In this order the spans of a level are a slice, and so are those of a level and a video.

    Raises:
        ValueError: no table, or vectors of different spaces.
    """
    if not tables:
        raise ValueError("no table to join")
    dims = {table.dim for table in tables}
    if len(dims) > 1:
        raise ValueError(f"vectors of different spaces: D is {sorted(dims)}")
    uids = tuple(dict.fromkeys(uid for table in tables for uid in table.video_uids))
    number = {uid: index for index, uid in enumerate(uids)}
    video = np.concatenate([np.array([number[u] for u in t.video_uids], dtype=np.int32)[t.video] for t in tables])
    columns = {name: np.concatenate([getattr(table, name) for table in tables]) for name in _COLUMNS}
    order = np.lexsort((columns["start_s"], video, columns["level"]))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    half, at = np.empty((len(order), dims.pop()), dtype=np.float16), 0
    for table in tables:
        half[place[at : at + len(table)]] = table.vectors.half
        at += len(table)
    texts = [text for table in tables for text in table.labels]
    return SpanTable(
        uids,
        Vectors(half),
        video[order],
        columns["level"][order],
        columns["thread"][order],
        columns["start_s"][order],
        columns["end_s"][order],
        [texts[row] for row in order],
    )


def write_table(path: str | Path, table: SpanTable, *, source: str) -> None:
    """Write the spans of one video, atomically.

    Raises:
        ValueError: the table has not exactly one video.
    """
    if len(table.video_uids) != 1:
        raise ValueError(f"a file holds one video, not {len(table.video_uids)}")
    tensors = {name: np.ascontiguousarray(getattr(table, name)) for name in _COLUMNS}
    tensors["vectors"] = table.vectors.half
    labels = json.dumps(list(table.labels), ensure_ascii=False)
    header = {"format": FORMAT, "video_uid": table.video_uids[0], "source": source, "labels": labels}
    write_kept(path, tensors, about=header)


def source_of(path: str | Path) -> str | None:
    """What a file says that it was made from; None where there is no file of this format.

    Only its header is read: whether it is whole, `read_table` tells.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as stream:
            header = dict(stream.metadata() or {})
    except (SafetensorError, OSError, ValueError):
        return None
    return header.get("source") if header.get("format") == FORMAT else None


def spans_by_level(path: str | Path) -> tuple[np.ndarray, int]:
    """``[levels]`` how many spans a file has of each level, and D, without its vectors being read.

    Raises:
        DataError: it cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as stream:
            level, dim = stream.get_tensor("level"), stream.get_slice("vectors").get_shape()[1]
        return np.bincount(level), int(dim)
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise DataError(f"not readable ({error})"[:300], file=path) from error


def read_table(path: str | Path) -> SpanTable:
    """The spans of one video.

    Raises:
        DataError: the file is missing, damaged or of another format.
    """
    tensors, header = read_kept(path)
    if header.get("format") != FORMAT:
        raise DataError("not spans of this version", file=path, field="format", value=header.get("format"))
    vectors = Vectors(tensors["vectors"])
    columns = {name: tensors[name] for name in _COLUMNS}
    video = np.zeros(len(vectors), dtype=np.int32)
    return SpanTable((header["video_uid"],), vectors, video, **columns, labels=json.loads(header["labels"]))
