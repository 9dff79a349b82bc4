"""EgoProceL, zero-shot: clusters of a video's level-2 features, matched to its key-steps.

Per video: 7 clusters by spectral clustering on exp(cosine / 0.5), each node's cluster spread over the frames it
covers, at half the frame rate, against the labels; per task the means over its videos; per dataset the means over
its tasks, of which F1 is taken.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.egoprocel.files import KeystepVideo
from hiero_lib.benchmarks.egoprocel.score import KeystepScores, keystep_scores, match_clusters, mean_scores
from hiero_lib.config import ProcedureConfig
from hiero_lib.models.clustering.spectral import Cluster, default_cluster
from hiero_lib.results.record import Metric

log = logging.getLogger(__name__)

_MOST_UNCOVERED = 0.1  # of a video's labels may lie beyond its features without a word
LEVEL = 2  # of the backbone: a node stands for 4 segments


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
    matched: dict[int, int]  # cluster -> label (0 is background), where they share a frame
    uncovered: float  # share of the labels that lie beyond the last node


AVERAGE = "average"
MEASURES: dict[str, Callable[[KeystepScores], float]] = {
    "F1": lambda scores: scores.f1,
    "IoU": lambda scores: scores.iou,
    "F1 over all labels": lambda scores: scores.all_f1,
    "IoU over all labels": lambda scores: scores.all_iou,
}


@dataclass(frozen=True)
class ProcedureResult:
    """Scores per video, task and dataset; ``average`` is the mean of the datasets' F1 and IoU.

    ``without_features`` has the videos that were left out; ``note`` is a remark that the scores go with.
    """

    videos: tuple[VideoScores, ...]
    tasks: dict[tuple[str, str], KeystepScores]  # (dataset, task)
    datasets: dict[str, KeystepScores]
    without_features: tuple[KeystepVideo, ...]
    note: str = ""

    def value(self, measure: str, dataset: str = AVERAGE) -> float:
        """One of ``MEASURES`` of a dataset, or the mean of all datasets."""
        of = MEASURES[measure]
        return float(np.mean([of(s) for name, s in self.datasets.items() if dataset in (name, AVERAGE)]))

    def metrics(self, *, resamples: int, seed: int) -> dict[tuple[str, str], Metric]:
        """(measure, dataset or ``AVERAGE``) -> value, number of videos, and a 95 % interval.

        The interval is a bootstrap over the videos of each task; with few videos a task it is too narrow.
        """
        drawn = self._draws(resamples, seed)
        return {
            (measure, name): Metric(self.value(measure, name), *self.counts(name), _interval(draws))
            for (measure, name), draws in drawn.items()
        }

    def difference(self, other: ProcedureResult, *, resamples: int, seed: int) -> dict[str, Metric]:
        """Measure -> how far the average lies above that of ``other``, on the same videos (a paired interval)."""
        mine, theirs = self._draws(resamples, seed), other._draws(resamples, seed)
        return {
            measure: Metric(
                self.value(measure) - other.value(measure),
                *self.counts(),
                _interval(mine[measure, AVERAGE] - theirs[measure, AVERAGE]),
            )
            for measure in MEASURES
        }

    def _draws(self, resamples: int, seed: int) -> dict[tuple[str, str], np.ndarray]:
        """(measure, dataset or ``AVERAGE``) -> ``[resamples]`` values on videos drawn anew; the same for a seed."""
        rng = np.random.default_rng(seed)
        drawn: dict[str, list[np.ndarray]] = {}
        for dataset, task in self.tasks:
            own = [v.scores for v in self.videos if (v.video.task.dataset, v.video.task.name) == (dataset, task)]
            table = np.array([dataclasses.astuple(scores) for scores in own])  # [videos, fields]
            drawn.setdefault(dataset, []).append(table[rng.integers(len(own), size=(resamples, len(own)))].mean(1))
        means = {dataset: np.mean(tasks, axis=0) for dataset, tasks in drawn.items()}  # [resamples, fields]
        found: dict[tuple[str, str], np.ndarray] = {}
        for measure, of in MEASURES.items():
            values = {name: np.array([of(KeystepScores(*row)) for row in rows]) for name, rows in means.items()}
            found |= {(measure, name): draws for name, draws in values.items()}
            found[measure, AVERAGE] = np.mean(list(values.values()), axis=0)
        return found

    def counts(self, dataset: str = AVERAGE) -> tuple[int, int]:
        """Videos scored and left out, of a dataset or of all."""

        def those(videos: Iterable[KeystepVideo]) -> int:
            return sum(dataset in (video.task.dataset, AVERAGE) for video in videos)

        return those(entry.video for entry in self.videos), those(self.without_features)


def _interval(draws: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


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
    matched = match_clusters(
        predicted,
        truth,
        n_keysteps=video.task.n_keysteps,
        n_clusters=config.n_clusters,
        skip_background=config.skip_background,
    )
    uncovered = max(0.0, 1.0 - len(features) * frames_per_node / (2 * len(truth)))
    return VideoScores(video, scores, predicted, truth, matched, uncovered)


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
    missing: list[KeystepVideo] = []
    for video in videos:
        features = features_of(video)
        if features is None:
            missing.append(video)
            continue
        width = frames_per_node(video, stride_frames=stride_frames, fps=feature_fps)
        done.append(score_video(video, features, frames_per_node=width, config=config, cluster=cluster))
    if not done:
        raise DataError("no video has features", field="videos", value=len(missing))
    if missing:
        names = [video.video_uid for video in missing[:5]]
        log.warning("EgoProceL: left out without features: %d, such as %s", len(missing), ", ".join(names))
    beyond = [entry.video.video_uid for entry in done if entry.uncovered > _MOST_UNCOVERED]
    if beyond:
        problem = "EgoProceL: %d videos have labels that reach beyond their features (a wrong frame rate?): %s"
        log.warning(problem, len(beyond), beyond[:5])
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
