"""The training loop: resuming after a kill, several processes, divergence, validation, what can be trained.

The first tests run the command itself, in processes of their own.
"""

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
from safetensors.torch import load_file

from hiero_lib.config import load_profile
from hiero_lib.models.checkpoints import load_model
from hiero_lib.models.text_encoders import load_text_encoder
from hiero_lib.training import loop
from hiero_lib.training.divergence import TrainingDiverged
from hiero_lib.training.loop import run_training
from tests.helpers.tiny import make_tiny


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_writes_a_checkpoint_and_the_resumed_run_is_bitwise_the_same(tiny, uninterrupted, tmp_path, number):
    log, out = tmp_path / "metrics.jsonl", tmp_path / "out.txt"
    with open(out, "w") as stream:
        process = subprocess.Popen(command(tiny, tmp_path), env=environment(), stdout=stream, stderr=stream)
        while process.poll() is None and not (log.is_file() and log.read_text().count("\n") >= 3):
            time.sleep(0.0005)
        process.send_signal(number)
        assert process.wait() == 128 + number, out.read_text()
    said = out.read_text()
    (line,) = [line for line in said.splitlines() if line.startswith("hiero_lib: ")]
    newest = max((tmp_path / "checkpoints").glob("step-*"))
    assert f"stopped by {number.name} after step {int(newest.name[5:])} of 20; the same command goes on" in line
    assert "Traceback" not in said
    assert not (tmp_path / ".checkpoints.lock").exists()
    train(tiny, tmp_path)
    for ours, theirs in zip(weights_of(tmp_path)[1:], weights_of(uninterrupted)[1:]):
        assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    assert log_of(tmp_path) == log_of(uninterrupted)


def test_of_two_processes_both_stop_after_the_same_step(tmp_path):
    """SIGTERM to one of the ranks alone."""
    profile = make_tiny(tmp_path / "data", videos=17, training__epochs=200, training__checkpoint_every_steps=1000)
    folder, out = tmp_path / "run", tmp_path / "out.txt"
    told = "import os, sys; sys.argv[0] = 'x'; print('PID', os.environ['RANK'], os.getpid(), flush=True)\n"
    told += "from hiero_lib.__main__ import main; sys.exit(main())"
    (tmp_path / "told.py").write_text(told)
    started = command(profile, folder, processes=2)
    at = started.index("hiero_lib")
    started = [*started[: at - 1], str(tmp_path / "told.py"), *started[at + 1 :]]
    with open(out, "w") as stream:
        process = subprocess.Popen(started, env=environment(), stdout=stream, stderr=stream)
        log = folder / "metrics.jsonl"
        while process.poll() is None and not (log.is_file() and log.read_text().count("\n") >= 3):
            time.sleep(0.001)
        assert process.poll() is None, out.read_text()
        pids = {line.split()[1]: int(line.split()[2]) for line in out.read_text().splitlines() if line[:3] == "PID"}
        os.kill(pids["1"], signal.SIGTERM)
        assert process.wait(60) != 0
    step, _, _ = weights_of(folder)
    assert f"after step {int(step[5:])} of 800" in out.read_text()
    assert len([record for record in log_of(folder) if "loss" in record]) == int(step[5:])
    assert "going on after step" in train(profile, folder, "--max-steps", int(step[5:]) + 1, processes=2)


def test_a_second_training_in_one_folder_names_the_first(tiny, tmp_path):
    log = tmp_path / "metrics.jsonl"
    first = subprocess.Popen(command(tiny, tmp_path), env=environment(), stdout=subprocess.DEVNULL)
    while first.poll() is None and not log.is_file():
        time.sleep(0.0005)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        second = subprocess.run(command(tiny, tmp_path), env=environment(), capture_output=True, text=True)
        before = log.read_text()
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert second.returncode == 2
    assert f"is at work on it: train, process {first.pid} on" in second.stderr
    assert second.stderr.count("\n") == 1
    assert first.wait() == 0
    assert log.read_text().startswith(before)
    assert [record["step"] for record in log_of(tmp_path) if "loss" in record] == list(range(1, 21))


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


def test_a_nan_loss_stops_with_step_videos_and_checkpoint(tmp_path):
    profile = load_profile(make_tiny(tmp_path / "data"), {"training.lr": 1e38, "training.gradient_clip": 1e38})
    with pytest.raises(TrainingDiverged, match=r"loss is nan.*at step \d+, videos v\d.*last good checkpoint"):
        run_training(profile, tmp_path / "run")
    assert all(math.isfinite(record["loss"]) for record in log_of(tmp_path / "run") if "loss" in record)


def test_weights_that_ran_away_are_not_kept_though_the_loss_is_tame(tmp_path, monkeypatch):
    profile = load_profile(make_tiny(tmp_path / "data"))
    step = loop.optimization_step

    def leap(model, *arguments, **options):
        measures = step(model, *arguments, **options)
        with torch.no_grad():
            next(iter(model.parameters())).fill_(1e27)
        return measures

    run_training(profile, tmp_path / "run", max_steps=3)
    monkeypatch.setattr(loop, "optimization_step", leap)
    message = r"weight .* has a value of 1e\+27 after step 4, whose loss was .*last good checkpoint: .*step-00000003"
    with pytest.raises(TrainingDiverged, match=message):
        run_training(profile, tmp_path / "run", max_steps=4, validate=lambda model: {"accuracy": 1.0})
    assert max((tmp_path / "run/checkpoints").glob("step-*")).name == "step-00000003"
    assert not (tmp_path / "run/best").exists()


def test_a_value_of_a_validation_that_is_not_finite_is_no_value(tmp_path):
    profile = load_profile(make_tiny(tmp_path / "data"), {"training.epochs": 1})
    values = {"inter": 0.5, "intra": float("nan"), "other": float("inf")}
    summary = run_training(profile, tmp_path / "run", validate=lambda model: values)
    assert summary.best_metrics == {"inter": 0.5}
    assert log_of(tmp_path / "run")[-1] | {"step": 0, "epoch": 0} == {
        "step": 0, "epoch": 0, "inter": 0.5, "intra": None, "other": None,
    }  # fmt: skip


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
