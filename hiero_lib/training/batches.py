"""What training reads: the chunks of EgoClip with their encoded narrations, and each step's batch of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader
from torch_geometric.data import Batch

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.progress import Progress
from hiero_lib.config import Profile, TrainingConfig
from hiero_lib.data.egoclip import Chunk, EgoClipDataset, EgoClipReport, open_egoclip
from hiero_lib.data.egoclip_fit import misfit
from hiero_lib.data.egoclip_texts import UsedTexts
from hiero_lib.data.feature_survey import SurveyedStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.segments import FOLLOW_BATCH, VideoSegments
from hiero_lib.data.text_cache import TextCache
from hiero_lib.models.plan import PlanSettings, plan_batch
from hiero_lib.models.text_encoders import TextEncoder, load_text_encoder
from hiero_lib.training.step import mix_seed


@dataclass(frozen=True)
class TrainingData:
    """The chunks to train on, and what it took to get them; ``encode``: the frozen encoder of what is not cached."""

    dataset: EgoClipDataset
    report: EgoClipReport
    text_dim: int
    encode: TextEncoder | None = None


def load_training_data(profile: Profile, accelerator: Accelerator) -> TrainingData:
    """Chunks of ``egoclip.csv`` for which there are features; frozen text is encoded once, into the cache.

    All processes encode what the cache lacks, each its share, so that none waits at a barrier while one works.

    Raises:
        DataError: a missing or unusable file, or not one chunk with features and narrations.
        OSError: the cache cannot be written.
    """
    with accelerator.main_process_first():
        chunks, report, store = read_chunks(profile)
    cache = encode = None
    if profile.text.frozen:
        encoder = load_text_encoder(profile.text, data_root=profile.data_root)
        if profile.text.cache:
            progress = encoding_progress(enabled=accelerator.is_main_process)
            cache = open_text_cache(profile, encoder, device=accelerator.device, progress=progress)
        else:
            encode = encoder.to(accelerator.device)
    return TrainingData(EgoClipDataset(chunks, store, profile.features, cache), report, profile.text.dim, encode)


def open_text_cache(
    profile: Profile,
    encoder: TextEncoder,
    *,
    device: torch.device,
    progress: Callable[[int, int], None] | None = None,
) -> TextCache:
    """The embeddings of a profile's frozen encoder."""
    folder, also = DataPaths.at(profile.data_root).text_caches
    return TextCache(folder, encoder, device=device, also=also, progress=progress)


def encode_narrations(profile: Profile, *, device: torch.device) -> tuple[int, int]:
    """Put all narrations that training reads into the cache, beside whoever else does.

    Returns:
        how many different texts there are, and how many of them were missing.

    Raises:
        DataError: as :func:`load_training_data`; or the text encoder is trained, not frozen.
        OSError: the cache cannot be written.
    """
    texts, cache = _narrations_and_cache(profile, device)
    missing = cache.missing(texts.keys)
    texts.rows_in(cache)
    return len(texts.keys), missing


def narrations_to_encode(profile: Profile, *, device: torch.device) -> tuple[int, int]:
    """As :func:`encode_narrations`, but nothing is encoded."""
    texts, cache = _narrations_and_cache(profile, device)
    return len(texts.keys), cache.missing(texts.keys)


def _narrations_and_cache(profile: Profile, device: torch.device) -> tuple[UsedTexts, TextCache]:
    if not profile.text.frozen:
        raise ConfigError("a text encoder that is trained has no cache", field="text.frozen", value=False)
    chunks, _, _ = read_chunks(profile)
    encoder = load_text_encoder(profile.text, data_root=profile.data_root)
    cache = open_text_cache(profile, encoder, device=device, progress=encoding_progress())
    return UsedTexts([chunk.texts for chunk in chunks]), cache


def encoding_progress(*, enabled: bool = True) -> Callable[[int, int], None]:
    """Says how many texts are encoded and how long the rest takes; what was done before is not counted as speed."""
    shown: dict[int, Progress] = {}

    def show(done: int, total: int) -> None:
        if total not in shown:
            shown[total] = Progress("encoding narrations", total=total, start=done, enabled=enabled)
        else:
            shown[total].show(done)
        if done == total:
            shown.pop(total).close()

    return show


def read_chunks(profile: Profile) -> tuple[list[Chunk], EgoClipReport, SurveyedStore]:
    """Chunks of ``egoclip.csv`` for which there are features, what was left out, and the features.

    Raises:
        DataError: a missing or unusable file, or not one chunk with features and narrations.
    """
    paths = DataPaths.at(profile.data_root)
    features = paths.features(profile.features.folder)
    store = SurveyedStore(features, dim=profile.features.dim, kept_in=paths.surveys)
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


def with_embeddings(batch: Batch, encode: TextEncoder | None) -> Batch:
    """The batch, on its device, with the frozen encoder's output where no cache has put it in."""
    if encode is not None:
        with torch.inference_mode(), torch.autocast(batch.x.device.type, enabled=False):
            texts = [narration for texts in batch.narration_texts for narration in texts]
            embedded = encode(texts).float()
        batch.narration_embedding = embedded.clone()  # no tensor of inference mode may enter autograd
    return batch
