"""Device and precision, with CUDA and MPS made believe."""

from __future__ import annotations

import pytest
import torch

from hiero_lib.base.device import best_device, choose_precision, with_float64


def pretend(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool = False, major: int = 0) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Card")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (major, 5))


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_the_best_device(cuda: bool, mps: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, cuda=cuda, mps=mps)
    assert best_device() == torch.device(expected)


@pytest.mark.parametrize(
    ("cuda", "major", "expected"),
    [
        (True, 9, ("bf16", "Card computes in bfloat16")),
        (True, 8, ("bf16", "Card computes in bfloat16")),
        (True, 7, ("fp16", "Card has no bfloat16")),
        (False, 0, ("no", "cpu computes in float32")),
    ],
)
def test_auto_takes_what_the_device_has(
    cuda: bool, major: int, expected: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, cuda=cuda, major=major)
    assert choose_precision("auto") == expected


def test_a_precision_that_was_asked_for_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, cuda=True, major=9)
    assert choose_precision("no") == ("no", "as the profile asks")
    assert choose_precision("fp16") == ("fp16", "as the profile asks")


def test_apples_mps_computes_in_double_precision_on_the_cpu() -> None:
    devices = [torch.device(name) for name in ("cpu", "cuda", "cuda:1", "mps")]
    assert [str(with_float64(device)) for device in devices] == ["cpu", "cuda", "cuda:1", "cpu"]
