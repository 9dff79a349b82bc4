"""Weights of LaViLa's text tower by their names and shapes, at random."""

import torch


def lavila_state(width=128, n_layers=2, vocab_size=600, context=77) -> dict[str, torch.Tensor]:
    """Random weights under LaViLa's names, written out rather than taken from our module."""
    torch.manual_seed(1)
    shapes = {
        "token_embedding.weight": (vocab_size, width),
        "positional_embedding": (context, width),
        "ln_final.weight": (width,),
        "ln_final.bias": (width,),
        "text_projection": (width, 256),
    }
    for i in range(n_layers):
        block = f"transformer.resblocks.{i}."
        shapes |= {
            f"{block}attn.in_proj_weight": (3 * width, width),
            f"{block}attn.in_proj_bias": (3 * width,),
            f"{block}attn.out_proj.weight": (width, width),
            f"{block}attn.out_proj.bias": (width,),
            f"{block}ln_1.weight": (width,),
            f"{block}ln_1.bias": (width,),
            f"{block}mlp.c_fc.weight": (4 * width, width),
            f"{block}mlp.c_fc.bias": (4 * width,),
            f"{block}mlp.c_proj.weight": (width, 4 * width),
            f"{block}mlp.c_proj.bias": (width,),
            f"{block}ln_2.weight": (width,),
            f"{block}ln_2.bias": (width,),
        }
    return {name: 0.2 * torch.randn(shape) for name, shape in shapes.items()}
