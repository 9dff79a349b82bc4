"""Records of many small tensors as few large ones: what workers hand over, and what is copied to a device.

A worker hands each tensor over in a file of its own, and a copy to a GPU takes as long for ten numbers as for ten
thousand: fifty tensors of a batch would be fifty of both.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class _Slot:
    """Where a tensor lies in the flat one of its dtype."""

    dtype: torch.dtype
    start: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Packed:
    """``tensors``: a flat one for each dtype; ``layout``: the record, with slots in the place of tensors."""

    tensors: dict[torch.dtype, Tensor]
    layout: Any

    def unpack(self) -> Any:
        """The record; its tensors are views."""
        return _filled(self.layout, self.tensors)

    def apply(self, function: Callable[[Tensor], Tensor]) -> Packed:
        """With ``function`` of each flat tensor."""
        return Packed({dtype: function(flat) for dtype, flat in self.tensors.items()}, self.layout)


def pack(record: Any) -> Packed:
    """Pack a dataclass of tensors, dataclasses and tuples of them, and plain values, which stay as they are."""
    parts: dict[torch.dtype, list[Tensor]] = {}
    layout = _laid_out(record, parts)
    return Packed({dtype: torch.cat(flat) for dtype, flat in parts.items()}, layout)


def _laid_out(value: Any, parts: dict[torch.dtype, list[Tensor]]) -> Any:
    if isinstance(value, Tensor):
        flat = parts.setdefault(value.dtype, [])
        slot = _Slot(value.dtype, sum(map(len, flat)), tuple(value.shape))
        flat.append(value.reshape(-1))
        return slot
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return type(value), {name: _laid_out(field, parts) for name, field in fields.items()}
    if isinstance(value, tuple):
        return tuple(_laid_out(item, parts) for item in value)
    return value


def _filled(layout: Any, tensors: dict[torch.dtype, Tensor]) -> Any:
    if isinstance(layout, _Slot):
        size = torch.Size(layout.shape).numel()
        return tensors[layout.dtype].narrow(0, layout.start, size).view(layout.shape)
    if isinstance(layout, tuple):
        if len(layout) == 2 and isinstance(layout[0], type):
            return layout[0](**{name: _filled(field, tensors) for name, field in layout[1].items()})
        return tuple(_filled(item, tensors) for item in layout)
    return layout
