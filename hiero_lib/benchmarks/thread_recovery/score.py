"""Are the sample's activity threads found again? Only the sample has a truth to compare with.

Features of a level are clustered into as many threads as the truth has, in the same way for every method, and
compared with the truth's threads by the adjusted Rand index (0 is chance, 1 is identity).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from hiero_lib.benchmarks.controls import UNIFORM, uniform_pieces
from hiero_lib.config import ThreadRecoveryConfig
from hiero_lib.data.segments import VideoSegments
from hiero_lib.models.hiero import HierarchyLevel
from hiero_lib.models.threads import SpectralThreads
from hiero_lib.results.metric import Metric, mean_metric

LevelFeatures = Callable[[VideoSegments], Sequence[HierarchyLevel]]
"""Maps a video to its features at each level, level 0 first."""


def find_threads(x: Tensor, num_threads: int, *, config: ThreadRecoveryConfig) -> np.ndarray:
    """``[n]`` threads of one video's nodes ``[n, C]``, as the paper clusters for procedure learning."""
    points = min(config.sample_points, len(x))
    discover = SpectralThreads(num_clusters=num_threads, sample_points=points, temperature=config.temperature)
    batch = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    indices = torch.arange(len(x), device=x.device)
    return discover(x, indices=indices, batch=batch, num_videos=1).cpu().numpy()


@dataclass(frozen=True)
class ThreadRecovery:
    """Adjusted Rand index per method, level and video.

    Attributes:
        scores: method -> level -> ``[V]`` adjusted Rand index of each video.
        threads: method -> level -> video -> (``pos [n]``, ``threads [n]``), for pictures.
    """

    scores: dict[str, list[np.ndarray]]
    threads: dict[str, list[dict[str, tuple[np.ndarray, np.ndarray]]]]
    config: ThreadRecoveryConfig = field(default_factory=ThreadRecoveryConfig)

    def metrics(self) -> dict[tuple[str, int], Metric]:
        """Mean over videos for each (method, level), with its 95 % interval (bootstrap over videos)."""
        metrics = {}
        for method, levels in self.scores.items():
            for level, values in enumerate(levels):
                metrics[method, level] = mean_metric(
                    values, excluded=0, resamples=self.config.bootstrap_resamples, seed=self.config.bootstrap_seed
                )
        return metrics


@torch.no_grad()
def recover_threads(
    methods: Mapping[str, LevelFeatures],
    videos: Mapping[str, VideoSegments],
    truth: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    *,
    config: ThreadRecoveryConfig | None = None,
) -> ThreadRecovery:
    """Cluster each method's features of each video and compare with the truth.

    Args:
        methods: name -> features of every level; models in eval mode.
        videos: uid -> the whole video, on the device of the models.
        truth: uid -> the true thread at given times ``[n]`` in seconds, as integers.
        config: the profile's section ``thread_recovery``; None: its defaults.

    Returns:
        the scores, with a row ``uniform pieces`` that shows what contiguity alone is worth.
    """
    from sklearn.metrics import adjusted_rand_score

    config = config or ThreadRecoveryConfig()
    scores: dict[str, list[list[float]]] = {name: [] for name in [*methods, UNIFORM]}
    threads: dict[str, list[dict[str, tuple[np.ndarray, np.ndarray]]]] = {name: [] for name in [*methods, UNIFORM]}

    def note(method: str, level: int, uid: str, pos: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> None:
        while len(scores[method]) <= level:
            scores[method].append([])
            threads[method].append({})
        scores[method][level].append(float(adjusted_rand_score(true, predicted)))
        threads[method][level][uid] = (pos, predicted)

    for uid, video in videos.items():
        for number, (name, features) in enumerate(methods.items()):
            for level, nodes in enumerate(features(video)):
                pos = nodes.pos.cpu().numpy()
                true = truth[uid](pos)
                count = len(np.unique(true))
                note(name, level, uid, pos, true, find_threads(nodes.x, count, config=config))
                if number == 0:
                    note(UNIFORM, level, uid, pos, true, uniform_pieces(nodes.x, count, config.temperature).numpy())
    return ThreadRecovery({name: [np.array(v) for v in levels] for name, levels in scores.items()}, threads, config)
