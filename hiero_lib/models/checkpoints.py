"""Models on disk: a folder with ``model.safetensors`` and the sealed ``model.json`` that says what it is.

The authors' ``.pth`` files are read as well (:mod:`hiero_lib.models.authors_checkpoint`).
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors.torch import save_file
from torch import nn

from hiero_lib import __version__
from hiero_lib.base.errors import DataError
from hiero_lib.base.progress import say_aside
from hiero_lib.base.sealed import read_sealed, write_sealed
from hiero_lib.config import AlignmentConfig, FeatureConfig, ModelConfig, Profile, TextConfig, from_dict
from hiero_lib.models.alignment import AlignedModel, TextHead, VisualHead
from hiero_lib.models.authors_checkpoint import read_authors_checkpoint, their_name
from hiero_lib.models.hiero import HiERO
from hiero_lib.models.model_files import CARD, FORMAT, WEIGHTS, checked_card, model_at
from hiero_lib.models.probe import SegmentProbe
from hiero_lib.models.text_encoders import distilbert_from_state_dict
from hiero_lib.models.weights import check_strictly, load_strictly, read_state

Backbone = Literal["hiero", "probe"]


@dataclass(frozen=True)
class ModelCard:
    """What a saved model is: enough to build it again, and where it comes from.

    Attributes:
        backbone: ``hiero`` or ``probe``; model, alignment: its sizes and variants; text: the encoder it expects.
        features: what it was trained on; None for an authors' file, which does not say.
        provenance: step, metrics, library version and the like.
    """

    backbone: Backbone
    model: ModelConfig
    alignment: AlignmentConfig
    text: TextConfig | None
    features: FeatureConfig | None
    provenance: dict[str, Any]


def build_model(card: ModelCard, *, text_dim: int, text_encoder: nn.Module | None = None) -> AlignedModel:
    """An untrained model of the kind that ``card`` describes.

    Args:
        card: sizes and variants.
        text_dim: T, channels of the text encoder's output.
        text_encoder: made part of the model, to be trained with it; None where it is frozen.
    """
    text_head = TextHead(text_dim, card.alignment)
    if card.backbone == "probe":
        visual_head: nn.Module = nn.Linear(card.model.input_size, card.alignment.dim)
        return AlignedModel(SegmentProbe(), visual_head, text_head, text_encoder)
    return AlignedModel(
        HiERO(card.model), VisualHead(card.model.hidden_size, card.alignment), text_head, text_encoder
    )


def card_of(profile: Profile, backbone: Backbone, **provenance: Any) -> ModelCard:
    """The card of a model that is trained with ``profile``."""
    return ModelCard(backbone, profile.model, profile.alignment, profile.text, profile.features, provenance)


def save_model(folder: Path, model: AlignedModel, card: ModelCard) -> None:
    """Write ``model.safetensors`` and ``model.json`` into a folder that exists (a temporary one, renamed later).

    Raises:
        DataError: a number of the card is NaN or infinite.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    save_file(state, folder / WEIGHTS)
    content = {"hiero_lib": __version__, **dataclasses.asdict(card)}
    write_sealed(folder / CARD, content, format=FORMAT, files=[WEIGHTS])


def read_card(folder: str | Path) -> ModelCard:
    """The ``model.json`` of a model folder; its weights are not looked at.

    Raises:
        DataError: there is none, it is damaged, or of another format.
    """
    path = Path(folder) / CARD
    return _card(read_sealed(path, format=FORMAT, what="a model's card", files=False), path)


def _card(raw: dict[str, Any], path: Path) -> ModelCard:
    classes = {"model": ModelConfig, "alignment": AlignmentConfig, "text": TextConfig, "features": FeatureConfig}
    fields = {key: raw[key] for key in classes if raw.get(key) is not None}
    built = {key: from_dict(classes[key], value, file=path, prefix=f"{key}.") for key, value in fields.items()}
    backbone: Any = raw.get("backbone")
    provenance = raw.get("provenance", {})
    if backbone not in get_args(Backbone):
        problem = f"expected one of {', '.join(get_args(Backbone))}"
        raise DataError(problem, file=path, field="backbone", value=backbone)
    for name in ("model", "alignment"):
        if name not in built:
            raise DataError("a section is missing", file=path, field=name)
    if not isinstance(provenance, dict):
        raise DataError("expected an object", file=path, field="provenance", value=provenance)
    text, features = built.get("text"), built.get("features")
    return ModelCard(backbone, built["model"], built["alignment"], text, features, provenance)


