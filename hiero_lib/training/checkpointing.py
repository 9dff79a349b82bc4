"""The folder of a training: checkpoints that it can go on from, its best model, its metrics log, and its name."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import math
import shutil
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hiero_lib.base.errors import ConfigError
from hiero_lib.base.files import atomic_path, finish_interrupted, read_json, write_json, write_text
from hiero_lib.config import Profile
from hiero_lib.data.paths import DataPaths
from hiero_lib.models.alignment import AlignedModel
from hiero_lib.models.checkpoints import Backbone, card_of, save_model

_SECTIONS = ("features", "text", "model", "alignment", "loss", "training")  # of a profile, that training reads
# Settings that may differ between a training and its resumption: they change speed or what is kept, not the result.
_FREE = {"workers", "checkpoint_every_steps", "keep_checkpoints"}
# Settings that came later, with the value that trainings had before there was a choice: the name of those stays.
_LATER = {"ft_self_pair": True}


def training_digest(profile: Profile) -> str:
    """Hash of the settings and of the data that decide the result of training, for the name of its folder.

    So the same training is resumed, and another one starts afresh beside it with nothing overwritten.
    """
    decisive: dict[str, Any] = {"is_sample": profile.is_sample}
    for section in _SECTIONS:
        settings = dataclasses.asdict(getattr(profile, section))
        decisive[section] = {name: value for name, value in settings.items() if _decides(name, value)}
    paths = DataPaths.at(profile.data_root)
    decisive["data_root"] = str(paths.root.resolve())
    if paths.provenance.is_file():  # the same folder may have held other data before
        decisive["sample"] = paths.provenance.read_text("utf-8")
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _decides(name: str, value: Any) -> bool:
    return name not in _FREE and (name not in _LATER or value != _LATER[name])


class TrainingFolder:
    """The folder of a training.

    It holds ``checkpoints/step-XXXXXXXX`` (a model folder with ``optimizer.safetensors`` and ``training.json``),
    ``best`` (a model folder with ``training.json``) and ``metrics.jsonl``. Only the main process writes.

    Args:
        folder: made when it is written into.
        profile: all settings; those that decide the result are kept with every checkpoint.
        backbone: what is trained.
        accelerator: says which process this is, and holds float16's scaler.
    """

    def __init__(self, folder: Path, profile: Profile, backbone: Backbone, accelerator: Accelerator) -> None:
        self.folder, self.profile, self.backbone, self.accelerator = folder, profile, backbone, accelerator
        self.checkpoints = folder / "checkpoints"
        self.metrics_file = folder / "metrics.jsonl"
        self._board: Any = None
        self._with_board = importlib.util.find_spec("tensorboard") is not None

    def checkpoint(self, step: int) -> Path:
        """Folder of the checkpoint after ``step`` steps."""
        return self.checkpoints / f"step-{step:08d}"

    def steps(self) -> list[int]:
        """Steps of the complete checkpoints; incomplete ones still have their temporary name."""
        return sorted(int(path.name.removeprefix("step-")) for path in self.checkpoints.glob("step-*"))

    def last_step(self) -> int:
        """Step of the newest checkpoint; 0 where there is none."""
        return max(self.steps(), default=0)

    def best(self) -> tuple[Path, dict[str, float]]:
        """The best model's folder and its validation; the newest checkpoint without a validation."""
        best = self.folder / "best"
        if best.is_dir():
            return best, read_json(best / "training.json")["metrics"]
        return self.checkpoint(self.last_step()), {}

    def settings(self) -> dict[str, Any]:
        """What must be the same when a training goes on."""
        settings = {"backbone": self.backbone}
        for section in _SECTIONS:
            for name, value in dataclasses.asdict(getattr(self.profile, section)).items():
                if _decides(name, value):
                    settings[f"{section}.{name}"] = value
        return settings

    def restore(self, model: AlignedModel, optimizer: torch.optim.Adam) -> int:
        """Bring the newest checkpoint back, and cut the log to it; returns the number of steps done.

        Raises:
            ConfigError: the checkpoint was made with other settings.
        """
        step = self.last_step()
        if self.accelerator.is_main_process:
            for left_over in self.checkpoints.glob(".*.tmp"):
                shutil.rmtree(left_over, ignore_errors=True)
            finish_interrupted(self.folder / "best")
            self._cut_log(step)
        if not step:
            return 0
        folder = self.checkpoint(step)
        saved = read_json(folder / "training.json")
        for name, value in self.settings().items():
            if saved["settings"].get(name) != value:
                raise ConfigError(
                    f"this folder holds a run with {saved['settings'].get(name)!r}",
                    file=self.folder,
                    field=name,
                    value=value,
                    hint="Choose another folder, or go on with the settings that it was begun with",
                )
        model.load_state_dict(load_file(folder / "model.safetensors"))
        load_optimizer(optimizer, model, load_file(folder / "optimizer.safetensors"))
        if self.accelerator.scaler is not None and saved["scaler"]:
            self.accelerator.scaler.load_state_dict(saved["scaler"])
        self.accelerator.print(f"going on after step {step} of {folder}")
        return step

    def save(self, model: AlignedModel, optimizer: torch.optim.Adam, step: int, metrics: dict[str, float]) -> None:
        """Keep the best model, write a checkpoint, drop the oldest checkpoints; all processes wait for it.

        Args:
            model: not wrapped.
            optimizer: of its parameters.
            step: number of steps done.
            metrics: of a validation after this step; empty where there was none.
        """
        if self.accelerator.is_main_process:
            card = card_of(self.profile, self.backbone, step=step, metrics=metrics)
            state = {"step": step, "metrics": metrics, "settings": self.settings()}
            # The best model first: killed in between, the run comes by here again and finds it no better.
            if metrics and _mean(metrics) > _mean(self.best()[1]):
                with atomic_path(self.folder / "best") as folder:
                    folder.mkdir()
                    save_model(folder, model, card)
                    write_json(folder / "training.json", state)
            scaler = self.accelerator.scaler
            with atomic_path(self.checkpoint(step)) as folder:
                folder.mkdir()
                save_model(folder, model, card)
                save_file(optimizer_tensors(optimizer, model), folder / "optimizer.safetensors")
                write_json(folder / "training.json", {**state, "scaler": scaler.state_dict() if scaler else None})
            for old in self.steps()[: -self.profile.training.keep_checkpoints]:
                shutil.rmtree(self.checkpoint(old))
        self.accelerator.wait_for_everyone()

    def log(self, record: dict[str, Any]) -> None:
        """Add a record to the metrics log (and to TensorBoard where it is installed); of the main process alone."""
        with open(self.metrics_file, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")
        if self._with_board:
            if self._board is None:
                from torch.utils.tensorboard import SummaryWriter

                self._board = SummaryWriter(self.folder / "tensorboard", purge_step=record["step"])
            for name, value in record.items():
                if name != "step":
                    self._board.add_scalar(name, value, record["step"])

    def _cut_log(self, step: int) -> None:
        """Drop what was logged after the checkpoint, and a last line that was cut off."""
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = []
        if self.metrics_file.is_file():
            for line in self.metrics_file.read_text(encoding="utf-8").splitlines():
                try:
                    record = json.loads(line)
                except json.JSONDecodeError:
                    break  # only the line that was being written can be incomplete
                if record["step"] <= step:
                    kept.append(line)
        write_text(self.metrics_file, "".join(f"{line}\n" for line in kept))


def _mean(metrics: dict[str, float]) -> float:
    """What ``best`` is chosen by; minus infinity without a validation."""
    return sum(metrics.values()) / len(metrics) if metrics else -math.inf


def optimizer_tensors(optimizer: torch.optim.Adam, model: nn.Module) -> dict[str, Tensor]:
    """Adam's state on the CPU, as ``<slot>.<name of the parameter>`` (slots: step, exp_avg, exp_avg_sq)."""
    tensors = {}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{key}.{name}"] = value.detach().cpu().contiguous()
    return tensors


def load_optimizer(optimizer: torch.optim.Adam, model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """The reverse of :func:`optimizer_tensors`."""
    parameters = dict(model.named_parameters())
    for key, value in tensors.items():
        slot, name = key.split(".", 1)
        parameter = parameters[name]
        # the count of steps stays where Adam made it; the moments go where the parameter is
        device = parameter.device if slot != "step" or optimizer.defaults["fused"] else torch.device("cpu")
        optimizer.state[parameter][slot] = value.to(device)
