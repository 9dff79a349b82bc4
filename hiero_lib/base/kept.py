"""A file of arrays that is kept to be used again, with what it was made of, and a checksum that is verified.

safetensors (read without executing anything) whose header has texts: whatever the writer says of it, and ``crc32``,
the CRC-32 of those texts and of the names, types, shapes and bytes of all arrays. So a bit that flips anywhere makes
the file unreadable or is found; see :mod:`hiero_lib.base.checksums`.
"""

from __future__ import annotations

import errno
import json
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import atomic_path

_CHECKSUM = "crc32"
_NOT_JUST_NOW = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.ETIMEDOUT, errno.ESTALE)


def write_kept(path: str | Path, arrays: Mapping[str, np.ndarray], *, about: Mapping[str, str]) -> None:
    """Write arrays and texts about them, atomically."""
    from safetensors.numpy import save_file

    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with atomic_path(path) as temporary:
        save_file(arrays, temporary, metadata={**about, _CHECKSUM: _crc32_of(arrays, about)})


def read_kept(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays, and the texts about them.

    Raises:
        DataError: the file is missing, may not be read, is broken or damaged.
        OSError: it cannot be opened just now (too many open files, no memory), which says nothing of the file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with Path(path).open("rb"):  # safetensors says the same of a damaged file and of too many open ones
            pass
    except OSError as error:
        if error.errno in _NOT_JUST_NOW:
            raise
        raise DataError(f"not readable ({error})"[:300], file=path) from error
    try:
        with safe_open(path, framework="np") as stream:
            about, names = dict(stream.metadata() or {}), list(stream.keys())
            arrays = {name: stream.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:  # the last are numpy's, of odd types
        raise DataError(f"not readable ({error})"[:300], file=path) from error
    if about.pop(_CHECKSUM, None) != _crc32_of(arrays, about):
        raise DataError("damaged: its checksum does not hold", file=path, field=_CHECKSUM)
    return arrays, about


def _crc32_of(arrays: Mapping[str, np.ndarray], about: Mapping[str, str]) -> str:
    value = zlib.crc32(json.dumps(sorted(about.items())).encode())
    for name in sorted(arrays):
        value = zlib.crc32(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode(), value)
        value = zlib.crc32(np.ascontiguousarray(arrays[name]).data, value)
    return f"{value:08x}"
