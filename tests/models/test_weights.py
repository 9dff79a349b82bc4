"""Weights are read without running what is in them, and loaded whole or not at all."""

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from hiero_lib.base.errors import DataError, UnsafeFileError
from hiero_lib.models.weights import load_strictly, read_state

STATE = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2)}


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_both_kinds_of_file(tmp_path, name):
    (save_file if name.endswith("safetensors") else torch.save)(STATE, tmp_path / name)
    state = read_state(tmp_path / name)
    assert state.keys() == STATE.keys()
    assert all(torch.equal(state[key], value) for key, value in STATE.items())


class Harm:
    """On being unpickled, creates a file."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), "w")


class Inert:
    """A class of the file's that is to be left unread."""


def test_nothing_is_executed(tmp_path):
    torch.save({"model": Harm(tmp_path / "victim")}, tmp_path / "w.pth")
    with pytest.raises(UnsafeFileError, match=r"w\.pth.*open"):
        read_state(tmp_path / "w.pth")
    assert not (tmp_path / "victim").exists()


def test_only_classes_that_were_named_are_left_unread(tmp_path):
    torch.save({"model": STATE, "arguments": Inert()}, tmp_path / "w.pth")
    with pytest.raises(UnsafeFileError, match="Inert"):
        read_state(tmp_path / "w.pth")
    state = read_state(tmp_path / "w.pth", inert=re.compile(r".*\.Inert$"))
    assert torch.equal(state["model"]["weight"], STATE["weight"])
    assert not isinstance(state["arguments"], Inert)


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.pth, field 'text\.weights': there is no such file"):
        read_state(tmp_path / "none.pth", field="text.weights")
    for name in ("w.safetensors", "w.pth"):
        Path(tmp_path, name).write_bytes(b"not weights")
        with pytest.raises(DataError, match=rf"{re.escape(name)}.*not readable"):
            read_state(tmp_path / name)


def test_every_weight_is_loaded():
    network = torch.nn.Linear(3, 2)
    load_strictly(network, STATE)
    assert torch.equal(network.weight, STATE["weight"])
    assert torch.equal(network.bias, STATE["bias"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias": None}, "field 'bias': a weight is missing"),
        ({"more": torch.zeros(1)}, "field 'more': a weight that the network does not have"),
        ({"weight": torch.zeros(3, 2)}, r"field 'weight', value \(3, 2\): expected shape \(2, 3\)"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_loaded(change, message):
    network = torch.nn.Linear(3, 2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = {name: value for name, value in {**STATE, **change}.items() if value is not None}
    with pytest.raises(DataError, match=rf"w\.pth, {message}"):
        load_strictly(network, state, file=Path("w.pth"))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
