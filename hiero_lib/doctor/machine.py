"""What this machine is, and what the notebooks will cost on it, by a measurement of some seconds."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiero_lib.base.versions import version_of
from hiero_lib.config import Profile

PACKAGES = (
    *("torch", "torch-geometric", "accelerate", "transformers", "safetensors", "numpy", "scipy", "scikit-learn"),
    *("polars", "plotly", "ipywidgets", "matplotlib", "papermill", "jupyterlab", "gdown", "requests"),
)
CHUNK_SEGMENTS = 562  # 300 s at 16 frames of 30 fps


@dataclass(frozen=True)
class Cost:
    """Expected seconds of a notebook; None where they are not estimated. ``how`` says what was counted."""

    notebook: str
    seconds: float | None
    how: str


def describe(profile: Profile) -> dict[str, Any]:
    """Versions, device, the precision of the profile's training, memory and free disk of its data (GB)."""
    import torch

    from hiero_lib.base.device import best_device, choose_precision

    device = best_device()
    precision, reason = choose_precision(profile.training.precision)
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "device": device.type,
        "precision": f"{precision} ({reason})",
        "memory_gb": _memory_gb(),
        "disk_free_gb": round(shutil.disk_usage(_existing(Path(profile.data_root).expanduser())).free / 1e9, 1),
        "colab": "google.colab" in sys.modules or "COLAB_RELEASE_TAG" in os.environ,
        "versions": {name: version_of(name) for name in PACKAGES},
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found |= {"device_name": properties.name, "device_memory_gb": round(properties.total_memory / 1e9, 1)}
    return found


def measure(profile: Profile) -> tuple[float, float]:
    """Seconds that the profile's backbone takes for a chunk of 300 s: forward with clustering, and in training.

    Random weights and features, once after a run that warms up; the head, the loss and the text are not in it. A
    batch of the profile's size is measured where one chunk takes less than half a second, else the one chunk.
    """
    import torch
    from torch_geometric.data import Batch

    from hiero_lib.base.device import best_device
    from hiero_lib.data.segments import VideoSegments
    from hiero_lib.models.hiero import HiERO

    device, features = best_device(), profile.features
    model = HiERO(profile.model).to(device)

    def chunks(count: int) -> Any:
        x = torch.randn(CHUNK_SEGMENTS, features.dim, generator=torch.Generator().manual_seed(0))
        chunk = VideoSegments.from_features(x, stride_frames=features.stride_frames, fps=features.fps, video_uid="v")
        return Batch.from_data_list([chunk] * count).to(str(device))

    def forward(data: Any) -> None:
        with torch.no_grad():
            model.eval()(data, cluster=True)

    def step(data: Any) -> None:
        model.zero_grad()
        loss = sum((level.x.square().mean() for level in model.train()(data)), torch.zeros((), device=device))
        loss.backward()

    def of_one(function: Any) -> float:
        one = chunks(1)
        _seconds(function, one, device)
        alone = _seconds(function, one, device)
        if alone > 0.5:
            return alone
        return _seconds(function, chunks(profile.training.batch_size), device) / profile.training.batch_size

    return of_one(forward), of_one(step)


def expected_costs(profile: Profile, segments: dict[str, int], measured: tuple[float, float]) -> list[Cost]:
    """Seconds by notebook, from :func:`measure` and the numbers of segments that each reads."""
    forward_s, step_s = measured
    chunks = {name: count / CHUNK_SEGMENTS for name, count in segments.items()}

    def forwards(notebook: str, name: str, how: str) -> Cost:
        return Cost(notebook, chunks[name] * forward_s if name in chunks else None, how)

    epochs = profile.training.epochs
    trained = epochs * chunks["all"] * step_s if "all" in chunks else None
    return [
        Cost("00", None, "reading headers and annotations: seconds to minutes"),
        Cost("01", trained, f"{epochs} epochs of all segments, the backbone alone; text, loss and the probe on top"),
        forwards("02", "egomcq", "the windows of all questions, for one model; text on top"),
        forwards("03", "all", "features of all videos once at most; the head's training on top"),
        forwards("04", "egoprocel", "all videos of EgoProceL, for one model"),
        forwards("05", "all", "all videos once at most, for one model"),
        forwards("06", "all", "all videos once, to search in them; their clustering at every level on top"),
        Cost("07", None, "a drawn video of 40 s: under a minute; your own: its features, for the most part"),
    ]


def _seconds(function: Any, data: Any, device: Any) -> float:
    import torch

    started = time.perf_counter()
    function(data)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _memory_gb() -> float | None:
    """Memory that is free now; None where psutil (which Accelerate brings) does not tell."""
    if importlib.util.find_spec("psutil") is None:
        return None
    import psutil

    return round(psutil.virtual_memory().available / 1e9, 1)


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())


def report(found: dict[str, Any], measured: tuple[float, float], costs: list[Cost]) -> str:
    """The machine and the costs for people."""
    versions = ", ".join(f"{name} {version or 'absent'}" for name, version in found["versions"].items())
    memory = f", {found['device_memory_gb']} GB" if "device_memory_gb" in found else ""
    free = f"{found['memory_gb']} GB of memory, {found['disk_free_gb']} GB of disk"
    lines = [
        f"Python {found['python']}, {found['platform']}; {versions}",
        f"device {found.get('device_name', found['device'])}{memory}, precision {found['precision']};"
        f" {found['processors']} processors, free: {free}",
        "",
        "expected time by notebook, from a measurement just now: of 300 s of video this profile's backbone takes"
        f" {measured[0]:.3f} s, {measured[1]:.3f} s in training",
    ]
    if "training_memory_gb" in found:
        lines.insert(2, f"memory of training: about {found['training_memory_gb']:.1f} GB in float32")
    for cost in costs:
        took = "-" if cost.seconds is None else _readable(cost.seconds)
        lines.append(f"{cost.notebook}  {took:>9}  {cost.how}")
    return "\n".join(lines)


def _readable(seconds: float) -> str:
    for unit, scale in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= scale:
            return f"{seconds / scale:.1f} {unit}"
    return f"{seconds:.0f} s"
