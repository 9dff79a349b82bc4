"""Training on EgoClip: the authors' optimiser, schedule, clipping and sampling, resumable at any step.

What is notable: a step is a pure function of the weights, the optimiser and its number. The order of the data, the
learning rate and the random numbers of a step are computed from (seed, step, process), so a checkpoint needs no
generator state, and a run that was killed and resumed ends with the same weights as one that was not, on the same
number of processes bitwise.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import math
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch_geometric.data import Batch
from torch_geometric.loader import DataLoader

from hiero_lib.base.device import best_device, choose_precision
from hiero_lib.base.distributed import gather_rows, sum_over_processes
from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.files import atomic_path, finish_interrupted, read_json, write_json, write_text
from hiero_lib.base.progress import Progress
from hiero_lib.config import Profile, TrainingConfig
from hiero_lib.data.egoclip import EgoClipDataset, EgoClipReport, open_egoclip
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.segments import FOLLOW_BATCH
from hiero_lib.data.text_cache import TextCache
from hiero_lib.models.alignment import AlignedModel
from hiero_lib.models.checkpoints import Backbone, build_model, card_of, save_model
from hiero_lib.models.text_encoders import load_text_encoder
from hiero_lib.training.losses import PairGeometry, functional_threads_loss, video_narration_loss

Log = Callable[[dict[str, Any]], None]
Validate = Callable[[AlignedModel], dict[str, float]]

# Settings that may differ between a run and its resumption: they change speed or what is kept, not the result.
_SECTIONS = ("features", "text", "model", "alignment", "loss", "training")  # of a profile, that training reads
_FREE = {"workers", "checkpoint_every_steps", "keep_checkpoints"}


def training_digest(profile: Profile) -> str:
    """Hash of the settings and of the data that decide the result of training, for the name of its folder.

    So the same training is resumed, and another one starts afresh beside it with nothing overwritten.
    """
    from hiero_lib.sources.sample.build import MARKER

    decisive: dict[str, Any] = {"is_sample": profile.is_sample}
    for section in _SECTIONS:
        settings = dataclasses.asdict(getattr(profile, section))
        decisive[section] = {name: value for name, value in settings.items() if name not in _FREE}
    root = DataPaths.at(profile.data_root).root.resolve()
    decisive["data_root"] = str(root)
    if (root / MARKER).is_file():  # the same folder may have held another sample before
        decisive["sample"] = (root / MARKER).read_text("utf-8")
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


class TrainingDiverged(RuntimeError):
    """The loss became NaN or infinite; says at which step, on which videos, and what can be gone back to."""


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


def learning_rate(step: int, *, steps_per_epoch: int, config: TrainingConfig) -> float:
    """Learning rate of a step, counted from 0: linear warm-up from ``warmup_start * lr``, then cosine to ``min_lr``.

    The released code starts its warm-up two steps late and can step at a negative rate; that is not reproduced.
    """
    warmup = round(config.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return config.lr * (config.warmup_start + (1 - config.warmup_start) * step / warmup)
    rest = max(1, config.epochs * steps_per_epoch - warmup)
    cosine = (1 + math.cos(math.pi * min(1.0, (step - warmup) / rest))) / 2
    return config.min_lr + (config.lr - config.min_lr) * cosine


def build_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.Adam:
    """Adam with L2 weight decay on parameters of more than one dimension (TDGC's ``[1, H]`` bias among them)."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    flat, deep = [p for p in trained if p.dim() <= 1], [p for p in trained if p.dim() > 1]
    groups = [{"params": flat, "weight_decay": 0.0}, {"params": deep, "weight_decay": config.weight_decay}]
    # One fused pass over the weights instead of a dozen, where torch has it.
    fused = all(parameter.device.type in ("cpu", "cuda", "mps") for parameter in trained)
    return torch.optim.Adam(groups, lr=config.lr, fused=fused)


def chunk_order(num_chunks: int, *, seed: int, epoch: int) -> list[int]:
    """The order in which an epoch takes the chunks."""
    generator = torch.Generator().manual_seed(_mix(seed, epoch, 0))
    return torch.randperm(num_chunks, generator=generator).tolist()


def _mix(seed: int, step: int, process: int) -> int:
    """A seed for (run, step, process); nearby arguments give unrelated seeds (SplitMix64's finaliser)."""
    mask = (1 << 64) - 1
    z = (seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + process * 0x94D049BB133111EB + 1) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) >> 1


