"""Training on EgoClip: the authors' optimiser, schedule, clipping and sampling, resumable at any step.

What is notable: a step is a pure function of the weights, the optimiser and its number. The order of the data, the
learning rate and the random numbers of a step are computed from (seed, step, process), so a checkpoint needs no
generator state, and a run that was killed and resumed ends with the same weights as one that was not: on a CPU, with
the same number of processes, bitwise (METHOD.md, "What repeats bitwise", for GPUs).
"""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor

from hiero_lib.base.device import best_device, choose_precision
from hiero_lib.base.distributed import from_main_process, num_processes, sum_over_processes
from hiero_lib.base.errors import ConfigError
from hiero_lib.base.progress import Progress
from hiero_lib.base.signals import Stopped, StopRequest
from hiero_lib.config import Profile
from hiero_lib.data.egoclip import EgoClipReport
from hiero_lib.models.alignment import AlignedModel
from hiero_lib.models.checkpoints import Backbone, build_model, card_of
from hiero_lib.models.hiero import HiERO
from hiero_lib.models.plan import PlanSettings
from hiero_lib.models.text_encoders import load_text_encoder
from hiero_lib.training.batches import TrainingData, batches, load_training_data, steps_in_epoch, with_embeddings
from hiero_lib.training.checkpointing import TrainingFolder
from hiero_lib.training.divergence import TrainingDiverged, loss_is_good
from hiero_lib.training.memory import memory_advice, training_memory_gb
from hiero_lib.training.step import build_optimizer, learning_rate, mix_seed, optimization_step

Log = Callable[[dict[str, Any]], None]
Validate = Callable[[AlignedModel], dict[str, float]]

_NOT_SHOWN = {"step", "epoch", "ft_self"}
_SHOWN = {
    "vna": "L_vna (video and narrations)",
    "ft": "L_ft (threads)",
    "lr": "learning rate",
    "grad_norm": "gradient norm",
}


@dataclass(frozen=True)
class TrainingSummary:
    """How a training run ended.

    Attributes:
        steps, epochs: done in all, earlier parts of a resumed run included; seconds: of this call.
        last_checkpoint, best_checkpoint: model folders; best is by validation, or the last without one.
        best_metrics: of the best validation; metrics_file: JSONL, one record a step and one a validation.
        data: what was read and dropped.
    """

    steps: int
    epochs: float
    seconds: float
    last_checkpoint: Path
    best_checkpoint: Path
    best_metrics: dict[str, float]
    metrics_file: Path
    data: EgoClipReport


def run_training(
    profile: Profile,
    folder: str | Path,
    *,
    backbone: Backbone = "hiero",
    on_log: Log | None = None,
    max_steps: int | None = None,
    validate: Validate | None = None,
) -> TrainingSummary:
    """Train, or go on training, in ``folder``.

    SIGINT and SIGTERM end it after the step that runs, in all processes after the same one, with a checkpoint, so
    that a run that goes on from there equals one that was not stopped; a second one ends it at once.

    Args:
        profile: all settings.
        folder: receives ``checkpoints/step-XXXXXXXX``, ``best`` and ``metrics.jsonl``.
        backbone: ``hiero``, or ``probe`` for the linear probe.
        on_log: called with every record of the metrics log, on the main process.
        max_steps: stop here, as if the run had been interrupted; None: at the end of the last epoch.
        validate: called after every ``validate_every_epochs`` on the main process; the model with the highest
            mean of its values is kept as ``best``.

    Raises:
        ConfigError: the folder holds a run with other settings, or the batch does not divide among the processes.
        DataError: the data cannot be used, or another process trains in the folder.
        TrainingDiverged: the loss or the weights are not finite, or absurdly large; nothing is saved of them.
        Stopped: by a signal, after a checkpoint.
    """
    started = time.monotonic()
    accelerator = _open_accelerator(profile)
    config = profile.training
    encoder = None if profile.text.frozen else load_text_encoder(profile.text, data_root=profile.data_root)
    data = load_training_data(profile, accelerator)
    accelerator.print(data.report.summary())
    torch.manual_seed(config.seed)
    card = card_of(profile, backbone)
    model = build_model(card, text_dim=data.text_dim, text_encoder=encoder).to(accelerator.device)

    training = TrainingFolder(Path(folder), profile, backbone, accelerator)
    with contextlib.ExitStack() as held:
        from_main_process(lambda: held.enter_context(training.alone()))
        return _train(training, model, data, started, on_log=on_log, max_steps=max_steps, validate=validate)


