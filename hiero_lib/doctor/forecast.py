"""What a training will fetch, keep and take, and where it goes on after an end; said before it starts."""

from __future__ import annotations

import functools
import shlex
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from hiero_lib.base.device import best_device
from hiero_lib.base.errors import DataError
from hiero_lib.base.files import nearest_folder
from hiero_lib.base.progress import readable
from hiero_lib.config import Profile, profile_options
from hiero_lib.data.egoclip import Chunk, EgoClipDataset
from hiero_lib.data.feature_survey import SurveyedStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.text_cache import BLOCK_TEXTS
from hiero_lib.doctor.caches import Caches, caches_of
from hiero_lib.models.checkpoints import Backbone, build_model, card_of
from hiero_lib.models.hiero import HiERO
from hiero_lib.models.model_files import CHECKPOINTS, step_folders
from hiero_lib.models.plan import PlanSettings
from hiero_lib.models.text_encoders import load_text_encoder
from hiero_lib.sources.download.manifest import is_needed, load_manifest
from hiero_lib.training.batches import Collate, read_chunks, steps_in_epoch
from hiero_lib.training.step import training_loss

_DRIVE = Path("/content/drive")
_COLAB = Path("/content")
_TENSORS_KEPT = 3  # of a checkpoint, each as large as the weights: they, and Adam's two moments
HEADER = ("what", "size", "time here", "after an end")


@dataclass(frozen=True)
class Forecast:
    """A line of what is ahead: how large it will be, how long it takes on this machine, what an end costs."""

    what: str
    size: str
    time: str
    after_an_end: str

    def __str__(self) -> str:
        told = [self.what, *(cell for cell in (self.size, self.time) if cell != "-")]
        return f"{', '.join(told)}; {self.after_an_end}"

    def row(self) -> tuple[str, str, str, str]:
        """Its cells, in the order of :data:`HEADER`."""
        return self.what, self.size, self.time, self.after_an_end


def forecast(
    profile: Profile, folder_of: Callable[[Backbone], Path], *, backbones: Sequence[Backbone] = ("probe", "hiero")
) -> list[Forecast]:
    """The lines of a training, measured in some seconds; what has been done already is not counted again.

    Args:
        profile: its settings.
        folder_of: where a backbone is trained, as `hiero_lib.training.loop.run_training` is given it.
        backbones: those that are trained, one after the other.
    """
    device = best_device()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        return _forecast(profile, folder_of, backbones, device)


def _forecast(
    profile: Profile, folder_of: Callable[[Backbone], Path], backbones: Sequence[Backbone], device: torch.device
) -> list[Forecast]:
    paths = DataPaths.at(profile.data_root)
    lines = [_to_fetch(profile, paths), _caches(caches_of(profile), profile)]
    places = {"data": paths.root, "caches": paths.caches}
    try:
        chunks, _, store = read_chunks(profile)
        for backbone in backbones:
            places["checkpoints"] = folder = folder_of(backbone)
            measure = functools.partial(_measured, profile, backbone, chunks, store, device)
            lines.append(_training(profile, backbone, folder, len(chunks), measure))
    except DataError as error:
        lines.append(Forecast("training", "-", "-", f"cannot start yet: {error.problem}"))
    return lines + [_place(what, folder) for what, folder in places.items()]


def _to_fetch(profile: Profile, paths: DataPaths) -> Forecast:
    if profile.is_sample:
        return Forecast("data", "-", "-", "nothing is fetched: the sample is made on this machine")
    needed = [item for item in load_manifest().items.values() if is_needed(item, profile)]
    absent = [item for item in needed if not (paths.root / item.target).exists()]
    if not absent:
        return Forecast("data", "all there", "-", "nothing is fetched")
    sizes = [item.size for item in absent if item.size is not None]
    unknown = len(absent) - len(sizes)
    size = " + ".join(([_gb(sum(sizes))] if sizes else []) + ([f"{unknown} of unknown size"] if unknown else []))
    names = ", ".join(item.id for item in absent)
    command = shlex.join(["python", "-m", "hiero_lib", "download", *profile_options(profile)])
    return Forecast(f"fetch {names} (notebook 00, or {command})", size, "-", "a broken download goes on where it was")


