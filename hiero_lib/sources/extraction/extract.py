"""Features of one video file, written in the authors' format; resumable inside a long video.

``<uid>.pt`` is a float16 ``[N, F]`` tensor and ``<uid>.json`` beside it says what it was made by. While a video is
worked on, whole parts of it lie in ``.<uid>.parts``; after a kill the same call goes on behind the last one, with the
same result as an uninterrupted run (to rounding, where a GPU's batches fall differently).
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hiero_lib import __version__
from hiero_lib.base.errors import DataError
from hiero_lib.base.files import atomic_path, read_json, write_json
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.config import FeatureConfig
from hiero_lib.data.feature_files import SUFFIXES
from hiero_lib.sources.extraction.decode import Decoder, best_decoder, video_info
from hiero_lib.sources.extraction.extractors.base import Extractor
from hiero_lib.sources.extraction.windows import Windows, clips

FORMAT = 1
FRAMES_AT_ONCE = 32  # of a forward pass, all windows together

Progress = Callable[[int, int | None], None]  # segments done, and about how many in all


@dataclass(frozen=True)
class Extraction:
    """How features are made, whatever the video.

    Args:
        extractor: on the device already; features: stride, window and fps.
        device: of the extractor; decoder: None takes the best that is installed.
        batch: windows of a forward pass; None: as many as make 32 frames.
        part: segments after which what is done is put on disk (1,024 are 9 minutes at stride 16).
    """

    extractor: Extractor
    features: FeatureConfig
    device: torch.device
    decoder: Decoder | None = None
    batch: int | None = None
    part: int = 1024

    @property
    def windows(self) -> Windows:
        """Which frames a segment is made of."""
        return Windows.of(self.features, self.extractor.sampled)

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides the features of a video."""
        windows, extractor = self.windows, self.extractor
        decisive = (FORMAT, extractor.name, extractor.fingerprint, self.features.fps, windows)
        return Fingerprint().text(repr(decisive)).digits()


def check_fits(extractor: Extractor, features: FeatureConfig) -> None:
    """Raise a DataError where an extractor's features are not those that a profile describes."""
    if extractor.dim != features.dim:
        raise DataError(
            f"the profile's features have {features.dim} channels, {extractor.name} gives {extractor.dim}",
            field="features.dim",
            value=features.dim,
            hint="Choose a profile for this extractor, or set features.dim and model.input_size",
        )


