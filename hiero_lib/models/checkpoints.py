"""Models on disk: a folder with ``model.safetensors`` and the ``model.json`` that says what it is.

The authors' ``.pth`` files are read as well (:mod:`hiero_lib.models.authors_checkpoint`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from safetensors.torch import save_file
from torch import nn

from hiero_lib import __version__
from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_json, write_json
from hiero_lib.config import AlignmentConfig, FeatureConfig, ModelConfig, Profile, TextConfig, from_dict
from hiero_lib.models.alignment import AlignedModel, TextHead, VisualHead
from hiero_lib.models.authors_checkpoint import read_authors_checkpoint
from hiero_lib.models.hiero import HiERO
from hiero_lib.models.probe import SegmentProbe
from hiero_lib.models.text_encoders import distilbert_from_state_dict
from hiero_lib.models.weights import load_strictly, read_state

Backbone = Literal["hiero", "probe"]
FORMAT = 1


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
    """Write ``model.safetensors`` and ``model.json`` into a folder that exists (a temporary one, renamed later)."""
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    write_json(folder / "model.json", {"format": FORMAT, "hiero_lib": __version__, **dataclasses.asdict(card)})


def read_card(folder: str | Path) -> ModelCard:
    """The ``model.json`` of a model folder.

    Raises:
        DataError: there is none, or it is of another format.
    """
    path = Path(folder) / "model.json"
    raw = read_json(path)
    version = raw.get("format") if isinstance(raw, dict) else None
    if version != FORMAT:
        raise DataError("not a model's card of this version of hiero_lib", file=path, field="format", value=version)
    fields = {key: raw[key] for key in ("model", "alignment", "text", "features") if raw.get(key) is not None}
    classes = {"model": ModelConfig, "alignment": AlignmentConfig, "text": TextConfig, "features": FeatureConfig}
    built = {key: from_dict(classes[key], value, file=path, prefix=f"{key}.") for key, value in fields.items()}
    return ModelCard(
        raw["backbone"],
        built["model"],
        built["alignment"],
        built.get("text"),
        built.get("features"),
        raw.get("provenance", {}),
    )


def load_model(path: str | Path, *, text_encoder: nn.Module | None = None) -> tuple[AlignedModel, ModelCard]:
    """A model in eval mode, from a folder of ours or a ``.pth`` of the authors'.

    Args:
        path: a folder with ``model.safetensors`` and ``model.json``, or a ``.pth`` file.
        text_encoder: an encoder of the right kind, to be filled with the trained weights that the file carries;
            needed only where the text encoder was trained and texts are to be encoded with it.

    Raises:
        DataError: a missing, truncated or foreign file, or weights that do not fit the card.
        UnsafeFileError: a ``.pth`` that would execute something.
    """
    path = Path(path)
    if path.is_file() and path.suffix in (".pth", ".pt"):
        return load_authors_model(path)
    card = read_card(path)
    weights = path / "model.safetensors"
    state = read_state(weights)
    has_encoder = any(name.startswith("text_encoder.") for name in state)
    if text_encoder is None:
        state = {name: value for name, value in state.items() if not name.startswith("text_encoder.")}
    if "text_head.net.0.weight" not in state:
        raise DataError("a weight is missing", file=weights, field="text_head.net.0.weight")
    text_dim = state["text_head.net.0.weight"].shape[1]
    model = build_model(card, text_dim=text_dim, text_encoder=text_encoder if has_encoder else None)
    load_strictly(model, state, file=weights)
    return model.eval(), card


def load_authors_model(path: str | Path) -> tuple[AlignedModel, ModelCard]:
    """A model from a checkpoint of the authors' trainer; its DistilBERT comes along where the file has one.

    The thread graph is ``released`` and the dimensions are the file's (METHOD.md, "Files").

    Args:
        path: the ``.pth``.

    Raises:
        DataError, UnsafeFileError: as :func:`hiero_lib.models.authors_checkpoint.read_authors_checkpoint`.
    """
    checkpoint = read_authors_checkpoint(path)
    card = ModelCard(
        "hiero",
        checkpoint.model,
        checkpoint.alignment,
        None,
        None,
        {"source": str(path), "step": checkpoint.step, "config": checkpoint.config},
    )
    encoder = None
    if "embeddings.word_embeddings.weight" in checkpoint.text_encoder:
        encoder = distilbert_from_state_dict(checkpoint.text_encoder)
    text_dim = checkpoint.text_head["net.0.weight"].shape[1]
    model = build_model(card, text_dim=text_dim, text_encoder=encoder)
    for part, state in (
        (model.backbone, checkpoint.backbone),
        (model.visual_head, checkpoint.visual_head),
        (model.text_head, checkpoint.text_head),
    ):
        load_strictly(part, state, file=Path(path))
    return model.eval(), card