def _caches(caches: Caches, profile: Profile) -> Forecast:
    if not profile.text.frozen or not profile.text.cache:
        return Forecast("narrations", "-", "in each step", "nothing is kept of them")
    if caches.texts is None or caches.whole_bytes is None or caches.missing is None:
        return Forecast("narrations, encoded once", "-", "-", "their number is not known yet")
    what = f"narrations, encoded once: {caches.missing:,} of {caches.texts:,} different texts are left"
    lost = "nothing is encoded again"
    if caches.missing and caches.texts_per_s:
        again = min(caches.missing, BLOCK_TEXTS)
        lost = f"at most {again:,} texts are encoded again ({readable(again / caches.texts_per_s)})"
    took = "-" if caches.encoding_s is None else readable(caches.encoding_s)
    return Forecast(what, f"{_gb(caches.whole_bytes)}, twice that for a moment", took, lost)


def _training(
    profile: Profile, backbone: Backbone, folder: Path, chunks: int, measure: Callable[[], tuple[float, int]]
) -> Forecast:
    config = profile.training
    total = config.epochs * steps_in_epoch(chunks, config)
    done = min(max(step_folders(folder / CHECKPOINTS), default=0), total)
    what = f"training {backbone}: {total - done:,} of {total:,} steps are left"
    if done == total:
        return Forecast(what, "-", "-", "it is done")
    step_s, kept = measure()
    lost = min(config.checkpoint_every_steps, steps_in_epoch(chunks, config))
    return Forecast(
        what,
        f"{_gb(kept * (config.keep_checkpoints + 1))} of checkpoints",
        f"{readable(step_s * (total - done))} ({step_s:.2g} s a step)",
        f"goes on when called again; at most {lost:,} steps are taken again ({readable(lost * step_s)})",
    )


def _measured(
    profile: Profile, backbone: Backbone, chunks: Sequence[Chunk], store: SurveyedStore, device: torch.device
) -> tuple[float, int]:
    """Seconds of a step, forward and backward, with the first chunks there are; bytes of a checkpoint.

    Narrations are zeros where the encoder is frozen: to encode them is a line of its own.
    """
    config = profile.training
    encoder = None if profile.text.frozen else load_text_encoder(profile.text, data_root=profile.data_root)
    dataset = EgoClipDataset(list(chunks[: config.batch_size]), store, profile.features, text_cache=None)
    videos = [dataset[row] for row in range(len(dataset))]
    if profile.text.frozen:
        for video in videos:
            video.narration_embedding = torch.zeros(len(video.narration_texts), profile.text.dim)
    model = build_model(card_of(profile, backbone), text_dim=profile.text.dim, text_encoder=encoder).to(device)
    graph = model.backbone
    plan = PlanSettings.of(graph.config, cluster=graph.config.threads) if isinstance(graph, HiERO) else None
    batch = Collate(plan)(videos).to(device)
    seconds = 0.0
    for _ in range(2):
        started = time.perf_counter()
        loss, _ = training_loss(model.train(), batch, profile, videos=len(videos))
        loss.backward()
        float(loss.detach())  # waits for the device
        seconds = time.perf_counter() - started
    weights = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    return seconds * config.batch_size / len(videos), _TENSORS_KEPT * weights


def _place(what: str, folder: Path) -> Forecast:
    """Where things lie, and what is free there."""
    free = shutil.disk_usage(nearest_folder(folder)).free
    return Forecast(f"{what} lie in {folder}", f"{_gb(free)} free", "-", _outlives(folder.absolute()))


def _outlives(folder: Path) -> str:
    """Whether a folder is there after the machine has gone."""
    if not _COLAB.is_dir() or not folder.is_relative_to(_COLAB):
        return "they stay"
    if folder.is_relative_to(_DRIVE):
        return "they stay, on the Drive"
    return "GONE with Colab's machine: name a folder of the Drive in the parameters, or HIERO_CACHE"


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
