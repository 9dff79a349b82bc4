"""Features: their form, the space that they share, and what they say of what happens."""

import numpy as np
import pytest
import torch

from hiero_lib.base.files import read_json
from hiero_lib.sources.sample.features import STRIDE_S, FeatureSpace, Strengths, num_segments
from hiero_lib.sources.sample.story import Beat, Story


def test_features_are_half_precision_and_as_long_as_their_video(small):
    root, report = small
    files = sorted((root / "raw/features/sample_256").glob("*.pt"))
    assert len(files) == report.counts["videos"] == 8
    for file in files:
        x = torch.load(file, weights_only=True)
        truth = read_json(root / "truth" / f"{file.stem}.json")
        assert x.dtype == torch.float16
        assert x.shape == (truth["num_segments"], 256)
        assert 0 <= truth["duration_s"] - len(x) * 16 / 30 < 16 / 30
        assert torch.isfinite(x).all()
        assert 0.1 < x.float().std() < 1


def test_the_text_projection_fits_the_features_and_the_text(small):
    root, _ = small
    state = torch.load(root / "pretrained/sample_txt_proj.pth", weights_only=True)
    assert {name: tuple(v.shape) for name, v in state.items()} == {"weight": (256, 48), "bias": (256,)}


WORDS = ["wash the cup", "cut the bread", "fold the cloth", "open the tap"]


def story_of(*texts: str) -> Story:
    beats = tuple(Beat(60.0 * n, 60.0 * n + 60, text, thread="t") for n, text in enumerate(texts))
    return Story("v", "cooking", 60.0 * len(texts), beats)


@pytest.mark.parametrize(("duration_s", "segments"), [(0.1, 1), (STRIDE_S, 1), (2 * STRIDE_S - 1e-3, 1), (32.0, 60)])
def test_segments_are_whole(duration_s, segments):
    assert num_segments(duration_s) == segments


def test_the_space_is_the_same_whatever_else_occurs(embed):
    story = story_of("cut the bread", "wash the cup")

    def features(texts: list[str], seed: int = 0) -> np.ndarray:
        space = FeatureSpace(embed, texts, reference=WORDS, dim=64, seed=seed)
        return space.synthesise(story, np.random.default_rng(5))

    first = features(WORDS)
    assert (first.shape, first.dtype) == ((225, 64), np.float16)
    np.testing.assert_allclose(features(["t", *WORDS[:2]]), features(["t", *WORDS]), atol=2e-3)
    assert np.abs(features(WORDS, seed=1) - first).mean() > 0.1


@pytest.mark.parametrize("dim", [64, 512])
def test_an_action_looks_like_itself_and_like_its_text(embed, dim):
    """Without noise, the projected text of what happens is the nearest one."""
    quiet = Strengths(0, 0, 0, 0, 0, 0, 0, 0, 0, shared=0.5, text_gap=0.0)
    space = FeatureSpace(embed, WORDS, reference=WORDS, dim=dim, seed=0, strengths=quiet)
    x = space.synthesise(story_of(*WORDS), np.random.default_rng(0)).astype(np.float64)
    means = np.stack([part.mean(0) for part in np.split(x[: len(x) // 4 * 4], 4)])
    weight, bias = space.text_projection()
    texts = np.maximum(embed(WORDS), 0) @ weight.T + bias
    means, texts = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (means, texts))
    assert (means @ texts.T).argmax(1).tolist() == [0, 1, 2, 3]


def test_an_encoder_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"expected \[4, T\] text embeddings, got \(3, 5\)"):
        FeatureSpace(lambda texts: np.ones((3, 5)), WORDS, reference=WORDS, dim=8, seed=0)
