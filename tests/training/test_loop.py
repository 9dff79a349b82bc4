"""Training: the authors' trajectories, the schedule, resuming after a kill, several processes."""

import dataclasses
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch_geometric.data import Batch

from hiero_lib.base.errors import ConfigError
from hiero_lib.config import AlignmentConfig, LossConfig, ModelConfig, TrainingConfig, load_profile
from hiero_lib.data.text_cache import EmbeddingTable
from hiero_lib.models.alignment import AlignedModel, TextHead, VisualHead
from hiero_lib.models.authors_checkpoint import backbone_state, head_states
from hiero_lib.models.checkpoints import load_model
from hiero_lib.models.hiero import HiERO
from hiero_lib.models.text_encoders import load_text_encoder
from hiero_lib.training.loop import (
    TrainingDiverged,
    build_optimizer,
    chunk_order,
    learning_rate,
    load_training_data,
    run_training,
    training_loss,
)
from tests.helpers.tiny import make_tiny


def parts_of(state, prefix):
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


class Assignments:
    """Hands out the recorded clusterings of a step, deepest level first."""

    def __init__(self, tensors):
        self.calls = iter([tensors[k] for k in sorted(k for k in tensors if k.endswith(".assignments"))])

    def __call__(self, x, *, indices, batch, num_videos):
        return next(self.calls)


@pytest.mark.parametrize("variant", ["within_threads", "released"])
def test_training_trajectory_equals_golden(golden, variant):
    case = json.loads((golden / f"trajectory_{variant}.json").read_text())
    tensors = load_file(golden / f"trajectory_{variant}.safetensors")
    start_model, start_task = parts_of(tensors, "start.model."), parts_of(tensors, "start.task.")
    config = ModelConfig(
        input_size=start_model["proj.1.weight"].shape[1],
        hidden_size=case["hidden_size"],
        depth=case["depth"],
        n_layers=case["n_layers"],
        radius=case["radius"],
        pool=case["pool"],
        pos_hidden_channels=case["pos_hidden_channels"],
        n_clusters=case["n_clusters"],
        clustering_sample_points=case["clustering_sample_points"],
        dropout=case["dropout"],
        thread_graph=variant,
    )
    visual, text, _ = head_states(start_task)
    heads = AlignmentConfig(dim=len(visual["net.4.bias"]))
    model = AlignedModel(
        HiERO(config), VisualHead(config.hidden_size, heads), TextHead(case["text_hidden"], heads)
    ).train()
    model.backbone.load_state_dict(backbone_state(start_model, config.n_layers))
    model.visual_head.load_state_dict(visual)
    model.text_head.load_state_dict(text)
    training = TrainingConfig(lr=case["lr"], weight_decay=case["weight_decay"], gradient_clip=case["clip"])
    profile = dataclasses.replace(
        load_profile("egovlp"),
        loss=LossConfig(alpha=case["alpha"], beta=case["beta"], mode=case["mode"], temperature=case["temperature"]),
    )
    optimizer = build_optimizer(model, training)
    for number, expected in enumerate(case["losses"]):
        step = parts_of(tensors, f"step{number}.")
        model.backbone.discover_threads = Assignments(step)
        videos = int(step["batch"].max()) + 1
        batch = Batch(
            x=step["x"],
            pos=step["pos"],
            indices=step["indices"],
            batch=step["batch"],
            narration_embedding=step["text_hidden"],
            narration_time=step["timestamps"],
            narration_time_batch=step["text_batch"],
        )
        batch._num_graphs = videos
        loss, measured = training_loss(model, batch, profile, videos=videos)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), training.gradient_clip)
        optimizer.step()
        theirs = [expected["total"], expected["vna"], expected["ft"], expected["grad_norm"]]
        # the losses of step n depend on n - 1 steps of rounding, for which the golden README grants 1e-4 at the end
        torch.testing.assert_close(
            torch.cat([measured, norm[None]]), torch.tensor(theirs), rtol=1e-4, atol=1e-4, msg=f"step {number}"
        )
        if number == 0:
            torch.testing.assert_close(measured, torch.tensor(theirs[:3]), rtol=1e-5, atol=1e-5)
    end_visual, end_text, _ = head_states(parts_of(tensors, "end.task."))
    for module, end in (
        (model.backbone, backbone_state(parts_of(tensors, "end.model."), config.n_layers)),
        (model.visual_head, end_visual),
        (model.text_head, end_text),
    ):
        for name, value in module.state_dict().items():
            torch.testing.assert_close(value, end[name], rtol=1e-4, atol=1e-4, msg=name)


