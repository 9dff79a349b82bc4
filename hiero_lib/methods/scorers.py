"""Scorers put segments and texts into one space, where a cosine compares them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch_geometric.data import Batch

from hiero_lib.base.errors import DataError
from hiero_lib.models.alignment import AlignedModel

EmbedText = Callable[[Sequence[str]], Tensor]


class Scorer(Protocol):
    """Puts segments and texts into one space, where a cosine compares them."""

    def segments(self, batch: Batch, rows: Tensor) -> Tensor:
        """``[n, D]`` for some of the segments of a batch of windows, by their rows ``[n]``."""

    def texts(self, queries: Sequence[str]) -> Tensor:
        """``[Q, D]``."""


@dataclass(frozen=True)
class ModelScorer:
    """A trained model; ``embed_text`` gives the frozen text encoder's output ``[Q, T]``."""

    model: AlignedModel
    embed_text: EmbedText
    device: torch.device

    def segments(self, batch: Batch, rows: Tensor) -> Tensor:
        """Projected level 0 of the backbone, without clustering."""
        (level, *_) = self.model.backbone(batch, cluster=False)
        return self.model.visual_head(level.x[rows])

    def texts(self, queries: Sequence[str]) -> Tensor:
        """The text head on the encoder's output; a text encoder trained with the model goes before ``embed_text``."""
        encoder = self.model.text_encoder
        text = encoder(list(queries)) if encoder is not None else self.embed_text(queries).to(self.device)
        return self.model.text_head(text)


@dataclass(frozen=True)
class RawScorer:
    """No training: raw features against the features' own text space, ReLU then linear (EgoVLP's ``txt_proj``).

    Shapes: weight ``[F, T]``, bias ``[F]``.
    """

    weight: Tensor
    bias: Tensor
    embed_text: EmbedText
    device: torch.device

    @classmethod
    def from_file(cls, path: str | Path, *, embed_text: EmbedText, device: torch.device) -> RawScorer:
        """Read a ``.pth`` with one matrix and one vector, whatever their names.

        Raises:
            DataError: missing, unreadable, or not one linear layer.
        """
        path = Path(path)
        if not path.is_file():
            raise DataError("there is no such file", file=path, hint="It is the untrained baseline's text projection")
        try:
            state = torch.load(path, map_location=device, weights_only=True)
        except Exception as error:
            raise DataError(f"not readable as a file of tensors ({error})"[:300], file=path) from error
        matrices = [value.float() for value in state.values() if value.dim() == 2]
        vectors = [value.float() for value in state.values() if value.dim() == 1]
        if len(matrices) != 1 or len(vectors) != 1 or len(matrices[0]) != len(vectors[0]):
            shapes = {name: tuple(value.shape) for name, value in state.items()}
            raise DataError("expected one matrix and one vector", file=path, field="state dict", value=shapes)
        return cls(matrices[0], vectors[0], embed_text, device)

    def segments(self, batch: Batch, rows: Tensor) -> Tensor:
        """The features as they are."""
        return batch.x[rows]

    def texts(self, queries: Sequence[str]) -> Tensor:
        """ReLU, then the linear projection."""
        text = self.embed_text(queries).to(self.device)
        return torch.nn.functional.linear(text.relu(), self.weight, self.bias)
