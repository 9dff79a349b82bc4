"""The methods answer the same calls: levels on one grid, projections and texts in one space."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.config import Profile, load_profile
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.segments import VideoSegments
from hiero_lib.methods.method import (
    HIERO,
    PROBE,
    UNTRAINED,
    Method,
    TextSide,
    level_means,
    load_scorer,
    open_methods,
    read_video,
)
from hiero_lib.models.checkpoints import load_model
from tests.helpers.tiny import make_checkpoint, make_tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    root = tmp_path_factory.mktemp("methods") / "data"
    profile = load_profile(make_tiny(root, features__text_projection="p.pth"))
    torch.save({"weight": torch.randn(12, 384), "bias": torch.zeros(12)}, root / "p.pth")
    return profile


@pytest.fixture(scope="module")
def methods(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Method]:
    folder = tmp_path_factory.mktemp("models")
    checkpoints = {name: make_checkpoint(folder / name, profile, name) for name in ("probe", "hiero")}  # type: ignore[arg-type]
    return open_methods(profile, checkpoints=checkpoints, device=CPU)


def store_of(profile: Profile) -> FeatureStore:
    return FeatureStore(DataPaths.at(profile.data_root).features(profile.features.folder), dim=profile.features.dim)


def test_every_method_has_levels_on_one_grid_and_texts_in_its_space(
    profile: Profile, methods: dict[str, Method]
) -> None:
    assert list(methods) == [UNTRAINED, PROBE, HIERO]
    video = read_video(store_of(profile), profile, "v0", device=CPU)
    grid = [level.pos for level in methods[HIERO].levels(video)]
    for name, method in methods.items():
        levels = method.levels(video)
        assert [level.level for level in levels] == [0, 1, 2]
        for level, pos in zip(levels, grid):
            torch.testing.assert_close(level.pos, pos)
            assert level.indices.tolist() == list(range(len(pos)))
            assert not level.x.requires_grad
            projected, texts = method.project(level.x), method.embed_text(["#C C cuts the onion"])
            assert projected.shape == (len(pos), texts.shape[1])
            assert not projected.requires_grad
            assert not texts.requires_grad
        assert bool((levels[2].assignments >= 0).all()) == (name == HIERO)
    assert len({method.fingerprint for method in methods.values()}) == 3


def test_threads_are_found_unless_told_otherwise(profile: Profile, methods: dict[str, Method]) -> None:
    video = read_video(store_of(profile), profile, "v0", device=CPU)
    assert len(methods[HIERO].levels(video)[1].assignments.unique()) > 1
    assert len(methods[HIERO].levels(video, cluster=False)[1].assignments.unique()) == 1


def test_the_scorer_agrees_with_the_levels(profile: Profile, methods: dict[str, Method]) -> None:
    """EgoMCQ's way to level 0 (a batch of windows, no threads) and the benchmarks' way are one model."""
    video = read_video(store_of(profile), profile, "v0", device=CPU)
    rows = torch.tensor([0, 7, 30])
    for method in methods.values():
        assert method.scorer is not None
        expected = method.project(method.levels(video, cluster=False)[0].x)[rows]
        torch.testing.assert_close(method.scorer.segments(video, rows), expected)  # type: ignore[arg-type]


def test_videos_of_a_group_share_a_timeline(profile: Profile) -> None:
    store = store_of(profile)
    group = read_video(store, profile, "v0", "v1", device=CPU)
    assert group.num_nodes == store.num_segments("v0") + store.num_segments("v1")
    assert group.pos.diff().tolist() == pytest.approx([profile.features.stride_s] * (len(group.pos) - 1), rel=1e-4)
    with pytest.raises(DataError, match="v77"):
        read_video(store, profile, "v77", device=CPU)
    with pytest.raises(ValueError, match="at least one"):
        read_video(store, profile, device=CPU)


@pytest.mark.parametrize("n", [1, 5, 8])
def test_means_lie_on_the_grid_of_the_levels(n: int) -> None:
    x = torch.arange(float(n))[:, None]
    video = VideoSegments.from_features(x, stride_frames=16, fps=30.0)
    for level, found in enumerate(level_means(x, video, levels=3)):
        step = 2**level
        assert found.pos.tolist() == video.pos[::step].tolist()
        expected = [np.mean(range(start, min(n, start + step))) for start in range(0, n, step)]
        assert found.x.squeeze(1).tolist() == pytest.approx(expected)


def test_features_without_a_text_space_still_have_levels(profile: Profile, tmp_path: Path) -> None:
    bare = load_profile(make_tiny(tmp_path / "data", features__text_projection=None))
    method = open_methods(bare, checkpoints={}, device=CPU)[UNTRAINED]
    assert not method.text_space
    assert len(method.levels(read_video(store_of(bare), bare, "v0", device=CPU))) == 3
    with pytest.raises(DataError, match="no text space"):
        method.embed_text(["a"])


def test_several_checkpoints_of_one_kind_keep_their_names(profile: Profile, tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "m", profile, "hiero")
    found = open_methods(profile, checkpoints={"one": folder, "two": folder}, device=CPU)
    assert list(found) == [UNTRAINED, HIERO, f"{HIERO} (two)"]


def test_a_model_for_other_features_is_refused(profile: Profile, tmp_path: Path) -> None:
    other = load_profile(make_tiny(tmp_path / "data", dim=8))
    checkpoint = make_checkpoint(tmp_path / "hiero", profile, "hiero")
    with pytest.raises(DataError, match="field 'input_size', value 12: the profile's features have 8 channels"):
        load_scorer(other, checkpoint, TextSide(other, device=CPU), device=CPU)


@pytest.mark.parametrize("frozen", [True, False])
def test_an_authors_checkpoint_is_ready_to_answer(frozen: bool, golden: Path, tmp_path: Path) -> None:
    """The file has a DistilBERT without a tokenizer: the profile lends its own, or (frozen) its cached output."""
    checkpoint = golden / "authors_checkpoint.pth"
    bare, card = load_model(checkpoint)
    profile = load_profile(make_tiny(tmp_path / "data", dim=card.model.input_size, text__frozen=frozen))
    lent: Any = torch.nn.Module()
    lent.tokenizer = SimpleNamespace(encode=lambda text: SimpleNamespace(ids=[1, len(text)]))
    embedded = torch.randn(2, bare.text_head.net[0].in_features)
    text = TextSide(profile, device=CPU)
    text.encoder, text.embed = lent, lambda queries: embedded[: len(queries)]  # type: ignore[method-assign]
    scorer, _ = load_scorer(profile, checkpoint, text, device=CPU)
    with torch.no_grad():
        answered = scorer.texts(["cuts", "washes"])
        expected = bare.text_head(embedded if frozen else bare.text_encoder.encode_ids(*_ids([[1, 4], [1, 6]])))
    torch.testing.assert_close(answered, expected)


def _ids(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.tensor(rows)
    return ids, torch.ones_like(ids)


def test_levels_need_no_text_encoder(profile: Profile, tmp_path: Path) -> None:
    """Procedure learning runs where the encoder's weights are missing; texts then say what is."""
    checkpoint = make_checkpoint(tmp_path / "hiero", profile, "hiero")
    lost = dataclasses.replace(profile, text=dataclasses.replace(profile.text, weights="pretrained/lost.pth"))
    method = open_methods(lost, checkpoints={"hiero": checkpoint}, device=CPU)[HIERO]
    assert len(method.levels(read_video(store_of(lost), lost, "v0", device=CPU))) == 3
    with pytest.raises(DataError, match="no such file of weights"):
        method.embed_text(["a"])
