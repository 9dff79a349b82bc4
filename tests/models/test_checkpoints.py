"""A model comes back from disk as it was saved, and a folder that is not one is named."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.files import read_json, write_json
from hiero_lib.base.sealed import write_sealed
from hiero_lib.config import load_profile
from hiero_lib.models.checkpoints import build_model, card_of, load_model, read_card, save_model
from hiero_lib.models.hiero import HiERO
from hiero_lib.models.model_files import FORMAT
from hiero_lib.models.probe import SegmentProbe

PROFILE = load_profile(
    "sample",
    {"model.hidden_size": 24, "model.pos_hidden_channels": 8, "model.n_layers": 2, "alignment.dim": 16},
)
TEXT_DIM = 10


def reseal(folder: Path, **changes) -> None:
    """The card written again as if the kit had written it, with ``changes``; None takes a name away."""
    path = folder / "model.json"
    card = {**read_json(path), **changes}
    content = {name: value for name, value in card.items() if value is not None and name not in ("seal", "sha256")}
    write_sealed(path, content, format=FORMAT, files=["model.safetensors"])


class Encoder(torch.nn.Module):
    """A text encoder that was trained along."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.randn(TEXT_DIM))


def saved(folder: Path, backbone="hiero", encoder=None, **provenance):
    folder.mkdir()
    card = card_of(PROFILE, backbone, **provenance)
    torch.manual_seed(0)
    model = build_model(card, text_dim=TEXT_DIM, text_encoder=encoder)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    save_model(folder, model, card)
    return model, card


@pytest.mark.parametrize(("backbone", "kind"), [("hiero", HiERO), ("probe", SegmentProbe)])
def test_a_model_comes_back_as_it_was(tmp_path, backbone, kind):
    model, card = saved(tmp_path / "m", backbone, step=7, metrics={"loss": 0.5})
    again, card_again = load_model(tmp_path / "m")
    assert card_again == card
    assert card_again.provenance == {"step": 7, "metrics": {"loss": 0.5}}
    assert isinstance(again.backbone, kind)
    assert not again.training
    state = again.state_dict()
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())


def test_the_probes_head_is_one_linear_layer(tmp_path):
    model, _ = saved(tmp_path / "m", "probe")
    assert isinstance(model.visual_head, torch.nn.Linear)
    assert model.visual_head.weight.shape == (16, PROFILE.model.input_size)


def test_a_trained_text_encoder_is_filled_where_one_is_given_and_left_out_otherwise(tmp_path):
    model, _ = saved(tmp_path / "m", encoder=Encoder())
    filled, _ = load_model(tmp_path / "m", text_encoder=Encoder())
    assert torch.equal(filled.text_encoder.scale, model.text_encoder.scale)
    assert load_model(tmp_path / "m")[0].text_encoder is None
    saved(tmp_path / "frozen")  # a file without an encoder leaves the one that is given outside
    assert load_model(tmp_path / "frozen", text_encoder=Encoder())[0].text_encoder is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("missing", "'backbone.projection.bias': a weight is missing"),
        ("text head", "'text_head.net.0.weight': a weight is missing"),
        ("unknown", "'more': a weight that the network does not have"),
        ("shape", r"'backbone.projection.bias', value \(3,\): expected shape \(24,\)"),
    ],
)
def test_weights_that_are_not_the_cards(tmp_path, change, message):
    saved(tmp_path / "m")
    path = tmp_path / "m" / "model.safetensors"
    state = load_file(path)
    if change == "unknown":
        state["more"] = torch.zeros(1)
    elif change == "shape":
        state["backbone.projection.bias"] = torch.zeros(3)
    else:
        del state["backbone.projection.bias" if change == "missing" else "text_head.net.0.weight"]
    save_file(state, path)
    reseal(tmp_path / "m")
    with pytest.raises(DataError, match=rf"model\.safetensors, field {message}"):
        load_model(tmp_path / "m")


@pytest.mark.parametrize("card", [[], {}, {"format": 1}])
def test_a_card_of_another_format(tmp_path, card):
    write_json(tmp_path / "model.json", card)
    with pytest.raises(DataError, match=r"model\.json, field 'format'.*not a model's card of this version"):
        read_card(tmp_path)


def test_a_setting_of_the_card_that_is_unknown_is_named(tmp_path):
    saved(tmp_path / "m")
    card = read_json(tmp_path / "m" / "model.json")
    reseal(tmp_path / "m", model=card["model"] | {"heads": 8})
    with pytest.raises(ConfigError, match=r"model\.json, field 'model\.heads'"):
        read_card(tmp_path / "m")


def test_missing_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"model\.json: there is no such file"):
        load_model(tmp_path)
    saved(tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"model\.safetensors: there is no such file"):
        load_model(tmp_path / "m")


def test_an_authors_file_brings_its_own_sizes_and_text_encoder(golden):
    model, card = load_model(golden / "authors_checkpoint.pth")
    assert (card.backbone, card.text, card.features) == ("hiero", None, None)
    assert card.provenance["source"].endswith("authors_checkpoint.pth")
    assert model.text_encoder is not None
    assert model.text_encoder.dim == model.text_head.net[0].in_features
    assert not model.training
