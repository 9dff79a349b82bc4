"""How well a graph falls into given clusters: Newman's modularity, which needs no truth and no number of clusters."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hiero_lib.base.device import with_float64


class CosineGraph:
    """The graph of segments with weights ``exp(cosine / temperature)``, without loops; dense.

    Args:
        x: ``[N, C]`` features; only their directions matter.
        temperature: the smaller, the more and the smaller clusters have the largest modularity.
    """

    def __init__(self, x: Tensor, *, temperature: float) -> None:
        x = x.to(with_float64(x.device))
        rows = torch.nn.functional.normalize(x.detach().float(), dim=1)
        self._weights = torch.exp((rows @ rows.mT - 1) / temperature).fill_diagonal_(0)
        self._degree = self._weights.sum(1).double()
        self._total = self._degree.sum().clamp(min=1e-30)

    def modularity(self, ids: NDArray[np.int64]) -> float:
        """Share of the weight within clusters, less what chance would put there (Newman and Girvan, 2004, eq. 5).

        Args:
            ids: ``[N]`` clusters.
        """
        member = torch.from_numpy(np.unique(ids, return_inverse=True)[1].reshape(-1)).to(self._weights.device)
        one_hot = torch.nn.functional.one_hot(member).to(self._weights.dtype)
        within = ((self._weights @ one_hot) * one_hot).sum().double() / self._total
        expected = (one_hot.double().mT @ self._degree / self._total).square().sum()
        return float(within - expected)
