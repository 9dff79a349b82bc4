"""What training reads: the order of the chunks, and what loading them holds in memory."""

import pytest
import torch
from accelerate import Accelerator

from hiero_lib.base.errors import ConfigError
from hiero_lib.config import load_profile
from hiero_lib.data.text_cache import EmbeddingTable
from hiero_lib.models.plan import BatchPlan, PlanSettings, plan_batch
from hiero_lib.training.batches import (
    batches,
    chunk_order,
    encode_narrations,
    load_training_data,
    narrations_to_encode,
    with_embeddings,
)
from tests.helpers.tiny import make_tiny


def test_each_epoch_takes_every_chunk_once_in_an_order_of_its_own():
    first, again, second = (chunk_order(50, seed=3, epoch=epoch) for epoch in (0, 0, 1))
    assert sorted(first) == list(range(50))
    assert first == again != second
    assert first != chunk_order(50, seed=4, epoch=0)


def test_loading_the_data_holds_no_embedding(tmp_path, monkeypatch):
    """7.1 GB at the size of EgoClip, on every rank: texts are encoded into the cache, and read from it by batches."""
    profile = load_profile(make_tiny(tmp_path))
    taken = []
    take = EmbeddingTable.take
    monkeypatch.setattr(EmbeddingTable, "take", lambda self, rows: taken.append(len(rows)) or take(self, rows))
    data = load_training_data(profile, Accelerator(cpu=True))
    assert taken == []
    narrations = len(data.dataset[0].narration_texts)
    assert data.dataset[0].narration_embedding.shape == (narrations, profile.text.dim)
    assert set(taken) == {narrations}


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_carry_the_plan_of_the_model(tmp_path, workers):
    profile = load_profile(make_tiny(tmp_path, training__workers=workers))
    data = load_training_data(profile, Accelerator(cpu=True))
    settings = PlanSettings.of(profile.model, cluster=True)
    taken = list(batches(data.dataset, profile.training, range(1, 4), process=0, processes=1, plan=settings))
    assert [step for step, _ in taken] == [1, 2, 3]
    for _, batch in taken:
        assert isinstance(batch.plan, BatchPlan)
        made = plan_batch(batch, settings)
        assert batch.plan.settings == settings
        assert torch.equal(batch.plan.distance, made.distance)
        for ours, theirs in zip(batch.plan.levels, made.levels, strict=True):
            assert torch.equal(ours.graph.kinds, theirs.graph.kinds)
            assert torch.equal(ours.rows.slot, theirs.rows.slot)
    ((_, bare),) = batches(data.dataset, profile.training, range(1), process=0, processes=1)
    assert "plan" not in bare


def test_without_a_cache_each_batch_is_encoded_to_the_same_values(tmp_path):
    """But for float16's rounding and the padding of another batch."""
    path = make_tiny(tmp_path)
    cached = load_training_data(load_profile(path), Accelerator(cpu=True))
    profile = load_profile(path, {"text.cache": False})
    data = load_training_data(profile, Accelerator(cpu=True))
    assert cached.encode is None
    assert data.encode is not None
    assert "narration_embedding" not in data.dataset[0]
    (_, batch), *_ = batches(data.dataset, profile.training, range(1), process=0, processes=1)
    order = chunk_order(len(data.dataset), seed=profile.training.seed, epoch=0)[: profile.training.batch_size]
    expected = torch.cat([cached.dataset[row].narration_embedding for row in order])
    embedded = with_embeddings(batch, data.encode).narration_embedding
    assert torch.allclose(embedded, expected, rtol=2**-10, atol=1e-4)
    assert not torch.is_inference(embedded)


def test_a_trained_encoder_has_nothing_to_encode_before(tmp_path):
    make_tiny(tmp_path)
    with pytest.raises(ConfigError, match=r"text\.frozen"):
        encode_narrations(load_profile(tmp_path / "tiny.yaml", {"text.frozen": False}), device=torch.device("cpu"))


def test_encoding_is_told_with_the_time_that_is_left(tmp_path, capsys):
    profile = load_profile(make_tiny(tmp_path))
    assert narrations_to_encode(profile, device=torch.device("cpu")) == (24, 24)
    assert encode_narrations(profile, device=torch.device("cpu")) == (24, 24)
    assert "encoding narrations 24/24" in capsys.readouterr().out
    assert narrations_to_encode(profile, device=torch.device("cpu")) == (24, 0)
    capsys.readouterr()
    assert encode_narrations(profile, device=torch.device("cpu")) == (24, 0)
    assert capsys.readouterr().out == ""