def training_loss(
    model: nn.Module, batch: Batch, profile: Profile, *, process: int = 0, processes: int = 1, videos: int
) -> tuple[Tensor, Tensor]:
    """Loss of the whole batch of all processes, and its parts.

    Args:
        model: an ``AlignedModel``, wrapped or not.
        batch: this process's videos.
        profile: the loss's settings.
        process, processes: rank and their number.
        videos: videos of every process's share, which numbers videos over processes.

    Returns:
        the scalar to call backward on (gradients of all processes are to be averaged), and a detached
        ``[loss, vna, ft]``.
    """
    if "narration_embedding" in batch:
        text = batch.narration_embedding
    else:
        text = [narration for texts in batch.narration_texts for narration in texts]
    levels, segments, narrations = model(batch, text)
    first = process * videos
    geometry = PairGeometry(
        segment_pos=gather_rows(levels[0].pos),
        segment_video=gather_rows(levels[0].batch + first),
        narration_time=gather_rows(batch.narration_time),
        narration_video=gather_rows(batch.narration_time_batch + first),
    )
    loss = profile.loss
    vna = video_narration_loss(
        gather_rows(segments),
        gather_rows(narrations),
        geometry,
        alpha=loss.alpha,
        beta=loss.beta,
        mode=loss.mode,
        temperature=loss.temperature,
    )
    above = [(level.x, level.batch, level.assignments) for level in levels[1:]]
    nodes = sum_over_processes(torch.tensor(sum(len(x) for x, _, _ in above), device=vna.device))
    ft = functional_threads_loss(above, temperature=loss.temperature, num_nodes=nodes).to(vna.device)
    ft_of_all = sum_over_processes(ft)
    total = loss.vna_weight * vna.detach() + loss.ft_weight * ft_of_all
    return processes * (loss.vna_weight * vna + loss.ft_weight * ft), torch.stack([total, vna.detach(), ft_of_all])


@dataclass(frozen=True)
class TrainingData:
    """The chunks to train on, and what it took to get them."""

    dataset: EgoClipDataset
    report: EgoClipReport
    text_dim: int


