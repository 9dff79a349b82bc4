"""Torch files read without running anything that they carry.

Torch's restricted unpickler reads tensors and plain containers; classes that are named as inert become records that
only keep their state; every other class is refused.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import torch

from hiero_lib.base.errors import DataError, UnsafeFileError

OMEGACONF = re.compile(
    r"omegaconf\.|typing\.Any$|collections\.(defaultdict|OrderedDict)$|builtins\.(dict|list|int|str)$"
)


class Inert:
    """Stands for a class that is not loaded: keeps arguments and state, does nothing."""

    def __init__(self, *args: Any) -> None:
        self.args = args

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.__dict__.setdefault("items", {})[key] = value


def load_inert(path: Path, *, inert: re.Pattern[str] = OMEGACONF) -> Any:
    """``torch.load`` of tensors and plain containers, with some classes as inert records, OmegaConf's by default.

    Args:
        path: the file.
        inert: full names of what is let in as records that do nothing; everything else is refused.

    Raises:
        UnsafeFileError: naming the first other class or function that the file wants to import.
        DataError: not a file of torch's.
    """
    wanted: list[str] = []
    try:
        zipped = zipfile.is_zipfile(path)
    except zipfile.BadZipFile as error:  # of an end that names several disks
        raise DataError(f"not readable as a torch file ({error})", file=path) from error
    if zipped:  # the format before torch 1.6 is left to the restricted unpickler as it is
        _check_claims(path)
        try:
            wanted = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        except Exception as error:
            raise DataError(f"not readable as a torch file ({error})"[:300], file=path) from error
    for name in sorted(wanted):
        if not inert.match(name):
            raise _refusal(path, name)
    stubs: list[Any] = [(type(name.rpartition(".")[2], (Inert,), {}), name) for name in wanted]
    try:
        with torch.serialization.safe_globals(stubs):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        unsupported = re.search(r"Unsupported (?:global: GLOBAL|class) ([\w.]+)", str(error))
        if unsupported:
            raise _refusal(path, unsupported[1]) from error
        raise DataError(f"not readable as a torch file ({error})"[:300], file=path) from error
    except Exception as error:
        raise DataError(f"not readable as a torch file ({error})"[:300], file=path) from error


def _check_claims(path: Path) -> None:
    """DataError where the members of a zip claim more bytes than the file has; torch stores them as they are."""
    try:
        with zipfile.ZipFile(path) as archive:
            claimed = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise DataError(f"not readable as a torch file ({error})"[:300], file=path) from error
    if claimed > path.stat().st_size:
        raise DataError("not a torch file: its parts claim more bytes than it has", file=path, value=claimed)


def _refusal(path: Path, name: str) -> UnsafeFileError:
    """The error for a pickle that names a class or function which is not let in."""
    return UnsafeFileError(
        "refused: reading it would import and run what it names",
        file=path,
        field="pickle",
        value=name,
        hint="Ask its author for a file of tensors (safetensors)",
    )
