"""Controls: ways to divide a video that do not look at its features, to see what a measure gives for little."""

from __future__ import annotations

import torch
from torch import Tensor

RANDOM, UNIFORM = "random clusters", "uniform pieces"


def random_clusters(x: Tensor, n_clusters: int, temperature: float) -> Tensor:
    """``[n]`` a random cluster for each node ``[n, C]``: what no knowledge is worth. A ``Cluster``; fixed seed."""
    return torch.randint(n_clusters, (len(x),), generator=torch.Generator().manual_seed(len(x)))


def uniform_pieces(x: Tensor, n_clusters: int, temperature: float) -> Tensor:
    """``[n]`` the video ``[n, C]`` in equal pieces: what it is worth to know only that steps last. A ``Cluster``."""
    return torch.arange(len(x)) * n_clusters // max(len(x), 1)


CONTROLS = {RANDOM: random_clusters, UNIFORM: uniform_pieces}
