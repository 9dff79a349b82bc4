"""CLIP's text tower, under the parameter names of OpenAI's release, which LaViLa's weights have too.

transformers' ``CLIPTextModel`` computes the same (a test compares them to 1e-5) but is not used: it names its
weights differently from version to version (with or without ``text_model.``), and those names are in the key of the
text cache and in the files of trained models, which the next version could then no longer read.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class ClipTextTower(nn.Module):
    """CLIP's text transformer (Radford et al. 2021) under OpenAI's and LaViLa's parameter names.

    Causal, pre-norm, GELU approximated as ``x * sigmoid(1.702 x)``. The state of the end-of-text token after
    ``ln_final`` is the text's vector; ``text_projection``, which leads to LaViLa's video-text space of 256, is not
    part of it, since HiERO's text head takes 768 channels. That could not be checked against LaViLa's weights.

    Args:
        vocab_size, context, width, n_layers: 49408, 77, 768, 12 for LaViLa.
        n_heads: width / 64 in every released CLIP.
        quick_gelu: False for the exact GELU of later CLIPs.
    """

    def __init__(
        self, *, vocab_size: int, context: int, width: int, n_layers: int, n_heads: int, quick_gelu: bool = True
    ) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocab_size, width)
        self.positional_embedding = nn.Parameter(0.01 * torch.randn(context, width))
        blocks = [_ClipBlock(width, n_heads, _QuickGELU() if quick_gelu else nn.GELU()) for _ in range(n_layers)]
        self.transformer = nn.ModuleDict({"resblocks": nn.Sequential(*blocks)})
        self.ln_final = nn.LayerNorm(width)

    def forward(self, *, input_ids: Int[Tensor, "n L"], attention_mask: Int[Tensor, "n L"]) -> ClipOutput:
        """States ``[n, L, width]``; what follows a text cannot reach it, so that the mask is not needed."""
        x = self.token_embedding(input_ids) + self.positional_embedding[: input_ids.shape[1]]
        return ClipOutput(self.ln_final(self.transformer["resblocks"](x)))


class ClipOutput(NamedTuple):
    """``last_hidden_state [n, L, width]``, as transformers names it."""

    last_hidden_state: Float[Tensor, "n L D"]


class _QuickGELU(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class _ClipBlock(nn.Module):
    def __init__(self, width: int, n_heads: int, activation: nn.Module) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, n_heads, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        layers = {"c_fc": nn.Linear(width, 4 * width), "gelu": activation, "c_proj": nn.Linear(4 * width, width)}
        self.mlp = nn.Sequential(OrderedDict(layers))

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        future = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, attn_mask=future, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


_OPENAI_NAMES = (
    (r"^embeddings\.token_embedding\.", "token_embedding."),
    (r"^embeddings\.position_embedding\.weight$", "positional_embedding"),
    (r"^final_layer_norm\.", "ln_final."),
    (r"^encoder\.layers\.", "transformer.resblocks."),
    (r"\.layer_norm([12])\.", r".ln_\1."),
    (r"\.mlp\.fc1\.", ".mlp.c_fc."),
    (r"\.mlp\.fc2\.", ".mlp.c_proj."),
    (r"\.self_attn\.out_proj\.", ".attn.out_proj."),
    (r"\.self_attn\.q_proj\.", ".attn.in_proj_"),
)


def openai_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A CLIP text tower's weights under OpenAI's names, from theirs or from transformers'."""
    renamed = {}
    for name, value in state.items():
        if ".self_attn.q_proj." in name:  # transformers keeps the three input projections apart
            value = torch.cat([state[name.replace(".q_proj.", f".{part}_proj.")] for part in "qkv"])
        elif ".self_attn.k_proj." in name or ".self_attn.v_proj." in name:
            continue
        for pattern, ours in _OPENAI_NAMES:
            name = re.sub(pattern, ours, name)
        renamed[name] = value
    return renamed
