"""The figures that plotly draws below the explorer's timeline, as JSON for the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from hiero_lib.base.errors import DataError
from hiero_lib.config import ThreadGraph
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.viz.levels import plot_levels
from hiero_lib.viz.map import plot_map
from hiero_lib.viz.page import Figure
from hiero_lib.viz.palette import ThemeName
from hiero_lib.viz.query import plot_query
from hiero_lib.viz.similarity import plot_similarity
from hiero_lib.viz.tree import plot_tree

VIEWS = ("tree", "sunburst", "similarity, in time", "similarity, by thread", "map", "levels", "query")
_TREE_CHARACTERS = 90  # beside one another in the explorer's column


@dataclass(frozen=True)
class Looks:
    """How a figure is drawn.

    Attributes:
        level: of figures of one level; at_s: seconds around which the network's edges are shown.
        query: the text that was searched; asked: ``[D]`` its features, None where nothing was asked.
    """

    level: int
    title: str
    theme: ThemeName
    at_s: float
    radius: float
    thread_graph: ThreadGraph | None
    query: str = ""
    asked: Tensor | None = None


def draw(view: str, hierarchy: VideoHierarchy, looks: Looks) -> str:
    """A figure of :data:`VIEWS` as plotly's JSON.

    Raises:
        DataError: there is no such figure; or no text was searched for one that shows it.
    """
    common: dict[str, Any] = {"title": looks.title, "theme": looks.theme}
    figure: Figure
    match view:
        case "tree":
            figure = plot_tree(hierarchy, page_characters=_TREE_CHARACTERS, **common)
        case "sunburst":
            figure = plot_tree(hierarchy, shape="sunburst", **common)
        case "similarity, in time":
            figure = plot_similarity(hierarchy, level=looks.level, order="time", **common)
        case "similarity, by thread":
            figure = plot_similarity(hierarchy, level=looks.level, order="threads", **common)
        case "map":
            figure = plot_map(hierarchy, level=looks.level, **common)
        case "levels":
            figure = plot_levels(
                hierarchy, at_s=looks.at_s, radius=looks.radius, thread_graph=looks.thread_graph, **common
            )
        case "query":
            if looks.asked is None:
                raise DataError("search for something first", field="query")
            figure = plot_query(hierarchy, looks.query, looks.asked, **common)
        case _:
            raise DataError(f"one of {', '.join(VIEWS)} is expected", field="view", value=view)
    text: str = figure.to_json(validate=False)
    return text
