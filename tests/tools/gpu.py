"""``python -m tests.tools.gpu``: what only a GPU can show, in under ten minutes; every figure with the card's name.

The golden tests; results of a training step against the CPU's, and whether it repeats bitwise; launches and waits of
a step, by the profiler; the benchmarks of the training step, EgoMCQ and clustering. Without a GPU it says so.
``--device cpu`` goes through what a CPU can do of it, to see that the script is whole.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from hiero_lib.config import load_profile
from hiero_lib.training.step import build_optimizer, training_loss
from tests.helpers.chunks import VIDEOS, batch_of, chunks, losses_and_gradients, model_of
from tests.tools.speed import egomcq_throughput, spectral, training_step

ROOT = Path(__file__).parents[2]
_LAUNCHES = ("LaunchKernel", "MemcpyAsync", "MemsetAsync")
_WAITS = ("StreamSynchronize", "DeviceSynchronize", "EventSynchronize")


def golden_tests(device: torch.device) -> None:
    """Against the authors' numbers, on the CPU of this machine."""
    command = [sys.executable, "-m", "pytest", "-q", "-k", "golden", "tests/models", "tests/training"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    print(f"golden tests: {done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-300:]}")


def same_as_the_cpu(device: torch.device) -> None:
    """The largest difference of losses, levels and gradients, and whether a second time gives the same bits."""
    for settings in ({}, {"thread_graph": "released"}):
        model = model_of(dropout=0.0, **settings)
        batch = batch_of(model, chunks(3, 120))
        theirs = losses_and_gradients(model, batch)
        model, batch = model.to(device), batch.to(device)
        first, second = losses_and_gradients(model, batch), losses_and_gradients(model, batch)
        worst = max(float(((a - b).abs() / (1e-2 + b.abs())).max()) for a, b in zip(first, theirs) if len(a.shape))
        bitwise = all(torch.equal(a, b) for a, b in zip(first, second))
        print(f"{settings}: largest relative difference from the CPU {worst:.1e}; repeats bitwise: {bitwise}")


def asked(device: torch.device) -> None:
    """Launches and waits of forward and losses, backward, and the update, of a batch on the device."""
    model = model_of().to(device)
    batch = batch_of(model, chunks()).to(device)
    settings = load_profile("omnivore")
    optimizer = build_optimizer(model, settings.training)
    losses: list[torch.Tensor] = []

    def forward() -> None:
        losses[:] = [training_loss(model, batch, settings, videos=VIDEOS)[0]]

    def update() -> None:
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    parts: dict[str, Callable[[], object]] = {
        "forward and losses": forward,
        "backward": lambda: losses[0].backward(),
        "clipping and Adam": update,
    }
    for counted in (False, True):  # the first time warms up
        optimizer.zero_grad(set_to_none=True)
        for name, part in parts.items():
            activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device.type == "cuda" else [])
            with profile(activities=activities) as seen:
                part()
            events = Counter(event.name for event in seen.events())
            launches, waits = (
                sum(count for event, count in events.items() if event[:2] == "cu" and any(k in event for k in kinds))
                for kinds in (_LAUNCHES, _WAITS)
            )
            if counted:
                print(f"{name}: {launches} launches, {waits} waits")  # the profiler's own wait at the end included


def main() -> None:
    """Print the card, then each part with its seconds."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.gpu", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    device = torch.device(parser.parse_args().device)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("no GPU: nothing is measured, and nothing is claimed of one")
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name() if device.type == 'cuda' else 'CPU'}")
    for part in (golden_tests, same_as_the_cpu, asked, training_step.run, egomcq_throughput.run, spectral.run):
        started = time.perf_counter()
        part(device)
        print(f"  ({part.__module__.rpartition('.')[2]}.{part.__name__}: {time.perf_counter() - started:.0f} s)")


if __name__ == "__main__":
    main()