def load_training_data(profile: Profile, accelerator: Accelerator, *, text_encoder: nn.Module | None) -> TrainingData:
    """Chunks of ``egoclip.csv`` for which there are features; frozen text is encoded once, into the cache.

    Raises:
        DataError: a missing or unusable file, or not one chunk with features and narrations.
    """
    paths = DataPaths.at(profile.data_root)
    store = FeatureStore(paths.features(profile.features.folder), dim=profile.features.dim)
    with accelerator.main_process_first():
        index = open_egoclip(paths)
        chunks, report = index.chunks(store, profile.features, chunk_s=profile.training.chunk_s)
        if not chunks:
            raise DataError(
                f"no chunk has both features and narrations ({report.summary()})",
                file=paths.egoclip,
                hint=f"The features are looked for in {paths.features(profile.features.folder)}",
            )
        cache = None
        if text_encoder is None:
            encoder = load_text_encoder(profile.text, data_root=paths.root)
            cache = TextCache(paths.processed / "text", encoder, device=accelerator.device)
            cache.rows(sorted({text for chunk in chunks for text in chunk.texts}))  # encoded; no embedding is held
    return TrainingData(EgoClipDataset(chunks, store, profile.features, cache), report, profile.text.dim)


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
        DataError: the data cannot be used.
        TrainingDiverged: the loss is not finite.
    """
    started = time.monotonic()
    folder, config = Path(folder), profile.training
    precision, reason = choose_precision(config.precision)
    unused = DistributedDataParallelKwargs(find_unused_parameters=not profile.model.use_pos_attr)
    # cpu=True where there is nothing else, for Accelerate starts no CPU processes without being told
    cpu = best_device().type == "cpu"
    accelerator = Accelerator(cpu=cpu, mixed_precision=precision, kwargs_handlers=[unused])
    processes, rank = accelerator.num_processes, accelerator.process_index
    if config.batch_size % processes:
        raise ConfigError(
            f"does not divide among {processes} processes", field="training.batch_size", value=config.batch_size
        )
    say = accelerator.print
    say(f"device {accelerator.device}, {processes} process(es), precision {precision} ({reason})")
    if accelerator.device.type == "cuda":
        from hiero_lib.training.memory import memory_advice, training_memory_gb

        device_gb = torch.cuda.get_device_properties(accelerator.device).total_memory / 1e9
        say(memory_advice(profile, training_memory_gb(profile), device_gb * processes))

    encoder = None if profile.text.frozen else load_text_encoder(profile.text, data_root=profile.data_root)
    data = load_training_data(profile, accelerator, text_encoder=encoder)
    say(data.report.summary())
    torch.manual_seed(config.seed)
    card = card_of(profile, backbone)
    model = build_model(card, text_dim=data.text_dim, text_encoder=encoder).to(accelerator.device)
    optimizer = build_optimizer(model, config)

    run = _Run(folder, profile, backbone, accelerator)
    scaler = accelerator.scaler  # of float16; None otherwise
    step = run.restore(model, optimizer, scaler)
    # Accelerate wraps the model alone: the optimiser's rate and the data's order are functions of the step here.
    wrapped = accelerator.prepare_model(model)

    num_chunks, share = len(data.dataset), config.batch_size // processes
    steps_per_epoch = max(1, num_chunks // config.batch_size)  # an incomplete last batch is left out, as released
    total_steps = config.epochs * steps_per_epoch
    stop_at = total_steps if max_steps is None else min(total_steps, max_steps)
    progress = Progress("training", total=total_steps, start=step, enabled=accelerator.is_main_process)
    pending: _Pending | None = None
    wrapped.train()
    batches = _batches(data.dataset, config, num_chunks, steps_per_epoch, range(step, stop_at), rank, share)
    for step, batch in batches:
        torch.manual_seed(_mix(config.seed, step, rank))
        batch = batch.to(accelerator.device)
        rate = learning_rate(step, steps_per_epoch=steps_per_epoch, config=config)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss, parts = training_loss(wrapped, batch, profile, process=rank, processes=processes, videos=share)
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(loss)
        if scaler is not None:
            scaler.unscale_(optimizer)
        norm = nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)
        if scaler is not None:
            scaler.step(optimizer)
            scaler.update()
        else:
            optimizer.step()

        done = step + 1
        # The numbers of a step are read while the next one runs, so that a GPU is not waited for.
        if pending is not None:
            run.log(pending.read(run), on_log, progress)
        pending = _Pending(done, done / steps_per_epoch, rate, list(batch.video_uid), torch.cat([parts, norm[None]]))
        end_of_epoch = done % steps_per_epoch == 0
        checkpoint = end_of_epoch or done == stop_at or done % config.checkpoint_every_steps == 0
        if not checkpoint:
            continue
        run.log(pending.read(run), on_log, progress)
        pending = None
        metrics: dict[str, float] = {}
        epoch = done // steps_per_epoch
        if validate and end_of_epoch and (epoch % config.validate_every_epochs == 0 or done == total_steps):
            metrics = run.validate(model, validate)
            run.log({"step": done, "epoch": done / steps_per_epoch, **metrics}, on_log, progress)
        run.save(model, optimizer, done, metrics, scaler)
    progress.close()
    accelerator.wait_for_everyone()
    step = run.last_step()
    best, best_metrics = run.best()
    return TrainingSummary(
        steps=step,
        epochs=step / steps_per_epoch,
        seconds=time.monotonic() - started,
        last_checkpoint=run.checkpoint(step),
        best_checkpoint=best,
        best_metrics=best_metrics,
        metrics_file=run.metrics_file,
        data=data.report,
    )


def _batches(
    dataset: EgoClipDataset,
    config: TrainingConfig,
    num_chunks: int,
    steps_per_epoch: int,
    steps: range,
    rank: int,
    share: int,
) -> Iterator[tuple[int, Batch]]:
    """This process's share of each step's batch."""
    shares = []
    epoch, order = -1, []
    for step in steps:
        if step // steps_per_epoch != epoch:
            epoch = step // steps_per_epoch
            order = chunk_order(num_chunks, seed=config.seed, epoch=epoch)
        start = step % steps_per_epoch * config.batch_size + rank * share
        shares.append(order[start : start + share])
    loader = DataLoader(dataset, batch_sampler=shares, follow_batch=FOLLOW_BATCH, num_workers=config.workers)
    return zip(steps, loader)


@dataclass(frozen=True)
class _Pending:
    """Numbers of a step that are still on the device."""

    step: int
    epoch: float
    rate: float
    videos: list[str]
    values: Tensor

    def read(self, run: _Run) -> dict[str, Any]:
        """As a record of the log.

        Raises:
            TrainingDiverged: the loss is not finite. (An infinite gradient norm alone is what a scaler skips.)
        """
        loss, vna, ft, norm = self.values.tolist()
        if not math.isfinite(loss):
            last = run.last_step()
            raise TrainingDiverged(
                f"the loss is {loss} (vna {vna}, ft {ft}) at step {self.step}, videos {', '.join(self.videos)}; "
                f"last good checkpoint: {run.checkpoint(last) if last else 'none'}"
            )
        return {
            "step": self.step,
            "epoch": self.epoch,
            "loss": loss,
            "vna": vna,
            "ft": ft,
            "grad_norm": norm,
            "lr": self.rate,
        }


class _Run:
    """The folder of a run: its checkpoints, its best model, its metrics log."""

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
        """What must be the same when a run goes on."""
        settings = {"backbone": self.backbone}
        for section in _SECTIONS:
            for name, value in dataclasses.asdict(getattr(self.profile, section)).items():
                if name not in _FREE:
                    settings[f"{section}.{name}"] = value
        return settings

    def restore(self, model: AlignedModel, optimizer: torch.optim.Adam, scaler: Any) -> int:
        """Bring the newest checkpoint back, and cut the log to it; returns the number of steps done."""
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
        _load_optimizer(optimizer, model, load_file(folder / "optimizer.safetensors"))
        if scaler is not None and saved["scaler"]:
            scaler.load_state_dict(saved["scaler"])
        self.accelerator.print(f"going on after step {step} of {folder}")
        return step

    def validate(self, model: AlignedModel, validate: Validate) -> dict[str, float]:
        """What ``validate`` finds, on the main process alone."""
        if not self.accelerator.is_main_process:
            return {}
        model.eval()
        with torch.no_grad():
            metrics = validate(model)
        model.train()
        return metrics

    def save(
        self,
        model: AlignedModel,
        optimizer: torch.optim.Adam,
        step: int,
        metrics: dict[str, float],
        scaler: Any,
    ) -> None:
        """Keep the best model, write a checkpoint, drop the oldest checkpoints."""
        if self.accelerator.is_main_process:
            card = card_of(self.profile, self.backbone, step=step, metrics=metrics)
            state = {"step": step, "metrics": metrics, "settings": self.settings()}
            # The best model first: killed in between, the run comes by here again and finds it no better.
            if metrics and _score(metrics) > _score(self.best()[1]):
                with atomic_path(self.folder / "best") as folder:
                    folder.mkdir()
                    save_model(folder, model, card)
                    write_json(folder / "training.json", state)
            with atomic_path(self.checkpoint(step)) as folder:
                folder.mkdir()
                save_model(folder, model, card)
                save_file(_optimizer_tensors(optimizer, model), folder / "optimizer.safetensors")
                write_json(folder / "training.json", {**state, "scaler": scaler.state_dict() if scaler else None})
            for old in self.steps()[: -self.profile.training.keep_checkpoints]:
                shutil.rmtree(self.checkpoint(old))
        self.accelerator.wait_for_everyone()

    def log(self, record: dict[str, Any], on_log: Log | None, progress: Progress) -> None:
        """Add a record to the metrics log (and to TensorBoard where it is installed)."""
        if not self.accelerator.is_main_process:
            return
        with open(self.metrics_file, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")
        if self._with_board:
            if self._board is None:
                from torch.utils.tensorboard import SummaryWriter

                self._board = SummaryWriter(self.folder / "tensorboard", purge_step=record["step"])
            for name, value in record.items():
                if name != "step":
                    self._board.add_scalar(name, value, record["step"])
        progress.show(record["step"], {k: v for k, v in record.items() if k not in ("step", "epoch")})
        if on_log is not None:
            on_log(record)

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


def _score(metrics: dict[str, float]) -> float:
    """What ``best`` is chosen by."""
    return sum(metrics.values()) / len(metrics) if metrics else -math.inf


def _optimizer_tensors(optimizer: torch.optim.Adam, model: nn.Module) -> dict[str, Tensor]:
    """Adam's state under the parameters' names."""
    tensors = {}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{key}.{name}"] = value.detach().cpu().contiguous()
    return tensors


def _load_optimizer(optimizer: torch.optim.Adam, model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """The reverse of :func:`_optimizer_tensors`."""
    parameters = dict(model.named_parameters())
    for key, value in tensors.items():
        slot, name = key.split(".", 1)
        parameter = parameters[name]
        # the count of steps stays where Adam made it; the moments go where the parameter is
        device = parameter.device if slot != "step" or optimizer.defaults["fused"] else torch.device("cpu")
        optimizer.state[parameter][slot] = value.to(device)
