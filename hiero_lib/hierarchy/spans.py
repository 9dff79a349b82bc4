"""Spans: stretches of consecutive segments with one label, in seconds. Figures draw spans, not segments."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

Values: TypeAlias = ArrayLike | Tensor
Interval: TypeAlias = tuple[float, float]
"""Start and end in seconds, without a label: an answer of a grounding method, or the truth of a query."""


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds ``[start_s, end_s)`` of a video that carry one label (a thread's number; negative: none)."""

    start_s: float
    end_s: float
    label: int

    @property
    def length_s(self) -> float:
        """Seconds from start to end."""
        return self.end_s - self.start_s


def spans_of(labels: Values, pos: Values, stride_s: float) -> list[Span]:
    """Merge neighbouring segments of equal label, in time order.

    A segment covers ``pos`` plus and minus half a stride. Two neighbours that are closer than a stride (pooling
    leaves an odd last segment closer to the one before) meet half-way, so that spans never overlap. A hole of more
    than half a stride ends a span, since nothing is known of the time in it; a smaller one is rounding, and is closed
    in the same way. Times are rounded to milliseconds, which is what float32 positions hold over two hours.

    Shapes:
        labels: ``[n]`` integers; pos: ``[n]`` segment centres in seconds, in any order.

    Args:
        labels: thread of each segment.
        pos: centre of each segment.
        stride_s: seconds that a segment stands for: ``stride * 2^level`` at a pooled level.

    Raises:
        ValueError: shapes differ or are not ``[n]``, a position is not finite, or the stride is not positive.
    """
    label, centre = _array(labels).astype(np.int64), _array(pos).astype(np.float64)
    if label.ndim != 1 or label.shape != centre.shape:
        raise ValueError(f"labels and pos must both be [n], not {label.shape} and {centre.shape}")
    if not (np.isfinite(stride_s) and stride_s > 0):
        raise ValueError(f"stride_s must be a positive number of seconds, not {stride_s!r}")
    if not np.isfinite(centre).all():
        raise ValueError(f"pos holds {centre[~np.isfinite(centre)][0]!r}, which is not a time")
    if len(label) == 0:
        return []
    order = np.argsort(centre, kind="stable")
    label, centre = label[order], centre[order]
    starts, ends = centre - stride_s / 2, centre + stride_s / 2
    joined = np.diff(centre) <= 1.5 * stride_s
    borders = (centre[:-1] + centre[1:]) / 2
    starts[1:] = np.where(joined, borders, starts[1:])
    ends[:-1] = np.where(joined, borders, ends[:-1])
    starts, ends = starts.round(3), ends.round(3)
    part = np.concatenate([[0], np.cumsum(~joined)])
    return [
        Span(float(starts[first]), float(ends[stop - 1]), int(label[first]))
        for first, stop in stretches(np.stack([label, part], axis=1))
    ]


def stretches(ids: ArrayLike) -> list[tuple[int, int]]:
    """Where neighbours of a line are equal: ``(first, stop)`` of each stretch, in order; ``ids[first:stop]`` are one.

    Shapes:
        ids: ``[n]``, or ``[n, k]`` whose rows are compared as a whole.
    """
    line = np.asarray(ids)
    if not len(line):
        return []
    changes = line[1:] != line[:-1]
    if line.ndim == 2:
        changes = changes.any(axis=1)
    edges = [0, *(np.flatnonzero(changes) + 1).tolist(), len(line)]
    return list(itertools.pairwise(edges))


