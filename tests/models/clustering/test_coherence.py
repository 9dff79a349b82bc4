"""Clusters that hang together: the exact best line, what a switch costs, gaps, and inputs without a contrast."""

import itertools

import numpy as np
import pytest
import torch

from hiero_lib.models.clustering.coherence import best_line, coherent, coherent_cluster
from hiero_lib.models.clustering.spectral import default_cluster
from tests.helpers.latent_video import latent_video


@pytest.mark.parametrize("seed", range(5))
def test_the_line_is_the_best_of_all(seed: int) -> None:
    random = np.random.default_rng(seed)
    score, costs = random.normal(size=(6, 3)), random.uniform(0, 2, 6)

    def worth(line) -> float:
        switches = sum(costs[i] for i in range(1, 6) if line[i] != line[i - 1])
        return sum(score[i, column] for i, column in enumerate(line)) - switches

    best = max(itertools.product(range(3), repeat=6), key=worth)
    assert best_line(score, costs).tolist() == list(best)


def noisy_turns(*, noise: float = 0.2):
    """Two things in turn, the second time of the other for two segments only."""
    ids = np.array([0] * 20 + [1] * 2 + [0] * 20 + [1] * 20)
    generator = torch.Generator().manual_seed(0)
    return torch.eye(8)[ids] + noise * torch.randn(62, 8, generator=generator), ids


def test_a_segment_stays_where_it_may_be() -> None:
    x, ids = noisy_turns()
    allowed = np.ones((62, 2), dtype=bool)
    allowed[20:22] = [False, True]
    assert coherent(x, ids, switch_cost=10.0, allowed=allowed).tolist() == ids.tolist()


def test_short_excursions_go_and_long_ones_stay() -> None:
    x, ids = noisy_turns()
    found = coherent(x, ids, switch_cost=10.0)
    assert found.tolist() == [0] * 42 + [1] * 20
    assert coherent(x, ids, switch_cost=0.0) is ids
    assert coherent(x, ids, switch_cost=0.5).tolist() == ids.tolist()
    clear, _ = noisy_turns(noise=0.02)  # what is clearly apart may change quickly
    assert coherent(clear, ids, switch_cost=10.0).tolist() == ids.tolist()


def test_across_a_gap_a_switch_is_free() -> None:
    x, ids = noisy_turns()
    where = np.arange(62) + 100 * (np.arange(62) >= 20) + 100 * (np.arange(62) >= 22)
    assert coherent(x, ids, switch_cost=10.0, where=where).tolist() == ids.tolist()


@pytest.mark.parametrize("n", [0, 1, 5, 600])
def test_what_is_all_the_same_does_not_flicker(n: int) -> None:
    ids = np.arange(n) % 2
    for x in (torch.ones(n, 3), torch.zeros(n, 3)):
        assert len(np.unique(coherent(x, ids, switch_cost=3.0))) <= 1
    turns = torch.eye(2)[torch.from_numpy(ids)]  # and what is wholly different stays
    assert coherent(turns, ids, switch_cost=3.0).tolist() == ids.tolist()


def test_a_cluster_for_benchmarks() -> None:
    x, _ = latent_video(300, steps=4, noise=2.0)
    plain = default_cluster(x, 4, 0.5)
    found = coherent_cluster(default_cluster, switch_cost=3.0)(x, 4, 0.5)
    assert (found.dtype, found.shape) == (torch.int64, plain.shape)
    assert (found.diff() != 0).sum() < (plain.diff() != 0).sum()
    assert torch.equal(coherent_cluster(default_cluster, switch_cost=0.0)(x, 4, 0.5), plain)
