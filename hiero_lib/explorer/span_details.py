"""What the explorer says of a run: its narrations, and the runs most like it, here and in other videos."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch.nn.functional as F

from hiero_lib.hierarchy.spans import Run
from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy
from hiero_lib.search.index import Answer, SearchIndex
from hiero_lib.viz.bars import Narrations, plain_narration
from hiero_lib.viz.page import clock
from hiero_lib.viz.palette import text_color_on, thread_color
from hiero_lib.viz.rows import level_of, thread_name


@dataclass(frozen=True)
class RunDetails:
    """A run of a level with what belongs to it.

    Attributes:
        name: of its thread.
        narrations: seconds and texts told during it, in time order.
        here: other runs of the level, the most similar first, with their cosine.
        elsewhere: runs of other videos at the same level, from the index; empty without one.
    """

    level: int
    run: Run
    name: str
    narrations: tuple[tuple[float, str], ...]
    here: tuple[tuple[Run, float], ...]
    elsewhere: tuple[Answer, ...]


def run_at(level: LevelThreads, at_s: float) -> int:
    """Number of the run that a time falls into; the first or last one where it lies outside the video."""
    before = sum(run.start_s <= at_s for run in level.runs)
    return max(0, before - 1)


def run_details(
    hierarchy: VideoHierarchy,
    *,
    level: int,
    at_s: float,
    narrations: Narrations | None = None,
    index: SearchIndex | None = None,
    most: int = 5,
) -> RunDetails:
    """The run of a level that goes on at ``at_s`` seconds.

    Args:
        hierarchy: the video, made with the text space that ``index`` was made with.
        level: whose run.
        at_s: seconds.
        narrations: of the video.
        index: of a collection; its runs of other videos are compared.
        most: similar runs, here and elsewhere.

    Raises:
        ValueError: there is no such level.
    """
    found = level_of(hierarchy, level)
    number = run_at(found, at_s)
    run = found.runs[number]
    told = sorted(zip(narrations.times, narrations.texts)) if narrations is not None else []
    inside = tuple((float(t), plain_narration(text)) for t, text in told if run.start_s <= t < run.end_s)
    unit = F.normalize(found.run_x, dim=1)
    cosine = unit @ unit[number]
    others = [i for i in cosine.argsort(descending=True, stable=True).tolist() if i != number][:most]
    elsewhere: Sequence[Answer] = ()
    if index is not None:
        videos = [uid for uid in index.runs.video_uids if uid != hierarchy.video_uid]
        if videos and level in index.levels:
            elsewhere = index.find(found.run_x[number].numpy(), count=most, level=level, videos=videos)
    here = tuple((found.runs[i], float(cosine[i])) for i in others)
    return RunDetails(level, run, thread_name(found, run.label), inside, here, tuple(elsewhere))


def details_html(
    details: RunDetails, *, most_narrations: int = 12, names: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The same for a person to read; texts are escaped, ``names`` are shorter ones of videos."""
    color = thread_color(details.run.label)
    span = f"{clock(details.run.start_s, decimals=1)} – {clock(details.run.end_s, decimals=1)}"
    parts = [
        f"<b>level {details.level}, {span}</b> ({details.run.length_s:.1f} s)<br>"
        f'<span style="background:{color};color:{text_color_on(color)};padding:1px 6px;border-radius:3px">'
        f"{html.escape(details.name)}</span>"
    ]
    told = [f"{clock(t, decimals=1)} {html.escape(text)}" for t, text in details.narrations]
    if len(told) > most_narrations:
        left = len(told) - most_narrations
        told = [*told[:most_narrations], f"and {left} more"]
    parts.append(_list("Narrated", told) or "<p>Nothing is narrated during it.</p>")
    here = [f"{clock(run.start_s)} – {clock(run.end_s)} ({cosine:.2f})" for run, cosine in details.here]
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
