"""The report of one video: a self-contained page with its timeline, its tree, and similarity with some texts.

plotly.js is in the file once, nothing is fetched (a content security policy forbids it), and the page follows the
light or dark theme of the system. A figure is stored for the light theme, with what differs for the dark one.
"""

from __future__ import annotations

import html
import json
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import torch.nn.functional as F

import hiero_lib
from hiero_lib.base.files import write_text
from hiero_lib.export.record import Query, VideoRecord, thread_title
from hiero_lib.viz.page import clock
from hiero_lib.viz.query import nearest_spans, plot_query
from hiero_lib.viz.rows import hierarchy_rows
from hiero_lib.viz.timeline import plot_timeline
from hiero_lib.viz.tree import plot_tree

_QUERY_POINTS = 600  # of a curve of the page
_ANSWERS = 3  # of a query, each level


def report(record: VideoRecord) -> str:
    """The page as HTML."""
    from plotly.offline import get_plotlyjs

    hierarchy = record.printable()
    content = {
        "span": [hierarchy.start_s, hierarchy.end_s],
        "timeline": _themed(
            lambda theme: plot_timeline(
                hierarchy_rows(hierarchy),
                title="Timeline",
                narrations=record.narrations,
                theme=theme,
                end_s=hierarchy.end_s,
            )
        ),
        "tree": _themed(lambda theme: plot_tree(hierarchy, title="Tree", theme=theme)),
        "queries": [_query(record, query) for query in record.queries],
    }
    threads = ", ".join(f"{len(level.seconds())} at level {level.level}" for level in reversed(hierarchy.levels))
    about = f"{record.method} on {record.data_name}; {clock(hierarchy.end_s - hierarchy.start_s)}; threads: {threads}"
    return Template(_part("page.html")).substitute(
        version=html.escape(hiero_lib.__version__),
        title=html.escape(record.title),
        heading=html.escape(record.video_uid),
        about=html.escape(about),
        style=_part("page.css"),
        plotly=get_plotlyjs(),
        content=_json_in_html(content),
        script=_part("page.js"),
    )


def write_report(record: VideoRecord, path: str | Path) -> None:
    """Write `report`, atomically."""
    write_text(path, report(record))


def themed_difference(light: Any, dark: Any, path: tuple[str | int, ...] = ()) -> list[list[Any]]:
    """``[[path, value], ...]`` that turn one figure into the other; None removes what is at the path."""
    if isinstance(light, dict) and isinstance(dark, dict):
        changes = []
        for key in sorted(light.keys() | dark.keys()):
            changes += themed_difference(light.get(key), dark.get(key), (*path, key))
        return changes
    if isinstance(light, list) and isinstance(dark, list) and len(light) == len(dark) and _holds_objects(light):
        changes = []
        for index, (one, other) in enumerate(zip(light, dark)):
            changes += themed_difference(one, other, (*path, index))
        return changes
    return [] if light == dark else [[list(path), dark]]


def _holds_objects(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(value, dict) for value in values)


def _themed(draw: Any) -> dict[str, Any]:
    light, dark = (json.loads(draw(theme).to_json(validate=False)) for theme in ("light", "dark"))
    return {"light": light, "dark": themed_difference(light, dark)}


def _query(record: VideoRecord, query: Query) -> dict[str, Any]:
    hierarchy = record.printable()
    nearest = {level.level: nearest_spans(level, query.embedded, most=_ANSWERS) for level in hierarchy.levels}
    answers = []
    for level in reversed(hierarchy.levels):
        cosines = F.normalize(level.span_x, dim=1) @ F.normalize(query.embedded.detach().float().cpu(), dim=0)
        for rank, span in enumerate(nearest[level.level], start=1):
            cosine = float(cosines[level.spans.index(span)])
            times = f"{clock(span.start_s)} – {clock(span.end_s)}"
            text = f"level {level.level}, {rank}: {times} {thread_title(level, span.label)} ({cosine:.2f})"
            answers.append({"start_s": span.start_s, "end_s": span.end_s, "text": text})
    figure = _themed(
        lambda theme: plot_query(
            hierarchy,
            query.text,
            query.embedded,
            title="Query",
            answers=nearest,
            theme=theme,
            most_points=_QUERY_POINTS,
        )
    )
    return {"text": query.text, "answers": answers, "figure": figure}


def _json_in_html(value: Any) -> str:
    """JSON that no text in it can end, whatever a narration holds: ``<`` is written as an escape."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _part(name: str) -> str:
    return resources.files("hiero_lib.export").joinpath(name).read_text("utf-8")