def test_the_schedule_equals_torchs():
    """LinearLR, then CosineAnnealingLR, as the authors build them (without their two late steps)."""
    config = TrainingConfig(epochs=4, warmup_epochs=1.0, lr=1e-3, min_lr=1e-8)
    spe = 7
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=config.lr)
    warm = torch.optim.lr_scheduler.LinearLR(optimizer, 0.001, 1.0, spe)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 3 * spe, config.min_lr)
    schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, cosine], [spe])
    for step in range(4 * spe):
        assert learning_rate(step, steps_per_epoch=spe, config=config) == pytest.approx(
            optimizer.param_groups[0]["lr"], rel=1e-6
        )
        optimizer.step()
        schedule.step()
    assert learning_rate(0, steps_per_epoch=5, config=dataclasses.replace(config, warmup_epochs=0.0)) == config.lr


def test_each_epoch_takes_every_chunk_once_in_an_order_of_its_own():
    first, again, second = (chunk_order(50, seed=3, epoch=epoch) for epoch in (0, 0, 1))
    assert sorted(first) == list(range(50))
    assert first == again != second
    assert first != chunk_order(50, seed=4, epoch=0)


def test_only_matrices_decay():
    """The authors decay what has more than one dimension, TDGC's ``[1, H]`` bias included."""
    model = HiERO(ModelConfig(input_size=4, hidden_size=8, pos_hidden_channels=4))
    flat, deep = build_optimizer(model, TrainingConfig(weight_decay=0.5)).param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert flat["weight_decay"] == 0
    assert deep["weight_decay"] == 0.5
    decaying, free = ({names[id(p)] for p in group["params"]} for group in (deep, flat))
    assert "encoder_stages.0.convs.0.bias" in decaying
    assert "encoder_stages.0.convs.0.lin_rel.weight" in decaying
    assert {"encoder_stages.0.norm.weight", "encoder_stages.0.norm.bias", "projection.bias"} <= free
    assert decaying | free == set(names.values())


# What follows runs the command itself, in processes of its own.


def command(profile, folder, *more, processes=1):
    launcher = [sys.executable, "-m"]
    if processes > 1:
        port = free_port()
        launcher += ["torch.distributed.run", f"--nproc-per-node={processes}", f"--master-port={port}", "-m"]
    return [*launcher, "hiero_lib", "train", "--profile", str(profile), "--folder", str(folder), *map(str, more)]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}


