"""Weights files that may come from anywhere: read without running anything in them, loaded whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from hiero_lib.base.errors import DataError
from hiero_lib.models.authors_checkpoint import load_inert


def read_state(path: str | Path, *, inert: re.Pattern[str] | None = None, field: str | None = None) -> Any:
    """What a weights file holds (``.safetensors``, or a torch file), nothing in it executed.

    Args:
        path: the file.
        inert: full names of classes that the file may hold, and that are left unread.
        field: the setting that names the file, for the error where it is missing.

    Raises:
        DataError: missing or broken; UnsafeFileError: reading it would import something.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("there is no such file of weights", file=path, field=field)
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except Exception as error:  # SafetensorError is not public in every version
            raise DataError(f"not readable as safetensors ({error})"[:300], file=path) from error
    return load_inert(path) if inert is None else load_inert(path, inert=inert)


def load_strictly(network: nn.Module, state: Mapping[str, Tensor], *, file: Path | None = None) -> None:
    """Put ``state`` into ``network``: every weight, of the same shape, and no other.

    Raises:
        DataError: naming the first weight that is missing, unknown or of another shape.
    """
    expected = network.state_dict()
    for name in sorted(expected.keys() | state.keys()):
        if name not in state or name not in expected:
            problem = "a weight is missing" if name in expected else "a weight that the network does not have"
            raise DataError(problem, file=file, field=name)
        if state[name].shape != expected[name].shape:
            raise DataError(
                f"expected shape {tuple(expected[name].shape)}", file=file, field=name, value=tuple(state[name].shape)
            )
    network.load_state_dict(dict(state))
