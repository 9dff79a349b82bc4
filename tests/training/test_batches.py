"""What training reads: the order of the chunks, and what loading them holds in memory."""

import pytest
import torch
from accelerate import Accelerator

from hiero_lib.config import load_profile
from hiero_lib.data.text_cache import EmbeddingTable
from hiero_lib.models.plan import BatchPlan, PlanSettings, plan_batch
from hiero_lib.training.batches import batches, chunk_order, load_training_data
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
    data = load_training_data(profile, Accelerator(cpu=True), text_encoder=None)
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
