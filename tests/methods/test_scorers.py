"""Scorers: segments and texts in one space, that of a model or that of the features themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch

from hiero_lib.base.errors import DataError
from hiero_lib.config import Profile
from hiero_lib.data.segments import VideoSegments
from hiero_lib.methods.levels import read_video
from hiero_lib.methods.method import Method
from hiero_lib.methods.scorers import ModelScorer, RawScorer
from hiero_lib.models.checkpoints import build_model, card_of
from tests.methods.test_levels import store_of

CPU = torch.device("cpu")


def embed(texts: list[str]) -> Tensor:
    """As many numbers as a text has letters, and ones to a width of 8."""
    return torch.stack([torch.tensor([float(len(text))] + [-1.0] * 7) for text in texts])


def test_the_scorer_agrees_with_the_levels(profile: Profile, methods: dict[str, Method]) -> None:
    """EgoMCQ's way to level 0 (a batch of windows, no threads) and the benchmarks' way are one model."""
    video = read_video(store_of(profile), profile, "v0", device=CPU)
    rows = torch.tensor([0, 7, 30])
    for method in methods.values():
        assert method.scorer is not None
        expected = method.project(method.levels(video, cluster=False)[0].x)[rows]
        torch.testing.assert_close(method.scorer.segments(video, rows), expected)  # type: ignore[arg-type]


def test_windows_of_a_batch_do_not_see_each_other(profile: Profile) -> None:
    model = build_model(card_of(profile, "hiero"), text_dim=8).eval()
    scorer = ModelScorer(model, embed, CPU)
    generator = torch.Generator().manual_seed(0)
    windows = [
        VideoSegments.from_features(torch.randn(n, 12, generator=generator), stride_frames=16, fps=30.0)
        for n in (9, 1, 14)
    ]
    with torch.no_grad():
        together = scorer.segments(Batch.from_data_list(windows), torch.tensor([4, 9, 17]))
        rows = (4, 0, 7)
        alone = [scorer.segments(Batch.from_data_list([w]), torch.tensor([row])) for w, row in zip(windows, rows)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_a_text_encoder_trained_with_the_model_goes_before_the_given_one(profile: Profile) -> None:
    model = build_model(card_of(profile, "hiero"), text_dim=8).eval()
    frozen = ModelScorer(model, embed, CPU).texts(["cuts", "washes"])
    torch.testing.assert_close(frozen, model.text_head(embed(["cuts", "washes"])))

    class Own(nn.Module):
        def forward(self, texts: list[str]) -> Tensor:
            return 2 * embed(texts)

    model.text_encoder = Own()
    torch.testing.assert_close(
        ModelScorer(model, embed, CPU).texts(["cuts", "washes"]), model.text_head(2 * embed(["cuts", "washes"]))
    )


def test_raw_features_are_compared_as_they_are_with_relu_then_linear(tmp_path: Path) -> None:
    weight, bias = torch.randn(12, 8), torch.randn(12)
    torch.save({"txt_proj.1.weight": weight, "txt_proj.1.bias": bias}, tmp_path / "proj.pth")
    scorer = RawScorer.from_file(tmp_path / "proj.pth", embed_text=embed, device=CPU)
    torch.testing.assert_close(scorer.texts(["cuts"])[0], weight @ torch.tensor([4.0] + [0.0] * 7) + bias)
    video = VideoSegments.from_features(torch.randn(5, 12), stride_frames=16, fps=30.0)
    assert torch.equal(scorer.segments(Batch.from_data_list([video]), torch.tensor([3, 0])), video.x[[3, 0]])


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"a": torch.zeros(3, 2)},
        {"a": torch.zeros(3, 2), "b": torch.zeros(4)},
        {"a": torch.zeros(1, 2, 3)},
        {"a": torch.zeros(3, 2), "b": torch.zeros(3), "c": torch.zeros(3, 2)},
    ],
)
def test_another_file_is_no_text_projection(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(state, tmp_path / "proj.pth")
    with pytest.raises(DataError, match=r"proj\.pth.*one matrix and one vector"):
        RawScorer.from_file(tmp_path / "proj.pth", embed_text=embed, device=CPU)


def test_a_projection_that_is_not_there_or_broken_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"proj\.pth"):
        RawScorer.from_file(tmp_path / "proj.pth", embed_text=embed, device=CPU)
    (tmp_path / "proj.pth").write_bytes(b"<html>quota exceeded</html>")
    with pytest.raises(DataError, match=r"proj\.pth"):
        RawScorer.from_file(tmp_path / "proj.pth", embed_text=embed, device=CPU)
