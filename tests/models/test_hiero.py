"""The backbone against the authors' numbers, and properties that any input must keep."""

import json
from collections.abc import Iterator

import pytest
import torch
from safetensors.torch import load_file
from torch_geometric.data import Batch, Data

from hiero_lib.config import ModelConfig
from hiero_lib.data.segments import VideoSegments
from hiero_lib.models.authors_checkpoint import backbone_state
from hiero_lib.models.hiero import HiERO


class Recorded:
    """Hands out recorded thread assignments, deepest level first, and keeps what it was asked with."""

    def __init__(self, calls: list[dict]) -> None:
        self.calls: Iterator[dict] = iter(calls)
        self.seen: list[tuple] = []

    def __call__(self, x, *, indices, batch, num_videos, samples):
        call = next(self.calls)
        self.seen.append((call, x, indices, batch))
        return call["assignments"]


def cases(golden):
    listing = json.loads((golden / "model.json").read_text())
    assert len(listing) > 0
    tensors = load_file(golden / "model.safetensors")
    for case in listing:
        mine = {k.split(".", 1)[1]: v for k, v in tensors.items() if k.startswith(f"{case['case']}.")}
        config = ModelConfig(
            input_size=case["input_size"],
            hidden_size=case["hidden_size"],
            depth=case["depth"],
            n_layers=case["n_layers"],
            radius=case["radius"],
            pool=case["pool"],
            pos_hidden_channels=case["pos_hidden_channels"],
            n_clusters=case["n_clusters"],
            clustering_sample_points=case["clustering_sample_points"],
            thread_graph=case["thread_graph"] or "within_threads",
        )
        calls = [
            {k.split(".", 1)[1]: v for k, v in mine.items() if k.startswith(f"cluster{j}.")}
            for j in range(case["clusterings"])
        ]
        model = HiERO(config, Recorded(calls)).eval()
        weights = {k.removeprefix("weights."): v for k, v in mine.items() if k.startswith("weights.")}
        model.load_state_dict(backbone_state(weights, case["n_layers"]))
        yield case, model, mine


def test_backbone_equals_golden(golden):
    for case, model, t in cases(golden):
        data = Data(x=t["in.x"], pos=t["in.pos"], indices=t["in.indices"], batch=t["in.batch"], mask=t["in.mask"])
        data.num_graphs = int(t["in.batch"].max()) + 1
        with torch.no_grad():
            levels = model(data, cluster=case["clustering"])
        for level in levels:
            at = t["out.depth"] == level.level
            message = f"case {case['case']} level {level.level}"
            torch.testing.assert_close(level.x, t["out.x"][at], rtol=1e-5, atol=1e-5, msg=message)
            torch.testing.assert_close(level.pos, t["out.pos"][at], msg=message)
            for ours, name in (
                (level.indices, "indices"),
                (level.batch, "video"),
                (level.assignments, "assignments"),
            ):
                assert torch.equal(ours, t[f"out.{name}"][at]), f"{message} {name}"
        assert sum(len(level.x) for level in levels) == len(t["out.x"])
        assert len(model.discover_threads.seen) == case["clusterings"]
        for call, x, indices, batch in model.discover_threads.seen:
            torch.testing.assert_close(x, call["x"], rtol=1e-5, atol=1e-5)
            assert torch.equal(indices, call["indices"])
            assert torch.equal(batch, call["batch"])


CONFIG = ModelConfig(input_size=6, hidden_size=16, n_layers=2, pos_hidden_channels=4, dropout=0.0)


def model_of(config=CONFIG, seed=0):
    torch.manual_seed(seed)
    model = HiERO(config)
    for parameter in model.parameters():  # off the identity that layers start from
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def video(n, seed=0, first_index=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 6, generator=generator)
    return VideoSegments.from_features(x, stride_frames=16, fps=30.0, video_uid=f"v{seed}", first_index=first_index)


def assert_same(ours, theirs, rows=None, **tolerance):
    for a, b in zip(ours, theirs):
        mine = a.batch == rows if rows is not None else slice(None)
        torch.testing.assert_close(a.x[mine], b.x, **(tolerance or {"rtol": 1e-5, "atol": 1e-5}))
        assert torch.equal(a.indices[mine], b.indices)


