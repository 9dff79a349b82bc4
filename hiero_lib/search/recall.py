"""Is the right span found? Held-out narrations are searched for in the videos they come from.

EgoMCQ's queries are narrations that were not trained on, each with its clip. A text that was narrated at several
moments of the collection is asked once, and each of them is right. An answer is right when it is a span of the right
video that contains such a moment (the middle of the clip).

Long spans contain more than short ones do, so beside each recall stands what the same number of answers would reach
if they were drawn at random from the spans of that level, and how many seconds the answers take.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from hiero_lib.config import Profile, SearchConfig
from hiero_lib.methods.levels import times_of
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method
from hiero_lib.results.metric import Metric, mean_metric
from hiero_lib.results.row import Row
from hiero_lib.search.index import SearchIndex

Moments = Mapping[str, Sequence[tuple[str, float]]]
"""Text -> (video, seconds) at which it was narrated."""


@dataclass(frozen=True)
class LevelRecall:
    """How well the spans of one level are found.

    Attributes:
        level: its number.
        hits: ``[T]`` bool, whether a right span is among the answers to each text.
        by_chance: expected share of hits if the answers were spans of the level drawn at random.
        answer_s: mean length of an answer, seconds.
        spans: how many spans the level has.
    """

    level: int
    hits: np.ndarray
    by_chance: float
    answer_s: float
    spans: int

    def metric(self, *, resamples: int, seed: int) -> Metric:
        """Share of texts whose right span is found, with its 95 % interval (bootstrap over texts)."""
        return mean_metric(self.hits.astype(float), excluded=0, resamples=resamples, seed=seed)


def recall(
    index: SearchIndex, moments: Moments, *, embed_text: Callable[[Sequence[str]], Tensor], count: int = 5
) -> list[LevelRecall]:
    """Search each text at each level, in all videos of the index.

    Args:
        index: the collection; its videos are those that are searched.
        moments: texts and where they are.
        embed_text: texts -> ``[T, D]`` in the space of the index.
        count: answers to a text.

    Raises:
        ValueError: there is no text.
    """
    if not moments:
        raise ValueError("there is no text to search for")
    texts = list(moments)
    queries = embed_text(texts).float().cpu().numpy()
    recalls = []
    for level in index.levels:
        total = int(np.diff(index.rows(level, None)).sum())
        hits, chances, lengths = [], [], []
        for text, query in zip(texts, queries):
            answers = index.find(query, count=count, level=level)
            places = [(answer.video_uid, answer.start_s, answer.end_s) for answer in answers]
            hits.append(
                any(uid == of and start <= at < end for uid, start, end in places for of, at in moments[text])
            )
            chances.append(_by_chance(_right_spans(index, level, moments[text]), total, count))
            lengths += [end - start for _, start, end in places]
        recalls.append(LevelRecall(level, np.array(hits), float(np.mean(chances)), float(np.mean(lengths)), total))
    return recalls


def recall_rows(
    recalls: Mapping[str, Sequence[LevelRecall]], methods: Mapping[str, Method], profile: Profile
) -> list[Row]:
    """Rows of the results table: each method's levels, with ``search.count`` answers to a text; HiERO's distance.

    ``methods`` tell how the spans of each were made.
    """
    config = profile.search
    rows = [
        Row(
            "Search",
            method,
            f"recall at {config.count}, level {level.level}",
            level.metric(resamples=config.bootstrap_resamples, seed=config.bootstrap_seed),
            note=f"chance {100 * level.by_chance:.1f}; answers of {level.answer_s:.0f} s out of {level.spans} spans",
            thread_graph=methods[method].thread_graph,
            segment_times=times_of(methods[method], profile),
        )
        for method, levels in recalls.items()
        for level in levels
    ]
    others = [name for name in (UNTRAINED, PROBE) if name in recalls and HIERO in recalls]
    return rows + [_difference(recalls, name, row, config) for name in others for row in range(len(recalls[HIERO]))]


def _difference(recalls: Mapping[str, Sequence[LevelRecall]], other: str, row: int, config: SearchConfig) -> Row:
    """How many more texts HiERO's spans of a level find than another method's: paired, on the same texts."""
    ours, theirs = recalls[HIERO][row], recalls[other][row]
    gain = ours.hits.astype(float) - theirs.hits
    metric = mean_metric(gain, excluded=0, resamples=config.bootstrap_resamples, seed=config.bootstrap_seed)
    name = f"recall at {config.count}, level {ours.level}"
    return Row("Search", f"{HIERO} minus {other}", name, metric, note="points, on the same texts")


def _right_spans(index: SearchIndex, level: int, moments: Sequence[tuple[str, float]]) -> int:
    spans, right = index.spans, set()
    for uid, at in moments:
        if uid in spans.video_uids:
            for first, stop in index.rows(level, [uid]).tolist():
                inside = (spans.start_s[first:stop] <= at) & (at < spans.end_s[first:stop])
                right.update((first + np.flatnonzero(inside)).tolist())
    return len(right)


def _by_chance(right: int, total: int, count: int) -> float:
    """Probability that ``count`` of ``total`` spans, drawn without replacement, have one of the ``right`` ones."""
    return 1.0 - math.comb(total - right, min(count, total)) / math.comb(total, min(count, total))