def train(profile, folder, *more, processes=1):
    run = subprocess.run(
        command(profile, folder, *more, processes=processes),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def weights_of(folder):
    newest = max((folder / "checkpoints").glob("step-*"))
    return newest.name, load_file(newest / "model.safetensors"), load_file(newest / "optimizer.safetensors")


def log_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A profile with dropout, whose random numbers a resumed run has to meet again; 5 epochs of 4 steps."""
    return make_tiny(tmp_path_factory.mktemp("tiny"), videos=17, training__epochs=5)


@pytest.fixture(scope="module")
def uninterrupted(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    train(tiny, folder)
    return folder


def test_killed_and_resumed_ends_bitwise_the_same(tiny, uninterrupted, tmp_path):
    """SIGKILL before the first checkpoint, between two, and while one is being written."""

    def lines():
        log = tmp_path / "metrics.jsonl"
        return log.read_text().count("\n") if log.is_file() else 0

    moments = [
        ("before the first checkpoint", lambda: lines() >= 1),
        ("between two checkpoints", lambda: lines() >= 5),
        ("writing a checkpoint", lambda: lines() >= 6 and any((tmp_path / "checkpoints").glob(".*.tmp"))),
    ]
    for name, reached in moments:
        with open(tmp_path / "out.txt", "w") as out:
            process = subprocess.Popen(command(tiny, tmp_path), env=environment(), stdout=out, stderr=out)
            while process.poll() is None and not reached():
                time.sleep(0.0005)
            assert process.poll() is None, f"{name}: not caught\n{(tmp_path / 'out.txt').read_text()}"
            process.send_signal(signal.SIGKILL)
            process.wait()
    out = train(tiny, tmp_path)
    assert "going on after step" in out
    step, model, optimizer = weights_of(tmp_path)
    expected_step, expected_model, expected_optimizer = weights_of(uninterrupted)
    assert step == expected_step == "step-00000020"
    for ours, theirs in ((model, expected_model), (optimizer, expected_optimizer)):
        assert ours.keys() == theirs.keys()
        for tensor, value in ours.items():
            assert torch.equal(value, theirs[tensor]), tensor
    assert log_of(tmp_path) == log_of(uninterrupted)
    assert not list((tmp_path / "checkpoints").glob(".*.tmp"))


def test_two_processes_equal_one_and_resume_each_other(tmp_path):
    profile = make_tiny(tmp_path / "data", videos=17, training__epochs=3, model__dropout=0.0)
    one, two, mixed = tmp_path / "one", tmp_path / "two", tmp_path / "mixed"
    train(profile, one)
    assert "2 process(es)" in train(profile, two, processes=2)
    train(profile, mixed, "--max-steps", 5)
    assert "going on after step 5" in train(profile, mixed, processes=2)
    step, expected, _ = weights_of(one)
    for folder in (two, mixed):
        their_step, model, _ = weights_of(folder)
        assert their_step == step
        for name, value in model.items():
            torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-5, msg=f"{folder.name} {name}")
        theirs = [r for r in log_of(folder) if "loss" in r]
        mine = [r for r in log_of(one) if "loss" in r]
        assert len(theirs) == len(mine) == 12
        for a, b in zip(theirs, mine):
            for name in ("loss", "vna", "ft"):
                assert a[name] == pytest.approx(b[name], rel=1e-5, abs=1e-5), (folder.name, a["step"], name)
            # the norm is a sum of squares over all weights: once it differed by 1.3e-5 (busy machine, 2026-11)
            assert a["grad_norm"] == pytest.approx(b["grad_norm"], rel=1e-4), (folder.name, a["step"])


def test_loading_the_data_holds_no_embedding(tmp_path, monkeypatch):
    """7.1 GB at the size of EgoClip, on every rank: texts are encoded into the cache, and read from it by batches."""
    profile = load_profile(make_tiny(tmp_path))
    taken = []
    take = EmbeddingTable.take
    monkeypatch.setattr(EmbeddingTable, "take", lambda self, rows: taken.append(len(rows)) or take(self, rows))
    data = load_training_data(profile, Accelerator(cpu=True), text_encoder=None)
    assert taken == []
    narrations = len(data.dataset[0].narration_texts)
    assert data.dataset[0].narration_embedding.shape == (narrations, profile.text.dim)
    assert set(taken) == {narrations}


def test_another_setting_is_not_mixed_in(tiny, uninterrupted):
    profile = load_profile(tiny, {"loss.alpha": 0.5})
    with pytest.raises(ConfigError, match=r"loss\.alpha.*0\.5"):
        run_training(profile, uninterrupted)


def test_a_nan_loss_stops_with_step_videos_and_checkpoint(tmp_path):
    profile = load_profile(make_tiny(tmp_path / "data"), {"training.lr": 1e38, "training.gradient_clip": 1e38})
    with pytest.raises(TrainingDiverged, match=r"loss is nan.*at step \d+, videos v\d.*last good checkpoint"):
        run_training(profile, tmp_path / "run")
    assert all(math.isfinite(record["loss"]) for record in log_of(tmp_path / "run") if "loss" in record)


def test_validation_keeps_the_best(tmp_path):
    profile = load_profile(make_tiny(tmp_path / "data"), {"training.epochs": 4})
    scores = iter([10.0, 30.0, 20.0, 5.0])
    seen = []

    def validate(model):
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        assert not model.training
        return {"egomcq_inter": next(scores)}

    summary = run_training(profile, tmp_path / "run", validate=validate)
    assert summary.best_metrics == {"egomcq_inter": 30.0}
    model, card = load_model(summary.best_checkpoint)
    assert card.provenance["metrics"] == {"egomcq_inter": 30.0}
    assert all(torch.equal(value, seen[1][name]) for name, value in model.state_dict().items())
    assert summary.epochs == 4
    assert [r["egomcq_inter"] for r in log_of(tmp_path / "run") if "egomcq_inter" in r] == [10.0, 30.0, 20.0, 5.0]
    assert len(list((tmp_path / "run" / "checkpoints").iterdir())) == profile.training.keep_checkpoints


def test_the_probe_trains_on_the_same_batches(tmp_path):
    profile = load_profile(make_tiny(tmp_path / "data"))
    summary = run_training(profile, tmp_path / "run", backbone="probe", max_steps=3)
    records = log_of(tmp_path / "run")
    assert summary.steps == len(records) == 3
    assert all(record["ft"] == 0 for record in records)
    model, card = load_model(summary.last_checkpoint)
    assert card.backbone == "probe"
    assert model.visual_head.in_features == 12


def test_a_text_encoder_can_be_trained_along(tmp_path):
    profile = load_profile(make_tiny(tmp_path / "data"), {"text.frozen": False, "training.epochs": 1})
    summary = run_training(profile, tmp_path / "run", max_steps=1)
    tensors = load_file(summary.last_checkpoint / "model.safetensors")
    trained = [name for name in tensors if name.startswith("text_encoder.")]
    assert trained
    fresh = load_text_encoder(profile.text, data_root=profile.data_root)
    before = {f"text_encoder.{name}": value for name, value in fresh.state_dict().items()}
    assert any(not torch.equal(tensors[name], before[name]) for name in trained)
    model, _ = load_model(summary.last_checkpoint, text_encoder=fresh)
    assert all(torch.equal(model.state_dict()[name], tensors[name]) for name in tensors)
