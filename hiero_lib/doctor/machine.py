"""What this machine is, and what the notebooks will cost on it, by a measurement of some seconds."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiero_lib.base.files import nearest_folder
from hiero_lib.base.progress import readable
from hiero_lib.base.versions import version_of
from hiero_lib.config import Profile

PACKAGES = (
    *("torch", "torch-geometric", "accelerate", "transformers", "safetensors", "numpy", "scipy", "scikit-learn"),
    *("polars", "plotly", "ipywidgets", "anywidget", "matplotlib", "papermill", "jupyterlab", "gdown", "requests"),
)


@dataclass(frozen=True)
class ChunkTime:
    """What a backbone takes for one training chunk: ``chunk_s`` seconds of video in ``segments`` segments.

    ``forward_s`` is a forward pass with clustering, ``training_s`` a forward and a backward pass, both in seconds.
    """

    chunk_s: float
    segments: int
    forward_s: float
    training_s: float


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
    description: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "busy": _busy(),
        "device": device.type,
        "precision": f"{precision} ({reason})",
        "memory_gb": _memory_gb(),
        "disk_free_gb": round(shutil.disk_usage(nearest_folder(Path(profile.data_root).expanduser())).free / 1e9, 1),
        "colab": "google.colab" in sys.modules or "COLAB_RELEASE_TAG" in os.environ,
        "versions": {name: version_of(name) for name in PACKAGES},
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        gb = round(properties.total_memory / 1e9, 1)
        description |= {"device_name": properties.name, "device_memory_gb": gb}
    return description


def measure(profile: Profile) -> ChunkTime:
    """The time that the profile's backbone takes for a chunk of ``training.chunk_s`` seconds of its features.

    Random weights and features, the fastest of three after a run that warms up (other work on the machine only ever
    makes one slower); the head, the loss and the text are not in it. A batch of the profile's size is measured where
    one chunk takes less than half a second, else the one chunk.
    """
    import torch
    from torch_geometric.data import Batch

    from hiero_lib.base.device import best_device
    from hiero_lib.data.features import row_at
    from hiero_lib.data.segments import VideoSegments
    from hiero_lib.models.hiero import HiERO

    device, features, chunk_s = best_device(), profile.features, profile.training.chunk_s
    segments = max(1, row_at(chunk_s, features))
    model = HiERO(profile.model).to(device)

    def chunks(count: int) -> Any:
        x = torch.randn(segments, features.dim, generator=torch.Generator().manual_seed(0))
        chunk = VideoSegments.from_features(x, stride_frames=features.stride_frames, fps=features.fps, video_uid="v")
        return Batch.from_data_list([chunk] * count).to(str(device))

    def forward(data: Any) -> None:
        with torch.no_grad():
            model.eval()(data, cluster=True)

    def step(data: Any) -> None:
        model.zero_grad()
        loss = sum((level.x.square().mean() for level in model.train()(data)), torch.zeros((), device=device))
        loss.backward()

    def seconds_of_one(function: Any) -> float:
        one = chunks(1)
        _seconds(function, one, device)
        alone = _fastest(function, one, device)
        if alone > 0.5:
            return alone
        return _fastest(function, chunks(profile.training.batch_size), device) / profile.training.batch_size

    return ChunkTime(chunk_s, segments, seconds_of_one(forward), seconds_of_one(step))


def expected_costs(profile: Profile, segments: dict[str, int], chunk: ChunkTime) -> list[Cost]:
    """Seconds by notebook, from :func:`measure` and the numbers of segments that each reads."""
    chunks = {name: count / chunk.segments for name, count in segments.items()}

    def forwards(notebook: str, name: str, how: str) -> Cost:
        return Cost(notebook, chunks[name] * chunk.forward_s if name in chunks else None, how)

    epochs = profile.training.epochs
    trained = epochs * chunks["all"] * chunk.training_s if "all" in chunks else None
    return [
        Cost("00", None, "reading headers and annotations: seconds to minutes"),
        Cost("01", trained, f"{epochs} epochs of all segments, the backbone alone; text, loss and the probe on top"),
        forwards("02", "egomcq", "the windows of all questions, for one model; text on top"),
        forwards("03", "all", "features of all videos once at most; the head's training on top"),
        forwards("04", "egoprocel", "all videos of EgoProceL, for one model"),
        forwards("05", "all", "all videos once at most, for one model"),
        forwards("06", "all", "all videos once, to search in them; their clustering at every level on top"),
        Cost("07", None, "a drawn video of 40 s: under a minute; your own: its features, for the most part"),
        Cost("08", None, "reads results that are there: seconds"),
    ]


def _fastest(function: Any, data: Any, device: Any) -> float:
    return min(_seconds(function, data, device) for _ in range(3))


def _seconds(function: Any, data: Any, device: Any) -> float:
    import torch

    started = time.perf_counter()
    function(data)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _busy() -> float:
    """How many processes want a processor, on average over the last minute; 0 where the system does not tell."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else 0.0


def _memory_gb() -> float | None:
    """Memory that is free now; None without psutil (which Accelerate brings)."""
    if importlib.util.find_spec("psutil") is None:
        return None
    import psutil

    return round(psutil.virtual_memory().available / 1e9, 1)


def report(machine: dict[str, Any], chunk: ChunkTime, costs: list[Cost], *, width: int = 118) -> str:
    """The machine and the costs for people, in lines of at most ``width`` characters."""
    known = any(cost.seconds is not None for cost in costs)
    expected = "expected time by notebook" if known else "expected times are told once the data are there"
    versions = ", ".join(f"{name} {version or 'absent'}" for name, version in machine["versions"].items())
    memory = f", {machine['device_memory_gb']} GB" if "device_memory_gb" in machine else ""
    free = f"{machine['memory_gb']} GB of memory, {machine['disk_free_gb']} GB of disk"
    lines = [
        f"Python {machine['python']}, {machine['platform']}; {versions}",
        f"device {machine.get('device_name', machine['device'])}{memory}, mixed precision: {machine['precision']};"
        f" {machine['processors']} processors, free: {free}",
        "",
        f"{expected}, from a measurement just now: of {chunk.chunk_s:g} s of video this profile's"
        f" backbone takes {chunk.forward_s:.3f} s, {chunk.training_s:.3f} s in training",
    ]
    if machine["busy"] > 1.5 * machine["processors"]:
        lines.append(f"(other work is in it: {machine['busy']:g} processes want a processor; alone it takes less)")
    if "training_memory_gb" in machine:
        lines.insert(2, f"memory of training: about {machine['training_memory_gb']:.1f} GB in float32")
    for cost in costs if known else ():
        took = "-" if cost.seconds is None else readable(cost.seconds)
        lines.append(f"{cost.notebook}  {took:>9}  {cost.how}")
    wrapped = (textwrap.wrap(line, width, subsequent_indent="    ", break_on_hyphens=False) or [""] for line in lines)
    return "\n".join(line for of_one in wrapped for line in of_one)