def segment_features(video: str | Path, extraction: Extraction, *, start: int = 0) -> Iterator[Tensor]:
    """Features ``[b, F]`` (float16, on the CPU) of segments ``start, start + 1, ...``, a batch at a time.

    The next batch is decoded while the device computes.

    Raises:
        DataError: the file cannot be decoded, or a feature is not finite in float16.
    """
    extractor, windows = extraction.extractor, extraction.windows
    decoder = extraction.decoder or best_decoder()
    frames = decoder(
        video,
        fps=extraction.features.fps,
        short_side=extractor.preprocessing.short_side,
        start=windows.first_frame(start),
    )
    size = extraction.batch or max(1, FRAMES_AT_ONCE // len(windows.offsets))
    cropped = (extractor.preprocessing.cropped(clip) for clip in clips(frames, windows, start=start))
    for batch in _ahead(_batches(cropped, size)):
        features = extractor(torch.from_numpy(batch).to(extraction.device)).half().cpu()
        if not bool(torch.isfinite(features).all()):
            raise DataError("a feature is not finite in float16", file=video, field=extractor.name)
        yield features


def extract_video(
    video: str | Path,
    folder: str | Path,
    extraction: Extraction,
    *,
    video_uid: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the features of one video, or go on writing them; the path of ``<uid>.pt``.

    Args:
        video: the file; folder: receives the features.
        video_uid: the file's stem when None.
        progress: called after each batch.

    Raises:
        DataError: as :func:`segment_features`, or features of that name were made in another way.
    """
    video, folder = Path(video), Path(folder)
    uid = video_uid or video.stem
    if is_done(uid, folder, extraction):
        return folder / f"{uid}.pt"
    duration_s = video_info(video).duration_s
    expected = None if duration_s is None else extraction.windows.count(round(duration_s * extraction.features.fps))
    parts = _Parts(folder / f".{uid}.parts", f"{extraction.fingerprint} {_identity(video)}", extraction.part)
    done = parts.restore()
    held: list[Tensor] = []
    for features in segment_features(video, extraction, start=done):
        held.append(features)
        done += len(features)
        if progress is not None:
            progress(done, expected)
        held = parts.put_full(held)
    x = torch.cat([*parts.read(), *held])
    write_json(folder / f"{uid}.json", _record(video, x, extraction))
    with atomic_path(folder / f"{uid}.pt") as temporary:
        torch.save(x, temporary)
    parts.remove()
    return folder / f"{uid}.pt"


def is_done(video_uid: str, folder: Path, extraction: Extraction) -> bool:
    """Whether a video's features are there; features without a record (downloaded ones) are taken as they are.

    Raises:
        DataError: they were made by another extractor, with other weights or windows.
    """
    record = folder / f"{video_uid}.json"
    if not any((folder / f"{video_uid}{suffix}").is_file() for suffix in SUFFIXES):
        return False
    if record.is_file():
        made_by = read_json(record)
        if made_by.get("fingerprint") != extraction.fingerprint:
            raise DataError(
                f"these features were made in another way ({made_by.get('extractor')}, {made_by.get('weights')})",
                file=record,
                field="fingerprint",
                hint="Write to another folder, or delete the video's .pt and .json",
            )
    return True


def _record(video: Path, x: Tensor, extraction: Extraction) -> dict[str, Any]:
    """What ``<uid>.json`` says."""
    extractor, windows = extraction.extractor, extraction.windows
    return {
        "format": FORMAT,
        "video": video.name,
        "video_bytes": video.stat().st_size,
        "segments": len(x),
        "dim": x.shape[1],
        "extractor": extractor.name,
        "weights": extractor.source,
        "weights_sha256": extractor.fingerprint,
        "fps": extraction.features.fps,
        "stride_frames": windows.stride,
        "window_frames": windows.window,
        "sampled_frames": windows.offsets,
        "fingerprint": extraction.fingerprint,
        "versions": {"hiero_lib": __version__, "torch": torch.__version__, "av": metadata.version("av")},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@dataclass(frozen=True)
class _Parts:
    """Finished parts of a video, ``size`` segments each, in a folder that belongs to one way of making them."""

    folder: Path
    made_by: str
    size: int

    def restore(self) -> int:
        """Segments that are done; parts that were made in another way, or of another file, are removed."""
        marker = self.folder / "made_by.json"
        if marker.is_file() and read_json(marker) == [self.made_by, self.size]:
            return self.size * len(self._paths())
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        write_json(marker, [self.made_by, self.size])
        return 0

    def put_full(self, held: list[Tensor]) -> list[Tensor]:
        """Write the full parts of what is held; the rest."""
        if sum(map(len, held)) < self.size:
            return held
        rows = torch.cat(held)
        while len(rows) >= self.size:
            with atomic_path(self.folder / f"{len(self._paths()):06d}.pt") as temporary:
                torch.save(rows[: self.size].clone(), temporary)
            rows = rows[self.size :].clone()
        return [rows]

    def read(self) -> list[Tensor]:
        """All parts, in order."""
        return [torch.load(path, weights_only=True) for path in self._paths()]

    def remove(self) -> None:
        """Remove them all."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _paths(self) -> list[Path]:
        """The parts from the first on, without a gap."""
        numbered = (self.folder / f"{number:06d}.pt" for number in itertools.count())
        return list(itertools.takewhile(Path.is_file, numbered))


def _identity(video: Path) -> str:
    """What tells a file from another of the same name."""
    status = video.stat()
    return f"{status.st_size} {status.st_mtime_ns}"


def _batches(clips_of: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """``[size, T, H, W, C]``, the last one smaller."""
    while batch := list(itertools.islice(clips_of, size)):
        yield np.stack(batch)


def _ahead(batches: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The same, each made by a thread while the one before is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="decode") as pool:
        following = pool.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield batch
