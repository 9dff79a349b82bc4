"""What the kit does on the pretend device, compared with the CPU: ``python -m tests.helpers.pretend_work NAME``.

A process each, for the device names a backend of torch's. ``budget`` prints launches and waits of a training step at
full-size shapes, of a whole video, of a batch of EgoMCQ's and of a step of EgoNLQ's head; the others check and say.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.helpers import pretend_device as pretend

DEVICE = pretend.install()

import torch  # noqa: E402
from accelerate import Accelerator  # noqa: E402

from hiero_lib.benchmarks import BENCHMARKS, load_benchmark  # noqa: E402
from hiero_lib.benchmarks.benchmark import run_benchmark  # noqa: E402
from hiero_lib.benchmarks.egonlq import score  # noqa: E402
from hiero_lib.benchmarks.egonlq.data import ClipBins, NLQData  # noqa: E402
from hiero_lib.benchmarks.grounding.files import GroundingQuery  # noqa: E402
from hiero_lib.config import EgoNLQConfig, load_profile  # noqa: E402
from hiero_lib.methods.opening import open_methods  # noqa: E402
from hiero_lib.models import mixing  # noqa: E402
from hiero_lib.models.alignment import AlignedModel  # noqa: E402
from hiero_lib.models.clustering import embedding, modularity  # noqa: E402
from hiero_lib.results.record import load  # noqa: E402
from hiero_lib.training.checkpointing import load_optimizer, optimizer_tensors  # noqa: E402
from hiero_lib.training.step import build_optimizer, combined_loss, narrations_of, optimization_step  # noqa: E402
from tests.helpers.chunks import VIDEOS, batch_of, chunks, losses_and_gradients, model_of  # noqa: E402

CPU = torch.device("cpu")


def counted(parts: dict[str, tuple[int, int]], name: str, work: Callable[[], Any]) -> Any:
    """What ``work`` returns; its launches and waits are put down under ``name``."""
    pretend.LOG.clear()
    result = work()
    parts[name] = pretend.LOG.launches.total(), pretend.LOG.waits.total()
    for line, count in pretend.LOG.waits.items():
        print(f"  {name}: waits {count} times, {line}", file=sys.stderr)
    return result


def budget() -> dict[str, tuple[int, int]]:
    """(launches, waits) of each part."""
    parts: dict[str, tuple[int, int]] = {}
    profile = load_profile("omnivore")
    model = model_of()
    on_cpu = batch_of(model, chunks())
    model = model.to(DEVICE)
    batch = counted(parts, "batch to the device", lambda: on_cpu.to(DEVICE, non_blocking=True))
    levels, segments, narrations = counted(parts, "forward", lambda: model(batch, narrations_of(batch)))
    of_threads = sum(
        count for place, count in pretend.LOG.places.items() if "clustering/" in place or "threads.py" in place
    )
    parts["of which threads"] = of_threads, 0
    loss, _ = counted(
        parts, "losses", lambda: combined_loss(levels, segments, narrations, batch, profile, videos=VIDEOS)
    )
    counted(parts, "backward", loss.backward)
    step = [parts[name] for name in ("forward", "losses", "backward")]
    parts["training step"] = sum(launches for launches, _ in step), sum(waits for _, waits in step)

    model.eval()
    (video,) = chunks(1, 3000)
    video = video.to(DEVICE)
    with torch.no_grad():
        counted(parts, "whole video with threads", lambda: model.backbone(video, cluster=True))
        windows = batch_of(model, chunks(40, 130)).to(DEVICE)
        del windows.plan
        counted(parts, "EgoMCQ's windows", lambda: model.backbone(windows, cluster=False))
    parts["EgoNLQ's step"] = nlq_step()
    return parts


def nlq_step() -> tuple[int, int]:
    """Launches and waits of a step of EgoNLQ's head in a training that goes on, its optimiser's included."""
    config = EgoNLQConfig(dim=8, num_heads=2, max_pos_len=16, epochs=3)
    settings = {"video_dim": 6, "token_dim": 5} | dataclasses.asdict(config)
    generator = torch.Generator().manual_seed(0)
    queries = tuple(GroundingQuery("c", "a", number, "where", 2.0, 6.0) for number in range(4))
    clips = {"c": ClipBins(torch.randn(12, 6, generator=generator), 24.0, 0.0)}
    tokens = {"where": torch.randn(3, 5, generator=generator)}
    data = NLQData(queries, clips, tokens, ((1, 3),) * 4, 0, 0, 0)
    parts: dict[str, tuple[int, int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for call in ("first", "EgoNLQ's step, resumed"):
            head = score._new_head(settings).to(DEVICE)
            optimizer = score._optimizer(head, config)
            if call != "first":
                score._resume(Path(folder) / "last", {}, head, optimizer)
            counted(parts, call, lambda: score._train_epoch(head, optimizer, data, config, 3, 1, 1, DEVICE))  # noqa: B023
            score._save(Path(folder) / "last", head, {"history": []}, optimizer)
    return parts["EgoNLQ's step, resumed"]


def step() -> None:
    """Forward, losses and gradients are the CPU's, for every variant."""
    for settings in (
        {},
        {"thread_graph": "released"},
        {"pool": "max"},
        {"pool": "video_subsampling"},
        {"pool": "batch_subsampling"},
        {"threads": False},
        {"use_pos_attr": False},
        {"use_signed_temporal_distance": False},
        {"radius": 4.0},
    ):
        model = model_of(dropout=0.0, **settings)
        batch = batch_of(model, chunks(3, 120))
        theirs = losses_and_gradients(model, batch)
        ours = losses_and_gradients(model.to(DEVICE), batch.to(DEVICE))
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, msg=lambda text: f"{settings}: {text}")  # noqa: B023
        print(settings, "as on the CPU")


