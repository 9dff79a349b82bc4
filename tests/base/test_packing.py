"""Records of small tensors as few flat ones."""

import pickle
from dataclasses import dataclass

import torch
from torch import Tensor

from hiero_lib.base.packing import pack


@dataclass(frozen=True)
class Inner:
    rows: Tensor
    weights: Tensor
    name: str


@dataclass(frozen=True)
class Outer:
    parts: tuple[Inner, ...]
    alone: Tensor | None
    nothing: Tensor | None
    numbers: tuple[int, ...]


def record() -> Outer:
    inner = [Inner(torch.arange(n), torch.randn(n, 2), f"n{n}") for n in (3, 0, 5)]
    return Outer(tuple(inner), torch.tensor(7), None, (1, -1))


def test_a_record_comes_back_with_a_flat_tensor_a_dtype() -> None:
    given = record()
    packed = pack(given)
    assert {dtype: len(flat) for dtype, flat in packed.tensors.items()} == {torch.int64: 9, torch.float32: 16}
    found = packed.unpack()
    assert [part.name for part in found.parts] == ["n3", "n0", "n5"]
    for ours, theirs in zip(found.parts, given.parts, strict=True):
        assert torch.equal(ours.rows, theirs.rows)
        assert torch.equal(ours.weights, theirs.weights)
    assert (int(found.alone), found.nothing, found.numbers) == (7, None, (1, -1))
    assert len({part.rows.untyped_storage().data_ptr() for part in found.parts}) == 1


def test_it_is_changed_as_a_whole_and_pickled() -> None:
    doubled = pickle.loads(pickle.dumps(pack(record()))).apply(lambda flat: 2 * flat).unpack()
    assert doubled.parts[0].rows.tolist() == [0, 2, 4]
    assert int(doubled.alone) == 14


def test_a_record_without_tensors() -> None:
    assert pack(Outer((), None, None, (3,))).unpack() == Outer((), None, None, (3,))
