"""The report of one video: a self-contained page, the explorer's module over what it needs, and the tree.

The module and plotly.js are in the file once, nothing is fetched (a content security policy forbids it), and the page
follows the light or dark theme of the system. The tree is stored for the light theme, with what differs for the dark
one. What the explorer would ask its session for (answers, spans that are alike) is in the page.
"""

from __future__ import annotations

import html
import json
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import torch
import torch.nn.functional as F

import hiero_lib
from hiero_lib.base.files import write_text
from hiero_lib.export.record import Query, VideoRecord, thread_title
from hiero_lib.front.module import explorer_css, explorer_js
from hiero_lib.front.scene import curves, scene
from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy
from hiero_lib.viz.page import clock
from hiero_lib.viz.tree import plot_tree

_ANSWERS = 3  # of a query, each level
_ALIKE = 4  # spans, of each span
_MOST_SPANS = 3000  # of a level whose spans are compared with one another
_BLOCK = 512  # of them at a time


def report(record: VideoRecord) -> str:
    """The page as HTML."""
    from plotly.offline import get_plotlyjs

    hierarchy = record.printable()
    content = {
        "values": _values(record),
        "queries": [_query(hierarchy, query) for query in record.queries],
        "similar": {str(level.level): _alike(level) for level in hierarchy.levels},
        "tree": _themed(lambda theme: plot_tree(hierarchy, title="Tree", theme=theme)),
    }
    threads = ", ".join(f"{len(level.seconds())} at level {level.level}" for level in reversed(hierarchy.levels))
    about = f"{record.method} on {record.data_name}; {clock(hierarchy.end_s - hierarchy.start_s)}; threads: {threads}"
    if record.operations:
        about += f"; with {len(record.operations)} corrections by hand"
    return Template(_part("page.html")).substitute(
        version=html.escape(hiero_lib.__version__),
        title=html.escape(record.title),
        heading=html.escape(record.video_uid),
        about=html.escape(about),
        style=f"{explorer_css()}\n{_part('page.css')}",
        plotly=get_plotlyjs(),
        content=_json_in_html(content),
        script=f"{explorer_js()}\n{_part('page.js')}",
    )


def _values(record: VideoRecord) -> dict[str, Any]:
    """What the explorer's module asks its model for, where nobody answers."""
    hierarchy = record.printable()
    shown = scene(hierarchy, name=record.video_uid, title=record.title, narrations=record.narrations)
    texts = [query.text for query in record.queries]
    options = {"views": [], "besides": [], "texts": texts, "searchable": False, "hint": "", "plotly": None}
    return {
        **{"scene": shown, "options": options, "still": True, "theme": "auto", "heard": 0},
        "level": hierarchy.levels[min(1, len(hierarchy.levels) - 1)].level,
        "pictures": record.pictures,
        "aligned": record.aligned,
        **dict.fromkeys(("choice", "range", "answers", "details", "edits", "media", "below", "note")),
        **dict.fromkeys(("collection", "point", "written")),
        **{"query": "", "counts": [], "mine": [], "videos": {"matches": [], "total": 0}},
    }


def _alike(level: LevelThreads) -> list[list[list[float]]]:
    """For each span of a level ``[row, cosine]`` of the spans most like it; nothing where there are too many."""
    if len(level.spans) > _MOST_SPANS:
        return []
    unit = F.normalize(level.span_x, dim=1)
    found: list[list[list[float]]] = []
    for first in range(0, len(unit), _BLOCK):
        cosine = unit[first : first + _BLOCK] @ unit.T
        rows = torch.arange(len(cosine))
        cosine[rows, first + rows] = -2.0  # not itself
        best = cosine.topk(min(_ALIKE, len(unit) - 1))
        for numbers, scores in zip(best.indices.tolist(), best.values.tolist()):
            found.append([[number, round(score, 3)] for number, score in zip(numbers, scores)])
    return found


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


def _query(hierarchy: VideoHierarchy, query: Query) -> dict[str, Any]:
    text = F.normalize(query.embedded.detach().float().cpu(), dim=0)
    items: list[dict[str, Any]] = []
    for level in reversed(hierarchy.levels):
        cosines = F.normalize(level.span_x, dim=1) @ text
        for row in cosines.argsort(descending=True, stable=True)[:_ANSWERS].tolist():
            span = level.spans[row]
            place = {"level": level.level, "start_s": round(span.start_s, 3), "end_s": round(span.end_s, 3)}
            about = {"title": thread_title(level, span.label), "score": round(float(cosines[row]), 4)}
            items.append({"uid": hierarchy.video_uid, "name": "", "here": True, **place, **about})
    items.sort(key=lambda item: -item["score"])
    told = {
        "text": query.text,
        "verdict": "",
        "note": "The nearest spans of each level, by cosine.",
        "threshold": None,
    }
    return {**told, "items": items, "curves": curves(hierarchy, query.embedded)}


def _json_in_html(value: Any) -> str:
    """JSON that no text in it can end, whatever a narration holds: ``<`` is written as an escape."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _part(name: str) -> str:
    return resources.files("hiero_lib.export").joinpath(name).read_text("utf-8")