def _train(
    training: TrainingFolder,
    model: AlignedModel,
    data: TrainingData,
    started: float,
    *,
    on_log: Log | None,
    max_steps: int | None,
    validate: Validate | None,
) -> TrainingSummary:
    """As :func:`run_training`, in a folder that is held, with a model as it begins."""
    profile, accelerator = training.profile, training.accelerator
    config = profile.training
    optimizer = build_optimizer(model, config)
    steps_done = training.restore(model, optimizer)
    # Accelerate wraps the model alone: the optimiser's rate and the data's order are functions of the step here.
    wrapped = accelerator.prepare_model(model)

    steps_per_epoch = steps_in_epoch(len(data.dataset), config)
    total_steps = config.epochs * steps_per_epoch
    stop_at = total_steps if max_steps is None else min(total_steps, max_steps)
    progress = Progress("training", total=total_steps, start=steps_done, enabled=accelerator.is_main_process)

    def log(record: dict[str, Any]) -> None:
        if not accelerator.is_main_process:
            return
        training.metrics.add(record)
        progress.show(record["step"], shown(record))
        if on_log is not None:
            on_log(record)

    process, processes = accelerator.process_index, accelerator.num_processes
    unread: _StepMeasures | None = None
    wrapped.train()
    steps = range(steps_done, stop_at)
    with StopRequest() as request:
        told = _Agreement(request, accelerator.device)
        on_gpu = accelerator.device.type == "cuda"
        for step, batch in batches(
            data.dataset,
            config,
            steps,
            process=process,
            processes=processes,
            plan=_plan_of(model),
            pin_memory=on_gpu,
        ):
            lr = learning_rate(step, steps_per_epoch=steps_per_epoch, config=config)
            measures = optimization_step(
                wrapped,
                with_embeddings(batch.to(accelerator.device, non_blocking=on_gpu), data.encode),
                optimizer,
                profile,
                accelerator,
                lr=lr,
                seed=mix_seed(config.seed, step, process),
            )
            done = step + 1
            # The numbers of a step are read while the next one runs, so that a GPU is not waited for.
            if unread is not None:
                log(unread.record(training))
            unread = _StepMeasures(done, done / steps_per_epoch, lr, list(batch.video_uid), measures)
            end_of_epoch = done % steps_per_epoch == 0
            last = told.to_stop() or done == stop_at
            if not (end_of_epoch or last or done % config.checkpoint_every_steps == 0):
                continue
            record = unread.record(training)
            log(record)
            unread = None
            training.check(model, optimizer, done, record["loss"])
            metrics: dict[str, float] = {}
            epoch = done // steps_per_epoch
            if validate and end_of_epoch and (epoch % config.validate_every_epochs == 0 or done == total_steps):
                measured = _validated(model, validate) if accelerator.is_main_process else {}
                metrics = {name: value for name, value in measured.items() if math.isfinite(value)}
                log({"step": done, "epoch": done / steps_per_epoch, **measured})
            training.save(model, optimizer, done, metrics)
            if last:
                break
        progress.close()
        accelerator.wait_for_everyone()
        if request.number is not None or told.before_the_end:
            at = training.last_step()
            kept = f"after step {at} of {total_steps}; the same command goes on from {training.checkpoint(at)}"
            raise Stopped(request.number or signal.SIGTERM, kept)
    last_step = training.last_step()
    best, best_metrics = training.best()
    return TrainingSummary(
        steps=last_step,
        epochs=last_step / steps_per_epoch,
        seconds=time.monotonic() - started,
        last_checkpoint=training.checkpoint(last_step),
        best_checkpoint=best,
        best_metrics=best_metrics,
        metrics_file=training.metrics.file,
        data=data.report,
    )


