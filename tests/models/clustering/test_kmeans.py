import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans, SpectralClustering

from hiero_lib.models.clustering.embedding import laplacian_eigenvectors, spectral_embedding
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


def literal_kmeans(points, num_clusters, draws, steps):
    """One start of one problem, a point at a time: k-means++, Lloyd's steps; clusters and their sum of squares."""
    n = len(points)
    chosen = [min(int(draws[0] * n), n - 1)]
    for draw in draws[1:]:
        closest = torch.stack([((points - points[c]) ** 2).sum(1) for c in chosen]).amin(0)
        cumulative = closest.cumsum(0)
        chosen.append(min(int((cumulative <= draw * cumulative[-1]).sum()), n - 1))
    centres = [points[c] for c in chosen]
    for _ in range(steps):
        nearest = [min(range(num_clusters), key=lambda k: float(((p - centres[k]) ** 2).sum())) for p in points]
        for k in range(num_clusters):
            mine = [p for p, c in zip(points, nearest) if c == k]
            centres[k] = torch.stack(mine).mean(0) if mine else centres[k]
    apart = [[float(((p - centre) ** 2).sum()) for centre in centres] for p in points]
    return [min(range(num_clusters), key=row.__getitem__) for row in apart], sum(map(min, apart))


@pytest.mark.parametrize("clustered", [False, True])
def test_batched_kmeans_is_the_literal_one(clustered):
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(3, 20, 2, generator=generator)
    if clustered:
        x = x * 0.1 + torch.randint(0, 3, (3, 20, 1), generator=generator)
    draws = torch.rand((8, 4), generator=torch.Generator().manual_seed(0))
    for points, ours in zip(x, batched_kmeans(x, 4)):
        runs = [literal_kmeans(points, 4, draw, steps=16) for draw in draws]
        assert ours.tolist() == min(runs, key=lambda run: run[1])[0]


def test_no_step_is_missing_with_sixteen():
    """More Lloyd steps find nothing else on the points of videos."""
    walks = torch.randn(400, 32, 8, generator=torch.Generator().manual_seed(1)).cumsum(1)
    points = laplacian_eigenvectors(walks, 4, temperature=0.05)
    assert torch.equal(batched_kmeans(points, 4), batched_kmeans(points, 4, iterations=60))


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
