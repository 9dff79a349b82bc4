"""EgoClip: 3.8 million timestamped narrations, cut with the features into 300-second training samples."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from hiero_lib.base import checksums
from hiero_lib.base.errors import DataError
from hiero_lib.base.files import atomic_path, read_json
from hiero_lib.base.progress import say_aside
from hiero_lib.config import FeatureConfig
from hiero_lib.data.egoclip_index import build_index, identity
from hiero_lib.data.egoclip_texts import IndexTexts, TextTable, UsedTexts
from hiero_lib.data.features import FeatureStore, row_at
from hiero_lib.data.narrations import Narrations
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.segments import VideoSegments
from hiero_lib.data.text_cache import TextCache


@dataclass(frozen=True, eq=False)
class Chunk:
    """A training sample: the rows ``[first_index, first_index + num_segments)`` of a video and its narrations.

    ``times [M]`` are seconds from the start of the video, float64 and increasing; ``texts`` are their M narrations,
    read from the index when they are looked at.
    """

    video_uid: str
    first_index: int
    num_segments: int
    times: np.ndarray
    texts: IndexTexts


@dataclass(frozen=True)
class EgoClipReport:
    """What became of every row of the csv.

    ``rows`` = unreadable + without features + outside the video + used. ``odd_texts`` of the readable rows hold bytes
    that are not UTF-8, or zeros; ``cut_off``: the last row has no line end, as in a file that was not fetched whole.
    """

    rows: int
    unreadable_rows: int
    videos: int
    videos_without_features: int
    narrations_without_features: int
    narrations_outside_video: int
    chunks: int
    chunks_without_narrations: int
    narrations_used: int
    odd_texts: int = 0
    cut_off: bool = False

    def summary(self) -> str:
        """The counts in a few lines, for a log or a notebook; what nothing was left out for is not named."""
        counts = {
            "unreadable rows": self.unreadable_rows,
            f"narrations of {self.videos_without_features:,} videos (of {self.videos:,}) without features": (
                self.narrations_without_features
            ),
            "outside their video": self.narrations_outside_video,
        }
        left_out = "; ".join(f"{count:,} {why}" for why, count in counts.items() if count) or "nothing"
        untold = self.chunks_without_narrations
        more = f" ({untold:,} more have no narration)" if untold else ""
        odd = f"\n{self.odd_texts:,} texts hold characters that are not UTF-8 (U+FFFD stands for them)."
        cut = "\nThe last row has no line end: the file may be cut off."
        return (
            f"{self.narrations_used:,} of {self.rows:,} narrations, in {self.chunks:,} "
            f"chunk{'s' * (self.chunks != 1)} of video{more}.\n"
            f"Left out: {left_out}."
            f"{odd if self.odd_texts else ''}{cut if self.cut_off else ''}"
        )


class EgoClipIndex:
    """The readable narrations of an ``egoclip.csv``, sorted by video and time; made by :meth:`open`.

    Attributes:
        rows, unreadable_rows: of the csv, its header apart.
        video_uids: sorted; the narrations of video v are rows ``offsets[v]:offsets[v + 1]`` of the index.
        times: ``[n]`` seconds, float64. Narrations of one time keep the order of the file.
    """

    def __init__(self, folder: Path) -> None:
        summary = read_json(folder / "videos.json")
        self.folder = folder
        self.rows: int = summary["rows"]
        self.unreadable_rows: int = summary["unreadable_rows"]
        self.odd_texts: int = summary["odd_texts"]
        self.cut_off: bool = summary["cut_off"]
        self.video_uids: list[str] = summary["video_uids"]
        self.offsets = np.asarray(summary["offsets"], dtype=np.int64)
        self.times: np.ndarray = np.load(folder / "times.npy")
        self._texts = TextTable(folder)

    @classmethod
    def open(cls, csv_file: str | Path, cache_folder: str | Path) -> EgoClipIndex:
        """The index of ``csv_file``, built under ``cache_folder`` when it is not there yet.

        It is keyed by the file's SHA-256: a file that was changed anywhere gets a new index, one that was copied or
        moved keeps its own. The index appears under its name when it is complete, so a build that is killed leaves
        none; one whose checksums do not hold is built again, and said.

        A row is unreadable, and counted, when it has more fields than the header, no video, no text (or ``nan`` and
        the like), or a time that is not a finite number. Bytes that are not UTF-8 become U+FFFD, and are counted;
        tabs and line ends in quoted fields, spaces.

        Raises:
            DataError: the file is missing or empty, a column is missing from its header or there twice, or no row is
                readable.
        """
        path = Path(csv_file).expanduser()
        if not path.is_file():
            raise DataError("there is no such file", file=path)
        folder = Path(cache_folder).expanduser() / f"egoclip-{identity(path)}"
        damaged = checksums.damage(folder) if folder.is_dir() else None
        if damaged is not None:
            say_aside(f"EgoClip's index in {folder} is built again: {damaged}")
        if damaged is not None or not folder.is_dir():
            with atomic_path(folder) as temporary:
                build_index(path, temporary)
        return cls(folder)

    def texts(self, video_uid: str) -> tuple[str, ...]:
        """All narrations of a video, by time; empty for a video that is not in the file."""
        return self._texts.read(*self._rows_of(video_uid))

    def narrations(self, video_uid: str) -> Narrations:
        """All narrations of a video; empty for a video that is not in the file."""
        begin, end = self._rows_of(video_uid)
        return Narrations(self.times[begin:end].tolist(), self._texts.read(begin, end))

    def _rows_of(self, video_uid: str) -> tuple[int, int]:
        v = bisect.bisect_left(self.video_uids, video_uid)
        if v == len(self.video_uids) or self.video_uids[v] != video_uid:
            return 0, 0
        return int(self.offsets[v]), int(self.offsets[v + 1])

    def chunks(
        self,
        store: FeatureStore,
        features: FeatureConfig,
        *,
        chunk_s: float = 300.0,
    ) -> tuple[list[Chunk], EgoClipReport]:
        """Cut every video that has features into samples of ``chunk_s`` seconds, as the authors do.

        A video of N segments lasts ``N * stride / fps`` seconds. Part p holds the narrations with
        ``p * chunk_s <= t < min((p + 1) * chunk_s, duration)`` and the rows from ``row_at(p * chunk_s)`` to
        ``row_at((p + 1) * chunk_s)``, at most N (see :func:`hiero_lib.data.features.row_at` for the rounding).
        A part without narrations is no sample.

        Args:
            store: where N comes from; only headers are read.
            features: stride (frames) and fps.
            chunk_s: seconds.

        Raises:
            DataError: a feature file is broken; the message names it.
        """
        with_features = set(store.video_uids)
        chunks: list[Chunk] = []
        missing, outside, empty = [0, 0], 0, 0
        for v, video_uid in enumerate(self.video_uids):
            begin, end = int(self.offsets[v]), int(self.offsets[v + 1])
            if video_uid not in with_features:
                missing = [missing[0] + 1, missing[1] + end - begin]
                continue
            n = store.num_segments(video_uid)
            duration = n * features.stride_frames / features.fps
            starts = chunk_s * np.arange(int(duration // chunk_s) + 1)
            stops = np.minimum(starts + chunk_s, duration)
            times = self.times[begin:end]
            lows, highs = (np.searchsorted(times, edges, side="left").tolist() for edges in (starts, stops))
            outside += end - begin
            for start, low, high in zip(starts.tolist(), lows, highs):
                first, last = row_at(start, features), min(n, row_at(start + chunk_s, features))
                if first >= last:  # the duration is a multiple of chunk_s: nothing is left for the last part
                    continue
                if low == high:
                    empty += 1
                    continue
                outside -= high - low
                texts = IndexTexts(self._texts, begin + low, begin + high)
                chunks.append(Chunk(video_uid, first, last - first, times[low:high], texts))
        report = EgoClipReport(
            rows=self.rows,
            unreadable_rows=self.unreadable_rows,
            videos=len(self.video_uids),
            videos_without_features=missing[0],
            narrations_without_features=missing[1],
            narrations_outside_video=outside,
            chunks=len(chunks),
            chunks_without_narrations=empty,
            narrations_used=sum(len(chunk.times) for chunk in chunks),
            odd_texts=self.odd_texts,
            cut_off=self.cut_off,
        )
        return chunks, report


def open_egoclip(paths: DataPaths) -> EgoClipIndex:
    """The index of a data root's ``egoclip.csv``, kept in its `DataPaths.caches`; see :meth:`EgoClipIndex.open`."""
    return EgoClipIndex.open(paths.egoclip, paths.caches / "egoclip")


