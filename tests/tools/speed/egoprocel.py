"""EgoProceL per video: our clustering of level-2 features against scikit-learn's, and what the rest of a video costs.

The same features go to both, from the sample's generator at the rate of level 2 (every fourth segment). Unlike in
``spectral``, each computes its own affinity: that is what scoring a video takes.
"""

from __future__ import annotations

import torch
from sklearn.metrics import adjusted_rand_score

from hiero_lib.benchmarks.egoprocel.data import LEVEL, frames_per_node, raw_level_features
from hiero_lib.benchmarks.egoprocel.files import TASKS, KeystepSpan, KeystepVideo
from hiero_lib.benchmarks.egoprocel.score import score_video
from hiero_lib.config import ProcedureConfig
from hiero_lib.data.segments import VideoSegments
from hiero_lib.models.clustering.spectral import default_cluster
from hiero_lib.models.hiero import HiERO
from tests.tools.speed.common import full_size, seconds
from tests.tools.speed.spectral import affinity, generated_video, theirs

MINUTES = (5, 22, 60)  # 22: the median of MECCANO's
FPS = 30.0


def labelled(num_segments: int) -> KeystepVideo:
    """A video of seven key-steps of equal length."""
    frames = num_segments * 16
    edges = [frames * part // 7 for part in range(8)]
    spans = tuple(KeystepSpan(edges[k], edges[k + 1] - 1, k + 1, "") for k in range(7))
    return KeystepVideo("v", TASKS[0], FPS, frames, spans)


def run(device: torch.device) -> None:
    """Print seconds, ratios and adjusted Rand indices."""
    config = ProcedureConfig()
    k, temperature = config.n_clusters, config.temperature
    model = HiERO(full_size(256)).to(device).eval()
    longest = generated_video(max(MINUTES))
    for minutes in MINUTES:
        x = longest[: int(minutes * 60 * FPS / 16)].to(device)
        video, segments = labelled(len(x)), VideoSegments.from_features(x, stride_frames=16, fps=FPS)
        nodes = raw_level_features(x)
        width = frames_per_node(video, stride_frames=16)

        def forward(segments: VideoSegments = segments) -> torch.Tensor:
            with torch.no_grad():
                return model(segments, cluster=True)[LEVEL].x

        slow = seconds(lambda n=nodes: theirs(affinity(n, temperature), k), device)
        fast = seconds(lambda n=nodes: default_cluster(n, k, temperature), device)
        whole = seconds(lambda v=video, w=width: score_video(v, forward(), frames_per_node=w, config=config), device)
        alike = adjusted_rand_score(
            theirs(affinity(nodes, temperature), k), default_cluster(nodes, k, temperature).cpu().numpy()
        )
        print(f"EgoProceL, a video of {minutes} minutes, {len(nodes)} nodes of level {LEVEL}:")
        print(f"  clustering {fast:.3f} s, scikit-learn {slow:.3f} s = {slow / fast:.1f} x; ARI {alike:.3f}")
        print(f"  whole video (backbone of H 768, clustering, matching): {whole:.2f} s")
