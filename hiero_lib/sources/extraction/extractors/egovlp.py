"""EgoVLP's video tower: a TimeSformer-B with divided attention (Frozen in Time), and its projection to 256.

Lin et al., Egocentric Video-Language Pretraining (NeurIPS 2022); Bain et al., Frozen in Time (ICCV 2021). Parameter
names are the authors', so ``egovlp.pth`` (``state_dict`` with ``module.video_model.*`` and ``module.vid_proj.0.*``)
loads as it is.

From the authors' code: patches of 16, width 768, 12 blocks, 12 heads; 4 frames a window, the middle ones of four
equal parts (frames 1, 5, 9, 13 of 16); short side and crop 256, then 224; ImageNet's mean and deviation; CLS token
after the last norm. Not checked here, for want of the weights: that the features equal those the HiERO authors
publish (which resize did their video files go through, and did they sample 4 frames of each 16).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hiero_lib.base.errors import DataError
from hiero_lib.models.weights import load_strictly, read_state
from hiero_lib.sources.extraction.extractors.base import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    NetworkExtractor,
    Preprocessing,
    fingerprint_of,
)

NAME, DIM, SAMPLED, WINDOW = "egovlp", 256, 4, 16
# What the authors' trainer saves beside tensors: its settings, with paths, and its best loss.
_SETTINGS = re.compile(
    r"(\w+\.)*parse_config\w*\.ConfigParser$|collections\.(OrderedDict|defaultdict)$"
    r"|pathlib(\._local)?\.\w*Path$|numpy(\.\w+)*\.(scalar|dtype|float64|float32|Float64DType)$|_codecs\.encode$"
)
PREPROCESSING = Preprocessing(256, 256, 224, IMAGENET_MEAN, IMAGENET_STD)


class DividedAttention(nn.Module):
    """Multi-head attention of groups of patches, to themselves and to the CLS token, which attends to everything.

    Shapes: ``x [B, 1 + T * P, D]``, CLS first, then frame by frame; result the same.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor, frames: int, *, over_time: bool) -> Tensor:
        """Attention within a frame, or (``over_time``) between the patches at one place of all frames."""
        batch, tokens, dim = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # [B, heads, N, d]
        attend = nn.functional.scaled_dot_product_attention
        cls = attend(q[:, :, :1], k, v)

        def grouped(t: Tensor) -> Tensor:  # [B, heads, groups, members, d]
            patches = t[:, :, 1:].unflatten(2, (frames, -1))
            return patches.transpose(2, 3) if over_time else patches

        k_group, v_group = (torch.cat([_beside(t, frames, over_time), grouped(t)], dim=3) for t in (k, v))
        patches = attend(grouped(q), k_group, v_group)
        patches = (patches.transpose(2, 3) if over_time else patches).flatten(2, 3)
        return self.proj(torch.cat([cls, patches], dim=2).transpose(1, 2).reshape(batch, tokens, dim))


def _beside(t: Tensor, frames: int, over_time: bool) -> Tensor:
    """The CLS token's key or value, once for each group."""
    groups = (t.shape[2] - 1) // frames if over_time else frames
    return t[:, :, None, :1].expand(-1, -1, groups, -1, -1)


class Mlp(nn.Module):
    """Two linear layers with GELU between, under the authors' names."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """``[..., dim]`` to ``[..., dim]``."""
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class SpaceTimeBlock(nn.Module):
    """Attention over time, then over space, then the MLP.

    The residual of the space attention is the block's input, not the output of the time attention (Frozen in Time).
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(dim, eps=1e-6) for _ in range(3))
        self.attn, self.timeattn = DividedAttention(dim, heads), DividedAttention(dim, heads)
        self.mlp = Mlp(dim, 4 * dim)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """``[B, 1 + T * P, D]`` to the same."""
        in_time = x + self.timeattn(self.norm3(x), frames, over_time=True)
        x = x + self.attn(self.norm1(in_time), frames, over_time=False)
        return x + self.mlp(self.norm2(x))


class PatchEmbedding(nn.Module):
    """Each frame cut into patches, under the authors' name ``proj``."""

    def __init__(self, dim: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, patch, stride=patch)


