"""The folder of a training: what is kept, what comes back, and what its name depends on."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.files import write_json
from hiero_lib.base.sealed import OtherFormatError
from hiero_lib.config import Profile, load_profile
from hiero_lib.data.paths import DataPaths
from hiero_lib.models.alignment import AlignedModel
from hiero_lib.models.checkpoints import build_model, card_of, load_model
from hiero_lib.training.checkpointing import TrainingFolder, is_complete, optimizer_tensors, training_digest
from hiero_lib.training.divergence import TrainingDiverged
from hiero_lib.training.step import build_optimizer
from tests.helpers.tiny import make_tiny


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return load_profile(make_tiny(tmp_path / "data"))


def folder_of(tmp_path: Path, profile: Profile) -> TrainingFolder:
    return TrainingFolder(tmp_path / "run", profile, "probe", Accelerator(cpu=True))


def trained(profile: Profile, seed: int, *, steps: int = 2) -> tuple[AlignedModel, torch.optim.Adam]:
    """A probe and its optimiser after some steps along random gradients."""
    torch.manual_seed(seed)
    model = build_model(card_of(profile, "probe"), text_dim=profile.text.dim)
    optimizer = build_optimizer(model, profile.training)
    for _ in range(steps):
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)
        optimizer.step()
    return model, optimizer


def lines_of(folder: TrainingFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in folder.metrics.file.read_text().splitlines()]


def test_what_was_saved_comes_back_and_the_log_ends_there(profile: Profile, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, profile)
    model, optimizer = trained(profile, 1)
    assert folder.restore(model, optimizer) == 0
    for step in (1, 2, 3):
        folder.metrics.add({"step": step, "loss": 1 / step})
    folder.save(model, optimizer, 2, {})
    with open(folder.metrics.file, "a") as log:
        log.write('{"step": 4, "lo')
    unfinished = folder.checkpoints / ".step-00000004.abc.tmp"
    unfinished.mkdir()

    other, other_optimizer = trained(profile, 2, steps=1)
    assert folder_of(tmp_path, profile).restore(other, other_optimizer) == 2
    assert lines_of(folder) == [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 0.5}]
    assert not unfinished.exists()
    for name, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name
    saved, restored = optimizer_tensors(optimizer, model), optimizer_tensors(other_optimizer, other)
    assert {name.split(".")[0] for name in saved} == {"step", "exp_avg", "exp_avg_sq"}
    assert saved.keys() == restored.keys()
    for name, value in saved.items():
        assert torch.equal(restored[name], value), name


def test_another_setting_is_not_mixed_in(profile: Profile, tmp_path: Path) -> None:
    model, optimizer = trained(profile, 1)
    folder_of(tmp_path, profile).save(model, optimizer, 2, {})
    path = Path(profile.data_root) / "tiny.yaml"
    faster = load_profile(path, {"training.workers": 1, "training.keep_checkpoints": 1})
    assert folder_of(tmp_path, faster).restore(model, optimizer) == 2
    with pytest.raises(ConfigError, match=r"loss\.alpha.*0\.5"):
        folder_of(tmp_path, load_profile(path, {"loss.alpha": 0.5})).restore(model, optimizer)


def test_the_newest_and_the_best_are_kept(profile: Profile, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, profile)
    accuracies = {1: 0.2, 2: 0.6, 3: 0.4, 4: None}
    for step, accuracy in accuracies.items():
        model, optimizer = trained(profile, step)
        folder.save(model, optimizer, step, {} if accuracy is None else {"inter": accuracy, "intra": 0.1})
    assert profile.training.keep_checkpoints == 2
    assert folder.steps() == [3, 4]
    assert folder.last_step() == 4
    best, metrics = folder.best()
    assert metrics == {"inter": 0.6, "intra": 0.1}
    assert load_model(best)[1].provenance["step"] == 2


def test_the_name_follows_what_decides_the_result(profile: Profile) -> None:
    path, paths = Path(profile.data_root) / "tiny.yaml", DataPaths.at(profile.data_root)
    digest = training_digest(profile)
    assert training_digest(load_profile(path, {"training.checkpoint_every_steps": 7})) == digest
    assert training_digest(load_profile(path, {"egomcq.context_window": 7})) == digest
    assert training_digest(load_profile(path, {"training.seed": 7})) != digest
    moved = shutil.copytree(paths.root, paths.root.with_name("moved"))
    assert training_digest(load_profile(path, {"data_root": str(moved)})) == digest
    egoclip, features = DataPaths.at(moved).egoclip, DataPaths.at(moved).features("tiny")
    whole, stamp = egoclip.read_bytes(), egoclip.stat()
    middle = len(whole) // 2
    egoclip.write_bytes(whole[:middle] + b"#" + whole[middle + 1 :])
    os.utime(egoclip, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert training_digest(load_profile(path, {"data_root": str(moved)})) != digest  # of the same size and time
    egoclip.write_bytes(whole)
    assert training_digest(load_profile(path, {"data_root": str(moved)})) == digest
    x = torch.load(features / "v1.pt", weights_only=True)
    torch.save(-x, features / "v1.pt")
    assert training_digest(load_profile(path, {"data_root": str(moved)})) != digest


def test_a_training_does_not_go_on_with_other_data(profile: Profile, tmp_path: Path) -> None:
    model, optimizer = trained(profile, 1)
    folder_of(tmp_path, profile).save(model, optimizer, 1, {})
    egoclip = DataPaths.at(profile.data_root).egoclip
    egoclip.write_text(egoclip.read_text().replace("#C C", "#C D", 1))
    with pytest.raises(ConfigError, match="field 'data'"):
        folder_of(tmp_path, profile).restore(model, optimizer)


def reversed_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) * 3 // 4] ^= 1
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


FILES = ("model.safetensors", "model.json", "optimizer.safetensors", "training.json")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", [reversed_bit, cut_off, Path.unlink], ids=["flipped", "cut", "missing"])
def test_a_damaged_checkpoint_is_passed_over_said_and_put_aside(
    profile: Profile, tmp_path: Path, file: str, damage: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(tmp_path, profile)
    for step in (1, 2):
        folder.save(*trained(profile, step), step, {})
    (folder.checkpoints / "step-old").mkdir()
    damage(folder.checkpoint(2) / file)
    capsys.readouterr()

    other, optimizer = trained(profile, 9)
    assert folder_of(tmp_path, profile).restore(other, optimizer) == 1
    expected = trained(profile, 1)[0].state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in other.state_dict().items())
    said = capsys.readouterr().out
    assert f"passed over: {folder.checkpoint(2)}: " in said
    assert file in said
    assert "passed over: " + str(folder.checkpoints / "step-old") in said
    assert folder.steps() == [1]
    assert (folder.checkpoints / "step-00000002.damaged").is_dir()  # kept, and in nobody's way
    folder.save(other, optimizer, 2, {})
    folder.save(other, optimizer, 3, {})
    assert folder.steps() == [2, 3]
    folder_of(tmp_path, profile).restore(other, optimizer)
    assert ".damaged" not in capsys.readouterr().out


def test_without_a_whole_checkpoint_training_begins_anew_and_says_so(
    profile: Profile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(tmp_path, profile)
    folder.save(*trained(profile, 1), 2, {})
    cut_off(folder.checkpoint(2) / "model.safetensors")
    assert folder_of(tmp_path, profile).restore(*trained(profile, 9)) == 0
    assert "no checkpoint in" in capsys.readouterr().out


def test_a_damaged_best_is_put_aside(profile: Profile, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_of(tmp_path, profile)
    folder.save(*trained(profile, 1), 1, {"inter": 0.9})
    reversed_bit(folder.folder / "best/model.safetensors")
    assert folder_of(tmp_path, profile).restore(*trained(profile, 9)) == 1
    assert f"passed over: {folder.folder / 'best'}: " in capsys.readouterr().out
    assert folder.best() == (folder.checkpoint(1), {})
    folder.save(*trained(profile, 2), 2, {"inter": 0.1})
    assert folder.best()[1] == {"inter": 0.1}


def test_a_checkpoint_of_another_version_is_not_damage(profile: Profile, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, profile)
    folder.save(*trained(profile, 1), 1, {})
    write_json(folder.checkpoint(1) / "model.json", {"format": 1})
    with pytest.raises(OtherFormatError, match=r"model\.json, field 'format', value 1"):
        folder_of(tmp_path, profile).restore(*trained(profile, 9))
    assert folder.steps() == [1]


def test_a_checkpoint_under_another_steps_name_is_passed_over(profile: Profile, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, profile)
    folder.save(*trained(profile, 1), 1, {})
    shutil.copytree(folder.checkpoint(1), folder.checkpoint(8))
    assert folder_of(tmp_path, profile).restore(*trained(profile, 9)) == 1


@pytest.mark.parametrize("value", [float("nan"), 1e27])
def test_a_diverged_model_is_not_saved(profile: Profile, tmp_path: Path, value: float) -> None:
    folder = folder_of(tmp_path, profile)
    model, optimizer = trained(profile, 1)
    folder.check(model, optimizer, 1, 0.5)
    folder.save(model, optimizer, 1, {})
    with torch.no_grad():
        next(iter(model.parameters())).view(-1)[0] = value
    with pytest.raises(TrainingDiverged, match=r"after step 2, whose loss was 0\.5; nothing is saved.*step-00000001"):
        folder.check(model, optimizer, 2, 0.5)


def test_a_folder_is_held_by_one_training(profile: Profile, tmp_path: Path) -> None:
    first, second = folder_of(tmp_path, profile), folder_of(tmp_path, profile)
    taken = pytest.raises(DataError, match="is at work on it: train, process")
    with first.alone(), taken, second.alone():
        pass
    with second.alone():
        pass


def test_a_training_is_complete_where_its_newest_checkpoint_ends_the_last_epoch(tmp_path: Path) -> None:
    assert not is_complete(tmp_path, 2)
    (tmp_path / "checkpoints/step-00000003").mkdir(parents=True)
    assert not is_complete(tmp_path, 2)
    (tmp_path / "metrics.jsonl").write_text('{"step": 3, "epoch": 1.5}\n{"step": 4, "epoch": 2.0}\n')
    assert not is_complete(tmp_path, 2)  # the end was logged and not kept
    assert is_complete(tmp_path, 2, max_steps=3)
    assert not is_complete(tmp_path, 2, max_steps=4)
    (tmp_path / "checkpoints/step-00000004").mkdir()
    assert is_complete(tmp_path, 2)
    assert not is_complete(tmp_path, 3)
