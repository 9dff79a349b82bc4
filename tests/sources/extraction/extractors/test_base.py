"""Images are prepared as the networks expect them; features are of their own clip; hashes tell weights apart."""

from __future__ import annotations

import pytest
import torch

from hiero_lib.sources.extraction.extractors.base import Preprocessing, fingerprint_of, mean_over_frames


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


def test_the_mean_over_frames_is_of_each_clip() -> None:
    x = torch.arange(2 * 3 * 1 * 2 * 2, dtype=torch.float32).view(2, 3, 1, 2, 2)
    assert torch.equal(mean_over_frames(lambda images: images.flatten(1), x), x.mean(1).flatten(1))


def test_a_fingerprint_is_of_names_values_types_and_use() -> None:
    state = {"a": torch.zeros(2, 3), "b": torch.ones(1)}
    same = {"b": torch.ones(1), "a": torch.zeros(3, 2).t()}
    others = [
        state | {"b": torch.full((1,), 2.0)},
        state | {"a": torch.zeros(2, 3, dtype=torch.int32)},  # of the same bytes
        {"a": torch.zeros(3, 2), "b": torch.ones(1)},
        {"c": torch.zeros(2, 3), "b": torch.ones(1)},
    ]
    assert fingerprint_of(state, how="x") == fingerprint_of(same, how="x")
    different = {fingerprint_of(other, how="x") for other in others} | {fingerprint_of(state, how="y")}
    assert len(different | {fingerprint_of(state, how="x")}) == 6
