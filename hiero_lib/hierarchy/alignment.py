"""Two videos of one procedure, side by side in time: which span of one is the counterpart of which of the other.

Dynamic time warping with symmetric steps (H. Sakoe and S. Chiba, "Dynamic programming algorithm optimization for
spoken word recognition", 1978) over the spans of a level, at the cosine distances of their features in the text
space. Two videos of a task share only some of what goes on in them, so that a span of either may also be left out
(N. Dvornik et al., "Drop-DTW: aligning common signal between sequences while dropping outliers", NeurIPS 2021): a
forced match would say nothing. A pair is a match where it is nearer than what is unlike is to itself: spans of
different threads within one of the two videos, 95 of 100 pairs of them. So no other video is needed to say so.

Spans, because they are what is shown, and few: a level of two hours has a hundred to a thousand spans, and 13,500
segments would take a gigabyte. Every level is aligned for itself; the finest tells actions, the coarser ones steps.
``python -m tests.tools.aligned`` measures on the sample how often it is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from hiero_lib.base.errors import DataError
from hiero_lib.hierarchy.laid_out import LevelSpans, VideoSpans

ENOUGH = 0.95  # of the pairs of different threads have to be less alike than a match
MOST_PAIRS = 50_000_000  # of spans; 5 bytes each
_BINS = 4000  # of cosines, in a quantile
_BLOCK = 256  # spans, compared with all others at a time


@dataclass(frozen=True)
class Pair:
    """Numbers of two spans that correspond, in the one video and in the other, and the cosine of their features."""

    one: int
    other: int
    cosine: float


@dataclass(frozen=True)
class Alignment:
    """What corresponds in two videos at a level.

    Attributes:
        level: 0 is the finest.
        pairs: in time order of both videos; a span may be in several pairs that follow each other.
        threshold: the cosine that every pair exceeds.
        shares: of the seconds of the one video and of the other, those in spans with a counterpart.
    """

    level: int
    pairs: tuple[Pair, ...]
    threshold: float
    shares: tuple[float, float]

    def nearest(self) -> dict[int, Pair]:
        """Span of the one video -> its nearest counterpart, for those that have one."""
        return {pair.one: pair for pair in sorted(self.pairs, key=lambda pair: pair.cosine)}

    def nearest_to_other(self) -> dict[int, Pair]:
        """Span of the other video -> its nearest counterpart, for those that have one."""
        return {pair.other: pair for pair in sorted(self.pairs, key=lambda pair: pair.cosine)}


def align(one: VideoSpans, other: VideoSpans, *, level: int) -> Alignment:
    """Align two videos at a level.

    Args:
        one, other: as one method sees them, so that their features are of one space.
        level: that both have.

    Raises:
        DataError: a video lacks the level, their features are of different spaces, or the two have more than
            `MOST_PAIRS` pairs of spans.
    """
    first, second = level_of(one, level), level_of(other, level)
    if first.span_x.shape[1] != second.span_x.shape[1]:
        problem = f"features of {first.span_x.shape[1]} and of {second.span_x.shape[1]} channels cannot be compared"
        raise DataError(problem, field="video_uid", value=other.video_uid)
    if len(first.spans) * len(second.spans) > MOST_PAIRS:
        problem = f"{len(first.spans):,} and {len(second.spans):,} spans are too many to be aligned"
        raise DataError(
            problem, field="level", value=level, hint="Choose a coarser level, or divide into fewer threads"
        )
    cosine = (F.normalize(first.span_x, dim=1) @ F.normalize(second.span_x, dim=1).T).numpy()
    threshold = max(unlike(one, level=level), unlike(other, level=level))
    path = warp(1 - cosine, left_out=1 - threshold)
    pairs = tuple(Pair(row, column, float(cosine[row, column])) for row, column in path.tolist())
    matched = [_seconds(of, path[:, side]) for side, of in enumerate((first, second))]
    return Alignment(level, pairs, threshold, (matched[0], matched[1]))


def unlike(hierarchy: VideoSpans, *, level: int) -> float:
    """The cosine that `ENOUGH` of the pairs of spans of different threads have at most; pairs count by their seconds.

    The threads are those of the coarsest level that has more than one; 0 where none has.

    Raises:
        DataError: there is no such level.
    """
    of = level_of(hierarchy, level)
    divided = coarsest_threads(hierarchy)
    if divided is None:
        return 0.0
    thread = torch.from_numpy(divided.thread_at(np.array([(span.start_s + span.end_s) / 2 for span in of.spans])))
    seconds = torch.tensor([span.length_s for span in of.spans], dtype=torch.float64)
    unit = F.normalize(of.span_x, dim=1)
    weight = torch.zeros(_BINS + 1, dtype=torch.float64)
    for first in range(0, len(unit), _BLOCK):
        block = slice(first, first + _BLOCK)
        place = (((unit[block] @ unit.T).clamp(-1, 1) + 1) / 2 * _BINS).long()
        apart = thread[block, None] != thread
        weight += torch.bincount(place[apart], weights=(seconds[block, None] * seconds)[apart], minlength=_BINS + 1)
    below = weight.cumsum(0)
    if not below[-1] > 0:  # the other threads lie between the middles of this level's spans
        return 0.0
    at = int(torch.searchsorted(below, ENOUGH * below[-1]))
    return min(1.0, 2 * (at + 1) / _BINS - 1)


def coarsest_threads(hierarchy: VideoSpans) -> LevelSpans | None:
    """The coarsest level that has more than one thread."""
    return next((level for level in reversed(hierarchy.levels) if len(level.seconds()) > 1), None)


def warp(cost: NDArray[np.floating], *, left_out: float) -> NDArray[np.int64]:
    """The cells of the cheapest way through a table of costs, on which rows and columns may be left out.

    A step to the next row and column costs twice the cell that it comes to, one to the next row or the next column
    once, and a row or column that is left out costs ``left_out``: with a price that no cell exceeds nothing is left
    out, and it is Sakoe and Chiba's symmetric warping. Exact; computed by antidiagonals, whose cells do not depend
    on one another, in O(n + m) steps of numpy and a byte a cell.

    Shapes:
        cost: ``[n, m]``, finite; returns ``[k, 2]``, rows and columns rising.
    """
    rows, columns = cost.shape
    moves = np.zeros((rows, columns), dtype=np.uint8)  # of a cell: how it was matched (0, 1, 2) + 4 * how it was left
    infinite = np.full(rows + 1, np.inf)
    # Costs beyond those of leaving everything out, by row + 1, of the antidiagonal before and the one before that:
    # of ways that end in a matched cell, and of any.
    matched, anyhow, anyhow_before = infinite.copy(), infinite.copy(), infinite.copy()
    for diagonal in range(rows + columns - 1):
        row = np.arange(max(0, diagonal - columns + 1), min(diagonal, rows - 1) + 1)
        column = diagonal - row
        gain = cost[row, column].astype(np.float64) - left_out
        begins = (row == 0) | (column == 0)
        ways = np.stack(
            [
                np.where(begins, 0.0, anyhow_before[row]) + 2 * gain,
                np.where(row == 0, np.inf, matched[row]) + gain,
                np.where(column == 0, np.inf, matched[row + 1]) + gain,
            ]
        )
        way = ways.argmin(0)
        now = ways[way, np.arange(len(row))]
        ends = np.stack([np.where(row == 0, 0.0, anyhow[row]), np.where(column == 0, 0.0, anyhow[row + 1]), now])
        end = ends.argmin(0)
        moves[row, column] = way + 4 * end
        anyhow_before, matched, anyhow = anyhow, infinite.copy(), infinite.copy()
        matched[row + 1], anyhow[row + 1] = now, ends[end, np.arange(len(row))]
    return _traced(moves)


def _traced(moves: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The way back from the last cell."""
    row, column = moves.shape[0] - 1, moves.shape[1] - 1
    inside, path = False, list[tuple[int, int]]()
    while row >= 0 and column >= 0:
        way, end = moves[row, column] % 4, moves[row, column] // 4
        if not inside and end < 2:
            row, column = (row - 1, column) if end == 0 else (row, column - 1)
            continue
        path.append((row, column))
        inside = way != 0
        row, column = row - (way != 2), column - (way != 1)
    return np.array(path[::-1], dtype=np.int64).reshape(-1, 2)


def level_of(hierarchy: VideoSpans, level: int) -> LevelSpans:
    for found in hierarchy.levels:
        if found.level == level:
            return found
    raise DataError(f"video {hierarchy.video_uid} has no such level", field="level", value=level)


def _seconds(level: LevelSpans, numbers: NDArray[np.int64]) -> float:
    """Share of the seconds of a level that its spans of these numbers have."""
    length = np.array([span.length_s for span in level.spans])
    return float(length[np.unique(numbers)].sum() / max(length.sum(), 1e-9))
