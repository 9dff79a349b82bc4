"""What training reads: the chunks of EgoClip with their encoded narrations, and each step's batch of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader
from torch_geometric.data import Batch

from hiero_lib.base.errors import DataError
from hiero_lib.config import Profile, TrainingConfig
from hiero_lib.data.egoclip import Chunk, EgoClipDataset, EgoClipReport, open_egoclip
from hiero_lib.data.egoclip_fit import misfit
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.segments import FOLLOW_BATCH, VideoSegments
from hiero_lib.data.text_cache import TextCache
from hiero_lib.models.plan import PlanSettings, plan_batch
from hiero_lib.models.text_encoders import load_text_encoder
from hiero_lib.training.step import mix_seed


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
    with accelerator.main_process_first():
        chunks, report, store = read_chunks(profile)
        cache = None
        if text_encoder is None:
            encoder = load_text_encoder(profile.text, data_root=paths.root)
            cache = TextCache(paths.processed / "text", encoder, device=accelerator.device)
            cache.rows(sorted({text for chunk in chunks for text in chunk.texts}))  # encoded; no embedding is held
    return TrainingData(EgoClipDataset(chunks, store, profile.features, cache), report, profile.text.dim)


def read_chunks(profile: Profile) -> tuple[list[Chunk], EgoClipReport, FeatureStore]:
    """Chunks of ``egoclip.csv`` for which there are features, what was left out, and the features.

    Raises:
        DataError: a missing or unusable file, or not one chunk with features and narrations.
    """
    paths = DataPaths.at(profile.data_root)
    store = FeatureStore(paths.features(profile.features.folder), dim=profile.features.dim)
    index = open_egoclip(paths)
    chunks, report = index.chunks(store, profile.features, chunk_s=profile.training.chunk_s)
    if not chunks:
        why = misfit(index, store, profile.features, report) or report.summary()
        raise DataError(
            f"no chunk has both features and narrations: {why}",
            file=paths.egoclip,
            hint=f"The features are looked for in {paths.features(profile.features.folder)}",
        )
    return chunks, report, store


def chunk_order(num_chunks: int, *, seed: int, epoch: int) -> list[int]:
    """The order in which an epoch takes the chunks."""
    generator = torch.Generator().manual_seed(mix_seed(seed, epoch, 0))
    return torch.randperm(num_chunks, generator=generator).tolist()


def steps_in_epoch(num_chunks: int, config: TrainingConfig) -> int:
    """Steps of an epoch, 1 at least; an incomplete last batch is left out, as in the released code."""
    return max(1, num_chunks // config.batch_size)


@dataclass(frozen=True)
class Collate:
    """Joins videos to a batch that carries its plan: what positions decide is worked out where data are loaded.

    ``settings``: of the model; None: it has no use for a plan.
    """

    settings: PlanSettings | None

    def __call__(self, videos: list[VideoSegments]) -> Batch:
        """The batch, on the CPU."""
        batch = Batch.from_data_list(videos, follow_batch=list(FOLLOW_BATCH))
        if self.settings is not None:
            batch.plan = plan_batch(batch, self.settings)
        return batch


def batches(
    dataset: EgoClipDataset,
    config: TrainingConfig,
    steps: range,
    *,
    process: int,
    processes: int,
    plan: PlanSettings | None = None,
    pin_memory: bool = False,
) -> Iterator[tuple[int, Batch]]:
    """Each step's number, counted from 0 over all epochs, with this process's share of its batch.

    Args:
        dataset: the chunks.
        config: batch size, seed, workers.
        steps: which.
        process, processes: rank and their number.
        plan: of the model in training; None plans nothing.
        pin_memory: put batches where a GPU copies them from without being waited for.
    """
    steps_per_epoch, share = steps_in_epoch(len(dataset), config), config.batch_size // processes
    shares = []
    epoch, order = -1, []
    for step in steps:
        if step // steps_per_epoch != epoch:
            epoch = step // steps_per_epoch
            order = chunk_order(len(dataset), seed=config.seed, epoch=epoch)
        start = step % steps_per_epoch * config.batch_size + process * share
        shares.append(order[start : start + share])
    loader = DataLoader(
        dataset,
        batch_sampler=shares,
        collate_fn=Collate(plan),
        num_workers=config.workers,
        pin_memory=pin_memory,
    )
    return zip(steps, loader)
