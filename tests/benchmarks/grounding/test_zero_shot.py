"""Zero-shot grounding: runs of equal cluster, as they are and as released, and the most similar of them."""

import json

import numpy as np
import torch

from hiero_lib.benchmarks.grounding.zero_shot import VideoFeatures, compress, remembering, run_means, zero_shot
from tests.helpers.clusterings import by_axis


def test_golden_compress(golden):
    cases = json.loads((golden / "compress.json").read_text())
    assert cases
    for case in cases:
        mask, released = np.array(case["mask"]), [tuple(run) for run in case["runs"]]
        assert compress(mask, released=True) == released
        runs = compress(mask)
        assert runs[:-1] == released[:-1]
        rebuilt = np.concatenate([np.full(length, mask[start]) for start, length in runs])
        np.testing.assert_array_equal(rebuilt, mask)


def test_runs_of_short_lines():
    assert compress(np.array([], dtype=int)) == []
    assert compress(np.array([3])) == [(0, 1)]
    assert compress(np.array([3, 3])) == [(0, 2)]
    assert compress(np.array([3, 3]), released=True) == [(-1, 2)]
    assert torch.isnan(run_means(torch.ones(2, 3), [(-1, 2)])).all()


def pieces(*lengths, stride_s=0.5):
    """A video of pieces, each along its own axis, and one query along each."""
    axes = torch.eye(len(lengths))
    fine = axes.repeat_interleave(torch.tensor(lengths), dim=0)
    return VideoFeatures(fine, fine[::4].clone(), stride_s), axes


def test_zero_shot_takes_the_most_similar_runs():
    features, queries = pieces(10, 6, 3, 8)
    found = zero_shot(features, queries, cluster=by_axis)
    assert found[0][0] == (0.0, 5.0)
    assert found[3][0] == (9.5, 13.5)
    # The run of 3 segments is no candidate, so its query gets others.
    assert (8.0, 9.5) not in found[2]
    assert [len(spans) for spans in found] == [3] * 4


def test_zero_shot_with_real_clustering_finds_a_planted_step():
    features, queries = pieces(40, 60, 50, 30, 45, 70, 35, 20)
    jitter = torch.randn(features.fine.shape, generator=torch.Generator().manual_seed(0)) * 0.05
    found = zero_shot(VideoFeatures(features.fine + jitter, features.coarse, 1.0), queries)
    assert found[1][0] == (40.0, 100.0)
    assert found[7][0] == (330.0, 350.0)


def test_zero_shot_where_all_runs_are_short():
    features, queries = pieces(2, 2)
    assert zero_shot(features, queries, cluster=by_axis)[0][0] == (0.0, 1.0)


def test_a_single_run_as_released_still_gives_a_finite_answer():
    features, queries = pieces(7)
    assert zero_shot(features, queries, cluster=by_axis, released_runs=True) == [[(0.0, 3.0)]]
    assert zero_shot(features, queries, cluster=by_axis) == [[(0.0, 3.5)]]


def test_a_clustering_is_not_done_again_on_the_same_features():
    asked = []

    def counted(x, n_clusters, temperature):
        asked.append((len(x), n_clusters, temperature))
        return by_axis(x, n_clusters, temperature)

    cluster = remembering(counted, last=2)
    one, other = torch.eye(3), torch.eye(4)
    assert torch.equal(cluster(one, 2, 0.05), cluster(one, 2, 0.05))
    assert cluster(one.clone(), 2, 0.05).tolist() == [0, 1, 2]  # other features, though equal
    assert asked == [(3, 2, 0.05)] * 2
    cluster(one, 3, 0.05)
    cluster(other, 3, 0.05)
    assert asked[2:] == [(3, 3, 0.05), (4, 3, 0.05)]
    cluster(one, 3, 0.05)  # is remembered,
    cluster(one, 2, 0.05)  # and this is too long ago
    assert asked[4:] == [(3, 2, 0.05)]
