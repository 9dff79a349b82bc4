"""The folder of a training: checkpoints that it can go on from, its best model, its metrics log, and its name."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors.torch import save_file
from torch import Tensor, nn

from hiero_lib.base.distributed import from_main_process
from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.files import atomic_path, finish_interrupted
from hiero_lib.base.locks import exclusive
from hiero_lib.base.progress import say
from hiero_lib.base.sealed import OtherFormatError, read_sealed, write_sealed
from hiero_lib.config import Profile
from hiero_lib.data.data_identity import training_data_identity
from hiero_lib.data.paths import DataPaths
from hiero_lib.models.alignment import AlignedModel
from hiero_lib.models.checkpoints import Backbone, card_of, save_model
from hiero_lib.models.model_files import (
    CARD,
    CHECKPOINTS,
    DAMAGED,
    PassedOver,
    checked_card,
    newest_whole,
    step_folders,
    step_of,
    tell_passed,
)
from hiero_lib.models.weights import load_strictly, read_state
from hiero_lib.training.divergence import TrainingDiverged, bad_weight
from hiero_lib.training.metrics_log import MetricsLog, epoch_logged

FORMAT = 1
STATE, OPTIMIZER = "training.json", "optimizer.safetensors"
_SECTIONS = ("features", "text", "model", "alignment", "loss", "training")  # of a profile, that training reads
# Settings that may differ between a training and its resumption: they change speed or what is kept, not the result.
_FREE = {"workers", "checkpoint_every_steps", "keep_checkpoints"}
# Settings that came later, with the value that trainings had before there was a choice: the name of those stays.
_LATER = {"ft_self_pair": True}


def training_digest(profile: Profile) -> str:
    """Hash of the settings and of the data that decide the result of training, for the name of its folder.

    So the same training is resumed, also on a copy of the data, and another one starts afresh beside it with nothing
    overwritten.
    """
    decisive: dict[str, Any] = {"is_sample": profile.is_sample}
    for section in _SECTIONS:
        settings = dataclasses.asdict(getattr(profile, section))
        decisive[section] = {name: value for name, value in settings.items() if _decides(name, value)}
    decisive["data"] = _data_of(profile)
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _data_of(profile: Profile) -> str:
    paths = DataPaths.at(profile.data_root)
    return training_data_identity(paths.egoclip, paths.features(profile.features.folder))


def _decides(name: str, value: Any) -> bool:
    return name not in _FREE and (name not in _LATER or value != _LATER[name])


def is_complete(folder: Path, epochs: int, *, max_steps: int | None = None) -> bool:
    """Whether a training has come to its end: its newest checkpoint is of the last step, as its log says.

    Args:
        folder: as `TrainingFolder` leaves it; it is only read.
        epochs: of the whole training; max_steps: an earlier end.
    """
    last = max(step_folders(folder / CHECKPOINTS), default=0)
    if max_steps is not None and last >= max_steps:
        return True
    epoch = epoch_logged(folder / "metrics.jsonl", last) if last else None
    return epoch is not None and epoch >= epochs


class TrainingFolder:
    """The folder of a training.

    It holds ``checkpoints/step-XXXXXXXX`` (a model folder with ``optimizer.safetensors`` and a sealed
    ``training.json``, which has the hashes of the others), ``best`` (a model folder with ``training.json``) and
    ``metrics.jsonl``. Only the main process writes. What is damaged is put aside under a name that ends in
    ``.damaged`` when a training goes on.

    Args:
        folder: made when it is written into.
        profile: all settings; those that decide the result are kept with every checkpoint.
        backbone: what is trained.
        accelerator: says which process this is, and holds float16's scaler.
    """

    def __init__(self, folder: Path, profile: Profile, backbone: Backbone, accelerator: Accelerator) -> None:
        self.folder, self.profile, self.backbone, self.accelerator = folder, profile, backbone, accelerator
        self.checkpoints = folder / CHECKPOINTS
        self.metrics = MetricsLog(folder / "metrics.jsonl")
        self._data = _data_of(profile)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder: two trainings in one would write one log.

        Raises:
            DataError: another process trains in it; names that.
            OSError: the folder cannot be written.
        """
        claim = exclusive(self.checkpoints, "train")
        try:
            claim.__enter__()
        except DataError as error:
            if isinstance(error.__cause__, OSError):
                raise error.__cause__ from None
            raise
        try:
            yield
        finally:
            claim.__exit__(None, None, None)

    def checkpoint(self, step: int) -> Path:
        """Folder of the checkpoint after ``step`` steps."""
        return self.checkpoints / f"step-{step:08d}"

    def steps(self) -> list[int]:
        """Steps of the complete checkpoints; incomplete ones still have their temporary name."""
        return list(step_folders(self.checkpoints))

    def last_step(self) -> int:
        """Step of the newest checkpoint; 0 where there is none."""
        return max(self.steps(), default=0)

    def best(self) -> tuple[Path, dict[str, float]]:
        """The best model's folder and its validation; the newest checkpoint without a validation."""
        best = self.folder / "best"
        if best.is_dir():
            return best, read_training(best, files=False)["metrics"]
        return self.checkpoint(self.last_step()), {}

    def settings(self) -> dict[str, Any]:
        """What must be the same when a training goes on; ``data`` are digits of their content."""
        settings = {"backbone": self.backbone, "data": self._data}
        for section in _SECTIONS:
            for name, value in dataclasses.asdict(getattr(self.profile, section)).items():
                if _decides(name, value):
                    settings[f"{section}.{name}"] = value
        return settings

    def restore(self, model: AlignedModel, optimizer: torch.optim.Adam) -> int:
        """Bring the newest whole checkpoint back, and cut the log to it; returns the number of steps done.

        What is damaged is passed over, said, and put aside. The main process decides for all.

        Raises:
            ConfigError: the checkpoint was made with other settings.
            OtherFormatError: it is of another version of the kit.
        """
        step = from_main_process(self._prepare)
        if not step:
            return 0
        folder = self.checkpoint(step)
        saved = read_training(folder, files=False)
        load_strictly(model, read_state(folder / "model.safetensors"), file=folder / "model.safetensors")
        load_optimizer(optimizer, model, read_state(folder / OPTIMIZER), file=folder / OPTIMIZER)
        if self.accelerator.scaler is not None and saved["scaler"]:
            self.accelerator.scaler.load_state_dict(saved["scaler"])
        self.accelerator.print(f"going on after step {step} of {folder}")
        return step

    def _prepare(self) -> int:
        """Find the checkpoint to go on from, and tidy the folder; its step, 0 for a new beginning."""
        for left_over in self.checkpoints.glob(".*.tmp"):
            shutil.rmtree(left_over, ignore_errors=True)
        finish_interrupted(self.folder / "best")
        found, passed = newest_whole(self.checkpoints, _whole_checkpoint)
        if found is not None:
            self._check_settings(found)
        best = self.folder / "best"
        if best.is_dir():
            try:
                checked_card(best)
                read_training(best)
            except OtherFormatError:
                raise
            except DataError as error:
                passed.append(PassedOver(best, str(error)))
        tell_passed(passed, say)
        for one in passed:
            if one.folder == best or step_of(one.folder) is not None:
                _put_aside(one.folder)
        step = 0 if found is None else step_of(found) or 0
        if passed and not step:
            say(f"no checkpoint in {self.checkpoints} is whole: training begins anew")
        self.metrics.cut(step)
        return step

    def _check_settings(self, checkpoint: Path) -> None:
        saved = read_training(checkpoint, files=False)["settings"]
        for name, value in self.settings().items():
            if saved.get(name) != value:
                raise ConfigError(
                    f"this folder holds a run with {saved.get(name)!r}",
                    file=self.folder,
                    field=name,
                    value=value,
                    hint="Choose another folder, or go on with the settings that it was begun with",
                )

    def check(self, model: AlignedModel, optimizer: torch.optim.Adam, step: int, loss: float) -> None:
        """What is to be saved must be worth it; in every process, for the weights are the same in all.

        Raises:
            TrainingDiverged: a weight, or a moment of Adam's, is not finite or absurdly large.
        """
        if problem := bad_weight(model, optimizer):
            raise TrainingDiverged(
                f"{problem} after step {step}, whose loss was {loss:.6g}; nothing is saved of it; {self.last_good()}"
            )

    def last_good(self) -> str:
        """For an error: what can be gone back to."""
        last = self.last_step()
        return f"last good checkpoint: {self.checkpoint(last) if last else 'none'}"

    def save(self, model: AlignedModel, optimizer: torch.optim.Adam, step: int, metrics: dict[str, float]) -> None:
        """Keep the best model, write a checkpoint, drop the oldest checkpoints; all processes wait for it.

        Args:
            model: not wrapped, and good (:meth:`check`).
            optimizer: of its parameters.
            step: number of steps done.
            metrics: finite, of a validation after this step; empty where there was none.

        Raises:
            OSError: it cannot be written; in all processes.
        """
        from_main_process(lambda: self._save(model, optimizer, step, metrics))

    def _save(self, model: AlignedModel, optimizer: torch.optim.Adam, step: int, metrics: dict[str, float]) -> None:
        card = card_of(self.profile, self.backbone, step=step, metrics=metrics)
        state = {"step": step, "metrics": metrics, "settings": self.settings()}
        # The best model first: killed in between, the run comes by here again and finds it no better.
        if metrics and _mean(metrics) > _mean(self.best()[1]):
            with atomic_path(self.folder / "best") as folder:
                folder.mkdir()
                save_model(folder, model, card)
                write_sealed(folder / STATE, {**state, "scaler": None}, format=FORMAT, files=[CARD])
        scaler = self.accelerator.scaler
        with atomic_path(self.checkpoint(step)) as folder:
            folder.mkdir()
            save_model(folder, model, card)
            save_file(optimizer_tensors(optimizer, model), folder / OPTIMIZER)
            state["scaler"] = scaler.state_dict() if scaler else None
            write_sealed(folder / STATE, state, format=FORMAT, files=[CARD, OPTIMIZER])
        for old in self.steps()[: -self.profile.training.keep_checkpoints]:
            shutil.rmtree(self.checkpoint(old))


