"""EgoVLP's video tower: names, shapes, what attends to what, and files that are none of its."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError, UnsafeFileError
from hiero_lib.sources.extraction.extractors import egovlp
from hiero_lib.sources.extraction.extractors.egovlp import DividedAttention, VideoTower
from tests.helpers.extractors import check_form, random_clips, randomised


def test_constants_of_the_public_code() -> None:
    made = egovlp.PREPROCESSING
    shape = (made.short_side, made.crop, made.size)
    assert shape == (256, 256, 224)
    assert (made.mean, made.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_egovlp_has_the_authors_names_and_shapes() -> None:
    """The true size, on the meta device: the names of ``FrozenInTime``'s video side."""
    with torch.device("meta"):
        state = VideoTower().state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    expected = {
        "video_model.cls_token": (1, 1, 768),
        "video_model.pos_embed": (1, 197, 768),
        "video_model.temporal_embed": (1, 4, 768),
        "video_model.patch_embed.proj.weight": (768, 3, 16, 16),
        "video_model.patch_embed.proj.bias": (768,),
        "video_model.norm.weight": (768,),
        "video_model.norm.bias": (768,),
        "vid_proj.0.weight": (256, 768),
        "vid_proj.0.bias": (256,),
    }
    for block in range(12):
        prefix = f"video_model.blocks.{block}"
        for norm in ("norm1", "norm2", "norm3"):
            expected |= {f"{prefix}.{norm}.weight": (768,), f"{prefix}.{norm}.bias": (768,)}
        for attention in ("attn", "timeattn"):
            expected |= {f"{prefix}.{attention}.qkv.weight": (2304, 768), f"{prefix}.{attention}.qkv.bias": (2304,)}
            expected |= {f"{prefix}.{attention}.proj.weight": (768, 768), f"{prefix}.{attention}.proj.bias": (768,)}
        expected |= {f"{prefix}.mlp.fc1.weight": (3072, 768), f"{prefix}.mlp.fc1.bias": (3072,)}
        expected |= {f"{prefix}.mlp.fc2.weight": (768, 3072), f"{prefix}.mlp.fc2.bias": (768,)}
    assert shapes == expected


class ConfigParser:
    """Stands for the settings that the authors' trainer pickles into its checkpoints."""

    def __init__(self) -> None:
        self.resume, self._save_dir = None, Path("results/EgoClip")


ConfigParser.__module__ = "parse_config_dist_multi"


@pytest.fixture
def egovlp_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small checkpoint as EgoVLP's trainer writes it: data-parallel names, text side, optimiser, settings."""
    module = types.ModuleType("parse_config_dist_multi")
    module.ConfigParser = ConfigParser  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "parse_config_dist_multi", module)
    network = randomised(VideoTower(dim=128, depth=2, projected=12, size=224, patch=32, frames=6), std=0.3)
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    state |= {"module.text_model.embeddings.word_embeddings.weight": torch.zeros(4, 4)}
    state |= {"module.txt_proj.1.weight": torch.zeros(12, 4)}
    raw = {
        "arch": "FrozenInTime",
        "epoch": 5,
        "state_dict": state,
        "optimizer": {"state": {}, "param_groups": []},
        "monitor_best": np.float64(0.5),
        "config": ConfigParser(),
    }
    torch.save(raw, tmp_path / "egovlp.pth")
    monkeypatch.delitem(sys.modules, "parse_config_dist_multi")
    return tmp_path / "egovlp.pth"


def test_egovlp_loads_an_authors_checkpoint_and_computes(egovlp_file: Path) -> None:
    check_form(egovlp.load(egovlp_file), dim=12, sampled=4, window=16)


def test_egovlp_uses_every_frame_and_their_order(egovlp_file: Path) -> None:
    extractor, clips = egovlp.load(egovlp_file), random_clips(4, clips=1)
    whole = extractor(clips)
    for frame in range(4):
        changed = clips.clone()
        changed[:, frame] = 255 - changed[:, frame]
        assert (extractor(changed) - whole).abs().max() > 1e-4
    assert (extractor(clips.flip(1)) - whole).abs().max() > 1e-4


def test_divided_attention_against_a_slow_version() -> None:
    """Token by token: a patch sees the CLS token and its group, the CLS token sees all."""
    torch.manual_seed(0)
    attention = DividedAttention(8, 2)
    frames, patches = 3, 5
    x = torch.randn(2, 1 + frames * patches, 8)
    for over_time in (True, False):
        q, k, v = attention.qkv(x).chunk(3, dim=-1)
        expected = torch.zeros_like(x)
        for token in range(x.shape[1]):
            frame, place = divmod(token - 1, patches)
            if token == 0:
                seen = list(range(x.shape[1]))
            elif over_time:
                seen = [0, *(1 + f * patches + place for f in range(frames))]
            else:
                seen = [0, *(1 + frame * patches + p for p in range(patches))]
            for head in (slice(0, 4), slice(4, 8)):
                logits = (q[:, token, None, head] * k[:, seen, head]).sum(-1) / 2.0  # sqrt(4)
                expected[:, token, head] = (logits.softmax(-1)[..., None] * v[:, seen, head]).sum(1)
        found = attention(x, frames, over_time=over_time)
        assert torch.allclose(found, attention.proj(expected), atol=1e-6)


def test_egovlp_says_what_is_wrong_with_a_file(tmp_path: Path, egovlp_file: Path) -> None:
    with pytest.raises(DataError, match=r"egovlp.*needs its weights.*--weights"):
        egovlp.load(None)
    with pytest.raises(DataError, match="there is no such file of weights"):
        egovlp.load(tmp_path / "none.pth")
    torch.save({"state_dict": {"a": torch.zeros(1)}}, tmp_path / "other.pth")
    with pytest.raises(DataError, match=r"not a checkpoint of EgoVLP.*") as caught:
        egovlp.load(tmp_path / "other.pth")
    assert caught.value.field == "video_model.temporal_embed"
    state = {f"{n}": v for n, v in VideoTower(dim=64, depth=1, patch=32).state_dict().items() if "norm3" not in n}
    torch.save(state, tmp_path / "part.pth")
    with pytest.raises(DataError, match="a weight is missing") as caught:
        egovlp.load(tmp_path / "part.pth")
    assert caught.value.field == "video_model.blocks.0.norm3.bias"

    class Harmful:
        def __reduce__(self) -> tuple:
            return (print, ("executed",))

    torch.save({"state_dict": {}, "config": Harmful()}, tmp_path / "harmful.pth")
    with pytest.raises(UnsafeFileError):
        egovlp.load(tmp_path / "harmful.pth")
