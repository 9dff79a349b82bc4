"""Answers to a text that are the explorer's own spans, and whether anything fits the text at all.

An index knows the division that each video has by itself. A video that is open may be divided or corrected otherwise:
its answers come from what is shown, those of all others from the index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.search.fit import Fit, fit_of
from hiero_lib.search.index import Answer, SearchIndex
from hiero_lib.search.table import join
from hiero_lib.search.update import hierarchy_table

_OWN = 3  # answers of the video that is shown, at least, where there are so many


@dataclass(frozen=True)
class Answers:
    """The best spans, best first, and whether the best of them is a good match.

    Attributes:
        good: the best score exceeds ``threshold``, as 95 of 100 unrelated texts' do not.
        threshold: of the cosine.
    """

    items: tuple[Answer, ...]
    good: bool
    threshold: float


class Finder:
    """Finds texts in an index and in videos that are open.

    Args:
        embed_text: texts -> ``[M, D]`` in the space of the spans.
        index: of the collection; None: only what is open is searched.
        max_overlap: as `hiero_lib.search.index.SearchIndex.find`.
    """

    def __init__(
        self, embed_text: Callable[[Sequence[str]], Tensor], index: SearchIndex | None, *, max_overlap: float | None
    ) -> None:
        self._embed, self._index, self._overlap = embed_text, index, max_overlap

    def find(
        self, query: np.ndarray, shown: VideoHierarchy, others: Mapping[str, VideoHierarchy], *, count: int, fit: Fit
    ) -> Answers:
        """The best answers, those of the video that is shown among them.

        Args:
            query: ``[D]`` the text's features.
            shown: the video that is shown; others: those that are open beside it, by uid.
            count: answers, at most.
            fit: from `calibrated`.
        """
        own = _index_of(shown)
        here = own.find(query, count=count, max_overlap=self._overlap)
        rest = [
            answer
            for hierarchy in others.values()
            for answer in _index_of(hierarchy).find(query, count=count, max_overlap=self._overlap)
        ]
        if self._index is not None:
            opened = {shown.video_uid, *others}
            closed = [uid for uid in self._index.spans.video_uids if uid not in opened]
            if closed:
                rest += self._index.find(query, count=count, videos=closed, max_overlap=self._overlap)
        kept = here[: min(_OWN, count)]
        left = sorted([*here[len(kept) :], *rest], key=lambda answer: -answer.score)[: count - len(kept)]
        items = tuple(sorted([*kept, *left], key=lambda answer: -answer.score))
        return Answers(items, bool(items) and fit.is_good(items[0].score), fit.threshold)

    def calibrated(self, shown: VideoHierarchy) -> Fit:
        """What unrelated texts score: in the whole index; without one in the video that is shown."""
        searched = _index_of(shown) if self._index is None else self._index
        return fit_of(lambda one: searched.find(one, count=1)[0].score, self._embed)


def _index_of(hierarchy: VideoHierarchy) -> SearchIndex:
    return SearchIndex(join([hierarchy_table(hierarchy)]))
