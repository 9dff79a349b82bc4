"""The tower by plain matrix products, by transformers' own, and at its true size."""

import pytest
import torch

from hiero_lib.models.clip_text_tower import ClipTextTower, openai_names
from hiero_lib.models.text_encoders import TextEncoder, clip_tower, last_token
from tests.helpers.lavila import lavila_state


def literal_clip(state, ids, n_heads):
    """The tower in plain matrix products, for one text."""

    def norm(x, name):
        return torch.nn.functional.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"])

    x = state["token_embedding.weight"][ids] + state["positional_embedding"][: len(ids)]
    width = x.shape[1] // n_heads
    blocked = torch.full((len(ids), len(ids)), float("-inf")).triu(1)
    for i in range(2):
        block = f"transformer.resblocks.{i}."
        y = norm(x, f"{block}ln_1") @ state[f"{block}attn.in_proj_weight"].T + state[f"{block}attn.in_proj_bias"]
        heads = []
        for h in range(n_heads):
            q, k, v = (part[:, h * width : (h + 1) * width] for part in y.chunk(3, dim=1))
            heads.append((q @ k.T / width**0.5 + blocked).softmax(dim=1) @ v)
        x = x + torch.cat(heads, 1) @ state[f"{block}attn.out_proj.weight"].T + state[f"{block}attn.out_proj.bias"]
        y = norm(x, f"{block}ln_2") @ state[f"{block}mlp.c_fc.weight"].T + state[f"{block}mlp.c_fc.bias"]
        y = y * torch.sigmoid(1.702 * y)
        x = x + y @ state[f"{block}mlp.c_proj.weight"].T + state[f"{block}mlp.c_proj.bias"]
    return norm(x, "ln_final")[-1]


def test_lavila_names_load_and_compute_clip():
    state = lavila_state()
    encoder = TextEncoder(clip_tower(state), last_token, dim=128)
    assert encoder.dim == 128
    texts = [[1, 5, 9, 599], [1, 599], [1, 7, 7, 7, 7, 599]]
    ids, mask = torch.zeros(3, 6, dtype=torch.int64), torch.zeros(3, 6, dtype=torch.int64)
    for i, text in enumerate(texts):
        ids[i, : len(text)], mask[i, : len(text)] = torch.tensor(text), 1
    encoded = encoder.encode_ids(ids, mask)
    expected = torch.stack([literal_clip(state, torch.tensor(text), n_heads=2) for text in texts])
    assert torch.allclose(encoded, expected, atol=1e-4, rtol=1e-4)


def test_lavila_at_its_true_size():
    """Width 768, 12 layers, context 77, vocabulary 49408: the shapes of METHOD.md fill every weight."""
    with torch.device("meta"):
        tower = ClipTextTower(vocab_size=49408, context=77, width=768, n_layers=12, n_heads=12)
    expected = lavila_state(width=8, n_layers=12, vocab_size=3, context=2).keys() - {"text_projection"}
    assert tower.state_dict().keys() == expected
    assert sum(value.numel() for value in tower.parameters()) == 123_060_480


def transformers_tower(hidden_act):
    """A CLIPTextModel of two layers, and its weights under the names of the hub's files."""
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(2)
    config = CLIPTextConfig(
        vocab_size=600,
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=2,
        hidden_act=hidden_act,
    )
    model = CLIPTextModel(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model, {name.removeprefix("text_model."): value for name, value in model.state_dict().items()}


@pytest.mark.parametrize("hidden_act", ["quick_gelu", "gelu"])
def test_it_computes_what_transformers_computes(hidden_act):
    theirs, weights = transformers_tower(hidden_act)
    ours = clip_tower(weights, quick_gelu=hidden_act == "quick_gelu")
    ids, mask = torch.tensor([[1, 5, 9, 599, 0, 0], [1, 7, 7, 8, 7, 599]]), torch.ones(2, 6, dtype=torch.int64)
    mask[0, 4:] = 0
    with torch.no_grad():
        expected = theirs(input_ids=ids, attention_mask=mask).last_hidden_state[mask.bool()]
        states = ours(input_ids=ids, attention_mask=mask).last_hidden_state[mask.bool()]
    torch.testing.assert_close(states, expected, rtol=0, atol=1e-5)


def test_names_of_openai_stay_and_those_of_transformers_become_theirs():
    state = lavila_state()
    assert openai_names(state).keys() == state.keys()
    _, weights = transformers_tower("gelu")
    renamed = openai_names({name: value for name, value in weights.items() if "position_ids" not in name})
    assert renamed.keys() == state.keys() - {"text_projection"}
    value = weights["encoder.layers.1.self_attn.v_proj.weight"]
    assert torch.equal(renamed["transformer.resblocks.1.attn.in_proj_weight"][256:], value)
