"""The index of a collection, in memory or mapped from a folder, and its answers to a text."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from hiero_lib.hierarchy.laid_out import LevelSpans, VideoSpans
from hiero_lib.hierarchy.spans import Span
from hiero_lib.search.nearest import Exact, Nearest
from hiero_lib.search.table import SpanTable, normalised


@dataclass(frozen=True, slots=True)
class Answer:
    """A span that answers a query: seconds ``[start_s, end_s)`` of a video, and the cosine with the text."""

    video_uid: str
    start_s: float
    end_s: float
    level: int
    thread: int
    label: str
    score: float


class SearchIndex:
    """Spans of a collection, ready to be searched.

    Args:
        spans: as `hiero_lib.search.table.join` and `hiero_lib.search.merged.merge` sort them.
        nearest: made for ``spans.vectors``; None: all of them are compared.

    Attributes:
        levels: of which there are spans.

    Raises:
        ValueError: the spans are not sorted by level and video.
    """

    def __init__(self, spans: SpanTable, nearest: Nearest | None = None) -> None:
        self.spans = spans
        videos = len(spans.video_uids)
        key = np.multiply(spans.level, videos, dtype=np.int64) + spans.video
        if (key[1:] < key[:-1]).any():
            raise ValueError("spans must be sorted by level and video: join() does")
        num_levels = int(spans.level[-1]) + 1 if len(spans) else 0
        self._starts = np.searchsorted(key, np.arange(num_levels * videos + 1))  # of each level and video
        of_level = self._starts[:: max(videos, 1)]
        self.levels: list[int] = np.flatnonzero(np.diff(of_level)).tolist()
        self._number = {uid: number for number, uid in enumerate(spans.video_uids)}
        self.nearest = nearest or Exact(spans.vectors)

    def __len__(self) -> int:
        return len(self.spans)

    def find(
        self,
        query: np.ndarray,
        *,
        count: int = 5,
        level: int | None = None,
        videos: Collection[str] | None = None,
        max_overlap: float | None = None,
    ) -> list[Answer]:
        """The spans nearest to a query, best first.

        Args:
            query: ``[D]`` a text in the space of the spans, of any length.
            count: how many answers; fewer where there are fewer spans.
            level: only spans of this level.
            videos: only spans of these videos.
            max_overlap: leave out a span that shares more than this part of the shorter of the two with a better
                answer of the same video (of any level); None keeps all. 0 allows no common second.

        Raises:
            ValueError: a query of another space or not finite, a level or video that is not there, or ``count`` < 1.
        """
        query = np.asarray(query, dtype=np.float32)
        if query.shape != (self.spans.dim,) or not np.isfinite(query).all():
            raise ValueError(f"the query must be {self.spans.dim} finite numbers, not of shape {query.shape}")
        if count < 1:
            raise ValueError(f"count must be at least 1, not {count}")
        rows = self.rows(level, videos)
        if max_overlap is None:
            scores, nearest = self.nearest(normalised(query), count, rows)
            return [self._answer(row, score) for score, row in zip(scores.tolist(), nearest.tolist())]
        chosen: list[Answer] = []
        for score, row in self._ranked(normalised(query), 8 * count, rows):
            answer = self._answer(row, score)
            if all(_overlap(answer, better) <= max_overlap for better in chosen):
                chosen.append(answer)
                if len(chosen) == count:
                    break
        return chosen

    def _ranked(self, query: np.ndarray, first: int, rows: np.ndarray) -> Iterator[tuple[float, int]]:
        """Scores and rows, best first, looked for in growing numbers as they are asked for."""
        seen: set[int] = set()
        for wanted in itertools.accumulate(itertools.repeat(first), lambda total, _: 4 * total):
            scores, nearest = self.nearest(query, wanted, rows)
            for score, row in zip(scores.tolist(), nearest.tolist()):
                if row not in seen:
                    seen.add(row)
                    yield score, row
            if len(nearest) < wanted:
                return

    def rows(self, level: int | None, videos: Collection[str] | None) -> np.ndarray:
        """Rows of the spans of a level and of some videos (None: of all): ``[n, 2]``, from and to, increasing.

        Raises:
            ValueError: a level or video that is not there.
        """
        if level is not None and level not in self.levels:
            raise ValueError(f"there are spans of levels {self.levels}, not of level {level}")
        levels = np.array(self.levels if level is None else [level], dtype=np.int64)
        num_videos = len(self.spans.video_uids)
        if videos is None:
            numbers = np.arange(num_videos)
        else:
            unknown = sorted(set(videos) - self._number.keys())
            if unknown:
                raise ValueError(f"video {unknown[0]!r} is not in the index")
            numbers = np.array(sorted(self._number[uid] for uid in set(videos)), dtype=np.int64)
        blocks = (levels[:, None] * num_videos + numbers).reshape(-1)
        first, stop = self._starts[blocks], self._starts[blocks + 1]
        first, stop = first[first < stop], stop[first < stop]
        apart = first[1:] > stop[:-1]
        return np.stack([first[np.r_[True, apart][: len(first)]], stop[np.r_[apart, True][: len(stop)]]], axis=1)

    def spans_of(self, video_uid: str) -> VideoSpans | None:
        """How a video is divided, as the index knows it; None where it does not know the video."""
        if video_uid not in self._number:
            return None
        levels = []
        for level in self.levels:
            for first, stop in self.rows(level, [video_uid]).tolist():
                start_s, end_s, thread = (
                    column[first:stop].tolist()
                    for column in (self.spans.start_s, self.spans.end_s, self.spans.thread)
                )
                names = dict(zip(thread, self.spans.labels[first:stop]))
                levels.append(
                    LevelSpans(
                        level,
                        tuple(map(Span, start_s, end_s, thread)),
                        torch.from_numpy(self.spans.vectors[first:stop]),
                        names={label: name for label, name in names.items() if name},
                    )
                )
        first, last = levels[0].spans[0], levels[0].spans[-1]  # every level reaches from start to end
        return VideoSpans(video_uid, first.start_s, last.end_s, tuple(levels))

    def names_of(self, video_uid: str, *, count: int) -> list[str]:
        """Of the threads of a video's coarsest level that have a name, those that go on for the longest."""
        if video_uid not in self._number:
            return []
        seconds = dict[str, float]()
        for first, stop in self.rows(self.levels[-1], [video_uid]).tolist():
            length = self.spans.end_s[first:stop] - self.spans.start_s[first:stop]
            for name, more in zip(self.spans.labels[first:stop], length.tolist()):
                seconds[name] = seconds.get(name, 0.0) + more
        named = [name for name in seconds if name]
        return sorted(named, key=lambda name: -seconds[name])[:count]

    def _answer(self, row: int, score: float) -> Answer:
        spans = self.spans
        return Answer(
            spans.video_uids[spans.video[row]],
            float(spans.start_s[row]),
            float(spans.end_s[row]),
            int(spans.level[row]),
            int(spans.thread[row]),
            spans.labels[row],
            score,
        )


def _overlap(one: Answer, other: Answer) -> float:
    """Common seconds over those of the shorter span; 0 between videos."""
    if one.video_uid != other.video_uid:
        return 0.0
    common = min(one.end_s, other.end_s) - max(one.start_s, other.start_s)
    shorter = min(one.end_s - one.start_s, other.end_s - other.start_s)
    return max(common, 0.0) / shorter if shorter > 0 else float(common >= 0)
