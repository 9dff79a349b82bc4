"""Modularity against its definition, pair by pair, and the number of clusters that it is largest for."""

import numpy as np
import pytest
import torch

from hiero_lib.models.clustering.modularity import CosineGraph
from hiero_lib.models.clustering.spectral import spectral_partition
from tests.helpers.latent_video import latent_video


def test_it_is_the_sum_over_pairs() -> None:
    x = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
    ids = np.array([3, 3, 3, 9, 9, 0, 0, 0, 3, 9, 0, 3])
    rows = torch.nn.functional.normalize(x, dim=1).double().numpy()
    weight = np.exp(rows @ rows.T / 0.3)
    np.fill_diagonal(weight, 0)
    degree, total = weight.sum(1), weight.sum()
    expected = sum(
        weight[i, j] / total - degree[i] * degree[j] / total**2
        for i in range(12)
        for j in range(12)
        if ids[i] == ids[j]
    )
    assert CosineGraph(x, temperature=0.3).modularity(ids) == pytest.approx(expected, rel=1e-4)
    assert CosineGraph(x, temperature=0.3).modularity(np.zeros(12, dtype=int)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("n", "steps"), [(250, 4), (1000, 6)])
def test_it_is_largest_for_the_true_number(n: int, steps: int) -> None:
    x, _ = latent_video(n, steps=steps, noise=0.5)
    graph, divide = CosineGraph(x, temperature=0.1), spectral_partition(x, temperature=0.5)
    assert max(range(2, 12), key=lambda k: graph.modularity(divide(k).numpy())) == steps
