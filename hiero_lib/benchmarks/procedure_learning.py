"""EgoProceL, zero-shot: clusters of a video's level-2 features, matched to its key-steps.

Per video: 7 clusters by spectral clustering on exp(cosine / 0.5), each node's cluster spread over the frames it
covers, at half the frame rate, against the labels; per task the means over its videos; per dataset the means over
its tasks, of which F1 is taken.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hiero_lib.benchmarks.procedure_metrics import KeystepScores, keystep_scores, mean_scores
from hiero_lib.data.egoprocel import KeystepVideo
from hiero_lib.errors import DataError
from hiero_lib.models.spectral import Cluster, default_cluster

log = logging.getLogger(__name__)

LEVEL = 2  # of the backbone: a node stands for 4 segments


@dataclass(frozen=True)
class ProcedureConfig:
    """The protocol; ``per_keystep`` and ``skip_background`` as published."""

    n_clusters: int = 7
    temperature: float = 0.5
    per_keystep: bool = True
    skip_background: bool = False


def raw_level_features(x: Tensor) -> Tensor:
    """The baseline's features: raw segments ``[N, F]`` at the rate of level 2, ``x[2::4]``; of a shorter video its
    last segment."""
    return x[2::4] if len(x) > 2 else x[-1:]


def spread_to_frames(ids: np.ndarray, *, num_labels: int, frames_per_node: float) -> np.ndarray:
    """The id of each label's frame; labels are every second frame from index 1 on.

    With 64 frames a node (stride 16 at level 2) each id is repeated 32 times, as in the reference. Frames beyond
    the last node get 0, and nodes beyond the last frame are dropped, as there.
    """
    node = np.floor((2 * np.arange(num_labels) + 1) / frames_per_node).astype(np.int64)
    spread = np.zeros(num_labels, dtype=np.int64)
    inside = node < len(ids)
    spread[inside] = ids[node[inside]]
    return spread


def random_clusters(x: Tensor, n_clusters: int, temperature: float) -> Tensor:
    """A random cluster for each node: what the measure gives for no knowledge. A ``Cluster``; fixed seed."""
    return torch.randint(n_clusters, (len(x),), generator=torch.Generator().manual_seed(len(x)))


def uniform_pieces(x: Tensor, n_clusters: int, temperature: float) -> Tensor:
    """The video cut into equal pieces: what the measure gives for knowing only that steps last. A ``Cluster``."""
    return torch.arange(len(x)) * n_clusters // max(len(x), 1)


@dataclass(frozen=True)
class VideoScores:
    """One video's scores, and its clusters beside its labels (at half the frame rate) for looking."""

    video: KeystepVideo
    scores: KeystepScores
    predicted: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True)
class ProcedureResult:
    """Scores per video, task and dataset; ``average`` is the mean of the datasets' F1 and IoU."""

    videos: tuple[VideoScores, ...]
    tasks: dict[tuple[str, str], KeystepScores]  # (dataset, task)
    datasets: dict[str, KeystepScores]
    without_features: tuple[str, ...]

    @property
    def average_f1(self) -> float:
        """Mean of the datasets' F1, as the paper's column "average"."""
        return float(np.mean([scores.f1 for scores in self.datasets.values()]))

    @property
    def average_iou(self) -> float:
        """Mean of the datasets' IoU."""
        return float(np.mean([scores.iou for scores in self.datasets.values()]))


def score_video(
    video: KeystepVideo,
    features: Tensor,
    *,
    frames_per_node: float,
    config: ProcedureConfig | None = None,
    cluster: Cluster = default_cluster,
) -> VideoScores:
    """Cluster one video's level-2 features ``[N, D]`` and score them.

    Raises:
        DataError: no features, or features with NaN or infinity; names the video.
    """
    config = config or ProcedureConfig()
    if not len(features) or not bool(torch.isfinite(features).all()):
        problem = "the features hold NaN or infinity" if len(features) else "the video has no segment"
        raise DataError(problem, file=video.video_uid, field="features", value=tuple(features.shape))
    truth = video.half_rate_labels()
    ids = cluster(features, config.n_clusters, config.temperature).cpu().numpy()
    predicted = spread_to_frames(ids, num_labels=len(truth), frames_per_node=frames_per_node)
    scores = keystep_scores(
        predicted,
        truth,
        n_keysteps=video.task.n_keysteps,
        n_clusters=config.n_clusters,
        per_keystep=config.per_keystep,
        skip_background=config.skip_background,
    )
    return VideoScores(video, scores, predicted, truth)


def frames_per_node(video: KeystepVideo, *, stride_frames: int, fps: float | None = None) -> float:
    """Frames of the video's labels that a level-2 node covers.

    Args:
        video: its ``fps`` is the rate of its label frames.
        stride_frames: of the features.
        fps: the rate that ``stride_frames`` counts in; None: the video's own, as EgoProceL's features were made.
    """
    return stride_frames * 2**LEVEL * (1.0 if fps is None else video.fps / fps)


def evaluate(
    videos: Iterable[KeystepVideo],
    *,
    features_of: Callable[[KeystepVideo], Tensor | None],
    stride_frames: int = 16,
    feature_fps: float | None = None,
    config: ProcedureConfig | None = None,
    cluster: Cluster = default_cluster,
) -> ProcedureResult:
    """Score all videos.

    Args:
        videos: from ``read_csv_task`` (several tasks chained) or ``read_keysteps_json``.
        features_of: level-2 features of a video (``raw_level_features`` of the raw ones for the baseline), None
            where there are none. Whether the backbone saw its temporal neighbours (``pos`` in seconds) or not
            (times 4, as released) and how it joined threads is decided in there.
        stride_frames: of the features.
        feature_fps: see ``frames_per_node``.
        config: the protocol.
        cluster: the clustering; ``random_clusters`` and ``uniform_pieces`` show what the measure gives for little.

    Raises:
        DataError: features that cannot be used; no video with features.
    """
    done: list[VideoScores] = []
    missing: list[str] = []
    for video in videos:
        features = features_of(video)
        if features is None:
            missing.append(video.video_uid)
            continue
        width = frames_per_node(video, stride_frames=stride_frames, fps=feature_fps)
        done.append(score_video(video, features, frames_per_node=width, config=config, cluster=cluster))
    if not done:
        raise DataError("no video has features", field="videos", value=len(missing))
    if missing:
        log.warning("EgoProceL: %d videos without features are left out", len(missing))
    tasks: dict[tuple[str, str], list[KeystepScores]] = {}
    for entry in done:
        task = entry.video.task
        tasks.setdefault((task.dataset, task.name), []).append(entry.scores)
    per_task = {name: mean_scores(scores) for name, scores in tasks.items()}
    per_dataset = {
        dataset: mean_scores([scores for (owner, _), scores in per_task.items() if owner == dataset])
        for dataset in dict.fromkeys(owner for owner, _ in per_task)
    }
    return ProcedureResult(tuple(done), per_task, per_dataset, tuple(missing))


def unmatched_share(videos: Sequence[VideoScores]) -> float:
    """Share of the frames whose true label no cluster was matched to: what the published measure leaves out."""
    return 1.0 - math.fsum(v.scores.coverage * len(v.truth) for v in videos) / sum(len(v.truth) for v in videos)
