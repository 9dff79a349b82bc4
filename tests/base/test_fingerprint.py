"""Fingerprints are the SHA-256 of what was added, in that order."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import torch

from hiero_lib.base.fingerprint import Fingerprint


def test_parts_are_hashed_in_order() -> None:
    parts = Fingerprint().text("é").json({"b": [1, None], "a": 0.5}).data(b"\x00\x01")
    expected = hashlib.sha256("é".encode() + json.dumps({"a": 0.5, "b": [1, None]}).encode() + b"\x00\x01")
    assert parts.digits() == expected.hexdigest()
    assert parts.digits(8) == expected.hexdigest()[:8]
    assert Fingerprint().data(b"\x00\x01").text("é").digits() != Fingerprint().text("é").data(b"\x00\x01").digits()


def test_an_array_is_its_bytes() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert Fingerprint().data(array.data).digits() == hashlib.sha256(array.tobytes()).hexdigest()


def test_the_order_of_names_does_not_count_and_that_of_a_list_does() -> None:
    assert Fingerprint().json({"a": 1, "b": 2}).digits() == Fingerprint().json({"b": 2, "a": 1}).digits()
    assert Fingerprint().json([1, 2]).digits() != Fingerprint().json([2, 1]).digits()


def test_weights_count_by_name_shape_type_and_value() -> None:
    state = {"b": torch.arange(4.0).reshape(2, 2), "a": torch.tensor(3)}
    expected = hashlib.sha256(b"a () torch.int64" + np.int64(3).tobytes() + b"b (2, 2) torch.float32")
    expected.update(np.arange(4, dtype=np.float32).tobytes())
    fingerprint = Fingerprint().weights(state).digits()
    assert fingerprint == expected.hexdigest()
    assert Fingerprint().weights(dict(reversed(state.items()))).digits() == fingerprint
    for change in (
        {"b": state["b"].T.contiguous()},
        {"b": state["b"].flatten()},
        {"b": state["b"].double()},
        {"c": state["b"]},
    ):
        assert Fingerprint().weights({**state, **change}).digits() != fingerprint


def test_a_view_has_the_fingerprint_of_its_copy_and_every_type_has_one() -> None:
    x = torch.arange(12.0).reshape(3, 4)
    assert (
        Fingerprint().weights({"x": x[:, ::2]}).digits() == Fingerprint().weights({"x": x[:, ::2].clone()}).digits()
    )
    halves = [
        Fingerprint().weights({"x": torch.ones(2, dtype=dtype)}).digits() for dtype in (torch.bfloat16, torch.float16)
    ]
    assert halves[0] != halves[1]
    empty = hashlib.sha256(b"x (0, 2) torch.float32").hexdigest()
    assert Fingerprint().weights({"x": torch.zeros(0, 2)}).digits() == empty
