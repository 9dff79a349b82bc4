"""What a click on one of the explorer's figures means: a level and a moment of the video."""

from __future__ import annotations

import re
from typing import Any

from hiero_lib.explorer.live import Click
from hiero_lib.hierarchy.video import VideoHierarchy

_ON_TIME = ("timeline", "threads", "query", "levels", "similarity, in time")


def meant_by(click: Click, figure: Any, hierarchy: VideoHierarchy, *, level: int) -> tuple[int, float] | None:
    """The level and the seconds that were clicked; None where the figure's axis is not time.

    Args:
        click: on ``figure``; ``view`` says which figure it is.
        figure: plotly's.
        hierarchy: what the figure shows.
        level: of figures of one level, and of rows that belong to none (narrations, truth).
    """
    trace = figure.data[click.curve]
    if click.view in ("timeline", "levels") and click.point is not None:
        row = int(trace.y[click.point])
        if row < len(hierarchy.levels):
            level = hierarchy.levels[::-1][row].level
    if click.view == "query" and (named := re.search(r"level (\d+)$", trace.name or "")):
        level = int(named[1])
    if trace.type == "bar" and click.point is not None:
        return level, float(trace.base[click.point]) + float(trace.x[click.point]) / 2
    if click.view == "query" and trace.fill == "toself":  # a filled span: no point of it is met
        return level, (min(trace.x) + max(trace.x)) / 2
    inside = click.x is not None and hierarchy.start_s <= click.x <= hierarchy.end_s
    return (level, click.x) if click.view in _ON_TIME and inside and click.x is not None else None
