"""The four formats of a file of segment features, each read so that a slice costs a slice.

What a file claims (shape, strides, storage) is compared with its size before any memory is asked for, and nothing in
it is executed. ``.pt``, ``.safetensors`` and ``.npy`` are memory-mapped, of ``.h5`` and ``.hdf5`` the rows are read.
Each holds one ``[N, F]`` array of float16 or float32. Opening a file costs about half a millisecond.
"""

from __future__ import annotations

import contextlib
import io
import math
import pickle
import pickletools
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from hiero_lib.base.errors import DataError, UnsafeFileError

SUFFIXES = (".pt", ".safetensors", ".npy", ".h5", ".hdf5")
_DTYPES = {"F16": torch.float16, "F32": torch.float32, "float16": torch.float16, "float32": torch.float32}
_PICKLE_BYTES = 1 << 20  # of the description of one tensor: a few hundred
_MAGIC = 1 << 80  # the first pickle of the old format is a number below this
_MOST_COMPRESSED = 50  # of a claim against what is stored; features hardly compress
_CHUNK_BYTES = 1 << 26  # of HDF5, which reads whole ones
_PLAIN = re.compile(
    r"torch\._utils _rebuild_(?:tensor|tensor_v2|parameter)|torch(?:\.storage)? \w+Storage|collections OrderedDict"
)  # all that one plain tensor's pickle names
_FETCH = "Fetch or extract it again"


@dataclass(frozen=True)
class FeatureArray:
    """An open file: the shape and dtype that it has, checked against its size, and what reads some of its rows.

    ``dtype`` is a name where it is none that features have; ``rows`` gives a tensor of its own memory.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype | str
    rows: Callable[[slice], Tensor]


@contextlib.contextmanager
def open_features(path: Path) -> Iterator[FeatureArray]:
    """Open a file by its suffix, one of ``SUFFIXES``.

    Raises:
        DataError: it cannot be opened, is empty, truncated, of another format, not one array, or claims what its
            size does not bear out. Names the file, the field and the value.
        UnsafeFileError: reading it would execute what its pickle names; nothing was executed.
    """
    try:
        with open(path, "rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise DataError(f"the file cannot be opened ({error.strerror})", file=path) from error
    if empty:
        raise DataError("the file is empty", file=path, field="bytes", value=0)
    if path.suffix == ".pt":
        yield _pt(path)
    elif path.suffix == ".npy":
        yield _npy(path)
    elif path.suffix == ".safetensors":
        with _safetensors(path) as stream:
            yield _only_part(path, stream)
    else:
        with _hdf5(path) as file:
            yield _only_dataset(path, file)


def _pt(path: Path) -> FeatureArray:
    """The tensor of a ``.pt`` as a memory map.

    Files of the format before torch 1.6 (not zip archives) cannot be mapped: they are read whole at each call.
    """
    with open(path, "rb") as stream:
        zipped = stream.read(4) == b"PK\x03\x04"  # as torch tells them apart
    try:
        held = _check_zip(path) if zipped else _check_old(path)
        value = torch.load(path, map_location="cpu", mmap=zipped, weights_only=True)
    except DataError:
        raise
    except Exception as error:  # a broken file may raise anything, from KeyError to OSError
        _refuse(path, error)
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_quantized:
        raise DataError("one plain tensor is expected", file=path, field="type", value=type(value).__name__)
    if value.device.type != "cpu":
        raise DataError("the file holds no data of its tensor", file=path, field="device", value=value.device.type)
    x = value.detach()
    _check_strides(path, x, held)
    return FeatureArray(tuple(x.shape), x.dtype, lambda rows: x[rows].clone(memory_format=torch.contiguous_format))


def _check_zip(path: Path) -> int:
    """Check a torch archive: its members are what they claim, and its pickle; the bytes of values that it holds."""
    size, held = path.stat().st_size, 0
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len({member.filename for member in members}) < len(members):
            raise DataError("a part of the file occurs twice", file=path, hint=_FETCH)
        for member in members:
            if member.compress_type != zipfile.ZIP_STORED or member.file_size > size:
                raise DataError("a part is compressed, or larger than the file", file=path, field=member.filename)
            if member.filename.endswith(".pkl"):
                if member.file_size > _PICKLE_BYTES:
                    raise DataError("one plain tensor is expected", file=path, field="pickle", value=member.file_size)
                _check_pickle(path, archive.read(member), size)
            held += member.file_size if "/data/" in member.filename else 0
    return held


def _check_old(path: Path) -> int:
    """Check the four pickles before the data in torch's old format, of which the first three claim nothing."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        begin = file.read(_PICKLE_BYTES)
    if not begin.startswith(b"\x80\x02") or begin[257:262] == b"ustar":
        raise pickle.UnpicklingError("Unsupported operand: neither of torch's formats")
    stream, storages = io.BytesIO(begin), 0
    for number in range(4):
        start = stream.tell()
        for _ in pickletools.genops(stream):  # to its end
            pass
        storages += _check_pickle(path, begin[start : stream.tell()], size if number == 3 else _MAGIC)
    if storages > 1:
        raise DataError("one plain tensor is expected", file=path, field="pickle", value=f"{storages} tensors")
    return size


