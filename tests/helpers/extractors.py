"""Clips, random weights, and what every extractor has to hold to."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hiero_lib.sources.extraction.extractors.base import Extractor


def random_clips(frames: int, *, side: int = 256, clips: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (clips, frames, side, side + 40, 3), dtype=torch.uint8, generator=generator)


def randomised(network: nn.Module, *, std: float = 0.08) -> nn.Module:
    """Every weight random, the ones that start as zero or one too."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=std, generator=generator)
    return network.eval()


def check_form(extractor: Extractor, *, dim: int, sampled: int, window: int) -> Tensor:
    """The extractor's form, and that a clip's features do not depend on what else is in the batch."""
    assert (extractor.dim, extractor.sampled, extractor.window) == (dim, sampled, window)
    assert len(extractor.fingerprint) == 64
    clips = random_clips(sampled, side=extractor.preprocessing.short_side)
    clips[1] //= 2
    features = extractor(clips)
    assert features.shape == (2, dim)
    assert features.dtype == torch.float32
    assert torch.isfinite(features).all()
    alone = torch.cat([extractor(clip[None]) for clip in clips])
    assert torch.allclose(features, alone, atol=1e-5, rtol=1e-4)
    assert (features[0] - features[1]).abs().max() > 1e-4
    return features
