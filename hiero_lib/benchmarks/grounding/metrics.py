"""The measure of temporal grounding: recall at rank and IoU, and mIoU (Ego4D NLQ and Goal-Step)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hiero_lib.benchmarks.grounding.files import QueryKey
from hiero_lib.hierarchy.spans import Interval, temporal_iou


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
    truth: Mapping[QueryKey, Interval],
    predictions: Mapping[QueryKey, Sequence[Interval]],
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