def _check_pickle(path: Path, content: bytes, size: int) -> int:
    """Every name in a pickle is a plain tensor's, and no number is above ``size``; how many storages it has."""
    storages = 0
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in ("GLOBAL", "INST") and not _PLAIN.fullmatch(str(argument)):
            name = str(argument).replace(" ", ".")
            if name.startswith("torch."):
                raise DataError("one plain tensor is expected", file=path, field="pickle", value=name)
            _unsafe(path, name)
        if opcode.name == "BINPERSID":
            storages += 1
        if isinstance(argument, int) and "PUT" not in opcode.name and argument > size:
            raise DataError(
                f"more than the file can hold, which has {size} bytes", file=path, field="pickle", value=argument
            )
    return storages


def _check_strides(path: Path, x: Tensor, held: int) -> None:
    """Each value has bytes of its own among those that the file holds."""
    storage = x.untyped_storage().nbytes()
    steps = sorted((stride, length) for stride, length in zip(x.stride(), x.shape) if length > 1)
    reach, overlap = 0, False
    for stride, length in steps:
        overlap |= stride <= reach
        reach += stride * (length - 1)
    if storage > held or (x.numel() and (overlap or x.numel() * x.element_size() > storage)):
        raise DataError(
            f"the file holds {held} bytes of values, and claims {storage}, strides {x.stride()}",
            file=path,
            field="shape",
            value=tuple(x.shape),
            hint=_FETCH,
        )


def _refuse(path: Path, error: Exception) -> NoReturn:
    """Say why torch did not load ``path``: because it is dangerous, or because it is broken."""
    message = str(error)
    if isinstance(error, pickle.UnpicklingError) and "Unsupported operand" not in message:
        name = re.search(r"GLOBAL ([\w.]+)", message)
        _unsafe(path, name[1] if name else message[-200:], error)
    raise DataError(
        "not readable as a tensor; the file is truncated or no torch file",
        file=path,
        field=type(error).__name__,
        value=message.partition("\n")[0][:120],
        hint=_FETCH,
    ) from error


def _unsafe(path: Path, name: str, error: Exception | None = None) -> NoReturn:
    raise UnsafeFileError(
        "refused: reading it would import and run what its pickle names",
        file=path,
        field="pickle",
        value=name[:200],
        hint="A feature file holds one tensor and nothing else; nothing was executed",
    ) from error


