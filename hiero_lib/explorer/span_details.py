"""What belongs to a span: its narrations, and the spans most like it, here and in other videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F

from hiero_lib.data.narrations import NO_NARRATIONS, Narrations
from hiero_lib.hierarchy.spans import Span
from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy
from hiero_lib.search.index import Answer, SearchIndex
from hiero_lib.viz.rows import level_of, thread_name


@dataclass(frozen=True)
class SpanDetails:
    """A span of a level with what belongs to it.

    Attributes:
        name: of its thread.
        narrations: those during it, without tags.
        here: other spans of the level, the most similar first, with their cosine.
        elsewhere: spans of other videos at the same level, from the index; empty without one.
    """

    level: int
    span: Span
    name: str
    narrations: Narrations
    here: tuple[tuple[Span, float], ...]
    elsewhere: tuple[Answer, ...]


def span_at(level: LevelThreads, at_s: float) -> int:
    """Number of the span that a time falls into; the first or last one where it lies outside the video."""
    before = sum(span.start_s <= at_s for span in level.spans)
    return max(0, before - 1)


def span_details(
    hierarchy: VideoHierarchy,
    *,
    level: int,
    at_s: float,
    narrations: Narrations = NO_NARRATIONS,
    index: SearchIndex | None = None,
    most: int = 5,
) -> SpanDetails:
    """The span of a level that goes on at ``at_s`` seconds.

    Args:
        hierarchy: the video, made with the text space that ``index`` was made with.
        level: whose span.
        at_s: seconds.
        narrations: of the video.
        index: of a collection; its spans of other videos are compared.
        most: similar spans, here and elsewhere.

    Raises:
        ValueError: there is no such level.
    """
    level_threads = level_of(hierarchy, level)
    number = span_at(level_threads, at_s)
    span = level_threads.spans[number]
    during = narrations.between(span.start_s, span.end_s).without_tags()
    unit = F.normalize(level_threads.span_x, dim=1)
    cosine = unit @ unit[number]
    others = [i for i in cosine.argsort(descending=True, stable=True).tolist() if i != number][:most]
    elsewhere: Sequence[Answer] = ()
    if index is not None:
        videos = [uid for uid in index.spans.video_uids if uid != hierarchy.video_uid]
        if videos and level in index.levels:
            elsewhere = index.find(level_threads.span_x[number].numpy(), count=most, level=level, videos=videos)
    here = tuple((level_threads.spans[i], float(cosine[i])) for i in others)
    return SpanDetails(level, span, thread_name(level_threads, span.label), during, here, tuple(elsewhere))
