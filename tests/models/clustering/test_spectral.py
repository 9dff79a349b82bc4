import pytest
import torch
from sklearn.cluster import SpectralClustering
from sklearn.metrics import adjusted_rand_score

from hiero_lib.models.clustering.spectral import spectral_clustering, spectral_partition
from tests.helpers.latent_video import affinity, latent_video
from tests.tools.speed.spectral import agreement, generated_video


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("n", "noise"), [(200, 3.0), (700, 3.0), (700, 6.0)])
def test_same_partition_where_kmeans_has_many_optima(n, noise, seed):
    x, _ = latent_video(n, steps=12, noise=noise)
    w = affinity(x, 0.5)
    theirs = SpectralClustering(7, affinity="precomputed", random_state=seed).fit(w).labels_
    other = SpectralClustering(7, affinity="precomputed", random_state=seed + 10).fit(w).labels_
    assert adjusted_rand_score(theirs, other) < 0.99  # so the draws matter
    assert adjusted_rand_score(theirs, spectral_clustering(x, 7, temperature=0.5, seed=seed)) >= 0.99


@pytest.mark.parametrize(
    ("n", "temperature", "smooth"), [(300, 0.05, 0), (300, 0.5, 0), (1200, 0.05, 0), (1200, 0.5, 0), (1200, 0.05, 3)]
)
def test_same_partition_as_scikit_learn(n, temperature, smooth):
    x, _ = latent_video(n, steps=6, smooth=smooth)
    theirs = SpectralClustering(6, affinity="precomputed", random_state=0).fit(affinity(x, temperature)).labels_
    ours = spectral_clustering(x, 6, temperature=temperature)
    assert adjusted_rand_score(theirs, ours) >= 0.99


@pytest.fixture(scope="module")
def sample_video():
    return generated_video(8)


@pytest.mark.parametrize(("segments", "n_clusters", "temperature"), [(900, 8, 0.05), (900, 7, 0.5), (600, 16, 0.05)])
def test_same_partition_on_a_video_of_the_sample(sample_video, segments, n_clusters, temperature):
    """All of its videos: ``python -m tests.tools.speed spectral_sample``."""
    assert agreement(sample_video[:segments], n_clusters, temperature) >= 0.99


def test_order_and_scale_of_the_segments_do_not_matter():
    x, _ = latent_video(900, steps=5)
    order = torch.randperm(900, generator=torch.Generator().manual_seed(0))
    scale = torch.rand(900, 1, generator=torch.Generator().manual_seed(1)) + 0.1
    one = spectral_clustering(x, 5, temperature=0.1)
    two = spectral_clustering((x * scale)[order], 5, temperature=0.1)
    assert adjusted_rand_score(one[order], two) >= 0.99


def test_same_seed_same_labels_and_the_global_state_is_left_alone():
    x, _ = latent_video(600, steps=5, noise=3.0)
    state = torch.random.get_rng_state()
    one = spectral_clustering(x, 5, temperature=0.5, seed=3)
    assert torch.equal(one, spectral_clustering(x, 5, temperature=0.5, seed=3))
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("n_clusters", [1, 3, 8])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_short_videos(n, n_clusters):
    labels = spectral_clustering(
        torch.randn(n, 4, generator=torch.Generator().manual_seed(0)), n_clusters, temperature=0.5
    )
    assert labels.shape == (n,)
    assert labels.dtype == torch.int64
    if n:
        assert 0 <= int(labels.min()) <= int(labels.max()) < min(n, n_clusters)


@pytest.mark.parametrize("n", [40, 900])
def test_identical_segments_and_empty_rows_are_no_error(n):
    labels = spectral_clustering(torch.ones(n, 8), 4, temperature=0.05)
    assert labels.shape == (n,)
    x, ids = latent_video(n, steps=3, noise=0.1)
    x[5] = 0
    assert adjusted_rand_score(ids, spectral_clustering(x, 3, temperature=0.2)) > 0.9


@pytest.mark.parametrize(
    ("x", "k", "temperature", "match"),
    [
        (torch.ones(4), 2, 0.5, "shape"),
        (torch.ones(4, 2), 0, 0.5, "positive"),
        (torch.ones(4, 2), 2, 0.0, "positive"),
        (torch.tensor([[1.0, 0.0], [1.0, float("nan")], [1.0, 2.0]]), 2, 0.5, "row 1"),
        (torch.tensor([[1.0, float("inf")], [1.0, 0.0], [1.0, 2.0]]), 2, 0.5, "row 0"),
    ],
)
def test_bad_input(x, k, temperature, match):
    with pytest.raises(ValueError, match=match):
        spectral_clustering(x, k, temperature=temperature)


def test_a_prepared_partition_is_the_clustering_for_any_number():
    x, _ = latent_video(500, steps=6)
    divide = spectral_partition(x, temperature=0.5)
    for n_clusters in (3, 6, 25, 1):
        assert divide(n_clusters).tolist() == spectral_clustering(x, n_clusters, temperature=0.5).tolist()