def _put_aside(folder: Path) -> None:
    """Rename what is damaged, so that no list of checkpoints has it; an older one of that name goes."""
    aside = folder.with_name(folder.name + DAMAGED)
    if aside.is_dir():
        shutil.rmtree(aside)
    folder.rename(aside)


def read_training(folder: Path, *, files: bool = True) -> dict[str, Any]:
    """The ``training.json`` of a checkpoint or of ``best``.

    Args:
        folder: of the model.
        files: check those that it vouches for too.

    Raises:
        DataError: it, or a file beside it, is missing or damaged, or a field is of another type.
        OtherFormatError: it is of another version of the kit.
    """
    path = folder / STATE
    saved = read_sealed(path, format=FORMAT, what="the state of a training", files=files)
    kinds: dict[str, Any] = {"step": int, "metrics": dict, "settings": dict, "scaler": (dict, type(None))}
    for name, kind in kinds.items():
        if name not in saved or not isinstance(saved[name], kind):
            raise DataError("not the state of a training", file=path, field=name, value=str(saved.get(name))[:80])
    for name, value in saved["metrics"].items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise DataError("expected a number", file=path, field=f"metrics.{name}", value=str(value)[:80])
    return saved


def _whole_checkpoint(folder: Path) -> None:
    """DataError where a checkpoint is not all that was written."""
    checked_card(folder)
    saved = read_training(folder)
    if missing := {CARD, OPTIMIZER} - saved["sha256"].keys():
        raise DataError("a hash is missing", file=folder / STATE, field=f"sha256.{min(missing)}")
    if saved["step"] != step_of(folder):
        raise DataError("another step than its folder's name", file=folder / STATE, field="step", value=saved["step"])


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


def load_optimizer(
    optimizer: torch.optim.Adam, model: nn.Module, tensors: dict[str, Tensor], *, file: Path | None = None
) -> None:
    """The reverse of :func:`optimizer_tensors`.

    Raises:
        DataError: a tensor is of no parameter of the model's, or of another shape; ``file`` is named.
    """
    parameters = dict(model.named_parameters())
    for key, value in tensors.items():
        slot, _, name = key.partition(".")
        if name not in parameters:
            raise DataError("of no weight of the model", file=file, field=key)
        parameter = parameters[name]
        if value.shape != (parameter.shape if slot != "step" else ()):
            raise DataError(
                f"expected shape {tuple(parameter.shape)}", file=file, field=key, value=tuple(value.shape)
            )
        # the count of steps stays where Adam made it; the moments go where the parameter is
        device = parameter.device if slot != "step" or optimizer.defaults["fused"] else torch.device("cpu")
        optimizer.state[parameter][slot] = value.to(device)
