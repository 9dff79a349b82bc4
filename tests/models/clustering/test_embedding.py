import numpy as np
import pytest
import torch

from hiero_lib.models.clustering.embedding import laplacian_eigenvectors, spectral_embedding
from tests.helpers.latent_video import affinity, latent_video


@pytest.mark.parametrize(("temperature", "smooth"), [(0.05, 0), (0.5, 0), (0.05, 4)])
def test_eigenvectors_equal_a_dense_decomposition(temperature, smooth):
    x, _ = latent_video(1500, steps=7, seed=1, smooth=smooth)
    w = affinity(x, temperature)
    np.fill_diagonal(w, 0)
    root = 1 / np.sqrt(w.sum(1))
    values, vectors = np.linalg.eigh(root[:, None] * w * root)
    expected = root[:, None] * vectors[:, ::-1][:, :7]
    got_values, got = spectral_embedding(x, 7, temperature=temperature)
    np.testing.assert_allclose(got_values, values[::-1][:7], atol=1e-5)
    ours, theirs = (np.linalg.qr(m)[0] for m in (got.double().numpy(), expected))
    assert np.linalg.svd(ours.T @ theirs)[1].min() > 0.999  # the same space


def test_eigenvectors_of_a_batch_are_those_of_the_definition():
    x = torch.randn(1, 12, 5, generator=torch.Generator().manual_seed(0))
    unit = torch.nn.functional.normalize(x[0].double(), dim=-1)
    w = torch.exp(unit @ unit.T / 0.05)
    d = torch.diag(1 / w.sum(-1).sqrt())
    values, vectors = torch.linalg.eigh(torch.eye(12, dtype=torch.float64) - d @ w @ d)
    ours = laplacian_eigenvectors(x, 4, temperature=0.05)[0].double()
    assert (values.diff() >= 0).all()
    torch.testing.assert_close((ours * vectors[:, :4]).sum(0).abs(), torch.ones(4, dtype=torch.float64))