class EgoClipDataset(torch.utils.data.Dataset[VideoSegments]):
    """Chunks as :class:`VideoSegments` with their narrations.

    An item has ``x [N, F]``, ``pos [N]``, ``indices [N]``, ``video_uid``, ``first_index``, ``narration_time [M]``
    (seconds, float32), ``narration_texts`` (list of M) and, where there is a cache, ``narration_embedding [M, T]``.
    What the cache lacks is encoded here, once; workers then carry row numbers and memory maps, neither the encoder
    nor the texts.

    Args:
        chunks: from :meth:`EgoClipIndex.chunks`.
        store: the features; features: their stride and fps.
        text_cache: of a frozen text encoder; None where the encoder is trained and needs the texts.
    """

    def __init__(
        self,
        chunks: Sequence[Chunk],
        store: FeatureStore,
        features: FeatureConfig,
        text_cache: TextCache | None,
    ) -> None:
        self.chunks, self.store, self.features = chunks, store, features
        self._offsets = np.concatenate([[0], np.cumsum([len(chunk.times) for chunk in chunks], dtype=np.int64)])
        self._embeddings = None
        if text_cache is not None:
            self._rows = UsedTexts([chunk.texts for chunk in chunks]).rows_in(text_cache)
            self._embeddings = text_cache.table()

    def __len__(self) -> int:
        return len(self.chunks)

    def __getitem__(self, index: int) -> VideoSegments:
        chunk = self.chunks[index]
        item = VideoSegments.from_features(
            self.store.read(chunk.video_uid, chunk.first_index, chunk.first_index + chunk.num_segments),
            stride_frames=self.features.stride_frames,
            fps=self.features.fps,
            video_uid=chunk.video_uid,
            first_index=chunk.first_index,
        )
        item.narration_time = torch.from_numpy(chunk.times.astype(np.float32))
        item.narration_texts = list(chunk.texts)
        if self._embeddings is not None:
            index %= len(self.chunks)
            item.narration_embedding = self._embeddings.take(
                self._rows[self._offsets[index] : self._offsets[index + 1]]
            )
        return item