class SpaceTimeTransformer(nn.Module):
    """The video model of EgoVLP.

    Shapes: ``[B, T, 3, size, size]`` with T at most ``frames`` -> ``[B, dim]``, the CLS token.
    """

    def __init__(
        self, *, dim: int = 768, depth: int = 12, heads: int = 12, patch: int = 16, size: int = 224, frames: int = 4
    ) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(dim, patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, (size // patch) ** 2 + 1, dim))
        self.temporal_embed = nn.Parameter(torch.zeros(1, frames, dim))
        self.blocks = nn.ModuleList(SpaceTimeBlock(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        batch, frames = x.shape[:2]
        patches = self.patch_embed.proj(x.flatten(0, 1)).flatten(2).mT.unflatten(0, (batch, frames))
        patches = patches + self.pos_embed[:, None, 1:] + self.temporal_embed[:, :frames, None]
        cls = (self.cls_token + self.pos_embed[:, :1]).expand(batch, -1, -1)
        tokens = torch.cat([cls, patches.flatten(1, 2)], dim=1)
        for block in self.blocks:
            tokens = block(tokens, frames)
        return self.norm(tokens)[:, 0]


class VideoTower(nn.Module):
    """``video_model`` and ``vid_proj``: ``[B, T, 3, size, size]`` to ``[B, projected]``."""

    def __init__(self, *, dim: int = 768, projected: int = DIM, **sizes: int) -> None:
        super().__init__()
        self.video_model = SpaceTimeTransformer(dim=dim, **sizes)
        self.vid_proj = nn.Sequential(nn.Linear(dim, projected))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.vid_proj(self.video_model(x))


def load(weights: str | Path | None) -> NetworkExtractor:
    """The extractor with the weights of ``egovlp.pth``.

    Args:
        weights: the authors' checkpoint, or a state dict of its video tower; its sizes are read from the tensors.

    Raises:
        DataError: no file was given, it is broken, or a weight is missing or of another shape.
        UnsafeFileError: reading the file would import something; the settings that the authors' trainer saves as
            Python objects are left unread.
    """
    if weights is None:
        hint = "Give EgoVLP's pretraining checkpoint (egovlp.pth, github.com/showlab/EgoVLP) with --weights"
        raise DataError("needs its weights", field=NAME, hint=hint)
    path = Path(weights)
    state = video_tower_state(read_state(path, inert=_SETTINGS), file=path)
    temporal, position = state["video_model.temporal_embed"], state["video_model.pos_embed"]
    depth = len({name.split(".")[2] for name in state if name.startswith("video_model.blocks.")})
    dim, patch = temporal.shape[2], state["video_model.patch_embed.proj.weight"].shape[-1]
    size = patch * round((position.shape[1] - 1) ** 0.5)
    projected = len(state["vid_proj.0.bias"])
    network = VideoTower(
        dim=dim, projected=projected, depth=depth, heads=dim // 64, patch=patch, size=size, frames=temporal.shape[1]
    )
    load_strictly(network, state, file=path)
    sampled = min(SAMPLED, temporal.shape[1])
    preparing = PREPROCESSING if size == 224 else Preprocessing(256, 256, size, IMAGENET_MEAN, IMAGENET_STD)
    how = (NAME, sampled, preparing)
    return NetworkExtractor(
        NAME,
        projected,
        sampled,
        WINDOW,
        preparing,
        network.eval(),
        nn.Module.__call__,
        fingerprint_of(state, how=how),
        f"EgoVLP's video tower ({path.name})",
    )


def video_tower_state(raw: Any, *, file: Path) -> dict[str, Tensor]:
    """The entries of ``video_model`` and ``vid_proj``, without the ``module.`` of data-parallel training.

    Raises:
        DataError: there are none.
    """
    state = raw.get("state_dict", raw) if isinstance(raw, Mapping) else {}
    named = {str(name).removeprefix("module."): value for name, value in state.items() if isinstance(value, Tensor)}
    kept = {name: value for name, value in named.items() if name.startswith(("video_model.", "vid_proj."))}
    needed = ("video_model.temporal_embed", "video_model.pos_embed", "vid_proj.0.bias")
    for name in (*needed, "video_model.patch_embed.proj.weight"):
        if name not in kept:
            raise DataError("not a checkpoint of EgoVLP: a weight is missing", file=file, field=name)
    return kept
