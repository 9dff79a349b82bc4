from itertools import pairwise

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.egoprocel.files import TASKS, KeystepSpan, KeystepVideo, read_keysteps_json
from hiero_lib.benchmarks.egoprocel.task import (
    evaluate,
    frames_per_node,
    random_clusters,
    raw_level_features,
    score_video,
    spread_to_frames,
    uniform_pieces,
    unmatched_share,
)
from hiero_lib.config import ProcedureConfig
from tests.helpers.shared import SHARED, needs

REAL = SHARED / "egoprocel/keysteps.json"
BROWNIE, EGGS = (next(t for t in TASKS if t.name == name) for name in ("Brownie", "Eggs"))
TENT = next(t for t in TASKS if t.name == "EPIC-Tents")


def by_axis(x, n_clusters, temperature):
    return x.argmax(dim=1)


def video(uid="v", task=TENT, nodes=(4, 4, 4), frames=64, fps=30.0):
    """Key-steps 1, 2, ... of the given number of nodes of 64 frames."""
    edges = np.cumsum([0, *nodes]) * frames
    spans = tuple(KeystepSpan(int(a), int(b) - 1, k, "") for k, (a, b) in enumerate(pairwise(edges), start=1))
    return KeystepVideo(uid, task, fps, int(edges[-1]), spans)


def features(nodes=(4, 4, 4)):
    return torch.eye(7)[: len(nodes)].repeat_interleave(torch.tensor(nodes), dim=0)


def test_spreading_equals_repeating_32_times_then_padding_or_cutting():
    ids = np.arange(5)
    for num_labels in (100, 160, 163):
        repeated = np.pad(np.repeat(ids, 32), (0, 200))[:num_labels]
        np.testing.assert_array_equal(spread_to_frames(ids, num_labels=num_labels, frames_per_node=64), repeated)


def test_spreading_at_another_rate_follows_the_time():
    # Labels at 10 frames per second, nodes of 64 / 30 s: label frame f lies at f / 10 s.
    got = spread_to_frames(
        np.arange(50), num_labels=300, frames_per_node=frames_per_node(video(fps=10.0), stride_frames=16, fps=30.0)
    )
    expected = [min(int((2 * j + 1) / 10 / (64 / 30)), 49) for j in range(300)]
    assert got.tolist() == expected


def test_raw_features_at_the_rate_of_level_two():
    x = torch.arange(11.0)[:, None]
    assert raw_level_features(x).flatten().tolist() == [2, 6, 10]
    assert raw_level_features(x[:2]).flatten().tolist() == [1]
    assert raw_level_features(x[:0]).shape == (0, 1)


def test_clusters_that_are_the_steps_score_one():
    got = score_video(video(), features(), frames_per_node=64, cluster=by_axis)
    assert (got.scores.f1, got.scores.iou, got.scores.all_f1) == (1.0, 1.0, 1.0)
    assert got.truth.tolist() == [1] * 128 + [2] * 128 + [3] * 128


def test_default_clustering_finds_planted_steps():
    nodes = (20, 15, 30, 25, 10, 12, 18)
    x = features(nodes) + 0.02 * torch.randn(130, 7, generator=torch.Generator().manual_seed(0))
    assert score_video(video(nodes=nodes), x, frames_per_node=64).scores.f1 > 0.99


def test_tasks_are_averaged_before_datasets_and_f1():
    videos = [video("a", BROWNIE), video("b", BROWNIE), video("c", EGGS), video("d", TENT), video("lost", TENT)]
    lines = {"a": features(), "b": features()[:, :1].repeat(1, 7), "c": features(), "d": features()}
    got = evaluate(videos, features_of=lambda v: lines.get(v.video_uid), cluster=by_axis)
    assert [v.video_uid for v in got.without_features] == ["lost"]
    assert set(got.tasks) == {("CMU", "Brownie"), ("CMU", "Eggs"), ("EPIC-Tents", "EPIC-Tents")}
    # Video b is one cluster over three steps; the other two steps are matched to clusters that hold nothing.
    assert got.tasks["CMU", "Brownie"].recall == pytest.approx((1 + 1 / 3) / 2)
    assert got.tasks["CMU", "Brownie"].precision == pytest.approx((1 + 1 / 9) / 2)
    recall, precision = (2 / 3 + 1) / 2, (5 / 9 + 1) / 2
    assert got.datasets["CMU"].f1 == pytest.approx(2 * recall * precision / (recall + precision))
    assert got.value("F1") == pytest.approx((got.datasets["CMU"].f1 + 1) / 2)
    assert got.value("IoU") == pytest.approx((got.datasets["CMU"].iou + 1) / 2)


def test_share_of_frames_that_the_published_measure_leaves_out():
    one = score_video(video(), features(), frames_per_node=64, cluster=by_axis)
    few = ProcedureConfig(n_clusters=2)
    two = score_video(video(), features((4, 8)), frames_per_node=64, cluster=by_axis, config=few)
    assert unmatched_share([one]) == 0.0
    assert unmatched_share([one, two]) == pytest.approx((1 / 3) / 2)


def test_published_protocol_can_be_switched():
    x, v = features((4, 8)), video(nodes=(4, 8))
    default = score_video(v, x, frames_per_node=64, cluster=uniform_pieces)
    pooled = score_video(v, x, frames_per_node=64, cluster=uniform_pieces, config=ProcedureConfig(per_keystep=False))
    two = score_video(v, x, frames_per_node=64, cluster=uniform_pieces, config=ProcedureConfig(n_clusters=2))
    assert default.scores.recall != pooled.scores.recall
    assert two.scores.recall > default.scores.recall


def test_controls_give_valid_clusters():
    x = torch.zeros(50, 3)
    for control in (random_clusters, uniform_pieces):
        ids = control(x, 7, 0.5)
        assert set(ids.tolist()) == set(range(7))
        assert torch.equal(ids, control(x, 7, 0.5))
    assert uniform_pieces(x[:7], 3, 0.5).tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert uniform_pieces(x[:2], 5, 0.5).tolist() == [0, 2]


@pytest.mark.parametrize("bad", [torch.zeros(0, 3), torch.full((4, 3), float("nan"))])
def test_unusable_features_name_the_video(bad):
    with pytest.raises(DataError) as error:
        evaluate([video("that one")], features_of=lambda v: bad)
    assert (error.value.file, error.value.field) == ("that one", "features")


def test_nothing_to_score():
    with pytest.raises(DataError, match="no video has features"):
        evaluate([video()], features_of=lambda v: None)


@needs(REAL)
def test_real_timelines_go_through_with_random_clusters_and_uniform_pieces():
    videos = read_keysteps_json(REAL, fps=10)

    def features_of(v):
        return torch.zeros(int(v.num_frames / v.fps * 30 / 64) + 1, 2)

    for control in (random_clusters, uniform_pieces):
        got = evaluate(videos, features_of=features_of, feature_fps=30.0, cluster=control)
        assert len(got.videos) == 1079
        assert len(got.tasks) == 16
        assert len(got.datasets) == 6
        assert 0.05 < got.value("F1") < 0.6
