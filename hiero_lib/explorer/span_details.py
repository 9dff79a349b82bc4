"""What the explorer says of a span: its narrations, and the spans most like it, here and in other videos."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch.nn.functional as F

from hiero_lib.data.narrations import NO_NARRATIONS, Narrations
from hiero_lib.hierarchy.spans import Span
from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy
from hiero_lib.search.index import Answer, SearchIndex
from hiero_lib.viz.page import clock
from hiero_lib.viz.palette import text_color_on, thread_color
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


def details_html(
    details: SpanDetails, *, most_narrations: int = 12, names: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The same for a person to read; texts are escaped, ``names`` are shorter ones of videos."""
    color = thread_color(details.span.label)
    times = f"{clock(details.span.start_s, decimals=1)} – {clock(details.span.end_s, decimals=1)}"
    parts = [
        f"<b>level {details.level}, {times}</b> ({details.span.length_s:.1f} s)<br>"
        f'<span style="background:{color};color:{text_color_on(color)};padding:1px 6px;border-radius:3px">'
        f"{html.escape(details.name)}</span>"
    ]
    lines = [f"{clock(t, decimals=1)} {html.escape(text)}" for t, text in details.narrations]
    if len(lines) > most_narrations:
        left = len(lines) - most_narrations
        lines = [*lines[:most_narrations], f"and {left} more"]
    parts.append(_list("Narrated", lines) or "<p>Nothing is narrated during it.</p>")
    here = [f"{clock(span.start_s)} – {clock(span.end_s)} ({cosine:.2f})" for span, cosine in details.here]
    parts.append(_list("Most like it in this video", here))
    other = [f"{html.escape(answer_text(answer, names))}" for answer in details.elsewhere]
    parts.append(_list("Most like it in other videos", other))
    return f'<div style="line-height:1.45">{"".join(parts)}</div>'


def answer_text(answer: Answer, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """An answer of the index in one line; ``names`` are shorter ones of videos."""
    span = f"{clock(answer.start_s)} – {clock(answer.end_s)}"
    label = f", {answer.label}" if answer.label else ""
    return f"{names.get(answer.video_uid, answer.video_uid)} {span}, level {answer.level} ({answer.score:.2f}){label}"


def _list(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{line}</li>" for line in lines)
    return f'<p style="margin:8px 0 2px"><b>{title}</b></p><ul style="margin:0;padding-left:18px">{items}</ul>'
