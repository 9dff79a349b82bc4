"""A level divided: by points, within coarser threads, and into as many threads as the features say."""

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from hiero_lib.config import HierarchyConfig
from hiero_lib.hierarchy.division import LevelDivision, ThreadCount, shares
from hiero_lib.models.clustering.coherence import coherent
from hiero_lib.models.clustering.spectral import spectral_clustering
from tests.helpers.latent_video import latent_video

PLAIN = HierarchyConfig(coherence_s=0.0)


def test_a_switch_costs_the_same_seconds_whatever_a_node_stands_for() -> None:
    x, _ = latent_video(400, steps=5, noise=2.0)
    config = HierarchyConfig(coherence_s=4.0)
    plain = spectral_clustering(x, 5, temperature=config.temperature).numpy()
    for node_s in (0.5, 2.0):
        found = LevelDivision(x, node_s, config)(5)
        assert found.tolist() == coherent(x, plain, switch_cost=4.0 / node_s).tolist()
    assert LevelDivision(x, 0.5, PLAIN)(5).tolist() == plain.tolist()


def test_a_long_level_is_divided_by_points_of_several_nodes() -> None:
    x, ids = latent_video(1001, steps=4, noise=0.1)
    found = LevelDivision(x, 0.5, HierarchyConfig(most_points=250, coherence_s=0.0))(4)
    assert found.shape == (1001,)
    assert all(len(np.unique(found[at : at + 8])) == 1 for at in range(0, 1001, 8))  # 126 points of 8 nodes
    assert adjusted_rand_score(ids, found) > 0.9


@pytest.mark.parametrize("most_points", [2048, 100])
def test_within_coarser_threads_the_finer_ones_nest(most_points: int) -> None:
    x, ids = latent_video(600, steps=6, noise=0.5)
    within = np.asarray(ids) // 2
    found = LevelDivision(x, 0.5, HierarchyConfig(most_points=most_points))(6, within)
    parents = {thread: set(within[found == thread].tolist()) for thread in np.unique(found)}
    assert all(len(above) == 1 for above in parents.values())
    assert adjusted_rand_score(ids, found) > 0.9
    with pytest.raises(ValueError, match="a number is needed"):
        LevelDivision(x, 0.5, PLAIN)("auto", within)
    assert np.unique(LevelDivision(x, 0.5, PLAIN)(1, within)).size == len(np.unique(within))  # one each at least


def test_as_many_threads_as_the_features_say() -> None:
    for steps in (3, 6, 9):
        x, ids = latent_video(60 * steps, steps=steps, noise=0.5)
        found = LevelDivision(x, 2.0, HierarchyConfig())("auto")
        assert adjusted_rand_score(ids, found) > 0.95


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [1, 4, "auto"])
def test_short_levels(n: int, count: ThreadCount) -> None:
    x = torch.randn(n, 4, generator=torch.Generator().manual_seed(n))
    assert LevelDivision(x, 0.5, HierarchyConfig())(count).shape == (n,)
    if count != "auto":
        assert LevelDivision(x, 0.5, HierarchyConfig())(count, np.zeros(n, dtype=np.int64)).shape == (n,)


def test_threads_are_shared_out_by_size_and_all_get_one() -> None:
    assert shares(8, np.array([50, 30, 20])).tolist() == [4, 2, 2]
    assert shares(8, np.array([2, 2, 2, 94])).tolist() == [1, 1, 1, 5]
    assert shares(2, np.array([98, 1, 1])).tolist() == [1, 1, 1]
    assert shares(7, np.array([98, 1, 1])).tolist() == [5, 1, 1]


def test_features_that_hold_nan_are_refused() -> None:
    x = torch.ones(9, 2)
    x[4, 1] = float("nan")
    with pytest.raises(ValueError, match="row 4"):
        LevelDivision(x, 0.5, HierarchyConfig())(2)
