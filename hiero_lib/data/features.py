"""Segment features on disk: one file a video, read so that a slice costs a slice.

``<folder>/<video_uid>.pt`` is a ``[N, F]`` tensor as ``torch.save`` writes it (the authors' format),
``<video_uid>.safetensors``, ``.npy``, ``.h5`` or ``.hdf5`` a file with that one tensor (`data/feature_files.py`). The
header tells the number of segments and only the rows asked for are read. No mapping is kept between reads: a store
holds no file handle and goes to DataLoader workers as a path.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.base.identity import file_identity
from hiero_lib.config import FeatureConfig
from hiero_lib.data.feature_files import SUFFIXES, open_features

LARGEST = 65504.0  # of float16, in which models compute and indexes are kept


@dataclass(frozen=True)
class FeatureHeader:
    """What a feature file says of itself without its rows being read: ``[num_segments, dim]`` of ``dtype``."""

    num_segments: int
    dim: int
    dtype: torch.dtype


def row_at(time_s: float, features: FeatureConfig) -> int:
    """Row of a feature file for a time in seconds: ``floor(time_s * fps // stride)``.

    The reference takes this for the start of a window and ``ceil(time_s * fps // stride)`` for its end; since
    ``//`` has floored already, its ceil changes nothing and both ends are floors. That is reproduced, with Python's
    own floor division (METHOD.md, "Where the released code departs from the paper").
    """
    return int(time_s * features.fps // features.stride_frames)


def feature_identity(path: Path) -> str:
    """Digits that tell a file's content from another's, wherever it lies; of more than 1 MiB, 16 blocks are read.

    Features that were made anew differ in all blocks; a changed row of a long file may not be seen.
    """
    return file_identity(path, blocks=16, block_bytes=1 << 16)


class FeatureStore:
    """The feature files of a folder.

    Args:
        folder: holds ``<video_uid>.pt``, ``.safetensors``, ``.npy``, ``.h5`` or ``.hdf5``; hidden ones are passed
            over.
        dim: F that every file must have; None takes what each file has.

    Raises:
        DataError: the folder does not exist. Every method raises it for a file that is missing, empty, truncated,
            not one floating-point ``[N, F]`` tensor, or of another F; the message names the file, the field and
            the value.
        UnsafeFileError: reading a ``.pt`` would execute what its pickle names; nothing was executed.
    """

    def __init__(self, folder: str | Path, *, dim: int | None = None) -> None:
        self.folder = Path(folder).expanduser()
        self.expected_dim = dim
        if not self.folder.is_dir():
            hint = "What there is, and how to get the rest: python -m hiero_lib doctor --profile PROFILE"
            raise DataError("there is no such folder of features", file=self.folder, hint=hint)

    @property
    def video_uids(self) -> list[str]:
        """Videos with a file, sorted; the folder is listed at each call."""
        paths = [path for path in self.folder.iterdir() if path.suffix in SUFFIXES and path.name[0] != "."]
        return sorted({path.stem for path in paths})

    def __contains__(self, video_uid: object) -> bool:
        return isinstance(video_uid, str) and bool(self._candidates(video_uid))

    def path(self, video_uid: str) -> Path:
        """The video's file.

        Raises:
            DataError: there is none, or there is one of each format.
        """
        candidates = self._candidates(video_uid)
        if not candidates:
            raise DataError("the video has no feature file", file=self.folder, field="video_uid", value=video_uid)
        if len(candidates) > 1:
            raise DataError(
                "two feature files for one video",
                file=candidates[0],
                field="video_uid",
                value=video_uid,
                hint="Keep one",
            )
        return candidates[0]

    def header(self, video_uid: str) -> FeatureHeader:
        """Shape and dtype of the video's features, without reading them."""
        path = self.path(video_uid)
        with open_features(path) as x:
            return self._checked(path, x.shape, x.dtype)

    def identity(self, video_uid: str) -> str:
        """Digits of the content of the video's file; see `feature_identity`."""
        return feature_identity(self.path(video_uid))

    def num_segments(self, video_uid: str) -> int:
        """N, from the header."""
        return self.header(video_uid).num_segments

    def dim(self, video_uid: str) -> int:
        """F, from the header."""
        return self.header(video_uid).dim

    def read(self, video_uid: str, start: int = 0, stop: int | None = None) -> Tensor:
        """Rows ``start`` to ``stop`` (excluded; None: the end) as ``[stop - start, F]`` in the stored dtype.

        The result owns its memory, so that handing it to another process does not carry the file along.

        Raises:
            DataError: as the class says; or ``0 <= start < stop <= N`` does not hold; or a row holds NaN,
                infinity or what float16 cannot hold (only the rows read are looked at).
        """
        path = self.path(video_uid)
        with open_features(path) as x:
            header = self._checked(path, x.shape, x.dtype)
            rows = x.rows(_row_range(path, start, stop, header.num_segments))
        _check_values(path, rows, start)
        return rows

    def _candidates(self, video_uid: str) -> list[Path]:
        if not video_uid or video_uid[0] == "." or "/" in video_uid or "\\" in video_uid or "\0" in video_uid:
            return []
        paths = [self.folder / f"{video_uid}{suffix}" for suffix in SUFFIXES]
        return [path for path in paths if os.path.isfile(path)]  # False, too, for a name that no file can have

    def _checked(self, path: Path, shape: tuple[int, ...], dtype: torch.dtype | str) -> FeatureHeader:
        """The header of ``[N, F]`` features, or a DataError."""
        if not isinstance(dtype, torch.dtype) or dtype not in (torch.float16, torch.float32):
            raise DataError("features must be float16 or float32", file=path, field="dtype", value=str(dtype))
        if len(shape) != 2:
            raise DataError("features must be a [segments, channels] matrix", file=path, field="shape", value=shape)
        if 0 in shape:
            raise DataError("the file holds no segment", file=path, field="shape", value=shape)
        if self.expected_dim is not None and shape[1] != self.expected_dim:
            raise DataError(
                f"features of {self.expected_dim} channels are expected", file=path, field="dim", value=shape[1]
            )
        return FeatureHeader(num_segments=shape[0], dim=shape[1], dtype=dtype)


def _row_range(path: Path, start: int, stop: int | None, num_segments: int) -> slice:
    """``start:stop`` checked against the file's rows."""
    stop = num_segments if stop is None else stop
    if not 0 <= start < stop <= num_segments:
        raise DataError(
            f"the rows asked for are not in the file, which has {num_segments}",
            file=path,
            field="start:stop",
            value=f"{start}:{stop}",
        )
    return slice(start, stop)


def _check_values(path: Path, rows: Tensor, start: int) -> None:
    """Raise a DataError naming the first row with NaN, infinity, or a value that float16 cannot hold.

    A float32 sum of float16 is finite only if every term is, and is much cheaper than a mask.
    """
    if rows.dtype == torch.float16:
        fine = bool(torch.isfinite(rows.sum(dtype=torch.float32)))
    else:
        lowest, highest = torch.aminmax(rows)  # NaN where there is one
        fine = bool(lowest >= -LARGEST) and bool(highest <= LARGEST)
    if fine:
        return
    bad = ~(rows.abs() <= LARGEST)
    row, channel = (int(i) for i in bad.nonzero()[0])
    value = float(rows[row, channel])
    finite = bool(torch.isfinite(rows[row, channel]))
    raise DataError(
        f"a feature is finite, but too large to compute with (float16 ends at {LARGEST:.0f})"
        if finite
        else "a feature is not finite",
        file=path,
        field=f"row {start + row}, channel {channel}",
        value=value,
        hint="Extract this video again",
    )