@pytest.mark.parametrize("cluster", [False, True])
@pytest.mark.parametrize("pool", ["mean", "max", "video_subsampling"])
def test_a_batch_equals_its_videos_one_by_one(cluster, pool):
    config = ModelConfig(**{**CONFIG.__dict__, "pool": pool})
    model = model_of(config)
    videos = [video(37, 1), video(1, 2), video(64, 3), video(2, 4)]
    together = model(Batch.from_data_list(videos), cluster=cluster)
    for row, alone in enumerate(videos):
        one = model(Batch.from_data_list([alone]), cluster=cluster)
        assert_same(together, one, rows=row)
        for a, b in zip(together, one):  # the same threads, under ids of their own
            mine = a.assignments[a.batch == row]
            if a.level and cluster:
                assert torch.equal(mine - mine.min(), b.assignments - b.assignments.min())


@pytest.mark.parametrize("cluster", [False, True])
def test_the_order_of_videos_changes_nothing(cluster):
    model = model_of()
    videos = [video(20, 1), video(33, 2), video(9, 3)]
    forward = model(Batch.from_data_list(videos), cluster=cluster)
    backward = model(Batch.from_data_list(videos[::-1]), cluster=cluster)
    for a, b in zip(forward, backward):
        for row in range(3):
            torch.testing.assert_close(a.x[a.batch == row], b.x[b.batch == 2 - row], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cluster", [False, True])
def test_shifting_time_changes_nothing(cluster):
    model = model_of()
    here = model(Batch.from_data_list([video(50, 1)]), cluster=cluster)
    later = model(Batch.from_data_list([video(50, 1, first_index=1500)]), cluster=cluster)
    # at 800 s a float32 second has a resolution of 6e-5 s, which the gates see
    assert_same(here, later, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("variant", ["within_threads", "released"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_shortest_videos_give_numbers(n, variant):
    config = ModelConfig(**{**CONFIG.__dict__, "thread_graph": variant})
    model = model_of(config).train()
    levels = model(Batch.from_data_list([video(n, 1), video(n, 2)]))
    for level in levels:
        assert torch.isfinite(level.x).all()
    sum(level.x.sum() for level in levels).backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters())


def test_one_thread_equals_no_clustering():
    """With a single thread per video the thread graph is the whole video in order."""
    model = model_of()
    data = Batch.from_data_list([video(40, 1), video(25, 2)])
    plain = model(data, cluster=False)
    model.discover_threads = lambda x, *, indices, batch, num_videos, samples: batch
    assert_same(model(data, cluster=True), plain)


def test_a_single_video_needs_no_batch():
    model = model_of()
    assert_same(model(video(30, 1)), model(Batch.from_data_list([video(30, 1)])))


def test_masked_rows_are_dropped():
    model = model_of()
    whole = video(30, 1)
    whole.mask = torch.arange(30) < 22
    cut = video(30, 1)
    cut.x, cut.pos, cut.indices = cut.x[:22], cut.pos[:22], cut.indices[:22]
    assert_same(model(Batch.from_data_list([whole])), model(Batch.from_data_list([cut])))


def test_clusters_in_training_and_where_asked():
    model = model_of()
    data = Batch.from_data_list([video(60, 1)])
    assert len(model(data)[1].assignments.unique()) == 1
    assert len(model.train()(data)[1].assignments.unique()) > 1
    asked = model_of(ModelConfig(**{**CONFIG.__dict__, "clustering_at_inference": True}))
    assert len(asked(data)[1].assignments.unique()) > 1


def test_without_threads_a_video_is_one_in_training_and_whatever_is_asked():
    model, data = model_of(), Batch.from_data_list([video(60, 1), video(30, 2)])
    bare = model_of(ModelConfig(**{**CONFIG.__dict__, "threads": False}))
    assert_same(bare(data, cluster=True), model(data, cluster=False))
    assert torch.equal(bare.train()(data)[1].assignments, bare(data)[1].batch)


@pytest.mark.parametrize("cluster", [False, True])
@pytest.mark.parametrize("variant", ["within_threads", "released"])
def test_long_videos_are_worked_off_in_parts_without_a_trace(monkeypatch, cluster, variant):
    model = model_of(ModelConfig(**{**CONFIG.__dict__, "thread_graph": variant}))
    data = Batch.from_data_list([video(150, 1), video(70, 2)])
    whole = model(data, cluster=cluster)
    monkeypatch.setattr("hiero_lib.models.hiero._ROWS_AT_ONCE", 16)
    with torch.no_grad():
        assert_same(model(data, cluster=cluster), whole)