def _npy(path: Path) -> FeatureArray:
    """The array of a ``.npy`` as a memory map (NumPy's format, NEP 1)."""
    try:
        x = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # of a header: ValueError, SyntaxError, OverflowError, TokenError, ...
        if "Python objects" in str(error):
            _unsafe(path, "an array of Python objects", error)
        _broken(path, "npy", error)
    size = path.stat().st_size
    if x.offset + x.nbytes != size:
        raise DataError(
            f"the header claims {x.nbytes} bytes of values, the file has {size - x.offset}",
            file=path,
            field="shape",
            value=x.shape,
            hint=_FETCH,
        )
    return FeatureArray(x.shape, _dtype(x.dtype), lambda rows: _native(x[rows]))


def _dtype(dtype: np.dtype[Any]) -> torch.dtype | str:
    return _DTYPES.get(dtype.name, dtype.name)


def _native(rows: np.ndarray) -> Tensor:
    """A copy in this machine's byte order."""
    return torch.from_numpy(np.array(rows, dtype=rows.dtype.newbyteorder("="), order="C"))


def _safetensors(path: Path) -> Any:
    """``path`` opened as safetensors, which compares its header with its size; or a DataError."""
    from safetensors import safe_open

    try:
        return safe_open(path, framework="pt")
    except Exception as error:  # SafetensorError is not public in every version
        _broken(path, "safetensors", error)


def _only_part(path: Path, stream: Any) -> FeatureArray:
    part = stream.get_slice(_only(path, stream.keys()))
    dtype = part.get_dtype()
    return FeatureArray(tuple(part.get_shape()), _DTYPES.get(dtype, dtype), lambda rows: part[rows].clone())


def _hdf5(path: Path) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise DataError(
            "the package h5py reads such files, and is not installed", file=path, hint="pip install h5py"
        ) from error
    try:
        return h5py.File(path, "r", locking=False)
    except Exception as error:  # HDF5 has OSError, RuntimeError, KeyError for a broken file
        _broken(path, "HDF5", error)


def _only_dataset(path: Path, file: Any) -> FeatureArray:
    """The one dataset of an HDF5 file, at any depth; links out of the file are not followed."""
    import h5py

    found: dict[str, Any] = {}
    try:
        file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        x = found[_only(path, found)]
        if x.external or x.is_virtual:
            raise DataError("the values are in another file", file=path, field=x.name)
        shape, dtype, held = tuple(x.shape or ()), x.dtype, x.id.get_storage_size()
        claimed = x.size * dtype.itemsize if x.shape else 0
        chunk = int(np.prod(x.chunks, dtype=object)) * dtype.itemsize if x.chunks else 0
        chunks = missing = 0
        if x.chunks:
            chunks = math.prod(-(-length // side) for length, side in zip(x.shape, x.chunks))
            missing = chunks - x.id.get_num_chunks()
    except DataError:
        raise
    except Exception as error:
        _broken(path, "HDF5", error)
    filtered = x.chunks is not None and x.id.get_create_plist().get_nfilters() > 0
    if claimed > held * (_MOST_COMPRESSED if filtered else 1) or chunk > claimed + _CHUNK_BYTES:
        raise DataError(
            f"the file holds {held} bytes of values, and claims {claimed}, in chunks of {chunk}",
            file=path,
            field="shape",
            value=shape,
            hint=_FETCH,
        )

    if missing > 0:  # HDF5 reads them as zeros
        problem = f"{missing} of {chunks} chunks were never written"
        raise DataError(problem, file=path, field=x.name, value=shape, hint=_FETCH)

    def rows(wanted: slice) -> Tensor:
        try:
            return _native(x[wanted])
        except Exception as error:
            _broken(path, "HDF5", error)

    return FeatureArray(shape, _dtype(dtype), rows)


def _only(path: Path, names: Iterable[str]) -> str:
    """The name of the file's one tensor."""
    listed = sorted(names)
    if len(listed) != 1:
        raise DataError("one tensor is expected", file=path, field="tensors", value=listed[:10])
    return listed[0]


def _broken(path: Path, format: str, error: Exception) -> NoReturn:
    raise DataError(
        f"not readable as {format}; the file is truncated or of another format",
        file=path,
        field="header",
        value=str(error).partition("\n")[0][:200],
        hint=_FETCH,
    ) from error
