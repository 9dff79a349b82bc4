"""A video's hierarchy as a record that figures, search and export share: the threads of every level, as spans.

Levels nest: the coarsest is divided as a whole, and each level below within the threads of the one above
(`hiero_lib.hierarchy.division`). Three things tie the levels together:

- **Parents.** The parent of a thread is the thread of the next coarser level in which it lies.
- **Numbers.** At the coarsest level threads are numbered 0, 1, 2, ... in order of appearance. Below, of the threads
  with the same parent the one that shares the most seconds with it keeps its number, and the others take the next
  free numbers in order of appearance. So a number stands for one line of threads through all levels, and depends on
  the grouping alone: the same video has the same numbers, and colours, in every run.
- **The tree.** The whole video is split by the threads of the coarsest level, each of them by its threads of the next
  level, and so on; sizes are whole milliseconds, so children fill their node exactly.

Nodes of a coarser level lie on a coarser grid, so a finer border may fall up to half a coarser node from the coarser
border that it belongs to; it is then drawn there, on the coarser one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hiero_lib.config import HierarchyConfig, SegmentTimes
from hiero_lib.hierarchy import division
from hiero_lib.hierarchy.division import Divider, Division, ThreadCount
from hiero_lib.hierarchy.laid_out import ROUNDING_S, LevelSpans, VideoSpans, row_at
from hiero_lib.hierarchy.spans import Span, in_order_of_appearance, relabelled, shared_seconds, spans_of
from hiero_lib.models.hiero import HierarchyLevel


@dataclass(frozen=True)
class LevelThreads(LevelSpans):
    """The threads of one level, and the nodes that they were made of.

    Attributes:
        level, spans, names: as `hiero_lib.hierarchy.laid_out.LevelSpans`.
        stride_s: seconds that a node stands for.
        pos: ``[n]`` centre of each node in seconds, rising.
        threads: ``[n]`` thread of each node.
        x: ``[n, C]`` features, which were clustered.
        text_x: ``[n, D]`` the text space: means of the projected segments of level 0, which alone is compared with
            text in training; means of ``x`` of level 0 where no projection was given.
        network_threads: ``[n]`` the threads along which the network itself reasoned; -1 at level 0.
        span_x: ``[len(spans), D]`` mean of ``text_x`` over the nodes of each span.
        parents: thread -> thread of the next coarser level; empty at the coarsest.
        wrong: numbers of the spans that a person has marked as wrong; see `hiero_lib.hierarchy.edits`.
        division: divides the level into another number of threads.
        asked: the number of threads that it was asked for.
        times_above, most: "auto" is so many times the threads of the level above, and no more than ``most``.
    """

    stride_s: float
    pos: NDArray[np.float64]
    threads: NDArray[np.int64]
    x: Tensor
    text_x: Tensor
    network_threads: NDArray[np.int64]
    parents: Mapping[int, int]
    division: Division
    asked: ThreadCount = "auto"
    times_above: int = 1
    most: int = 1
    wrong: frozenset[int] = frozenset()

    def span_of_node(self) -> NDArray[np.int64]:
        """``[n]`` which span each node is in."""
        return row_at(self.spans, self.pos)


@dataclass(frozen=True)
class VideoHierarchy(VideoSpans):
    """A video's levels, level 0 (the finest) first; made by `video_hierarchy`.

    ``segment_times``: at which the network, if any, was given the segments; ``pos`` is in seconds whichever.
    """

    levels: tuple[LevelThreads, ...]
    segment_times: SegmentTimes = "paper"


@dataclass(frozen=True)
class TreeNode:
    """A node of the tree: the time in which a thread goes on, and those of all coarser levels above it.

    Attributes:
        id: unique in the tree: ``video``, ``video/2:0``, ``video/2:0/1:4``, ... (``level:thread`` each).
        parent: id of the node above; empty for the whole video.
        level: of the thread; one more than the coarsest for the whole video.
        thread: its number; -1 for the whole video, and for time of which the level knows nothing.
        milliseconds: its size; the sum of its children's, exactly.
    """

    id: str
    parent: str
    level: int
    thread: int
    milliseconds: int


def video_hierarchy(
    levels: Sequence[HierarchyLevel],
    *,
    stride_s: float,
    video_uid: str = "",
    project: Callable[[Tensor], Tensor] | None = None,
    segments: Tensor | None = None,
    num_threads: ThreadCount | Sequence[ThreadCount] | None = None,
    divider: Divider | None = None,
    segment_times: SegmentTimes = "paper",
    config: HierarchyConfig | None = None,
) -> VideoHierarchy:
    """The record of one video.

    Args:
        levels: of one video, level 0 first, as a model or a ``Method`` gives them.
        stride_s: seconds between two segments of level 0.
        video_uid: its name.
        project: level 0's ``x [n, C]`` -> the text space ``[n, D]`` (``Method.project``), for names and search.
        segments: ``[n, D]`` level 0 in the text space, where it is not what ``project`` makes of ``levels``.
        num_threads: of the coarsest level (one number, the others are "auto"), or one a level, level 0 first. "auto":
            at the coarsest level as many as the features say, at another ``config.steps_a_thread`` as many as the
            level above has, at level 0 ``config.actions_a_step``, and not more than one every ``config.coherence_s``
            seconds. None: as ``config.coarsest_threads`` says. A level of fewer nodes has fewer threads, and so has
            one where a thread nowhere pays for itself.
        divider: prepares a level and divides it; None: `hiero_lib.hierarchy.division.LevelDivision`.
        segment_times: at which the model was given the segments.
        config: the profile's section ``hierarchy``; None: its defaults.

    Raises:
        ValueError: there is no level or no node, or not as many numbers of threads as levels.
    """
    if not levels or not len(levels[0].x):
        raise ValueError("a hierarchy needs at least one level with a node")
    config = config or HierarchyConfig()
    divider = divider or division.divider(config)
    counts = _counts(config.coarsest_threads if num_threads is None else num_threads, len(levels))
    first, last = levels[0].pos.aminmax()
    start_s = round(float(first) - stride_s / 2, 3) + 0.0  # no -0.0
    end_s = round(float(last) + stride_s / 2, 3)
    if segments is None:
        segments = project(levels[0].x) if project is not None else levels[0].x
    segments = segments.detach().float().cpu()
    prepared = []
    for level in levels:
        text_x = _pooled(segments, levels[0], level)
        node_s = stride_s * 2**level.level
        prepared.append(
            LevelThreads(
                level=level.level,
                stride_s=node_s,
                pos=level.pos.cpu().double().numpy(),
                threads=np.zeros(len(level.x), dtype=np.int64),
                x=level.x.detach().float().cpu(),
                text_x=text_x,
                network_threads=level.assignments.cpu().numpy(),
                spans=(),
                span_x=text_x[:0],
                parents={},
                division=divider(level.x.detach(), node_s),
                times_above=config.actions_a_step if level.level == levels[0].level else config.steps_a_thread,
                most=int((end_s - start_s) / config.coherence_s) if config.coherence_s else len(level.x),
            )
        )
    return _divided(VideoHierarchy(video_uid, start_s, end_s, tuple(prepared), segment_times), counts)


def _counts(num_threads: ThreadCount | Sequence[ThreadCount], num_levels: int) -> list[ThreadCount]:
    """One number a level, level 0 first."""
    if num_threads == "auto" or isinstance(num_threads, int):
        counts: list[ThreadCount] = ["auto"] * num_levels
        counts[-1] = num_threads
        return counts
    if len(num_threads) != num_levels:
        raise ValueError(f"{len(num_threads)} numbers of threads for {num_levels} levels")
    return list(num_threads)


def _pooled(segments: Tensor, finest: HierarchyLevel, level: HierarchyLevel) -> Tensor:
    """``[n, D]`` means over the segments ``[N, D]`` that each node of a coarser level stands for.

    A level's own features, put through the visual head, are no texts' neighbours: L_vna sees level 0 alone.
    """
    node = torch.searchsorted(level.indices.cpu(), finest.indices.cpu() // 2 ** (level.level - finest.level))
    node = node.clamp(max=len(level.indices) - 1)
    total = segments.new_zeros((len(level.indices), segments.shape[1])).index_add_(0, node, segments)
    return total / torch.bincount(node, minlength=len(level.indices)).clamp(min=1)[:, None]


def with_threads(hierarchy: VideoHierarchy, level: int, num_threads: ThreadCount) -> VideoHierarchy:
    """The same video with one level divided into another number of threads, and everything numbered anew.

    The levels below are divided anew as well, for they nest, into as many threads as they were asked for, and one a
    coarser thread at least. Names are gone: threads may have changed.
    """
    row = next(row for row, one in enumerate(hierarchy.levels) if one.level == level)
    counts: list[ThreadCount | None] = [None] * len(hierarchy.levels)
    counts[: row + 1] = [*(finer.asked for finer in hierarchy.levels[:row]), num_threads]
    return _divided(hierarchy, counts)


def tree(hierarchy: VideoHierarchy) -> list[TreeNode]:
    """The tree from the whole video to the threads of level 0, parents before children, in order of appearance."""
    coarse_first = hierarchy.levels[::-1]
    starts = [_milliseconds([span.start_s for span in level.spans]) for level in coarse_first]
    ends = [_milliseconds([span.end_s for span in level.spans]) for level in coarse_first]
    edges = np.unique(np.concatenate([*starts, *ends, _milliseconds([hierarchy.start_s, hierarchy.end_s])]))
    paths = np.full((len(edges) - 1, len(coarse_first)), -1, dtype=np.int64)
    for column, (level, start, end) in enumerate(zip(coarse_first, starts, ends)):
        labels = np.array([span.label for span in level.spans])
        at = np.clip(np.searchsorted(start, edges[:-1], side="right") - 1, 0, None)
        inside = (start[at] <= edges[:-1]) & (edges[:-1] < end[at])
        paths[:, column] = np.where(inside, labels[at], -1)
    length = np.diff(edges)
    top = coarse_first[0].level + 1
    nodes = {"video": TreeNode("video", "", top, -1, int(length.sum()))}
    for depth, level in enumerate(coarse_first):
        rows, first, which = np.unique(paths[:, : depth + 1], axis=0, return_index=True, return_inverse=True)
        sizes = np.zeros(len(rows), dtype=np.int64)
        np.add.at(sizes, which.reshape(-1), length)
        for row in np.argsort(first, kind="stable"):
            steps = [f"{coarse.level}:{thread}" for coarse, thread in zip(coarse_first, rows[row])]
            parent = "/".join(["video", *steps[:-1]])
            name = f"{parent}/{steps[-1]}"
            nodes[name] = TreeNode(name, parent, level.level, int(rows[row, -1]), int(sizes[row]))
    return list(nodes.values())


def _milliseconds(seconds: Sequence[float]) -> NDArray[np.int64]:
    return np.round(np.asarray(seconds, dtype=np.float64) * 1000).astype(np.int64)


def _divided(hierarchy: VideoHierarchy, counts: Sequence[ThreadCount | None]) -> VideoHierarchy:
    """Divide the levels from the coarsest down, number their threads, and cut them into spans.

    ``counts``: one a level; None leaves it divided as it is.
    """
    coarser: LevelThreads | None = None
    free = 0  # the next number that no thread has
    done = []
    for level, count in zip(reversed(hierarchy.levels), reversed(counts)):
        if count is not None:
            level = dataclasses.replace(level, threads=_threads(level, count, coarser), asked=count)
        threads = in_order_of_appearance(level.threads, level.pos)
        spans = spans_of(threads, level.pos, level.stride_s)
        if coarser is not None:
            spans = _snapped(spans, coarser.spans, node_s=level.stride_s)
        # A pooled node reaches beyond the first and the last second, or not as far.
        spans[0] = dataclasses.replace(spans[0], start_s=hierarchy.start_s)
        spans[-1] = dataclasses.replace(spans[-1], end_s=hierarchy.end_s)
        parents: dict[int, int] = {}
        numbers = {label: label for label in np.unique(threads).tolist()}
        if coarser is not None:
            labels, above, seconds = shared_seconds(spans, coarser.spans)
            parents_of = {label: above[column] for label, column in zip(labels, seconds.argmax(1))}
            continuations: dict[int, int] = {}  # thread above -> the thread that keeps its number
            for row in sorted(range(len(labels)), key=lambda row: -seconds[row].max()):
                continuations.setdefault(parents_of[labels[row]], labels[row])
            numbers = {thread: number for number, thread in continuations.items()}
            for label in labels:
                if label not in numbers:
                    numbers[label], free = free, free + 1
            parents = {numbers[label]: parents_of[label] for label in labels}
        free = max(free, *(number + 1 for number in numbers.values()))
        threads = np.array([numbers[label] for label in threads.tolist()], dtype=np.int64)
        spans = relabelled(spans, numbers)
        coarser = dataclasses.replace(level, threads=threads, spans=tuple(spans), parents=parents, names={})
        done.append(dataclasses.replace(coarser, span_x=_span_means(coarser)))
    return dataclasses.replace(hierarchy, levels=tuple(reversed(done)))


def _threads(level: LevelThreads, count: ThreadCount, coarser: LevelThreads | None) -> NDArray[np.int64]:
    """The level divided into ``count`` threads, within those of the coarser one."""
    if coarser is None:
        return level.division(count)
    within = coarser.thread_at(level.pos)
    if count == "auto":
        above = len(np.unique(within))
        count = max(above, min(level.times_above * above, level.most))
    return level.division(count, within)


def _snapped(spans: Sequence[Span], coarser: Sequence[Span], *, node_s: float) -> list[Span]:
    """The spans with each coarser border in place of their nearest one, where no node changes sides by that.

    A border lies half-way between two nodes; one next to a hole stays. ``node_s``: seconds of a node.
    """
    starts, ends = (np.array([getattr(span, name) for span in spans]) for name in ("start_s", "end_s"))
    joined = np.flatnonzero(starts[1:] == ends[:-1]) + 1
    borders = starts[joined]
    for border in [span.start_s for span in coarser[1:]]:
        ahead = border - borders
        movable = np.flatnonzero((ahead > -node_s / 2 + ROUNDING_S) & (ahead <= node_s / 2 + ROUNDING_S))
        if len(movable):
            row = joined[movable[np.abs(ahead[movable]).argmin()]]
            starts[row] = ends[row - 1] = border
    return [Span(float(start), float(end), span.label) for start, end, span in zip(starts, ends, spans)]


def _span_means(level: LevelThreads) -> Tensor:
    which = torch.from_numpy(level.span_of_node())
    total = level.text_x.new_zeros((len(level.spans), level.text_x.shape[1])).index_add_(0, which, level.text_x)
    return total / torch.bincount(which, minlength=len(level.spans))[:, None]
