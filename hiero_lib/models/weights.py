"""Weights files that may come from anywhere: read without running anything in them, loaded whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hiero_lib.base.errors import DataError
from hiero_lib.models.inert import load_inert


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


def check_strictly(expected: Mapping[str, Tensor], state: Mapping[str, Any], *, file: Path | None = None) -> None:
    """Whether ``state`` has every weight of a network, of its shape and kind, and no other.

    Args:
        expected: the network's own state; tensors on the device ``meta`` will do.
        state: what a file holds.
        file: for the error.

    Raises:
        DataError: naming the first weight that is missing, unknown, no tensor of numbers that are there, of another
            shape, or of integers where the network has fractions.
    """
    for name in sorted(expected.keys() | state.keys(), key=str):
        if name not in state or name not in expected:
            problem = "a weight is missing" if name in expected else "a weight that the network does not have"
            raise DataError(problem, file=file, field=str(name)[:300])
        check_tensor(state[name], name, file)
        if state[name].shape != expected[name].shape:
            raise DataError(
                f"expected shape {tuple(expected[name].shape)}", file=file, field=name, value=tuple(state[name].shape)
            )
        if state[name].is_floating_point() != expected[name].is_floating_point():
            raise DataError(f"expected {expected[name].dtype}", file=file, field=name, value=str(state[name].dtype))


def check_tensor(value: Any, name: str, file: Path | None = None) -> None:
    """DataError where ``value`` is no tensor that has all the numbers that its shape claims."""
    if not isinstance(value, Tensor):
        raise DataError("not a tensor", file=file, field=name, value=type(value).__name__)
    if value.is_meta:
        raise DataError("a tensor without data", file=file, field=name, value=str(value.device))
    if value.is_nested or value.layout != torch.strided or value.is_quantized or value.is_complex():
        kind = value.layout if value.layout != torch.strided else value.dtype
        raise DataError("not a tensor of plain numbers", file=file, field=name, value=str(kind))
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        problem = "its shape claims more numbers than the file holds"
        raise DataError(problem, file=file, field=name, value=tuple(value.shape))


def load_strictly(network: nn.Module, state: Mapping[str, Any], *, file: Path | None = None) -> None:
    """Put ``state`` into ``network``: every weight, of the same shape, finite, and no other.

    Raises:
        DataError: as :func:`check_strictly`, or naming a weight that has NaN or infinity, as the file or the
            network's type has it.
    """
    expected = network.state_dict()
    check_strictly(expected, state, file=file)
    for name, parameter in network.named_parameters():
        if name in state and not torch.isfinite(state[name].to(parameter.dtype)).all():
            bad = state[name][~torch.isfinite(state[name].to(parameter.dtype))]
            raise DataError("a weight is not a finite number", file=file, field=name, value=bad.flatten()[0].item())
    network.load_state_dict(dict(state))
