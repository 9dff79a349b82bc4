"""Video Swin Transformer trunk under the names of Omnivore's checkpoints.

Liu et al., Video Swin Transformer (CVPR 2022); Girdhar et al., Omnivore (CVPR 2022). Written here because
torchvision's, which computes the same from renamed weights, refuses to load beside a torch of another build, and
torch hub's needs timm and runs code from the network.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

Shape = tuple[int, int, int]


class WindowAttention(nn.Module):
    """Attention among the tokens of a window, with a learnt bias for each relative position.

    Shapes: ``[B * windows, n, C]`` -> the same; a window of fewer tokens than the full one uses the first n rows of
    the full window's table of positions, as released.
    """

    relative_position_index: Tensor

    def __init__(self, dim: int, heads: int, window: Shape) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        spans = [2 * size - 1 for size in window]
        self.relative_position_bias_table = nn.Parameter(torch.zeros(spans[0] * spans[1] * spans[2], heads))
        places = torch.cartesian_prod(*(torch.arange(size) for size in window))
        offset = places[:, None] - places[None] + torch.tensor(window) - 1  # [n, n, 3], from 0 on
        index = (offset[..., 0] * spans[1] + offset[..., 1]) * spans[2] + offset[..., 2]
        self.register_buffer("relative_position_index", index)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """``mask [windows, n, n]`` is added to the logits: 0, or -100 between tokens that are not neighbours."""
        batch, tokens, dim = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        index = self.relative_position_index[:tokens, :tokens]
        bias = self.relative_position_bias_table[index].permute(2, 0, 1)[None]
        if mask is not None:
            bias = (bias + mask[:, None]).repeat(batch // len(mask), 1, 1, 1)
        out = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.proj(out.transpose(1, 2).reshape(batch, tokens, dim))


class Mlp(nn.Module):
    """Two linear layers with GELU between."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """``[..., dim]`` to ``[..., dim]``."""
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """Windowed attention and an MLP, each with a residual; every second block shifts its windows by half.

    Shapes: ``[B, T, H, W, C]`` -> the same.
    """

    def __init__(self, dim: int, heads: int, window: Shape, *, shifted: bool) -> None:
        super().__init__()
        self.window, self.shifted = window, shifted
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn, self.mlp = WindowAttention(dim, heads, window), Mlp(dim)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = x + self._attend(self.norm1(x))
        return x + self.mlp(self.norm2(x))

    def _attend(self, x: Tensor) -> Tensor:
        shape = x.shape[1:4]
        # Along an axis that fits into one window there is nothing to shift.
        window = [min(size, full) for size, full in zip(shape, self.window)]
        shift = [full // 2 if self.shifted and size > full else 0 for size, full in zip(shape, self.window)]
        padding = [-size % part for size, part in zip(shape, window)]
        x = nn.functional.pad(x, (0, 0, 0, padding[2], 0, padding[1], 0, padding[0]))
        padded = tuple(x.shape[1:4])
        mask = None
        if any(shift):
            x = torch.roll(x, [-by for by in shift], dims=(1, 2, 3))
            mask = _shift_mask(padded, tuple(window), tuple(shift), x.device)
        windows = self.attn(_cut(x, window), mask)
        x = _join(windows, window, x.shape)
        if any(shift):
            x = torch.roll(x, shift, dims=(1, 2, 3))
        return x[:, : shape[0], : shape[1], : shape[2]]


def _cut(x: Tensor, window: Sequence[int]) -> Tensor:
    """``[B, T, H, W, C]`` into ``[B * windows, tokens, C]``."""
    batch, t, h, w, channels = x.shape
    parts = x.view(batch, t // window[0], window[0], h // window[1], window[1], w // window[2], window[2], channels)
    return parts.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(-1, window[0] * window[1] * window[2], channels)


def _join(windows: Tensor, window: Sequence[int], shape: Sequence[int]) -> Tensor:
    """The reverse of :func:`_cut`, for the ``shape [B, T, H, W, C]`` that was cut."""
    batch, t, h, w, channels = shape
    parts = windows.view(batch, t // window[0], h // window[1], w // window[2], *window, channels)
    return parts.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(batch, t, h, w, channels)


@functools.lru_cache(maxsize=8)
def _shift_mask(shape: Shape, window: Shape, shift: Shape, device: torch.device) -> Tensor:
    """``[windows, n, n]``: -100 between tokens that only the cyclic shift brought into one window, else 0."""
    region = torch.zeros(shape, device=device)
    borders = [(0, size - part, size - by, size) for size, part, by in zip(shape, window, shift)]
    spans = [[slice(a, b) for a, b in itertools.pairwise(border)] for border in borders]
    for number, (t, h, w) in enumerate(itertools.product(*spans)):
        region[t, h, w] = number
    of_windows = _cut(region[None, ..., None], window)[..., 0]
    return -100.0 * (of_windows[:, :, None] != of_windows[:, None, :]).float()


class PatchMerging(nn.Module):
    """Four neighbouring patches into one of twice the channels. ``[B, T, H, W, C]`` -> ``[B, T, H/2, W/2, 2C]``."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm, self.reduction = nn.LayerNorm(4 * dim), nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = nn.functional.pad(x, (0, 0, 0, x.shape[3] % 2, 0, x.shape[2] % 2))
        quarters = [x[:, :, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.reduction(self.norm(torch.cat(quarters, dim=-1)))


class Layer(nn.Module):
    """A stage of blocks, and the merging after it (not after the last)."""

    def __init__(self, dim: int, depth: int, heads: int, window: Shape, *, merging: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(dim, heads, window, shifted=number % 2 == 1) for number in range(depth))
        self.downsample = PatchMerging(dim) if merging else None

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)


class PatchEmbedding(nn.Module):
    """Patches of 2 x 4 x 4 pixels, normalised. ``[B, channels, T, H, W]`` -> ``[B, T/2, H/4, W/4, C]``."""

    def __init__(self, channels: int, dim: int, patch: Shape = (2, 4, 4)) -> None:
        super().__init__()
        self.patch = patch
        self.proj, self.norm = nn.Conv3d(channels, dim, patch, stride=patch), nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        t, h, w = (-size % part for size, part in zip(x.shape[2:], self.patch))
        return self.norm(self.proj(nn.functional.pad(x, (0, w, 0, h, 0, t))).permute(0, 2, 3, 4, 1))


class SwinTrunk(nn.Module):
    """Omnivore's trunk. ``[B, 3, T, H, W]`` -> ``[B, 8 * dim]``, the mean over space and time after the last norm.

    Args:
        dim: channels after the patch embedding (Swin-L: 192).
        depths, heads: of the stages; window: tokens of a window in time, height and width.
        depth_patches: keep the patch embedding of depth images, which Omnivore's files have and videos do not use.
    """

    def __init__(
        self,
        *,
        dim: int = 192,
        depths: Sequence[int] = (2, 2, 18, 2),
        heads: Sequence[int] = (6, 12, 24, 48),
        window: Shape = (8, 7, 7),
        depth_patches: bool = True,
    ) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(3, dim)
        if depth_patches:
            self.depth_patch_embed = PatchEmbedding(1, dim)
        stages = enumerate(zip(depths, heads))
        self.layers = nn.ModuleList(
            Layer(dim * 2**i, depth, head, window, merging=i < len(depths) - 1) for i, (depth, head) in stages
        )
        self.norm = nn.LayerNorm(dim * 2 ** (len(depths) - 1))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = self.patch_embed(x)
        for layer in self.layers:
            x = layer(x)
        return self.norm(x).mean((1, 2, 3))
