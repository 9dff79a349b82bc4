"""Segment features on disk: one file a video, read so that a slice costs a slice.

``<folder>/<video_uid>.pt`` is a ``[N, F]`` tensor as ``torch.save`` writes it (the authors' format) and
``<video_uid>.safetensors`` a file with that one tensor. Both are memory-mapped, so the header tells the number of
segments and only the pages of the rows asked for are read. Opening a file costs about 0.2 ms, which is why no
mapping is kept between reads: a store holds no file handle and goes to DataLoader workers as a path.
"""

from __future__ import annotations

import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch
from safetensors import safe_open
from torch import Tensor

from hiero_lib.base.errors import DataError, UnsafeFileError
from hiero_lib.config import FeatureConfig

SUFFIXES = (".pt", ".safetensors")
_DTYPES = {"F16": torch.float16, "F32": torch.float32}


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


class FeatureStore:
    """The feature files of a folder.

    Args:
        folder: holds ``<video_uid>.pt`` or ``<video_uid>.safetensors``; hidden files are passed over.
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
            raise DataError("there is no such folder of features", file=self.folder)

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
        if path.suffix == ".pt":
            x = _map_pt(path)
            return self._checked(path, tuple(x.shape), x.dtype)
        with _open_safetensors(path) as stream:
            part = stream.get_slice(_only_name(path, stream.keys()))
            return self._checked(path, tuple(part.get_shape()), _DTYPES.get(part.get_dtype(), part.get_dtype()))

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
            DataError: as the class says; or ``0 <= start < stop <= N`` does not hold; or a row holds NaN or
                infinity (only the rows read are looked at).
        """
        path = self.path(video_uid)
        if path.suffix == ".pt":
            x = _map_pt(path)
            header = self._checked(path, tuple(x.shape), x.dtype)
            rows = x[_row_range(path, start, stop, header.num_segments)].clone(memory_format=torch.contiguous_format)
        else:
            with _open_safetensors(path) as stream:
                part = stream.get_slice(_only_name(path, stream.keys()))
                shape, dtype = tuple(part.get_shape()), part.get_dtype()
                header = self._checked(path, shape, _DTYPES.get(dtype, dtype))
                rows = part[_row_range(path, start, stop, header.num_segments)].clone()
        _check_finite(path, rows, start)
        return rows

    def _candidates(self, video_uid: str) -> list[Path]:
        if not video_uid or video_uid[0] == "." or "/" in video_uid or "\\" in video_uid or "\0" in video_uid:
            return []
        paths = [self.folder / f"{video_uid}{suffix}" for suffix in SUFFIXES]
        return [path for path in paths if path.is_file()]

    def _checked(self, path: Path, shape: tuple[int, ...], dtype: torch.dtype | str) -> FeatureHeader:
        """The header of ``[N, F]`` features, or a DataError."""
        if not isinstance(dtype, torch.dtype) or dtype not in _DTYPES.values():
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


def _map_pt(path: Path) -> Tensor:
    """The tensor of a ``.pt`` as a memory map, nothing executed.

    Files of the format before torch 1.6 (not zip archives) cannot be mapped: they are read whole at each call.
    """
    try:
        with open(path, "rb") as stream:
            magic = stream.read(4)
        if not magic:
            raise DataError("the file is empty", file=path, field="bytes", value=0)
        value = torch.load(path, map_location="cpu", mmap=magic == b"PK\x03\x04", weights_only=True)
    except DataError:
        raise
    except Exception as error:  # a broken file may raise anything, from KeyError to OSError
        _refuse(path, error)
    if not isinstance(value, Tensor) or value.layout != torch.strided:
        raise DataError("one plain tensor is expected", file=path, field="type", value=type(value).__name__)
    return value.detach()


def _refuse(path: Path, error: Exception) -> NoReturn:
    """Say why torch did not load ``path``: because it is dangerous, or because it is broken."""
    message = str(error)
    if isinstance(error, pickle.UnpicklingError) and "Unsupported operand" not in message:
        name = re.search(r"GLOBAL ([\w.]+)", message)
        raise UnsafeFileError(
            "refused: reading it would import and run what its pickle names",
            file=path,
            field="pickle",
            value=name[1] if name else message[-200:],
            hint="A feature file holds one tensor and nothing else; nothing was executed",
        ) from error
    raise DataError(
        "not readable as a tensor; the file is truncated or no torch file",
        file=path,
        field=type(error).__name__,
        value=message.partition("\n")[0][:120],
        hint="Fetch or extract it again",
    ) from error


def _open_safetensors(path: Path) -> safe_open:
    """``path`` opened as safetensors, or a DataError."""
    try:
        return safe_open(path, framework="pt")
    except Exception as error:  # SafetensorError is not public in every version
        raise DataError(
            "not readable as safetensors; the file is empty, truncated or of another format",
            file=path,
            field="header",
            value=str(error),
            hint="Fetch or extract it again",
        ) from error


def _only_name(path: Path, names: list[str]) -> str:
    """The name of the file's one tensor."""
    if len(names) != 1:
        raise DataError("one tensor is expected", file=path, field="tensors", value=sorted(names))
    return names[0]


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


def _check_finite(path: Path, rows: Tensor, start: int) -> None:
    """Raise a DataError naming the first row with NaN or infinity.

    A float32 sum is finite only if every term is, and is much cheaper than a mask; large finite values that
    overflow it are told apart by the mask.
    """
    if bool(torch.isfinite(rows.sum(dtype=torch.float32))):
        return
    bad = ~torch.isfinite(rows)
    if bool(bad.any()):
        row, channel = (int(i) for i in bad.nonzero()[0])
        raise DataError(
            "a feature is not finite",
            file=path,
            field=f"row {start + row}, channel {channel}",
            value=float(rows[row, channel]),
            hint="Extract this video again",
        )
