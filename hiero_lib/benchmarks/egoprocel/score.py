"""The EgoProceL measure: clusters are matched to key-steps, then scored by recall, precision and IoU.

Per video: 7 clusters by spectral clustering on exp(cosine / 0.5), each node's cluster spread over the frames it
covers, at half the frame rate, against the labels; per task the means over its videos; per dataset the means over
its tasks, of which F1 is taken.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.egoprocel.data import frames_per_node, spread_to_frames
from hiero_lib.benchmarks.egoprocel.files import KeystepVideo
from hiero_lib.config import ProcedureConfig, SegmentTimes
from hiero_lib.models.clustering.spectral import Cluster, default_cluster
from hiero_lib.results.metric import Metric


@dataclass(frozen=True)
class KeystepScores:
    """Scores of one video (or means of several), each 0..1.

    ``recall``, ``precision`` and ``iou`` are means over the labels that have a cluster and occur, as released;
    the ``all_*`` fields average over all labels that occur, where a label without a cluster counts 0. The
    reference does not have them: with 7 clusters it can score at most 7 of MECCANO's 18 labels.
    """

    recall: float
    precision: float
    iou: float
    coverage: float  # share of the frames whose true label has a cluster
    all_recall: float
    all_precision: float
    all_iou: float

    @property
    def f1(self) -> float:
        """Harmonic mean of ``recall`` and ``precision``."""
        return f1_score(self.recall, self.precision)

    @property
    def all_f1(self) -> float:
        """Harmonic mean of ``all_recall`` and ``all_precision``."""
        return f1_score(self.all_recall, self.all_precision)


def f1_score(recall: float, precision: float) -> float:
    """Harmonic mean; 0 where both are 0."""
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


@dataclass(frozen=True)
class KeystepMatching:
    """Clusters of one video matched one to one to its labels; made by :func:`match_keysteps`.

    Shapes: table ``[n_clusters, n_keysteps + 1]`` frames that a cluster and a label share; clusters, labels ``[m]``
    the pairs. ``first`` is the first label that counts: 1 where the background is left out.
    """

    table: np.ndarray
    clusters: np.ndarray
    labels: np.ndarray
    first: int

    def label_of(self) -> dict[int, int]:
        """Cluster -> label (0 is background), where the two share a frame."""
        return {int(c): int(label) for c, label in zip(self.clusters, self.labels) if self.table[c, label]}

    def scores(self, *, per_keystep: bool = True) -> KeystepScores:
        """Recall, precision and IoU.

        ``per_keystep``: averaged over the matched labels (as published); False pools the frames of all of them.
        """
        in_cluster, in_label = self.table.sum(axis=1), self.table.sum(axis=0)
        occurs = in_label[self.labels] > 0
        clusters, labels = self.clusters[occurs], self.labels[occurs]
        n_occurring = int((in_label[self.first :] > 0).sum())
        if not n_occurring:
            return KeystepScores(*[0.0] * 7)
        hits, size, true_size = self.table[clusters, labels], in_cluster[clusters], in_label[labels]
        union = size + true_size - hits
        if per_keystep:
            parts = hits / true_size, hits / np.maximum(size, 1), hits / union
            recall, precision, iou = (float(part.mean()) if len(part) else 0.0 for part in parts)
            share = len(labels) / n_occurring
            everything = recall * share, precision * share, iou * share
        else:
            total = hits.sum()
            recall, precision, iou = (float(total / max(s.sum(), 1)) for s in (true_size, size, union))
            # Frames of unmatched labels are missed: they join the true frames and the union.
            all_true = in_label[self.first :].sum()
            everything = float(total / all_true), precision, float(total / (all_true + size.sum() - total))
        return KeystepScores(recall, precision, iou, float(true_size.sum() / in_label.sum()), *everything)


def match_keysteps(
    predicted: np.ndarray, truth: np.ndarray, *, n_keysteps: int, n_clusters: int, skip_background: bool = False
) -> KeystepMatching:
    """Hungarian matching of clusters to labels on their common frames.

    Args:
        predicted: ``[T]`` cluster of each frame, 0..n_clusters-1.
        truth: ``[T]`` label of each frame, 0 (background) to n_keysteps.
        n_keysteps: number of key-steps K of the task.
        n_clusters: number of clusters; at most that many labels can be matched.
        skip_background: leave the background out of the labels. The frames of a cluster that lie on the
            background still count against its precision and IoU, as released.

    Raises:
        ValueError: lengths differ, nothing to match, or an id out of range.
    """
    from scipy.optimize import linear_sum_assignment

    first = 1 if skip_background else 0
    table = _overlap(predicted, truth, n_keysteps=n_keysteps, n_clusters=n_clusters)
    clusters, labels = linear_sum_assignment(table[:, first:], maximize=True)
    return KeystepMatching(table, clusters, labels + first, first)


def _overlap(predicted: np.ndarray, truth: np.ndarray, *, n_keysteps: int, n_clusters: int) -> np.ndarray:
    """``[n_clusters, n_keysteps + 1]`` frames that a cluster and a label share."""
    predicted, truth = np.asarray(predicted, dtype=np.int64), np.asarray(truth, dtype=np.int64)
    if predicted.shape != truth.shape or predicted.ndim != 1 or not len(predicted):
        raise ValueError(f"expected two lines of the same length, got {predicted.shape} and {truth.shape}")
    for name, ids, limit in (("predicted", predicted, n_clusters), ("truth", truth, n_keysteps + 1)):
        if ids.min() < 0 or ids.max() >= limit:
            raise ValueError(f"{name} holds {ids.min()} to {ids.max()}, expected 0 to {limit - 1}")
    table = np.zeros((n_clusters, n_keysteps + 1), dtype=np.int64)
    np.add.at(table, (predicted, truth), 1)
    return table


def mean_scores(scores: Sequence[KeystepScores]) -> KeystepScores:
    """Field-wise mean: over the videos of a task, and over the tasks of a dataset; F1 then comes of the means.

    Raises:
        ValueError: nothing to average.
    """
    if not scores:
        raise ValueError("there are no scores to average")
    names = KeystepScores.__dataclass_fields__
    return KeystepScores(*(float(np.mean([getattr(s, name) for s in scores])) for name in names))


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
class StepNumber:
    """How many key-steps occur in a video, how many threads are found in it, and how many by the eigenvalues' gap."""

    true: int
    found: int
    gap: int


