"""The plan of a batch: it is what the model would work out, carried along, and it is never another model's."""

import pickle

import pytest
import torch
from torch_geometric.data import Batch

import hiero_lib.models.hiero
from hiero_lib.config import ModelConfig
from hiero_lib.models.hiero import HiERO
from hiero_lib.models.plan import (
    BatchPlan,
    PlanSettings,
    levels_apart,
    nearest_on_grid,
    plan_batch,
    sample_videos,
    video_rows,
)
from hiero_lib.models.temporal import nearest_nodes
from tests.models.test_hiero import CONFIG, assert_same, model_of, video


def planned(config: ModelConfig, *, cluster: bool = True) -> Batch:
    batch = Batch.from_data_list([video(37, 1), video(1, 2), video(64, 3)])
    batch.plan = plan_batch(batch, PlanSettings.of(config, cluster=cluster))
    return batch


@pytest.mark.parametrize("cluster", [False, True])
@pytest.mark.parametrize("variant", ["within_threads", "released"])
def test_a_carried_plan_changes_nothing(monkeypatch, cluster, variant):
    config = ModelConfig(**{**CONFIG.__dict__, "thread_graph": variant})
    model, batch = model_of(config), planned(config, cluster=cluster)
    bare = Batch.from_data_list([video(37, 1), video(1, 2), video(64, 3)])
    made = model(bare, cluster=cluster)
    monkeypatch.setattr(hiero_lib.models.hiero, "plan_batch", None)  # it is not made again
    for carried in (batch, pickle.loads(pickle.dumps(batch)), batch.to("cpu")):
        assert isinstance(carried.plan, BatchPlan)
        levels = model(carried, cluster=cluster)
        for ours, theirs in zip(levels, made, strict=True):
            assert torch.equal(ours.x, theirs.x)
            assert torch.equal(ours.assignments, theirs.assignments)


@pytest.mark.parametrize("changed", [{"radius": 3.0}, {"pool": "max"}, {"clustering_sample_points": 20}])
def test_a_plan_for_another_model_is_not_taken(changed):
    other = ModelConfig(**{**CONFIG.__dict__, **changed})
    assert_same(model_of(other)(planned(CONFIG), cluster=True), model_of(other)(planned(other), cluster=True))
    clustered = model_of()(planned(CONFIG, cluster=False), cluster=True)
    assert_same(clustered, model_of()(planned(CONFIG), cluster=True))


def test_gradients_do_not_depend_on_who_planned():
    gradients = []
    for batch in (planned(CONFIG), Batch.from_data_list([video(37, 1), video(1, 2), video(64, 3)])):
        model = model_of().train()
        sum(level.x.square().sum() for level in model(batch)).backward()
        gradients.append([p.grad for p in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_rows_of_videos_as_a_table_and_levels_apart():
    rows = video_rows(torch.tensor([5, 0, 5, 9, 5]))  # neither sorted nor consecutive
    assert (rows.videos, rows.width) == (3, 3)
    x = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]])
    assert rows.table(x).squeeze(2).tolist() == [[2, 0, 0], [1, 3, 5], [4, 0, 0]]
    both = levels_apart([rows, video_rows(torch.tensor([0, 1, 1]), 2), video_rows(torch.tensor([0]), 1)])
    table = both.table(torch.arange(1, 10), padding=-1)
    assert table.tolist() == [[2, -1, -1], [1, 3, 5], [4, -1, -1], [6, -1, -1], [7, 8, -1], [9, -1, -1]]


@pytest.mark.parametrize("points", [1, 2, 3, 32, 47])
def test_the_nearest_of_a_grid_is_that_of_a_search(points):
    generator = torch.Generator().manual_seed(points)
    grid = torch.linspace(0, 1, points)
    halves = torch.arange(0, 2 * points - 1) / max(1, 2 * points - 2)  # on the points and between two
    where = torch.cat([grid, halves, torch.rand(500, generator=generator), torch.tensor([0.0, 1.0])])
    none = torch.zeros(len(where), dtype=torch.int64)
    searched, _ = nearest_nodes(grid, where, ptr_x=torch.tensor([0, points]), batch_y=none, neighbours=1)
    assert torch.equal(nearest_on_grid(where, grid), searched[:, 0])


def test_points_of_a_video_without_nodes_are_zeros():
    samples = sample_videos(torch.arange(4), torch.tensor([0, 0, 0, 0]), num_videos=2, points=5)
    points = samples.mix(torch.ones(4, 3)).unflatten(0, (2, 5))
    torch.testing.assert_close(points[0], torch.ones(5, 3))
    assert not points[1].any()
    assert samples.nearest.tolist() == [0, 1, 3, 4]


def test_a_masked_row_is_in_no_level():
    whole = video(30, 1)
    whole.mask = torch.arange(30) != 7
    plan = plan_batch(Batch.from_data_list([whole]), PlanSettings.of(CONFIG, cluster=True))
    assert plan.kept is not None
    assert plan.kept.tolist() == [i for i in range(30) if i != 7]
    assert [len(level.pos) for level in plan.levels] == [29, 15, 8, 4]


def test_a_model_of_one_level():
    config = ModelConfig(**{**CONFIG.__dict__, "depth": 1})
    (level,) = HiERO(config)(planned(config))
    assert level.x.shape == (102, 16)
