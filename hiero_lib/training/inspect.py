"""A look inside training: one chunk on its way from the batch through the levels and threads to the losses.

Everything is what training computes in its first step with this chunk alone, before any weight has changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.data import Batch

from hiero_lib.config import FeatureConfig, Profile
from hiero_lib.data.egoclip import EgoClipDataset
from hiero_lib.data.narrations import Narrations
from hiero_lib.data.segments import FOLLOW_BATCH
from hiero_lib.models.alignment import AlignedModel
from hiero_lib.models.checkpoints import build_model, card_of, load_model
from hiero_lib.models.hiero import HierarchyLevel
from hiero_lib.models.text_encoders import load_text_encoder
from hiero_lib.training.batches import chunk_order, read_chunks
from hiero_lib.training.losses import PairGeometry
from hiero_lib.training.step import combined_loss, mix_seed, narrations_of


@dataclass(frozen=True)
class ForwardPass:
    """What the model makes of a batch.

    Shapes: ``levels``: the hierarchy, level 0 (of N nodes) first; segments ``[N, D]`` and narrations ``[M, D]``: both
    projected into the common space.
    """

    levels: list[HierarchyLevel]
    segments: Tensor
    narrations: Tensor


def first_batch(profile: Profile) -> Batch:
    """A batch of the one chunk that training takes first, as the data loader makes it.

    Frozen text is encoded here and kept out of the cache, whose contents so do not depend on who looked inside.

    Raises:
        DataError: a missing or unusable file, or not one chunk with features and narrations.
    """
    chunks, _, store = read_chunks(profile)
    chunk = chunks[chunk_order(len(chunks), seed=profile.training.seed, epoch=0)[0]]
    item = EgoClipDataset([chunk], store, profile.features, text_cache=None)[0]
    if profile.text.frozen:
        encoder = load_text_encoder(profile.text, data_root=profile.data_root)
        with torch.no_grad():
            item.narration_embedding = encoder(item.narration_texts)
    return Batch.from_data_list([item], follow_batch=list(FOLLOW_BATCH))


def trained_pass(profile: Profile, checkpoint: str | Path, batch: Batch, *, device: torch.device) -> ForwardPass:
    """What :func:`untrained_pass` gives once a model is trained: its weights, and the same random numbers.

    Raises:
        DataError: as :func:`hiero_lib.models.checkpoints.load_model`.
    """
    encoder = None if profile.text.frozen else load_text_encoder(profile.text, data_root=profile.data_root)
    model, _ = load_model(checkpoint, text_encoder=encoder)
    with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.no_grad():
        return _first_step(model.to(device), profile, batch.to(device))


def _first_step(model: AlignedModel, profile: Profile, batch: Batch) -> ForwardPass:
    torch.manual_seed(mix_seed(profile.training.seed, 0, 0))
    return ForwardPass(*model.train()(batch, narrations_of(batch)))


def untrained_pass(profile: Profile, batch: Batch, *, device: torch.device) -> ForwardPass:
    """HiERO as training begins with it (the same weights, dropout active), applied to a batch; without gradients."""
    card = card_of(profile, "hiero")
    with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.no_grad():
        encoder = None if profile.text.frozen else load_text_encoder(profile.text, data_root=profile.data_root)
        torch.manual_seed(profile.training.seed)
        model = build_model(card, text_dim=profile.text.dim, text_encoder=encoder).to(device)
        return _first_step(model, profile, batch.to(device))


def batch_rows(batch: Batch) -> list[tuple[str, str, str]]:
    """For each part of a batch of one chunk: its name, its shape, and what it holds."""
    (uid,), (texts,) = batch.video_uid, batch.narration_texts
    first, count = int(batch.first_index[0]), len(batch.x)
    rows = [
        ("x", _shape(batch.x), f"features of the segments: rows {first} to {first + count - 1} of video {uid}"),
        ("pos", _shape(batch.pos), f"the segments' centres in the video, {_range(batch.pos)} s"),
        ("indices", _shape(batch.indices), f"the segments' places in the chunk, {_range(batch.indices, digits=0)}"),
        ("narration_time", _shape(batch.narration_time), f"when is narrated, {_range(batch.narration_time)} s"),
        ("narration_texts", str(len(texts)), f"what is narrated; first “{texts[0]}”"),
    ]
    if "narration_embedding" in batch:
        rows.append(
            (
                "narration_embedding",
                _shape(batch.narration_embedding),
                "the frozen text encoder's output for each of them",
            )
        )
    return rows


def level_rows(levels: list[HierarchyLevel], features: FeatureConfig) -> list[tuple[int, str, float, str]]:
    """For each level: its number, the shape of its features, its stride (seconds, 2 decimals), what its nodes are."""
    rows = []
    for level in levels:
        segments = 2**level.level
        nodes = "the segments" if segments == 1 else f"one for every {segments} segments"
        rows.append((level.level, _shape(level.x), round(features.stride_s * segments, 2), nodes))
    return rows


def thread_rows(levels: list[HierarchyLevel]) -> list[tuple[int, int, int, str]]:
    """For each level above the segments: its number, its nodes, its threads, and the nodes of each, most first."""
    rows = []
    for level in levels[1:]:
        sizes = level.assignments.unique(return_counts=True)[1].sort(descending=True).values.tolist()
        rows.append((level.level, len(level.x), len(sizes), ", ".join(map(str, sizes))))
    return rows


def chunk_start_s(batch: Batch, features: FeatureConfig) -> float:
    """Where a batch of one chunk begins in its video, in seconds."""
    return float(batch.pos.min()) - features.stride_s / 2


def narrations_in(batch: Batch, *, start_s: float = 0.0) -> Narrations:
    """What is narrated in a batch of one chunk, in the order of time, which is counted from ``start_s`` on."""
    told = sorted(zip(batch.narration_time.tolist(), batch.narration_texts[0]))
    return Narrations([time - start_s for time, _ in told], [text for _, text in told])


def loss_rows(forward: ForwardPass, batch: Batch, profile: Profile) -> list[tuple[str, float, float, str]]:
    """Both losses and their weighted sum: name, value, value if all features were the same, and what is compared."""
    device = forward.segments.device
    batch, settings = batch.to(device), profile.loss
    _, losses = combined_loss(forward.levels, forward.segments, forward.narrations, batch, profile, videos=1)
    same = [replace(level, x=torch.ones_like(level.x)) for level in forward.levels]
    ones = torch.ones_like(forward.segments), torch.ones_like(forward.narrations)
    _, indifferent = combined_loss(same, *ones, batch, profile, videos=1)
    level = forward.levels[0]
    geometry = PairGeometry(level.pos, level.batch, batch.narration_time, batch.narration_time_batch)
    positive, _ = geometry.masks(slice(None), alpha=settings.alpha, beta=settings.beta)
    nodes = sum(len(level.x) for level in forward.levels[1:])
    what = {
        "loss": f"{settings.vna_weight:g} L_vna + {settings.ft_weight:g} L_ft",
        "L_vna": f"{positive.shape[0]} segments with {positive.shape[1]} narrations: {int(positive.sum())} positive "
        f"pairs, at most {1 / settings.alpha:g} s apart",
        "L_ft": f"{nodes} nodes above the segments, each with those of its level; its own thread is positive",
    }
    values = zip(losses.tolist(), indifferent.tolist())
    rows = [(name, value, of_same, text) for (name, text), (value, of_same) in zip(what.items(), values)]
    return rows[1:] + rows[:1]


def _shape(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape))


def _range(values: Tensor, *, digits: int = 1) -> str:
    return f"{float(values.min()):.{digits}f} to {float(values.max()):.{digits}f}"