@dataclass(frozen=True)
class EgoProceLResult:
    """Scores per video, task and dataset; ``average`` is the mean of the datasets' F1 and IoU.

    ``without_features`` has the videos that were left out; ``segment_times`` what a graph was given; ``numbers``, of
    some of the videos, how many key-steps are found where nobody says how many.
    """

    videos: tuple[VideoScores, ...]
    tasks: dict[tuple[str, str], KeystepScores]  # (dataset, task)
    datasets: dict[str, KeystepScores]
    without_features: tuple[KeystepVideo, ...]
    segment_times: SegmentTimes | None = None
    numbers: tuple[StepNumber, ...] = ()

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

    def difference(self, other: EgoProceLResult, *, resamples: int, seed: int) -> dict[str, Metric]:
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
        draws: dict[tuple[str, str], np.ndarray] = {}
        for measure, of in MEASURES.items():
            values = {name: np.array([of(KeystepScores(*row)) for row in rows]) for name, rows in means.items()}
            draws |= {(measure, name): drawn_values for name, drawn_values in values.items()}
            draws[measure, AVERAGE] = np.mean(list(values.values()), axis=0)
        return draws

    def beyond_features(self) -> list[str]:
        """Videos of whose labels more than a tenth lie beyond the features: a wrong frame rate, most likely."""
        return [entry.video.video_uid for entry in self.videos if entry.uncovered > _MOST_UNCOVERED]

    def counts(self, dataset: str = AVERAGE) -> tuple[int, int]:
        """Videos scored and left out, of a dataset or of all."""

        def those(videos: Iterable[KeystepVideo]) -> int:
            return sum(dataset in (video.task.dataset, AVERAGE) for video in videos)

        return those(entry.video for entry in self.videos), those(self.without_features)


def _interval(draws: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def unmatched_share(videos: Sequence[VideoScores]) -> float:
    """Share of the frames whose true label no cluster was matched to: what the published measure leaves out."""
    return 1.0 - math.fsum(v.scores.coverage * len(v.truth) for v in videos) / sum(len(v.truth) for v in videos)


_MOST_UNCOVERED = 0.1


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
    matching = match_keysteps(
        predicted,
        truth,
        n_keysteps=video.task.n_keysteps,
        n_clusters=config.n_clusters,
        skip_background=config.skip_background,
    )
    scores = matching.scores(per_keystep=config.per_keystep)
    uncovered = max(0.0, 1.0 - len(features) * frames_per_node / (2 * len(truth)))
    return VideoScores(video, scores, predicted, truth, matching.label_of(), uncovered)


def score_videos(
    videos: Iterable[KeystepVideo],
    *,
    features_of: Callable[[KeystepVideo], Tensor | None],
    stride_frames: int = 16,
    feature_fps: float | None = None,
    config: ProcedureConfig | None = None,
    cluster: Cluster = default_cluster,
) -> EgoProceLResult:
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
    scored: list[VideoScores] = []
    missing: list[KeystepVideo] = []
    for video in videos:
        features = features_of(video)
        if features is None:
            missing.append(video)
            continue
        width = frames_per_node(video, stride_frames=stride_frames, fps=feature_fps)
        scored.append(score_video(video, features, frames_per_node=width, config=config, cluster=cluster))
    if not scored:
        raise DataError("no video has features", field="videos", value=len(missing))
    tasks: dict[tuple[str, str], list[KeystepScores]] = {}
    for entry in scored:
        task = entry.video.task
        tasks.setdefault((task.dataset, task.name), []).append(entry.scores)
    per_task = {name: mean_scores(scores) for name, scores in tasks.items()}
    per_dataset = {
        dataset: mean_scores([scores for (owner, _), scores in per_task.items() if owner == dataset])
        for dataset in dict.fromkeys(owner for owner, _ in per_task)
    }
    return EgoProceLResult(tuple(scored), per_task, per_dataset, tuple(missing))
