"""Features like a video's, with known clusters, and their affinity as the definition has it."""

import torch


def latent_video(n, *, steps, seed=0, channels=64, noise=1.0, smooth=0):
    """Features like a video's: a latent that stays for some segments, comes back, and is seen through noise."""
    g = torch.Generator().manual_seed(seed)
    centres = torch.randn(steps, channels, generator=g)
    latent: list[int] = []
    while len(latent) < n:
        for step in torch.randperm(steps, generator=g).tolist():  # all of them occur
            latent += [step] * int(torch.randint(5, max(10, n // (2 * steps)), (1,), generator=g))
    jitter = torch.randn(n, channels, generator=g)
    if smooth:  # neighbours in time share noise, as in overlapping windows
        width = 2 * smooth + 1
        jitter = torch.nn.functional.avg_pool1d(jitter.T, width, 1, smooth).T * width**0.5
    ids = torch.tensor(latent[:n])
    return centres[ids] + noise * jitter, ids


def affinity(x, temperature):
    """exp(cosine / temperature) ``[N, N]`` in double precision."""
    unit = torch.nn.functional.normalize(x.double(), dim=1)
    return torch.exp((unit @ unit.T) / temperature).numpy()
