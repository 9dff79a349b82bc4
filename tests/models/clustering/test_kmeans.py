import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans, SpectralClustering

from hiero_lib.models.clustering.embedding import spectral_embedding
from hiero_lib.models.clustering.kmeans import batched_kmeans, scikit_learn_kmeans
from tests.helpers.latent_video import affinity, latent_video


@pytest.mark.parametrize("seed", range(3))
def test_batched_kmeans_is_as_good_as_scikit_learns(seed):
    x = torch.randn(2, 40, 3, generator=torch.Generator().manual_seed(seed))
    clusters = batched_kmeans(x, 4)
    for points, mine in zip(x, clusters):
        inertia = sum(((points[mine == k] - points[mine == k].mean(0)) ** 2).sum() for k in mine.unique())
        theirs = KMeans(4, n_init=10, random_state=0).fit(points.numpy()).inertia_
        assert float(inertia) <= theirs * 1.05


def test_batched_kmeans_of_fewer_distinct_points_than_clusters():
    clusters = batched_kmeans(torch.tensor([[[0.0], [0.0], [1.0]]]), 3)[0]
    assert clusters[0] == clusters[1] != clusters[2]


def test_problems_of_a_batch_do_not_know_each_other():
    x = torch.randn(3, 40, 2, generator=torch.Generator().manual_seed(5))
    together = batched_kmeans(x, 4)
    for points, clusters in zip(x, together):
        assert torch.equal(batched_kmeans(points[None], 4)[0], clusters)


def test_the_draws_are_those_of_scikit_learns_spectral_clustering():
    x, _ = latent_video(300, steps=12, noise=3.0)
    rows = spectral_embedding(x, 7, temperature=0.5)[1].double().numpy()
    theirs = SpectralClustering(7, affinity="precomputed", random_state=3).fit(affinity(x, 0.5)).labels_
    assert np.array_equal(scikit_learn_kmeans(rows, 7, 3, 10), theirs)  # the numbers of the clusters too


def test_identical_rows_leave_clusters_empty_without_a_warning():
    assert set(scikit_learn_kmeans(np.ones((20, 3)), 4, 0, 2).tolist()) == {0}
