"""The EgoProceL measure: clusters are matched to key-steps, then scored by recall, precision and IoU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


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


def keystep_scores(
    predicted: np.ndarray,
    truth: np.ndarray,
    *,
    n_keysteps: int,
    n_clusters: int,
    per_keystep: bool = True,
    skip_background: bool = False,
) -> KeystepScores:
    """Hungarian matching of clusters to labels on their common frames, then recall, precision and IoU.

    Args:
        predicted: ``[T]`` cluster of each frame, 0..n_clusters-1.
        truth: ``[T]`` label of each frame, 0 (background) to n_keysteps.
        n_keysteps: number of key-steps K of the task.
        n_clusters: number of clusters; at most that many labels can be matched.
        per_keystep: average over matched labels (as published); False pools the frames of all matched labels.
        skip_background: leave the background out of the labels. The frames of a cluster that lie on the
            background still count against its precision and IoU, as released.

    Raises:
        ValueError: lengths differ, nothing to score, or an id out of range.
    """
    first = 1 if skip_background else 0
    table = _overlap(predicted, truth, n_keysteps=n_keysteps, n_clusters=n_clusters)
    in_cluster, in_label = table.sum(axis=1), table.sum(axis=0)
    clusters, labels = _matching(table, first)
    occurs = in_label[labels] > 0
    clusters, labels = clusters[occurs], labels[occurs]
    n_occurring = int((in_label[first:] > 0).sum())
    if not n_occurring:
        return KeystepScores(*[0.0] * 7)

    hits, size, true_size = table[clusters, labels], in_cluster[clusters], in_label[labels]
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
        all_true = in_label[first:].sum()
        everything = float(total / all_true), precision, float(total / (all_true + size.sum() - total))
    return KeystepScores(recall, precision, iou, float(true_size.sum() / in_label.sum()), *everything)


def match_clusters(
    predicted: np.ndarray, truth: np.ndarray, *, n_keysteps: int, n_clusters: int, skip_background: bool = False
) -> dict[int, int]:
    """Cluster -> label (0 is background) as :func:`keystep_scores` matches them, where the two share a frame.

    Raises:
        ValueError: as :func:`keystep_scores`.
    """
    table = _overlap(predicted, truth, n_keysteps=n_keysteps, n_clusters=n_clusters)
    clusters, labels = _matching(table, 1 if skip_background else 0)
    return {int(c): int(label) for c, label in zip(clusters, labels) if table[c, label]}


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


def _matching(table: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Clusters and their labels (from ``first`` on) with the most frames in common."""
    from scipy.optimize import linear_sum_assignment

    clusters, labels = linear_sum_assignment(table[:, first:], maximize=True)
    return clusters, labels + first


def mean_scores(scores: Sequence[KeystepScores]) -> KeystepScores:
    """Field-wise mean: over the videos of a task, and over the tasks of a dataset; F1 then comes of the means.

    Raises:
        ValueError: nothing to average.
    """
    if not scores:
        raise ValueError("there are no scores to average")
    names = KeystepScores.__dataclass_fields__
    return KeystepScores(*(float(np.mean([getattr(s, name) for s in scores])) for name in names))
