import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from hiero_lib.models.clustering import davidson
from hiero_lib.models.clustering.davidson import Affinity, CoarseSpace, largest_eigenpairs, sum_runs
from hiero_lib.models.clustering.spectral import spectral_clustering
from tests.helpers.latent_video import latent_video
from tests.tools.speed.spectral import generated_video


def test_a_residual_that_float32_cannot_make_smaller_ends_the_search():
    affinity = Affinity(generated_video(8), 0.5, run=4)
    root, passes = affinity.degree.rsqrt(), []

    def product(rows):
        passes.append(len(rows))
        return root * affinity.product(root * rows)

    values, rows = largest_eigenpairs(product, CoarseSpace(affinity), 7, tolerance=0.0)
    assert len(passes) < 60
    assert float((rows @ rows.T - torch.eye(7)).abs().max()) < 1e-4
    assert values[0].item() == pytest.approx(1.0, abs=1e-5)


def test_affinity_that_does_not_fit_gives_the_same(monkeypatch):
    x, _ = latent_video(2500, steps=5)
    stored = spectral_clustering(x, 5, temperature=0.05)
    monkeypatch.setattr(davidson, "_STORED_BYTES", 0)
    monkeypatch.setattr(davidson, "_ROWS", 699)
    assert adjusted_rand_score(stored, spectral_clustering(x, 5, temperature=0.05)) == 1.0


@pytest.mark.parametrize("n", [1, 4, 30, 33])
def test_sums_over_runs_are_those_of_a_loop(n):
    x = torch.arange(2.0 * n).reshape(n, 2)
    expected = torch.stack([x[first : first + 4].sum(0) for first in range(0, n, 4)])
    assert torch.equal(sum_runs(x, 4), expected)


def test_products_and_joined_blocks_are_those_of_the_dense_affinity(monkeypatch):
    monkeypatch.setattr(davidson, "_ROWS", 24)  # several blocks, the last one shorter
    x, _ = latent_video(101, steps=3)
    unit = torch.nn.functional.normalize(x, dim=1)
    w = torch.exp((unit @ unit.T - 1) / 0.5).fill_diagonal_(0)
    affinity = Affinity(x, 0.5, run=4)
    rows = torch.randn(3, 101, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(affinity.product(rows), rows @ w, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(affinity.degree, w.sum(1), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(affinity.joined(), sum_runs(sum_runs(w, 4).T, 4).T, rtol=1e-4, atol=1e-4)


def test_a_coarse_line_is_constant_over_its_run_and_lifting_keeps_lengths():
    affinity = Affinity(latent_video(50, steps=3)[0], 0.5, run=4)
    coarse = CoarseSpace(affinity)
    lines = coarse.lift(torch.eye(coarse.nodes))
    torch.testing.assert_close(lines @ lines.T, torch.eye(coarse.nodes), rtol=0, atol=1e-5)
    torch.testing.assert_close(coarse.restrict(lines), torch.eye(coarse.nodes), rtol=0, atol=1e-5)
