"""One step of training: its learning rate, its random numbers, its loss, and the update of the weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch_geometric.data import Batch

from hiero_lib.base.distributed import gather_rows, sum_over_processes
from hiero_lib.config import Profile, TrainingConfig
from hiero_lib.models.hiero import HierarchyLevel
from hiero_lib.models.plan import levels_apart, video_rows
from hiero_lib.training.losses import PairGeometry, functional_threads_loss, video_narration_loss


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


def mix_seed(seed: int, step: int, process: int) -> int:
    """A seed for (run, step, process); nearby arguments give unrelated seeds (SplitMix64's finaliser)."""
    mask = (1 << 64) - 1
    z = (seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + process * 0x94D049BB133111EB + 1) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) >> 1


def narrations_of(batch: Batch) -> Tensor | list[str]:
    """The narrations as the model takes them: embeddings ``[M, T]``, or M texts where nothing encoded them before."""
    if "narration_embedding" in batch:
        return batch.narration_embedding
    return [narration for texts in batch.narration_texts for narration in texts]


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
        ``[loss, vna, ft, share of L_ft's mass that a node gives itself]``.
    """
    levels, segments, narrations = model(batch, narrations_of(batch))
    return combined_loss(
        levels, segments, narrations, batch, profile, process=process, processes=processes, videos=videos
    )


def combined_loss(
    levels: Sequence[HierarchyLevel],
    segments: Tensor,
    narrations: Tensor,
    batch: Batch,
    profile: Profile,
    *,
    process: int = 0,
    processes: int = 1,
    videos: int,
) -> tuple[Tensor, Tensor]:
    """``vna_weight * L_vna + ft_weight * L_ft`` of what the model made of a batch (paper section 3.4).

    Args:
        levels: the hierarchy, level 0 (of N nodes) first.
        segments: ``[N, D]``, the projected nodes of level 0.
        narrations: ``[M, D]``, the projected narrations.
        batch, profile, process, processes, videos, and what is returned: see :func:`training_loss`.
    """
    first = process * videos
    geometry = PairGeometry(
        segment_pos=gather_rows(levels[0].pos),
        segment_video=gather_rows(levels[0].batch + first if first else levels[0].batch),
        narration_time=gather_rows(batch.narration_time),
        narration_video=gather_rows(batch.narration_time_batch + first if first else batch.narration_time_batch),
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
    above = [level for level in levels[1:] if len(level.x)]
    ft = self_share = torch.zeros_like(vna.detach())
    if above:
        by_video = levels_apart([level.rows or video_rows(level.batch) for level in above])
        count = sum(len(level.x) for level in above)
        ft, self_share = functional_threads_loss(
            torch.cat([level.x for level in above]),
            by_video,
            torch.cat([level.assignments for level in above]),
            temperature=loss.temperature,
            self_pair=loss.ft_self_pair,
            num_nodes=count if processes == 1 else sum_over_processes(torch.full((), count, device=vna.device)),
        )
    ft_of_all, self_share = sum_over_processes(ft), sum_over_processes(self_share)
    total = loss.vna_weight * vna.detach() + loss.ft_weight * ft_of_all
    return processes * (loss.vna_weight * vna + loss.ft_weight * ft), torch.stack(
        [total, vna.detach(), ft_of_all, self_share]
    )


def optimization_step(
    model: nn.Module,
    batch: Batch,
    optimizer: torch.optim.Adam,
    profile: Profile,
    accelerator: Accelerator,
    *,
    lr: float,
    seed: int,
) -> Tensor:
    """Forward, backward, clipping of the gradient's norm, and Adam's update.

    Args:
        model: as ``accelerator.prepare_model`` returned it, in training mode.
        batch: this process's share of the batch, on the accelerator's device.
        optimizer: of the model's parameters; its learning rate is set to ``lr``.
        profile: the settings of the loss and of training.
        accelerator: owns processes and precision.
        lr: learning rate of the step.
        seed: of the step's random numbers (dropout) in this process.

    Returns:
        a detached ``[loss, vna, ft, self share, norm]`` on the device, of the whole batch; ``norm`` is the
        gradient's before clipping.
    """
    torch.manual_seed(seed)
    for group in optimizer.param_groups:
        group["lr"] = lr
    processes, scaler = accelerator.num_processes, accelerator.scaler  # a scaler of float16; None otherwise
    videos = profile.training.batch_size // processes
    loss, parts = training_loss(
        model, batch, profile, process=accelerator.process_index, processes=processes, videos=videos
    )
    optimizer.zero_grad(set_to_none=True)
    accelerator.backward(loss)
    if scaler is not None:
        scaler.unscale_(optimizer)
    norm = nn.utils.clip_grad_norm_(model.parameters(), profile.training.gradient_clip)
    if scaler is not None:
        scaler.step(optimizer)
        scaler.update()
    else:
        optimizer.step()
    return torch.cat([parts, norm[None]])
