"""The methods that a run compares, and what each of them makes of a whole video.

Untrained features, the linear probe and HiERO answer the same calls, so that a benchmark, a figure or a search index
is written once: features of every level, their projection into the text space, and texts in that space.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import sha256_of
from hiero_lib.benchmarks.egomcq.score import EmbedText, ModelScorer, RawScorer, Scorer
from hiero_lib.config import Profile, ThreadGraph
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.segments import VideoSegments
from hiero_lib.data.text_cache import TextCache
from hiero_lib.models.alignment import AlignedModel
from hiero_lib.models.checkpoints import ModelCard, load_model
from hiero_lib.models.hiero import HierarchyLevel
from hiero_lib.models.text_encoders import TextEncoder, load_text_encoder

UNTRAINED, PROBE, HIERO = "untrained features", "linear probe", "HiERO"


class Levels(Protocol):
    """Levels 0 to depth - 1 of one whole video; assignments are -1 where the method finds no threads."""

    def __call__(self, video: VideoSegments, *, cluster: bool = True) -> list[HierarchyLevel]:
        """``cluster``: find threads and reason along them, where the method can."""


@dataclass(frozen=True)
class Method:
    """One way of representing videos and texts; models are in eval mode, and nothing here keeps gradients.

    Attributes:
        name: as the results table has it.
        levels: features of every level of a video that is on the method's device.
        project: a level's ``x [n, C]`` -> ``[n, D]`` in the text space.
        embed_text: texts -> ``[M, D]`` in the same space.
        scorer: the same for batches of short windows, without clustering, as EgoMCQ asks.
            None where the features have no text space (Omnivore's, untrained): then ``embed_text`` raises DataError.
        thread_graph: the variant of the thread edges; None without a graph.
        fingerprint: hash of the weights, for the names of caches.
        model: None for untrained features.
    """

    name: str
    levels: Levels
    project: Callable[[Tensor], Tensor]
    embed_text: EmbedText
    scorer: Scorer | None
    thread_graph: ThreadGraph | None
    fingerprint: str
    model: AlignedModel | None = None

    @property
    def text_space(self) -> bool:
        """Whether texts can be compared with its features."""
        return self.scorer is not None


class TextSide:
    """A profile's text encoder, loaded when it is first needed: procedure learning runs without its weights.

    Args:
        profile: says which encoder, and whether it is frozen.
        device: where a frozen one computes what is not in the cache yet.
    """

    def __init__(self, profile: Profile, *, device: torch.device) -> None:
        self.config, self._paths, self._device = profile.text, DataPaths.at(profile.data_root), device

    @functools.cached_property
    def encoder(self) -> TextEncoder:
        """The encoder; DataError as :func:`hiero_lib.models.text_encoders.load_text_encoder`."""
        return load_text_encoder(self.config, data_root=self._paths.root)

    @functools.cached_property
    def _embed(self) -> EmbedText:
        if not self.config.frozen:
            return self.encoder
        return TextCache(self._paths.processed / "text", self.encoder, device=self._device).embed

    def embed(self, texts: Sequence[str]) -> Tensor:
        """The encoder's output ``[M, T]``, from the cache on disk where it is frozen; DataError as ``encoder``."""
        return self._embed(texts)


def open_methods(
    profile: Profile,
    *,
    checkpoints: Mapping[str, str | Path],
    device: torch.device,
    text: TextSide | None = None,
) -> dict[str, Method]:
    """The untrained features, then a method for each checkpoint.

    Args:
        profile: says what the features are and which text encoder belongs to them.
        checkpoints: any names -> a model folder of ours or an authors' ``.pth``. The method is named after what the
            file holds (HiERO or the linear probe); of several of one kind all but the first have their given name
            behind it.
        device: where to compute.
        text: of the same profile, to share what it has loaded.

    Raises:
        DataError: a file that cannot be used, or a model that takes features of another F.
    """
    text = text or TextSide(profile, device=device)
    methods = {UNTRAINED: untrained_method(profile, text, device=device)}
    for given, checkpoint in checkpoints.items():
        scorer, card = load_scorer(profile, checkpoint, text, device=device)
        name = PROBE if card.backbone == "probe" else HIERO
        name = name if name not in methods else f"{name} ({given})"
        methods[name] = model_method(scorer, card, name=name, fingerprint=checkpoint_fingerprint(checkpoint))
    return methods


def untrained_method(profile: Profile, text: TextSide, *, device: torch.device) -> Method:
    """The features as they are, averaged to each level, and the text space that they come with, if any."""

    def of(video: VideoSegments, *, cluster: bool = True) -> list[HierarchyLevel]:
        return level_means(video.x, video, levels=profile.model.depth)

    projection = profile.features.text_projection
    if projection is None:
        return Method(UNTRAINED, of, _same, _no_text_space(profile), None, None, "untrained")
    path = DataPaths.at(profile.data_root).root / projection
    scorer = RawScorer.from_file(path, embed_text=text.embed, device=device)
    return Method(UNTRAINED, of, _same, _without_gradients(scorer.texts), scorer, None, sha256_of(path)[:16])


def model_method(scorer: ModelScorer, card: ModelCard, *, name: str, fingerprint: str) -> Method:
    """HiERO's levels; or the linear probe's projected segments, averaged to each level."""
    model = scorer.model
    texts = _without_gradients(scorer.texts)
    if card.backbone == "probe":

        def means(video: VideoSegments, *, cluster: bool = True) -> list[HierarchyLevel]:
            return level_means(model.visual_head(video.x), video, levels=card.model.depth)

        return Method(name, _without_gradients(means), _same, texts, scorer, None, fingerprint, model)

    def levels(video: VideoSegments, *, cluster: bool = True) -> list[HierarchyLevel]:
        return model.backbone(video, cluster=cluster)

    project = _without_gradients(model.visual_head)
    graph = card.model.thread_graph
    return Method(name, _without_gradients(levels), project, texts, scorer, graph, fingerprint, model)


def level_means(x: Tensor, video: VideoSegments, *, levels: int) -> list[HierarchyLevel]:
    """Features without a hierarchy of their own, on HiERO's grid: means over the 2^level segments of a node.

    Shapes: x ``[N, C]``; of level d ``[ceil(N / 2^d), C]``, at the position of the first of its segments, as HiERO's
    levels have it.
    """
    found = []
    for level in range(levels):
        node = torch.arange(len(x), device=x.device) // 2**level
        size = torch.bincount(node)
        total = x.new_zeros((len(size), x.shape[1])).index_add_(0, node, x)
        indices = torch.arange(len(size), device=x.device)
        pos = video.pos[:: 2**level]
        level_of = HierarchyLevel(
            level, total / size[:, None], pos, indices, torch.zeros_like(indices), torch.full_like(indices, -1)
        )
        found.append(level_of)
    return found


def load_scorer(
    profile: Profile, checkpoint: str | Path, text: TextSide, *, device: torch.device
) -> tuple[ModelScorer, ModelCard]:
    """A model from disk (a folder of ours, or an authors' ``.pth``), on the device and ready to answer.

    Raises:
        DataError: as :func:`hiero_lib.models.checkpoints.load_model`, or the model takes features of another F.
    """
    model, card = load_model(checkpoint, text_encoder=None if text.config.frozen else text.encoder)
    expected = profile.features.dim
    if card.model.input_size != expected:
        raise DataError(
            f"the profile's features have {expected} channels",
            file=checkpoint,
            field="input_size",
            value=card.model.input_size,
        )
    if model.text_encoder is not None:
        if text.config.frozen:  # the file repeats a frozen encoder, whose output comes from the cache
            model.text_encoder = None
        elif getattr(model.text_encoder, "tokenizer", None) is None:  # an authors' file has weights only
            model.text_encoder.tokenizer = text.encoder.tokenizer
    return ModelScorer(model.to(device), text.embed, device), card


def checkpoint_fingerprint(checkpoint: str | Path) -> str:
    """Hash of a checkpoint's weights, 16 hexadecimal digits."""
    path = Path(checkpoint)
    return sha256_of(path / "model.safetensors" if path.is_dir() else path)[:16]


def read_video(store: FeatureStore, profile: Profile, *video_uids: str, device: torch.device) -> VideoSegments:
    """A whole video; or several, one after the other on one timeline, as Goal-Step's groups are.

    Raises:
        DataError: a video has no features, or they cannot be used; ``ValueError`` without a video.
    """
    if not video_uids:
        raise ValueError("at least one video is needed")
    x = torch.cat([store.read(uid) for uid in video_uids])
    return VideoSegments.from_features(
        x,
        stride_frames=profile.features.stride_frames,
        fps=profile.features.fps,
        video_uid="+".join(video_uids),
    ).to(device)


def _no_text_space(profile: Profile) -> EmbedText:
    def refuse(texts: Sequence[str]) -> Tensor:
        problem = "untrained features that come with no text space cannot be compared with texts"
        raise DataError(problem, file=profile.name, field="features.text_projection")

    return refuse


def _same(x: Tensor) -> Tensor:
    return x


def _without_gradients(function: Callable) -> Callable:
    @functools.wraps(function, updated=())
    def wrapped(*args, **kwargs):
        with torch.no_grad():
            return function(*args, **kwargs)

    return wrapped
