"""Step grounding per query: the backbone, the zero-shot strategy and HiERO-StepG on a video of 28 minutes.

28 minutes and 57 queries are the means of Goal-Step's validation set (134 videos, 62.5 hours, 7,696 queries).
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from hiero_lib.benchmarks.grounding.stepg import stepg
from hiero_lib.benchmarks.grounding.zero_shot import VideoFeatures, zero_shot
from hiero_lib.config import AlignmentConfig
from hiero_lib.data.segments import VideoSegments
from hiero_lib.models.alignment import VisualHead
from hiero_lib.models.hiero import HiERO
from tests.tools.speed.common import full_size, seconds
from tests.tools.speed.spectral import affinity, generated_video, theirs

MINUTES, QUERIES = 28, 57


def run(device: torch.device) -> None:
    """Print milliseconds a query, and how much of the reference's clustering is saved."""
    torch.manual_seed(0)
    x = generated_video(MINUTES)
    video = VideoSegments.from_features(x, stride_frames=16, fps=30.0).to(device)
    config = full_size(x.shape[1])
    backbone, head = (
        HiERO(config).to(device).eval(),
        VisualHead(config.hidden_size, AlignmentConfig()).to(device).eval(),
    )

    @torch.no_grad()
    def forward() -> VideoFeatures:
        levels = backbone(video, cluster=True)
        return VideoFeatures(head(levels[0].x), head(levels[2].x), 16 / 30)

    features = forward()
    queries = features.fine[torch.linspace(0, len(x) - 1, QUERIES, device=device).long()]

    def as_scikit_learn(y: Tensor, n_clusters: int, temperature: float) -> Tensor:
        return torch.from_numpy(theirs(affinity(y, temperature), n_clusters)).to(y.device)

    timed = {
        "backbone (H 768), once a video": seconds(forward, device),
        "zero-shot": seconds(partial(zero_shot, features, queries), device),
        "HiERO-StepG": seconds(partial(stepg, features, queries), device),
    }
    slow = seconds(partial(zero_shot, features, queries, cluster=as_scikit_learn), device, repeats=1)
    print(f"step grounding, a video of {MINUTES} minutes ({len(x)} segments), {QUERIES} queries:")
    for name, time in timed.items():
        print(f"  {name}: {time:.2f} s = {1e3 * time / QUERIES:.1f} ms a query")
    ratio = slow / timed["zero-shot"]
    print(f"  zero-shot with scikit-learn's clustering: {1e3 * slow / QUERIES:.1f} ms a query, {ratio:.1f} x slower")