def steps(model: AlignedModel, optimizer: Any, numbers: range, scaler: Any = None, dtype: Any = None) -> list[float]:
    """Losses of some steps; ``dtype`` of the network's products."""
    profile = load_profile("omnivore")
    alone = Accelerator(cpu=True)
    if scaler is not None:
        backward = lambda loss: scaler.scale(loss).backward()  # noqa: E731
        alone = SimpleNamespace(num_processes=1, process_index=0, scaler=scaler, backward=backward)  # type: ignore
    batch = batch_of(model, chunks(3, 120)).to(DEVICE)
    lower = torch.autocast(DEVICE.type, dtype=dtype) if dtype else contextlib.nullcontext()

    def forward(*args: Any) -> Any:
        with lower:
            levels, *others = model(*args)
        return levels, *(other.float() for other in others)

    wrapped = SimpleNamespace(__call__=forward, parameters=model.parameters)
    network = type("Network", (), {"__call__": staticmethod(forward), "parameters": wrapped.parameters})()
    return [
        float(optimization_step(network, batch, optimizer, profile, alone, lr=1e-3, seed=number)[0].cpu())
        for number in numbers
    ]


def resume() -> None:
    """A training that is kept and goes on in another model is bitwise the one that was not."""
    whole = model_of().to(DEVICE)
    steps(whole, build_optimizer(whole, load_profile("omnivore").training), range(6))
    first = model_of().to(DEVICE)
    optimizer = build_optimizer(first, load_profile("omnivore").training)
    steps(first, optimizer, range(3))
    kept = {name: value.cpu() for name, value in first.state_dict().items()}
    moments = optimizer_tensors(optimizer, first)
    second = model_of().to(DEVICE)
    second.load_state_dict(kept)
    optimizer = build_optimizer(second, load_profile("omnivore").training)
    load_optimizer(optimizer, second, moments)
    assert all(state["step"].device == CPU for state in optimizer.state.values())
    steps(second, optimizer, range(3, 6))
    for name, value in whole.state_dict().items():
        assert torch.equal(value.cpu(), second.state_dict()[name].cpu()), name
    print("resumed bitwise")


def lower() -> None:
    """float16 with a scaler, and bfloat16: the loss falls, close to float32's."""
    losses = {}
    for name, dtype in (("float32", None), ("bfloat16", torch.bfloat16), ("float16", torch.float16)):
        model = model_of(dropout=0.0).to(DEVICE)
        optimizer = build_optimizer(model, load_profile("omnivore").training)
        scaler = torch.amp.GradScaler(DEVICE.type, init_scale=1024.0) if name == "float16" else None  # type: ignore
        losses[name] = steps(model, optimizer, range(5), scaler, dtype)
        assert losses[name][-1] < losses[name][0], losses
        assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
        assert abs(losses[name][0] - losses["float32"][0]) < 0.05 * losses["float32"][0], losses
    print(json.dumps(losses))


def benchmarks() -> None:
    """Every benchmark's figures are the CPU's."""
    from tests.benchmarks.conftest import make_data
    from tests.helpers.tiny import make_checkpoint

    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "data"
        make_data(root)
        profile = load_profile(root / "tiny.yaml")
        checkpoints = {name: make_checkpoint(Path(scratch) / name, profile, name) for name in ("probe", "hiero")}  # type: ignore[arg-type]
        for name in BENCHMARKS:
            found = []
            for device in (CPU, DEVICE):
                folder = Path(scratch) / name / device.type
                methods = open_methods(profile, checkpoints=checkpoints, device=device)
                run_benchmark(
                    load_benchmark(name),
                    dataclasses.replace(profile, egonlq=dataclasses.replace(profile.egonlq, workers=1)),
                    lambda methods=methods: methods,
                    folder,
                    device=device,
                    extra={},
                    say=lambda line: None,
                )
                found.append(load(folder)["sections"])
            print(f"{name}: {same_figures(*found)} figures as on the CPU")


def same_figures(theirs: Any, ours: Any, where: str = "") -> int:
    """Compare the numbers of two records; how many there are."""
    if isinstance(theirs, dict):
        assert theirs.keys() == ours.keys(), where
        return sum(same_figures(theirs[key], ours[key], f"{where}.{key}") for key in theirs if key != "seconds")
    if isinstance(theirs, list):
        assert len(theirs) == len(ours), where
        return sum(same_figures(a, b, f"{where}[{i}]") for i, (a, b) in enumerate(zip(theirs, ours)))
    if isinstance(theirs, float):
        assert abs(theirs - ours) <= 1e-4 * max(1.0, abs(theirs)), (where, theirs, ours)
        return 1
    return 0


def mps() -> None:
    """A step, a whole video and the benchmarks under MPS's rules."""
    for module in (embedding, modularity):  # what the name of the device decides
        module.with_float64 = lambda device: CPU
    mixing._sums = mixing._added
    with pretend.like_mps():
        step()
        benchmarks()


if __name__ == "__main__":
    work = {"step": step, "resume": resume, "lower": lower, "benchmarks": benchmarks, "mps": mps}
    if sys.argv[1] == "budget":
        for part, numbers in budget().items():
            print(json.dumps([part, *numbers]))
    else:
        work[sys.argv[1]]()
