"""Clusterings whose result a test can say beforehand."""

from torch import Tensor


def by_axis(x: Tensor, n_clusters: int, temperature: float) -> Tensor:
    """The axis ``[n]`` on which each row of ``x [n, C]`` is largest; in place of spectral clustering."""
    return x.argmax(dim=1)
