"""Every figure of a hierarchy, for what looks at all of them."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from hiero_lib.data.narrations import Narrations
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.viz.alignment import plot_alignment
from hiero_lib.viz.levels import plot_levels
from hiero_lib.viz.map import pca, plot_map
from hiero_lib.viz.page import Engine, Figure
from hiero_lib.viz.palette import thread_color
from hiero_lib.viz.points import Group, plot_points
from hiero_lib.viz.query import plot_query
from hiero_lib.viz.rows import hierarchy_rows, level_of, thread_name
from hiero_lib.viz.similarity import plot_similarity
from hiero_lib.viz.threads import plot_threads
from hiero_lib.viz.timeline import plot_timeline
from hiero_lib.viz.tree import plot_tree


def points(video: VideoHierarchy, level: int) -> list[Group]:
    """The nodes of a level as points, a group a thread."""
    of = level_of(video, level)
    places = pca(of.x.numpy())[0]
    groups = [Group("all others", thread_color(-1), places[:1], ["one of the others"])]
    for thread in sorted(of.seconds()):
        name = thread_name(of, thread)
        own = of.threads == thread
        groups.append(Group(name, thread_color(thread), places[own], [name] * int(own.sum())))
    return groups


def every_figure(
    video: VideoHierarchy,
    *,
    query: str,
    text: Tensor,
    narrations: Narrations,
    level: int,
    engine: Engine,
    graph: str = "within_threads",
    **look: Any,
) -> dict[str, Figure]:
    """Name -> figure; ``text`` are the features of ``query``, ``look`` the title and the theme."""
    look["engine"] = engine
    middle = (video.start_s + video.end_s) / 2
    found = {
        "timeline": plot_timeline(hierarchy_rows(video), narrations=narrations, end_s=video.end_s, **look),
        "threads": plot_threads(video, level=level, narrations=narrations, **look),
        "tree": plot_tree(video, **look),
        "similarity-time": plot_similarity(video, level=level, **look),
        "similarity-threads": plot_similarity(video, level=level, order="threads", **look),
        "map": plot_map(video, level=level, embed=pca, **look),
        "levels": plot_levels(video, at_s=middle, radius=1.0, thread_graph=graph, **look),
        "alignment": plot_alignment(video, video, level=level, names=("one video", "itself"), **look),
        "points": plot_points(points(video, level), legend="threads", **look),
        "query": plot_query(video, query, text, **look),
    }
    if engine == "plotly":
        found["sunburst"] = plot_tree(video, shape="sunburst", **look)
    return found
