"""The heads that bring segments and narrations into one space, and the model that training optimises."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from hiero_lib.config import AlignmentConfig
from hiero_lib.models.hiero import HierarchyLevel


class VisualHead(nn.Module):
    """Dropout, linear H -> D, LayerNorm, ReLU, linear D -> D (METHOD.md, "Formulas").

    Shapes: ``[n, H]`` -> ``[n, D]``.
    """

    def __init__(self, hidden_size: int, config: AlignmentConfig) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(hidden_size, config.dim),
            nn.LayerNorm(config.dim),
            nn.ReLU(),
            nn.Linear(config.dim, config.dim),
        )

    def forward(self, x: Float[Tensor, "n H"]) -> Float[Tensor, "n D"]:
        """See the class."""
        return self.net(x)


class TextHead(nn.Module):
    """Linear T -> D, ReLU, linear D -> D on the text encoder's output.

    Shapes: ``[m, T]`` -> ``[m, D]``.
    """

    def __init__(self, text_dim: int, config: AlignmentConfig) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(text_dim, config.dim), nn.ReLU(), nn.Linear(config.dim, config.dim))

    def forward(self, text: Float[Tensor, "m T"]) -> Float[Tensor, "m D"]:
        """See the class."""
        return self.net(text)


class AlignedModel(nn.Module):
    """A backbone with its two heads.

    Args:
        backbone: :class:`hiero_lib.models.hiero.HiERO` or :class:`hiero_lib.models.probe.SegmentProbe`: maps a batch
            to a list of :class:`HierarchyLevel`, level 0 first.
        visual_head: ``[n, H]`` -> ``[n, D]``.
        text_head: ``[m, T]`` -> ``[m, D]``.
        text_encoder: a :class:`hiero_lib.models.text_encoders.TextEncoder`, only where it is trained with the rest;
            a frozen one stays outside.
    """

    def __init__(
        self,
        backbone: nn.Module,
        visual_head: nn.Module,
        text_head: nn.Module,
        text_encoder: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.backbone, self.visual_head, self.text_head = backbone, visual_head, text_head
        self.text_encoder = text_encoder

    def forward(
        self, data, text: Float[Tensor, "M T"] | list[str]
    ) -> tuple[list[HierarchyLevel], Float[Tensor, "N D"], Float[Tensor, "M D"]]:
        """One training pass.

        Args:
            data: a batch of videos.
            text: ``[M, T]`` output of the frozen text encoder, or the narrations where the encoder is trained.

        Returns:
            the levels, the projected segments ``[N, D]`` and the projected narrations ``[M, D]``.
        """
        levels = self.backbone(data)
        if not isinstance(text, Tensor):
            if self.text_encoder is None:
                raise TypeError("narrations were given as strings, but this model has no text encoder to train")
            text = self.text_encoder(text)
        return levels, self.visual_head(levels[0].x), self.text_head(text)
