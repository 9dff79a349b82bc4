"""The Swin trunk: the authors' names and shapes at full size, windows and positions against slow versions."""

from __future__ import annotations

import pytest
import torch

from hiero_lib.sources.extraction.extractors.swin3d import Block, SwinTrunk, WindowAttention
from tests.helpers.extractors import randomised


def test_omnivore_has_the_authors_names_and_shapes() -> None:
    """Swin-L at its true size, on the meta device."""
    with torch.device("meta"):
        state = SwinTrunk().state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    expected: dict[str, tuple[int, ...]] = {"norm.weight": (1536,), "norm.bias": (1536,)}
    for name, channels in (("patch_embed", 3), ("depth_patch_embed", 1)):
        expected |= {f"{name}.proj.weight": (192, channels, 2, 4, 4), f"{name}.proj.bias": (192,)}
        expected |= {f"{name}.norm.weight": (192,), f"{name}.norm.bias": (192,)}
    for stage, (depth, heads) in enumerate(zip((2, 2, 18, 2), (6, 12, 24, 48))):
        dim = 192 * 2**stage
        for block in range(depth):
            prefix = f"layers.{stage}.blocks.{block}"
            expected |= {
                f"{prefix}.{norm}.{kind}": (dim,) for norm in ("norm1", "norm2") for kind in ("weight", "bias")
            }
            expected |= {
                f"{prefix}.attn.relative_position_bias_table": (15 * 13 * 13, heads),
                f"{prefix}.attn.relative_position_index": (392, 392),
                f"{prefix}.attn.qkv.weight": (3 * dim, dim),
                f"{prefix}.attn.qkv.bias": (3 * dim,),
                f"{prefix}.attn.proj.weight": (dim, dim),
                f"{prefix}.attn.proj.bias": (dim,),
                f"{prefix}.mlp.fc1.weight": (4 * dim, dim),
                f"{prefix}.mlp.fc1.bias": (4 * dim,),
                f"{prefix}.mlp.fc2.weight": (dim, 4 * dim),
                f"{prefix}.mlp.fc2.bias": (dim,),
            }
        if stage < 3:
            prefix = f"layers.{stage}.downsample"
            expected |= {f"{prefix}.reduction.weight": (2 * dim, 4 * dim)}
            expected |= {f"{prefix}.norm.weight": (4 * dim,), f"{prefix}.norm.bias": (4 * dim,)}
    assert shapes == expected


def neighbours_of(block: Block, shape: tuple[int, int, int], token: int) -> set[int]:
    """Which tokens change when one does: those whose attention sees it."""
    x = torch.zeros(1, *shape, 2)
    changed = x.clone()
    changed.view(-1, 2)[token, 0] = 1.0
    difference = (block._attend(changed) - block._attend(x)).abs().sum(-1).flatten()
    return set(difference.nonzero().flatten().tolist())


@pytest.mark.parametrize("shifted", [False, True])
def test_shifted_windows_against_a_slow_version(shifted: bool) -> None:
    """Two tokens see each other when they are in one window of the (shifted) division, cyclic wrap excluded."""
    torch.manual_seed(0)
    block = Block(2, 1, (2, 3, 3), shifted=shifted)
    randomised(block, std=1.0)
    shape = (4, 6, 3)  # the last axis fits into a window, which is then not shifted
    shift = (1, 1, 0) if shifted else (0, 0, 0)

    def window_of(place: tuple[int, ...]) -> tuple[int, ...]:
        sizes = (2, 3, 3)
        return tuple((p - by + size) // size if by else p // size for p, by, size in zip(place, shift, sizes))

    places = [(t, h, w) for t in range(4) for h in range(6) for w in range(3)]
    for token in (0, 17, 40, 71):
        expected = {n for n, place in enumerate(places) if window_of(place) == window_of(places[token])}
        assert neighbours_of(block, shape, token) == expected


def test_positions_within_a_window_are_relative() -> None:
    attention = WindowAttention(4, 2, (2, 3, 3))
    index = attention.relative_position_index
    places = [(t, h, w) for t in range(2) for h in range(3) for w in range(3)]
    by_offset: dict[tuple[int, ...], int] = {}
    for i, a in enumerate(places):
        for j, b in enumerate(places):
            offset = tuple(x - y for x, y in zip(a, b))
            assert by_offset.setdefault(offset, int(index[i, j])) == index[i, j]
    assert sorted(by_offset.values()) == list(range(3 * 5 * 5))
