"""The methods that a run compares, opened: untrained features, and a method for each checkpoint."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import sha256_of
from hiero_lib.base.progress import say_aside
from hiero_lib.config import Profile
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.segments import VideoSegments
from hiero_lib.methods.levels import level_means
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method
from hiero_lib.methods.scorers import EmbedText, ModelScorer, RawScorer
from hiero_lib.methods.text import TextSide
from hiero_lib.models.checkpoints import ModelCard, load_model
from hiero_lib.models.hiero import HierarchyLevel
from hiero_lib.models.model_files import model_at, weights_hash


def open_methods(
    profile: Profile,
    *,
    checkpoints: Mapping[str, str | Path],
    device: torch.device,
    say: Callable[[str], None] = say_aside,
) -> dict[str, Method]:
    """The untrained features, then a method for each checkpoint.

    Args:
        profile: says what the features are and which text encoder belongs to them.
        checkpoints: any names -> a model folder of ours, a training's folder (its newest whole checkpoint), or an
            authors' ``.pth``. The method is named after what the file holds (HiERO or the linear probe); of several
            of one kind all but the first have their given name behind it.
        device: where to compute.
        say: receives what was passed over, and what is taken instead.

    Raises:
        DataError: a file that cannot be used, or a model that takes features of another F.
    """
    text = TextSide(profile, device=device)
    methods = {UNTRAINED: untrained_method(profile, text, device=device)}
    for given, named in checkpoints.items():
        checkpoint = model_at(named, say=say)
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
    """Hash of a checkpoint's weights, 16 hexadecimal digits; of a model folder that has been loaded, its card's."""
    path = Path(checkpoint)
    return (weights_hash(path) if path.is_dir() else sha256_of(path))[:16]


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
