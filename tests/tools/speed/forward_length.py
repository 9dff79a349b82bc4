"""Time and memory of a forward pass without clustering over 5, 60 and 240 minutes."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import torch

from hiero_lib.models.hiero import HiERO
from tests.tools.speed.common import full_size, made_up_video, synchronize

MINUTES = (5, 60, 240)


def reset_peak(device: torch.device) -> float:
    """Forget the highest memory use so far; bytes in use now. On a CPU this needs Linux."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    Path("/proc/self/clear_refs").write_text("5")
    return peak(device)


def peak(device: torch.device) -> float:
    """Bytes at the highest memory use since the last reset."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def measure(minutes: int, device_name: str, threads: int) -> tuple[float, float]:
    """Seconds, and GB of memory beyond model and features, in a process of its own."""
    device = torch.device(device_name)
    torch.set_num_threads(threads)
    model = HiERO(full_size(256)).to(device).eval()
    video = made_up_video(minutes * 60 * 30 // 16, 256, seed=0).to(device)
    with torch.no_grad():
        model(made_up_video(562, 256, seed=1).to(device), cluster=False)
        before = reset_peak(device)
        elapsed = float("inf")
        for _ in range(2):
            synchronize(device)
            start = time.perf_counter()
            model(video, cluster=False)
            synchronize(device)
            elapsed = min(elapsed, time.perf_counter() - start)
    after = peak(device)
    return elapsed, (after - before) / 1e9


def run(device: torch.device) -> None:
    """Print seconds and GB, and how they grow."""
    print("one forward pass without clustering, H 768, F 256:")
    found = {}
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for minutes in MINUTES:
            found[minutes] = pool.apply(measure, (minutes, str(device), torch.get_num_threads()))
            elapsed, gigabytes = found[minutes]
            print(f"  {minutes:4d} minutes: {elapsed:.2f} s, {gigabytes:.2f} GB")
    (hour, hour_memory), (long, long_memory) = found[60], found[240]
    print(f"  240 against 60 minutes: {long / hour:.1f} x the time, {long_memory / hour_memory:.1f} x the memory")
    print("  (linear is 4; aim on two cores for 240 minutes: under 6 s and 1 GB)")