def load_model(path: str | Path, *, text_encoder: nn.Module | None = None) -> tuple[AlignedModel, ModelCard]:
    """A model in eval mode, from a folder of ours or a ``.pth`` of the authors'.

    Args:
        path: a folder with ``model.safetensors`` and ``model.json``, or a ``.pth`` file; or the folder of a training,
            whose newest whole checkpoint is taken, and said (:func:`hiero_lib.models.model_files.model_at`).
        text_encoder: an encoder of the right kind, to be filled with the trained weights that the file carries;
            needed only where the text encoder was trained and texts are to be encoded with it.

    Raises:
        DataError: a missing, damaged or foreign file, or weights that do not fit the card.
        UnsafeFileError: a ``.pth`` that would execute something.
    """
    path = model_at(path)
    if path.is_file() and path.suffix in (".pth", ".pt"):
        return load_authors_model(path)
    card = _card(checked_card(path), path / CARD)
    weights = path / WEIGHTS
    state = read_state(weights)
    has_encoder = any(name.startswith("text_encoder.") for name in state)
    if text_encoder is None:
        state = {name: value for name, value in state.items() if not name.startswith("text_encoder.")}
    text_dim = _text_dim(state, "text_head.net.0.weight", weights)
    encoder = text_encoder if has_encoder else None
    with torch.device("meta"):  # nothing is allocated before the sizes that are claimed are those of the weights
        expected = build_model(card, text_dim=text_dim, text_encoder=encoder).state_dict()
    check_strictly(expected, state, file=weights)
    model = build_model(card, text_dim=text_dim, text_encoder=encoder)
    load_strictly(model, state, file=weights)
    return model.eval(), card


def _text_dim(state: dict[str, Any], name: str, file: Path) -> int:
    """T, from the first weight of the text head."""
    weight = state.get(name)
    if not isinstance(weight, torch.Tensor):
        raise DataError("a weight is missing", file=file, field=name)
    if weight.dim() != 2:
        raise DataError("expected a matrix", file=file, field=name, value=tuple(weight.shape))
    return weight.shape[1]


def load_authors_model(path: str | Path) -> tuple[AlignedModel, ModelCard]:
    """A model from a checkpoint of the authors' trainer; its DistilBERT comes along where the file has one.

    The thread graph is ``released`` and the dimensions are the file's (METHOD.md, "Files").

    Args:
        path: the ``.pth``.

    Raises:
        DataError, UnsafeFileError: as :func:`hiero_lib.models.authors_checkpoint.read_authors_checkpoint`.
    """
    path = Path(path)
    checkpoint = read_authors_checkpoint(path)
    if checkpoint.unused:
        say_aside(
            f"{path}: {len(checkpoint.unused)} weights of task are not used, the first is {checkpoint.unused[0]}"
        )
    provenance = {"source": str(path), "step": checkpoint.step, "config": checkpoint.config}
    card = ModelCard("hiero", checkpoint.model, checkpoint.alignment, None, None, provenance)
    encoder = None
    if any(name.startswith("embeddings.") for name in checkpoint.text_encoder):
        try:
            encoder = distilbert_from_state_dict(checkpoint.text_encoder)
        except DataError as error:
            field = f"task.text_model.{error.field}"
            raise DataError(error.problem, file=path, field=field, value=error.value) from error
    elif checkpoint.text_encoder:
        say_aside(f"{path}: its text encoder is no DistilBERT and is not used")
    text_dim = _text_dim(checkpoint.text_head, "net.0.weight", path)
    with torch.device("meta"):  # see load_model
        expected = build_model(card, text_dim=text_dim)
    for part, state in checkpoint.parts.items():
        with _their_names(part, checkpoint.model.n_layers):
            check_strictly(getattr(expected, part).state_dict(), state, file=path)
    model = build_model(card, text_dim=text_dim, text_encoder=encoder)
    for part, state in checkpoint.parts.items():
        with _their_names(part, checkpoint.model.n_layers):
            load_strictly(getattr(model, part), state, file=path)
    return model.eval(), card


@contextlib.contextmanager
def _their_names(part: str, n_layers: int) -> Iterator[None]:
    """Errors within name a weight as the authors' file does."""
    try:
        yield
    except DataError as error:
        field = their_name(part, error.field or "", n_layers)
        raise DataError(error.problem, file=error.file, field=field, value=error.value) from error