def temporal_iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of intervals in seconds; intervals of no length that coincide give 0.

    As Ego4D's evaluation scripts have it (EgoNLQ, Goal-Step).

    Shapes:
        a: ``[..., 2]`` starts and ends; b: ``[..., 2]``, broadcast against each other. Returns ``[...]`` in [0, 1].
    """
    one, other = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    overlap = np.minimum(one[..., 1], other[..., 1]) - np.maximum(one[..., 0], other[..., 0])
    overlap = np.maximum(overlap, 0.0)
    union = (one[..., 1] - one[..., 0]) + (other[..., 1] - other[..., 0]) - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


def in_order_of_appearance(labels: Values, pos: Values) -> NDArray[np.int64]:
    """Renumber labels 0, 1, 2, ... by the time at which each is first met; negative ones stay as they are.

    The numbers that a clustering gives are arbitrary; these depend only on the grouping, so that two clusterings
    that find the same threads draw them in the same colours.

    Shapes:
        labels: ``[n]`` integers; pos: ``[n]`` seconds, in any order; returns ``[n]``.
    """
    label, centre = _array(labels).astype(np.int64), _array(pos)
    in_time = label[np.argsort(centre, kind="stable")]
    unique, first = np.unique(in_time[in_time >= 0], return_index=True)
    rank = np.empty(len(unique), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(unique))
    renumbered = label.copy()
    renumbered[label >= 0] = rank[np.searchsorted(unique, label[label >= 0])]
    return renumbered


def match_labels(pred: Sequence[Span], truth: Sequence[Span]) -> dict[int, int]:
    """Match predicted threads with those of the truth, so that a match takes the truth's number and colour.

    The one-to-one matching with the most seconds of overlap (Hungarian). A predicted thread without a match, or
    whose match it never overlaps, takes the next number that the truth does not use, in the order of its own number.
    Negative labels are matched with nothing and stay as they are.

    Args:
        pred: spans of any level; their stride need not be the truth's.
        truth: spans of the threads to compare with.

    Returns:
        the new number of every label of ``pred``; give it to `relabelled`.
    """
    from scipy.optimize import linear_sum_assignment

    pred_labels, truth_labels, overlap_s = shared_seconds(pred, truth)
    rows, columns = linear_sum_assignment(overlap_s, maximize=True)
    mapping = {label: label for label in {span.label for span in pred} if label < 0}
    mapping |= {pred_labels[r]: truth_labels[c] for r, c in zip(rows, columns) if overlap_s[r, c] > 0}
    unused = max(truth_labels, default=-1) + 1
    for label in pred_labels:
        if label not in mapping:
            mapping[label] = unused
            unused += 1
    return mapping


def shared_seconds(first: Sequence[Span], second: Sequence[Span]) -> tuple[list[int], list[int], NDArray[np.float64]]:
    """Seconds that each thread of ``first`` shares with each thread of ``second``; negative labels are left out.

    Returns:
        the labels of the rows, those of the columns, both sorted, and the seconds.
    """
    rows, columns = _threads(first), _threads(second)
    edges = np.unique([edge for span in (*first, *second) for edge in (span.start_s, span.end_s)])
    seconds = (_cover(first, rows, edges) * np.diff(edges)) @ _cover(second, columns, edges).T
    return rows, columns, seconds


def relabelled(spans: Sequence[Span], mapping: Mapping[int, int]) -> list[Span]:
    """The same spans with the numbers of ``mapping``, which must hold every label (KeyError otherwise)."""
    return [dataclasses.replace(span, label=mapping[span.label]) for span in spans]


def _threads(spans: Sequence[Span]) -> list[int]:
    return sorted({span.label for span in spans if span.label >= 0})


def _cover(spans: Sequence[Span], labels: Sequence[int], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[labels, intervals]``, 1 where a span of the label covers the interval between two neighbouring edges."""
    row = {label: index for index, label in enumerate(labels)}
    kept = [span for span in spans if span.label >= 0]
    change = np.zeros((len(labels), max(len(edges), 1)))
    rows = np.array([row[span.label] for span in kept], dtype=np.int64)
    np.add.at(change, (rows, np.searchsorted(edges, [span.start_s for span in kept])), 1)
    np.add.at(change, (rows, np.searchsorted(edges, [span.end_s for span in kept])), -1)
    return (np.cumsum(change, axis=1)[:, : max(len(edges) - 1, 0)] > 0).astype(np.float64)


def _array(values: Values) -> NDArray[np.generic]:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
