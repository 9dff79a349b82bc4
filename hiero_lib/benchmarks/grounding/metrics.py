"""Measures of temporal grounding: recall at rank and IoU (Ego4D NLQ and Goal-Step), and detection mAP.

Both are pure functions over spans in seconds; no file is read here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

QueryKey = tuple[str, str, int]  # clip uid, annotation uid, index of the query in its annotation
Span = tuple[float, float]  # start and end, seconds


def temporal_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of spans in seconds; spans of no length that coincide give 0, as official.

    Shapes:
        a: ``[..., 2]``; b: ``[..., 2]``, broadcast against each other. Returns ``[...]`` float64 in [0, 1].
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    overlap = np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0])
    overlap = np.maximum(overlap, 0.0)
    union = (a[..., 1] - a[..., 0]) + (b[..., 1] - b[..., 0]) - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


@dataclass(frozen=True)
class GroundingScores:
    """Recall and mIoU of one set of predictions; ``per_query`` keeps the IoU of each rank for looking."""

    recall: dict[tuple[int, float], float]  # (rank, IoU threshold) -> share of queries, 0..1
    mean_iou: float  # of the first answer
    n: int  # queries that were scored
    excluded: int  # queries of the truth without a prediction; the official script leaves them out as well
    per_query: dict[QueryKey, tuple[float, ...]]

    def shares(self, measure: str) -> dict[QueryKey, float]:
        """Each query's share of a measure: 1 or 0 of a recall (``R5@0.3``), the first answer's IoU of ``mIoU``."""
        if measure == "mIoU":
            return {key: ious[0] if ious else 0.0 for key, ious in self.per_query.items()}
        rank, _, threshold = measure.removeprefix("R").partition("@")
        least, first = float(threshold), int(rank)
        return {key: float(any(iou > least for iou in ious[:first])) for key, ious in self.per_query.items()}


def grounding_scores(
    truth: Mapping[QueryKey, Span],
    predictions: Mapping[QueryKey, Sequence[Span]],
    *,
    ranks: Sequence[int] = (1, 3, 5),
    thresholds: Sequence[float] = (0.3, 0.5),
) -> GroundingScores:
    """The official NLQ measure: a query is recalled at (k, t) when one of its first k answers has IoU > t.

    The mean runs over the queries that were predicted, as in Ego4D's evaluation script; the others are counted
    in ``excluded``. A query with an empty list of answers is scored as a miss.

    Raises:
        KeyError: a prediction for a query that the truth does not hold.
        ValueError: nothing to score.
    """
    if not predictions:
        raise ValueError("there is no prediction to score")
    per_query = {
        key: tuple(temporal_iou(np.asarray(spans), np.asarray(truth[key])).tolist()) if len(spans) else ()
        for key, spans in predictions.items()
    }
    recall = {
        (rank, threshold): float(np.mean([any(v > threshold for v in ious[:rank]) for ious in per_query.values()]))
        for rank in ranks
        for threshold in thresholds
    }
    first = [ious[0] if ious else 0.0 for ious in per_query.values()]
    return GroundingScores(recall, float(np.mean(first)), len(per_query), len(truth) - len(per_query), per_query)


@dataclass(frozen=True)
class LabelledSpan:
    """A labelled piece of a video; ``score`` matters for predictions only."""

    video_uid: str
    start_s: float
    end_s: float
    label: str
    score: float = 1.0


@dataclass(frozen=True)
class DetectionScores:
    """Mean average precision; each mean runs over the labels of the truth."""

    mean_ap: dict[float, float]  # IoU threshold -> mAP
    average: float  # over the thresholds
    n_labels: int
    n_truth: int
    n_predictions: int
    unknown_labels: int  # predictions whose label the truth does not hold; they are left out, as official


def average_precision(
    truth: Sequence[LabelledSpan], predictions: Sequence[LabelledSpan], *, threshold: float
) -> float:
    """Interpolated average precision of one label (ActivityNet's definition, also used for THUMOS).

    Predictions of all videos are taken by falling score; each claims the free truth of its video with the
    highest IoU of at least ``threshold``, else it is false. The precision at a recall is the best at that recall
    or beyond, and the area under that curve is the result.
    """
    if not truth or not predictions:
        return 0.0
    by_video: dict[str, list[Span]] = defaultdict(list)
    for t in truth:
        by_video[t.video_uid].append((t.start_s, t.end_s))
    spans = {uid: np.asarray(rows) for uid, rows in by_video.items()}
    taken = {uid: np.zeros(len(rows), dtype=bool) for uid, rows in spans.items()}
    order = np.argsort([-p.score for p in predictions], kind="stable")
    hit = np.zeros(len(predictions))
    for rank, index in enumerate(order):
        p = predictions[int(index)]
        if p.video_uid not in spans:
            continue
        iou = temporal_iou(np.asarray((p.start_s, p.end_s)), spans[p.video_uid])
        iou[taken[p.video_uid]] = -1.0
        best = int(iou.argmax())
        if iou[best] >= threshold:
            taken[p.video_uid][best] = True
            hit[rank] = 1.0
    hits = np.cumsum(hit)
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float((precision * hit).sum() / len(truth))


def detection_scores(
    truth: Sequence[LabelledSpan],
    predictions: Sequence[LabelledSpan],
    *,
    thresholds: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5),
) -> DetectionScores:
    """Mean average precision over labels, for each temporal IoU threshold and averaged over them.

    Raises:
        ValueError: the truth is empty.
    """
    if not truth:
        raise ValueError("there is no truth to score against")
    truths: dict[str, list[LabelledSpan]] = defaultdict(list)
    for t in truth:
        truths[t.label].append(t)
    guesses: dict[str, list[LabelledSpan]] = {label: [] for label in truths}
    unknown = 0
    for p in predictions:
        if p.label in guesses:
            guesses[p.label].append(p)
        else:
            unknown += 1
    mean_ap = {
        threshold: float(
            np.mean([average_precision(rows, guesses[label], threshold=threshold) for label, rows in truths.items()])
        )
        for threshold in thresholds
    }
    return DetectionScores(
        mean_ap, float(np.mean(list(mean_ap.values()))), len(truths), len(truth), len(predictions), unknown
    )
