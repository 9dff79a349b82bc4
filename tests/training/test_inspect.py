"""What a look inside training shows is what training computes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from hiero_lib.config import Profile, load_profile
from hiero_lib.models.checkpoints import build_model, card_of, save_model
from hiero_lib.training.inspect import (
    batch_rows,
    chunk_start_s,
    first_batch,
    level_rows,
    loss_rows,
    narrations_in,
    thread_rows,
    trained_pass,
    untrained_pass,
)
from hiero_lib.training.loop import run_training
from tests.helpers.tiny import make_tiny

CPU = torch.device("cpu")


def tiny(tmp_path: Path, **settings: Any) -> Profile:
    return load_profile(make_tiny(tmp_path / "data", **settings))


@pytest.mark.parametrize("frozen", [True, False])
def test_the_losses_are_those_of_the_first_step(frozen: bool, tmp_path: Path) -> None:
    """Of a batch of one chunk, dropout included; neither the cache nor the state of the random numbers is changed."""
    profile = tiny(tmp_path, training__batch_size=1, text__frozen=frozen, loss__ft_weight=0.5)
    batch = first_batch(profile)
    state = torch.get_rng_state()
    rows = loss_rows(untrained_pass(profile, batch, device=CPU), batch, profile)
    assert torch.equal(torch.get_rng_state(), state)
    assert not (tmp_path / "data/processed/text").exists()
    records: list[dict[str, Any]] = []
    run_training(profile, tmp_path / "run", max_steps=1, on_log=records.append)
    assert [row[0] for row in rows] == ["L_vna", "L_ft", "loss"]
    for (_, value, _, _), name in zip(rows, ("vna", "ft", "loss")):
        assert value == pytest.approx(records[0][name], rel=1e-5, abs=1e-7), name
    assert rows[2][3] == "1 L_vna + 0.5 L_ft"


def test_losses_of_equal_features_are_counts(tmp_path: Path) -> None:
    profile = tiny(tmp_path)
    batch = first_batch(profile)
    forward = untrained_pass(profile, batch, device=CPU)
    vna, ft, loss = loss_rows(forward, batch, profile)

    near = (batch.pos[:, None] - batch.narration_time[None]).abs() <= 1 / profile.loss.alpha
    by_segment, by_narration = near.sum(1), near.sum(0)
    by_segment, by_narration = by_segment[by_segment > 0], by_narration[by_narration > 0]
    expected = (len(by_narration) / by_segment).log().mean() + (len(by_segment) / by_narration).log().mean()
    assert vna[2] == pytest.approx(float(expected), rel=1e-5)
    assert vna[3] == f"60 segments with 7 narrations: {int(near.sum())} positive pairs, at most 1 s apart"

    own = [math.log(nodes / int(size)) for _, nodes, _, sizes in thread_rows(forward.levels) for size in _each(sizes)]
    assert ft[2] == pytest.approx(sum(own) / len(own), rel=1e-5)
    assert loss[2] == pytest.approx(vna[2] + ft[2], rel=1e-6)


def _each(sizes: str) -> list[int]:
    """The size of its thread, for every node."""
    return [int(size) for size in sizes.split(", ") for _ in range(int(size))]


def test_the_batch_is_described(tmp_path: Path) -> None:
    profile = tiny(tmp_path, videos=1, training__chunk_s=20.0, training__seed=3)
    batch = first_batch(profile)
    rows = {name: (shape, what) for name, shape, what in batch_rows(batch)}
    assert list(rows) == ["x", "pos", "indices", "narration_time", "narration_texts", "narration_embedding"]
    assert rows["x"] == ("23 × 12", "features of the segments: rows 37 to 59 of video v0")
    assert rows["pos"] == ("23", "the segments' centres in the video, 20.0 to 31.7 s")
    assert rows["indices"] == ("23", "the segments' places in the chunk, 0 to 22")
    count = rows["narration_texts"][0]
    assert rows["narration_time"][0] == count
    assert rows["narration_embedding"][0] == f"{count} × {profile.text.dim}"
    assert "first “#C C " in rows["narration_texts"][1]
    trained = load_profile(tmp_path / "data/tiny.yaml", {"text.frozen": False})
    assert "narration_embedding" not in {name for name, _, _ in batch_rows(first_batch(trained))}


def test_levels_and_threads_are_described(tmp_path: Path) -> None:
    profile = tiny(tmp_path)
    forward = untrained_pass(profile, first_batch(profile), device=CPU)
    stride_s = profile.features.stride_s
    assert level_rows(forward.levels, profile.features) == [
        (0, "60 × 24", round(stride_s, 2), "the segments"),
        (1, "30 × 24", round(2 * stride_s, 2), "one for every 2 segments"),
        (2, "15 × 24", round(4 * stride_s, 2), "one for every 4 segments"),
    ]
    for level, (number, nodes, threads, sizes) in zip(forward.levels[1:], thread_rows(forward.levels)):
        listed = [int(size) for size in sizes.split(", ")]
        counts = [int((level.assignments == thread).sum()) for thread in level.assignments.unique()]
        assert (number, nodes, threads) == (level.level, len(level.x), len(counts))
        assert listed == sorted(counts, reverse=True)
    assert len(thread_rows(forward.levels)) == 2

    alone = load_profile(tmp_path / "data/tiny.yaml", {"model.threads": False})
    forward = untrained_pass(alone, first_batch(alone), device=CPU)
    assert thread_rows(forward.levels) == [(1, 30, 1, "30"), (2, 15, 1, "15")]


def test_the_same_chunk_after_training(tmp_path: Path) -> None:
    """An untrained model that was saved and loaded makes of it what it made before; a trained one does not."""
    profile = tiny(tmp_path)
    batch = first_batch(profile)
    before = loss_rows(untrained_pass(profile, batch, device=CPU), batch, profile)
    trained = run_training(profile, tmp_path / "run", max_steps=3)
    after = loss_rows(trained_pass(profile, trained.last_checkpoint, batch, device=CPU), batch, profile)
    assert after[0][1] < before[0][1]
    assert [row[2] for row in after] == [row[2] for row in before]  # of equal features: the same pairs
    torch.manual_seed(profile.training.seed)
    card = card_of(profile, "hiero")
    folder = tmp_path / "untrained"
    folder.mkdir()
    save_model(folder, build_model(card, text_dim=profile.text.dim), card)
    assert loss_rows(trained_pass(profile, folder, batch, device=CPU), batch, profile) == before


def test_what_is_narrated_in_a_batch_rises_in_time(tmp_path: Path) -> None:
    batch = first_batch(tiny(tmp_path))
    told = narrations_in(batch)
    assert list(told.times) == sorted(batch.narration_time.tolist())
    assert sorted(told.texts) == sorted(batch.narration_texts[0])
    later = narrations_in(batch, start_s=0.5)
    assert later.times == pytest.approx([time - 0.5 for time in told.times])


def test_a_chunk_begins_where_its_first_segment_does(tmp_path: Path) -> None:
    profile = tiny(tmp_path)
    batch = first_batch(profile)
    first = int(batch.first_index[0])
    assert chunk_start_s(batch, profile.features) == pytest.approx(first * profile.features.stride_s, abs=1e-4)
