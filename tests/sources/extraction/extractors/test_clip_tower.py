"""CLIP from a folder of transformers and through open_clip."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from hiero_lib.base.errors import DataError
from hiero_lib.sources.extraction.extractors import clip_tower
from hiero_lib.sources.extraction.extractors.base import Preprocessing
from tests.helpers.extractors import check_form, random_clips


@pytest.fixture
def clip_folder(tmp_path: Path) -> Path:
    """A small CLIP vision tower in a transformers folder."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=64,
        patch_size=16,
        projection_dim=20,
    )
    torch.manual_seed(0)
    CLIPVisionModelWithProjection(config).save_pretrained(tmp_path / "clip")
    return tmp_path / "clip"


def test_clip_from_a_transformers_folder(clip_folder: Path) -> None:
    extractor = clip_tower.load(clip_folder)
    assert extractor.preprocessing == Preprocessing(64, 64, 64, clip_tower.CLIP_MEAN, clip_tower.CLIP_STD)
    check_form(extractor, dim=20, sampled=2, window=16)
    one = extractor(random_clips(1, side=64))
    assert torch.allclose(one.norm(dim=-1), torch.ones(2), atol=1e-5)
    (clip_folder / "preprocessor_config.json").write_text(
        '{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}'
    )
    other = clip_tower.load(clip_folder)
    assert other.preprocessing.mean == (0.5, 0.5, 0.5)
    assert other.fingerprint != extractor.fingerprint
    with pytest.raises(DataError, match="not to be had"):
        clip_tower.load(clip_folder.parent / "none")


def test_clip_has_the_public_names_and_shapes() -> None:
    """ViT-B/16 at its true size, on the meta device."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    with torch.device("meta"):
        network = CLIPVisionModelWithProjection(CLIPVisionConfig(patch_size=16))
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert shapes["vision_model.embeddings.patch_embedding.weight"] == (768, 3, 16, 16)
    assert shapes["vision_model.embeddings.position_embedding.weight"] == (197, 768)
    assert shapes["visual_projection.weight"] == (512, 768)
    assert shapes["vision_model.encoder.layers.11.self_attn.q_proj.weight"] == (768, 768)


def test_clip_through_open_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tower(nn.Module):
        image_size, image_mean, image_std, output_dim = (32, 32), (0.4, 0.4, 0.4), (0.2, 0.2, 0.2), 3

        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3)) + 1

    created = []

    def create_model(name: str, *, pretrained: str | None) -> types.SimpleNamespace:
        created.append((name, pretrained))
        return types.SimpleNamespace(visual=Tower())

    package = types.ModuleType("open_clip")
    package.create_model = create_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "open_clip", package)
    extractor = clip_tower.load("open_clip:ViT-B-16/openai")
    check_form(extractor, dim=3, sampled=2, window=16)
    assert created == [("ViT-B-16", "openai")]
    assert extractor.preprocessing.mean == (0.4, 0.4, 0.4)
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(DataError, match="pip install open_clip_torch"):
        clip_tower.load("open_clip:ViT-B-16/openai")
