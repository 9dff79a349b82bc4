"""The measure by hand and by the authors' numbers; videos, tasks and datasets; intervals and differences."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.controls import random_clusters, uniform_pieces
from hiero_lib.benchmarks.egoprocel.files import TASKS, KeystepSpan, KeystepVideo, read_keysteps_json
from hiero_lib.benchmarks.egoprocel.score import (
    AVERAGE,
    MEASURES,
    EgoProceLResult,
    KeystepScores,
    f1_score,
    match_keysteps,
    mean_scores,
    score_video,
    score_videos,
    unmatched_share,
)
from hiero_lib.config import ProcedureConfig
from hiero_lib.methods.method import HIERO, UNTRAINED
from tests.helpers.clusterings import by_axis
from tests.helpers.shared import SHARED, needs

REAL = SHARED / "egoprocel/keysteps.json"
BROWNIE, EGGS = (next(t for t in TASKS if t.name == name) for name in ("Brownie", "Eggs"))
TENT = next(t for t in TASKS if t.name == "EPIC-Tents")


def keystep_scores(predicted, truth, *, per_keystep=True, **how):
    """Matched and scored."""
    return match_keysteps(predicted, truth, **how).scores(per_keystep=per_keystep)


def test_golden_procedure_metric(golden):
    cases = json.loads((golden / "procedure_metric.json").read_text())
    assert cases
    for case in cases:
        got = keystep_scores(
            np.array(case["pred"]),
            np.array(case["gt"]),
            n_keysteps=case["n_keysteps"],
            n_clusters=case["n_clusters"],
            per_keystep=case["per_keystep"],
            skip_background=case["skip_background"],
        )
        for name in ("recall", "precision", "iou", "coverage"):
            assert getattr(got, name) == pytest.approx(case[name], abs=1e-5), name


def test_hand_computed_with_a_label_that_no_cluster_can_take():
    # Two clusters, three labels of 4, 2, 2 frames. Cluster 0 covers label 0 and one frame of label 1.
    truth = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    predicted = np.array([0, 0, 0, 0, 0, 1, 1, 1])
    got = keystep_scores(predicted, truth, n_keysteps=2, n_clusters=2)
    assert got.recall == pytest.approx((1 + 1) / 2)
    assert got.precision == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert got.iou == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert got.coverage == pytest.approx(6 / 8)
    assert got.all_recall == pytest.approx(2 / 3)
    assert got.all_precision == pytest.approx((4 / 5 + 2 / 3) / 3)
    assert got.all_f1 < got.f1


def test_pooled_scores_over_all_labels():
    truth = np.array([0, 0, 1, 2])
    predicted = np.array([0, 0, 1, 1])
    got = keystep_scores(predicted, truth, n_keysteps=2, n_clusters=2, per_keystep=False)
    assert got.recall == 1.0
    assert got.precision == pytest.approx(3 / 4)
    assert got.all_recall == pytest.approx(3 / 4)
    assert got.all_iou == pytest.approx(3 / 5)


def test_cluster_names_do_not_matter():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 5, 300), rng.integers(0, 7, 300)
    renamed = rng.permutation(7)[predicted]
    one = keystep_scores(predicted, truth, n_keysteps=4, n_clusters=7)
    two = keystep_scores(renamed, truth, n_keysteps=4, n_clusters=7)
    assert one == two


def test_only_background_and_background_skipped():
    got = keystep_scores(np.zeros(5), np.zeros(5), n_keysteps=3, n_clusters=2, skip_background=True)
    assert got.f1 == 0.0
    assert keystep_scores(np.zeros(5), np.zeros(5), n_keysteps=3, n_clusters=2).f1 == 1.0


def test_means_come_before_f1():
    a = KeystepScores(1.0, 0.2, 0, 0, 0, 0, 0)
    b = KeystepScores(0.2, 1.0, 0, 0, 0, 0, 0)
    assert mean_scores([a, b]).f1 == pytest.approx(0.6)
    assert (a.f1 + b.f1) / 2 == pytest.approx(1 / 3)
    assert f1_score(0.0, 0.0) == 0.0


@pytest.mark.parametrize(
    ("predicted", "truth"),
    [([0, 1], [0]), ([], []), ([0, 9], [0, 1]), ([0, 1], [0, 4]), ([-1, 0], [0, 0])],
)
def test_bad_ids_are_refused(predicted, truth):
    with pytest.raises(ValueError, match="expected"):
        match_keysteps(np.array(predicted, dtype=int), np.array(truth, dtype=int), n_keysteps=3, n_clusters=2)


def test_no_scores_to_average():
    with pytest.raises(ValueError, match="no scores"):
        mean_scores([])


def video(uid="v", task=TENT, nodes=(4, 4, 4), frames=64, fps=30.0):
    """Key-steps 1, 2, ... of the given number of nodes of 64 frames."""
    edges = np.cumsum([0, *nodes]) * frames
    spans = tuple(KeystepSpan(int(a), int(b) - 1, k, "") for k, (a, b) in enumerate(pairwise(edges), start=1))
    return KeystepVideo(uid, task, fps, int(edges[-1]), spans)


def features(nodes=(4, 4, 4)):
    return torch.eye(7)[: len(nodes)].repeat_interleave(torch.tensor(nodes), dim=0)


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
    got = score_videos(videos, features_of=lambda v: lines.get(v.video_uid), cluster=by_axis)
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


@pytest.mark.parametrize("bad", [torch.zeros(0, 3), torch.full((4, 3), float("nan"))])
def test_unusable_features_name_the_video(bad):
    with pytest.raises(DataError) as error:
        score_videos([video("that one")], features_of=lambda v: bad)
    assert (error.value.file, error.value.field) == ("that one", "features")


def test_nothing_to_score():
    with pytest.raises(DataError, match="no video has features"):
        score_videos([video()], features_of=lambda v: None)


@needs(REAL)
def test_real_timelines_go_through_with_random_clusters_and_uniform_pieces():
    videos = read_keysteps_json(REAL, fps=10)

    def features_of(v):
        return torch.zeros(int(v.num_frames / v.fps * 30 / 64) + 1, 2)

    for control in (random_clusters, uniform_pieces):
        got = score_videos(videos, features_of=features_of, feature_fps=30.0, cluster=control)
        assert len(got.videos) == 1079
        assert len(got.tasks) == 16
        assert len(got.datasets) == 6
        assert 0.05 < got.value("F1") < 0.6


def test_a_cluster_is_called_after_its_label_where_they_share_a_frame():
    matching = match_keysteps(np.array([4, 4, 0, 0, 2]), np.array([2, 2, 0, 1, 1]), n_keysteps=3, n_clusters=5)
    assert matching.table.shape == (5, 4)
    assert matching.table.sum() == 5
    assert matching.label_of() == {4: 2, 0: 0, 2: 1}
    assert len(matching.labels) == 4  # key-step 3 has a cluster that shares no frame with it
    skipped = match_keysteps(
        np.array([4, 4, 0, 0, 2]), np.array([2, 2, 0, 1, 1]), n_keysteps=3, n_clusters=5, skip_background=True
    )
    assert 0 not in skipped.labels
    assert skipped.label_of().keys() <= {4, 0, 2}


def literal_matching(predicted, truth, *, n_keysteps, n_clusters):
    """The most frames that any one-to-one matching of clusters and labels can share, by trying all."""

    def best(cluster, free):
        if cluster == n_clusters:
            return 0
        here = [best(cluster + 1, free)]
        for label in free:
            shared = int(((predicted == cluster) & (truth == label)).sum())
            here.append(shared + best(cluster + 1, free - {label}))
        return max(here)

    return best(0, frozenset(range(n_keysteps + 1)))


@pytest.mark.parametrize("seed", range(4))
def test_no_other_matching_shares_more_frames(seed):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, 4, 60), rng.integers(0, 5, 60)
    found = match_keysteps(predicted, truth, n_keysteps=3, n_clusters=5)
    assert found.table[found.clusters, found.labels].sum() == literal_matching(
        predicted, truth, n_keysteps=3, n_clusters=5
    )


def test_labels_beyond_the_features_are_known():
    enough = score_videos([video("a")], features_of=lambda v: features(), cluster=by_axis)
    assert enough.beyond_features() == []
    assert enough.videos[0].uncovered == 0.0
    short = score_videos([video("a"), video("b")], features_of=lambda v: features((4, 4, 2)), cluster=by_axis)
    assert short.beyond_features() == ["a", "b"]  # two of twelve nodes are missing
    assert short.videos[0].uncovered == pytest.approx(2 / 12)


def literal_intervals(result, measure, dataset, *, resamples, seed):
    """The definition read aloud: draw the videos of each task anew, then tasks, datasets and F1 as always."""
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(resamples):
        tasks = {}
        for name in result.tasks:
            own = [v.scores for v in result.videos if (v.video.task.dataset, v.video.task.name) == name]
            tasks[name] = mean_scores([own[rng.integers(len(own))] for _ in own])
        datasets = {
            owner: mean_scores([scores for (of, _), scores in tasks.items() if of == owner])
            for owner in result.datasets
        }
        values = [MEASURES[measure](s) for name, s in datasets.items() if dataset in (name, AVERAGE)]
        drawn.append(float(np.mean(values)))
    return np.quantile(drawn, [0.025, 0.975])


def some_result():
    """Six videos of three tasks in two datasets, each with other clusters."""
    videos = [video(f"v{k}", (BROWNIE, EGGS, TENT)[k % 3]) for k in range(6)]
    rng = np.random.default_rng(0)
    lines = {v.video_uid: torch.eye(7)[torch.tensor(rng.integers(0, 4, 12))] for v in videos}
    return score_videos(videos, features_of=lambda v: lines[v.video_uid], cluster=by_axis)


@pytest.mark.parametrize(
    ("measure", "dataset"), [("F1", AVERAGE), ("IoU", "CMU"), ("F1 over all labels", "EPIC-Tents")]
)
def test_intervals_are_those_of_videos_drawn_anew_in_each_task(measure, dataset):
    result = some_result()
    metric = result.metrics(resamples=4000, seed=0)[measure, dataset]
    low, high = literal_intervals(result, measure, dataset, resamples=1500, seed=1)
    assert metric.value == result.value(measure, dataset)
    assert metric.n == {AVERAGE: 6, "CMU": 4, "EPIC-Tents": 2}[dataset]
    assert metric.interval == pytest.approx((low, high), abs=0.1 * (high - low))


def test_a_result_does_not_differ_from_itself(results: dict[str, EgoProceLResult]) -> None:
    same = results[UNTRAINED].difference(results[UNTRAINED], resamples=20, seed=1)
    assert {(metric.value, metric.interval) for metric in same.values()} == {(0.0, (0.0, 0.0))}


def test_the_average_is_the_mean_of_the_datasets(results: dict[str, EgoProceLResult]) -> None:
    result = results[HIERO]
    for measure in MEASURES:
        parts = [result.value(measure, dataset) for dataset in result.datasets]
        assert result.value(measure) == pytest.approx(np.mean(parts))
    assert result.value("F1 over all labels") <= result.value("F1") + 1e-9
