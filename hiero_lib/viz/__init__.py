"""Figures: plotly for looking, matplotlib for print. Each is loaded when it is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hiero_lib.viz.alignment import plot_alignment
    from hiero_lib.viz.intervals import plot_intervals
    from hiero_lib.viz.levels import plot_levels
    from hiero_lib.viz.map import plot_map
    from hiero_lib.viz.points import plot_points
    from hiero_lib.viz.query import plot_query
    from hiero_lib.viz.rows import hierarchy_rows, in_colors_of, level_of, network_rows, stretch_of, truth_beside
    from hiero_lib.viz.similarity import plot_similarity
    from hiero_lib.viz.threads import plot_threads
    from hiero_lib.viz.timeline import plot_timeline
    from hiero_lib.viz.tree import plot_tree

__all__ = [
    "hierarchy_rows",
    "in_colors_of",
    "level_of",
    "network_rows",
    "plot_alignment",
    "plot_intervals",
    "plot_levels",
    "plot_map",
    "plot_points",
    "plot_query",
    "plot_similarity",
    "plot_threads",
    "plot_timeline",
    "plot_tree",
    "stretch_of",
    "truth_beside",
]

_ROWS = {"hierarchy_rows", "in_colors_of", "level_of", "network_rows", "stretch_of", "truth_beside"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "rows" if name in _ROWS else name.removeprefix("plot_")
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)