def shown(record: dict[str, Any]) -> dict[str, float]:
    """The numbers of a record of the log under names for people; the log has more, under its own."""
    names = {name: _SHOWN.get(name, name) for name in record if name not in _NOT_SHOWN}
    return {of: record[name] for name, of in names.items() if record[name] is not None}


def _open_accelerator(profile: Profile) -> Accelerator:
    """Accelerate with the device, the processes and the precision of this run, which it says.

    Raises:
        ConfigError: the batch does not divide among the processes.
    """
    config = profile.training
    precision, reason = choose_precision(config.precision)
    unused = DistributedDataParallelKwargs(find_unused_parameters=not profile.model.use_pos_attr)
    # Accelerate starts processes on a CPU only where cpu=True asks for it.
    cpu = best_device().type == "cpu"
    accelerator = Accelerator(cpu=cpu, mixed_precision=precision, kwargs_handlers=[unused])
    device, processes = accelerator.device, accelerator.num_processes
    if config.batch_size % processes:
        raise ConfigError(
            f"does not divide among {processes} processes", field="training.batch_size", value=config.batch_size
        )
    accelerator.print(f"device {device}, {processes} process(es), mixed precision: {precision} ({reason})")
    if device.type == "cuda":
        device_gb = torch.cuda.get_device_properties(device).total_memory / 1e9
        accelerator.print(memory_advice(profile, training_memory_gb(profile), device_gb * processes))
    return accelerator


def _plan_of(model: AlignedModel) -> PlanSettings | None:
    """What a batch's plan depends on; None for a backbone that has no graph."""
    if not isinstance(model.backbone, HiERO):
        return None
    config = model.backbone.config
    return PlanSettings.of(config, cluster=config.threads)


class _Agreement:
    """Whether a signal asked some process to stop: all learn it after the same step.

    Of several processes each tells the others after every step, and reads what they told after the step before, so
    that no GPU is waited for.
    """

    def __init__(self, request: StopRequest, device: torch.device) -> None:
        self.request, self.device = request, device
        self.before_the_end = False
        self._told: Tensor | None = None

    def to_stop(self) -> bool:
        """To be called once a step by every process."""
        asked = self.request.number is not None
        if num_processes() > 1:
            before = self._told
            self._told = sum_over_processes(torch.tensor(float(asked), device=self.device))
            asked = before is not None and bool(before.item())
        self.before_the_end = asked
        return asked


def _validated(model: AlignedModel, validate: Validate) -> dict[str, float]:
    """The values of a validation, in evaluation mode and without gradients."""
    model.eval()
    with torch.no_grad():
        metrics = validate(model)
    model.train()
    return metrics


@dataclass(frozen=True)
class _StepMeasures:
    """What a step measured, still on the device: ``values`` is ``[loss, vna, ft, norm of the gradient]``."""

    step: int
    epoch: float
    lr: float
    videos: list[str]
    values: Tensor

    def record(self, training: TrainingFolder) -> dict[str, Any]:
        """As a record of the log.

        Raises:
            TrainingDiverged: the loss is not finite, or absurdly large. (An infinite gradient norm alone is what a
                scaler skips.)
        """
        loss, vna, ft, ft_self, norm = self.values.tolist()
        if not loss_is_good(vna, ft) or not math.isfinite(loss):
            raise TrainingDiverged(
                f"the loss is {loss} (vna {vna}, ft {ft}) at step {self.step}, videos {', '.join(self.videos)}; "
                f"{training.last_good()}"
            )
        return {
            "step": self.step,
            "epoch": self.epoch,
            "loss": loss,
            "vna": vna,
            "ft": ft,
            "ft_self": ft_self,
            "grad_norm": norm,
            "lr": self.lr,
        }
