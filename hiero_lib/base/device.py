"""The device and the precision, decided once, with the reason."""

from __future__ import annotations

from typing import Literal

import torch

Precision = Literal["no", "fp16", "bf16"]


def best_device() -> torch.device:
    """CUDA where there is one, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def with_float64(device: torch.device) -> torch.device:
    """Where numbers of a device are computed in double precision: there, but for Apple's MPS, which has none."""
    return torch.device("cpu") if device.type == "mps" else device


def choose_precision(wanted: Literal["auto", "no", "fp16", "bf16"]) -> tuple[Precision, str]:
    """The precision of training, and why.

    ``auto`` takes bfloat16 on GPUs that compute in it (compute capability 8 and later), float16 on older ones (a
    Colab T4 has no bfloat16), and float32 elsewhere.
    """
    if wanted != "auto":
        return wanted, "as the profile asks"
    if not torch.cuda.is_available():
        return "no", f"{best_device().type} computes in float32"
    name, major = torch.cuda.get_device_name(), torch.cuda.get_device_capability()[0]
    if major >= 8:
        return "bf16", f"{name} computes in bfloat16"
    return "fp16", f"{name} has no bfloat16"
