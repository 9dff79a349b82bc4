"""What each depth of the network joins: the temporal and the thread edges around a chosen segment.

The encoder joins nodes that are near in time (at level d, less than ``radius * 2^d`` seconds apart), the decoder
joins, above level 0, each node with its neighbours within its thread, however far away in time. Three layers reach
three such steps. The edges are made by the functions that the network calls, at the segment times that it was given
(the released ones leave no temporal edge), on the threads that it made itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hiero_lib.config import ThreadGraph
from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy
from hiero_lib.methods.levels import RELEASED_FACTOR
from hiero_lib.models.temporal import radius_graph
from hiero_lib.models.threads import thread_graph as joined_in_threads
from hiero_lib.viz.bars import TimelineRow, timeline_bars
from hiero_lib.viz.page import (
    Engine,
    Figure,
    clock,
    drawn,
    markup,
    page_layout,
    print_axes,
    print_page,
    print_time_axis,
    time_axis,
)
from hiero_lib.viz.palette import THEMES, Theme, ThemeName
from hiero_lib.viz.rows import thread_name
from hiero_lib.viz.timeline import bar_trace

_BAR_SHARE = 0.3  # of a row's height: the strip of threads between the two kinds of arcs
_ARC = np.linspace(0, np.pi, 17)


@dataclass(frozen=True)
class LevelEdges:
    """What one level joins around the chosen segment.

    Attributes:
        level: the level.
        node: the node that holds the segment.
        temporal: ``[E, 2]`` pairs of nodes that the encoder joins, reached from the node.
        threads: ``[E, 2]`` pairs that the decoder joins; none at level 0, or without threads.
    """

    level: LevelThreads
    node: int
    temporal: NDArray[np.int64]
    threads: NDArray[np.int64]

    def nodes(self) -> NDArray[np.int64]:
        """The node and all that it reaches, in time order."""
        return np.unique(np.concatenate([[self.node], self.temporal.reshape(-1), self.threads.reshape(-1)]))

    def span(self) -> tuple[float, float]:
        """First and last second of the nodes reached."""
        nodes = self.nodes()
        half = self.level.stride_s / 2
        return float(self.level.pos[nodes].min()) - half, float(self.level.pos[nodes].max()) + half


def level_edges(
    hierarchy: VideoHierarchy,
    *,
    at_s: float,
    radius: float,
    thread_graph: ThreadGraph | None,
    hops: int = 3,
) -> list[LevelEdges]:
    """The edges of each level within ``hops`` steps of the segment at ``at_s`` seconds, level 0 first.

    Args:
        hierarchy: the video.
        at_s: the segment whose centre is nearest; at each level, the node that pooled it.
        radius: ``ModelConfig.radius``.
        thread_graph: ``Method.thread_graph``; None for a method without a graph, which joins nothing.
        hops: layers of a stage.

    Raises:
        ValueError: ``at_s`` is outside the video.
    """
    if not hierarchy.start_s <= at_s <= hierarchy.end_s:
        raise ValueError(f"at_s must lie in {hierarchy.start_s} to {hierarchy.end_s} s, not {at_s!r}")
    segment = int(np.abs(hierarchy.levels[0].pos - at_s).argmin())
    edges = []
    for level in hierarchy.levels:
        node = segment // 2**level.level
        pos = torch.from_numpy(level.pos) * (RELEASED_FACTOR if hierarchy.segment_times == "released" else 1)
        none = np.zeros((0, 2), dtype=np.int64)
        temporal, threads = none, none
        if thread_graph is not None:
            graph = radius_graph(
                pos.float(), torch.zeros(len(pos), dtype=torch.int64), radius, scale=2.0**level.level, is_sorted=True
            )
            temporal = _reached(graph.edge_index().numpy(), node, hops)
            if level.network_threads.min() >= 0:
                graph = joined_in_threads(torch.from_numpy(level.network_threads), variant=thread_graph)
                threads = _reached(graph.edge_index().numpy(), node, hops)
        edges.append(LevelEdges(level, node, temporal, threads))
    return edges


def _reached(edges: NDArray[np.int64], node: int, hops: int) -> NDArray[np.int64]:
    """``[E, 2]`` the edges that lead from ``node`` to what it reaches in ``hops`` steps, each pair once."""
    near = np.array([node])
    taken = np.zeros(edges.shape[1], dtype=bool)
    for _ in range(hops):
        taken |= np.isin(edges[1], near)
        near = np.unique(edges[:, taken])
    return np.unique(np.sort(edges[:, taken].T, axis=1), axis=0)


def plot_levels(
    hierarchy: VideoHierarchy,
    *,
    at_s: float,
    radius: float,
    thread_graph: ThreadGraph | None,
    title: str,
    engine: Engine = "plotly",
    theme: ThemeName = "light",
    hops: int = 3,
) -> Figure:
    """Draw a row for each level: its threads as a strip, temporal edges as arcs above it, thread edges below.

    Arguments are those of `level_edges`; the axis shows what is reached, and can be zoomed out of in plotly.

    Raises:
        ValueError: ``at_s`` is outside the video, or the engine is neither of the two.
    """
    edges_by_row = level_edges(hierarchy, at_s=at_s, radius=radius, thread_graph=thread_graph, hops=hops)[::-1]
    spans = [edges.span() for edges in edges_by_row]
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    room = max(0.04 * (last - first), 2.0)
    view = (max(hierarchy.start_s, first - room), min(hierarchy.end_s, last + room))
    rows = [
        TimelineRow(
            f"level {edges.level.level}",
            [span for span in edges.level.spans if span.end_s > view[0] and span.start_s < view[1]],
            edges.level.names,
        )
        for edges in edges_by_row
    ]
    node = edges_by_row[-1].level.pos[edges_by_row[-1].node]
    steps = "1 step" if hops == 1 else f"{hops} steps"
    note = (
        f"around {clock(node, decimals=1)}, {steps}: above, edges in time; below, edges along the network's threads"
    )
    options: dict[str, Any] = {"view": view, "title": title, "note": note, "theme": THEMES[theme]}
    return drawn(
        engine,
        lambda: _plotly(edges_by_row, rows, **options),
        lambda: _matplotlib(edges_by_row, rows, **options),
    )


def _arcs(edges: LevelEdges, pairs: NDArray[np.int64], row: int, *, up: bool) -> tuple[list, list]:
    """Half ellipses between the nodes of each pair, None between them; the longer, the higher."""
    x: list[float | None] = []
    y: list[float | None] = []
    starts, ends = edges.level.pos[pairs[:, 0]], edges.level.pos[pairs[:, 1]]
    longest = max(float(np.abs(ends - starts).max(initial=0)), 1e-9)
    for start, end in zip(starts, ends):
        height = (0.12 + 0.2 * abs(end - start) / longest) * (-1 if up else 1)
        edge = row + (-1 if up else 1) * _BAR_SHARE / 2
        x += [*((start + end) / 2 - np.cos(_ARC) * (end - start) / 2).round(3).tolist(), None]
        y += [*(edge + height * np.sin(_ARC)).round(3).tolist(), None]
    return x, y


def _plotly(
    edges_by_row: Sequence[LevelEdges],
    rows: Sequence[TimelineRow],
    *,
    view: tuple[float, float],
    title: str,
    note: str,
    theme: Theme,
) -> Figure:
    import plotly.graph_objects as go

    bars = timeline_bars(rows)
    figure = go.Figure(bar_trace(bars, name="threads", showlegend=False))
    figure.update_traces(width=_BAR_SHARE)
    for row, edges in enumerate(edges_by_row):
        kinds = (("edges in time", edges.temporal, True, "solid"), ("thread edges", edges.threads, False, "dot"))
        for name, pairs, up, dash in kinds:
            x, y = _arcs(edges, pairs, row, up=up)
            figure.add_trace(
                go.Scatter(
                    x=x,
                    y=y,
                    mode="lines",
                    hoverinfo="skip",
                    showlegend=False,
                    name=f"{name}, level {edges.level.level}",
                    line={"color": theme.text if up else theme.muted_text, "width": 1.5, "dash": dash},
                )
            )
        nodes = edges.nodes()
        figure.add_trace(
            go.Scatter(
                x=edges.level.pos[nodes].round(3),
                y=[row] * len(nodes),
                mode="markers",
                name=f"nodes, level {edges.level.level}",
                showlegend=False,
                marker={
                    "symbol": ["diamond" if node == edges.node else "circle" for node in nodes],
                    "size": [13 if node == edges.node else 7 for node in nodes],
                    "color": theme.background,
                    "opacity": 1,  # else plotly pales markers of several sizes
                    "line": {"color": theme.text, "width": 1.5},
                },
                text=[_node_text(edges, node) for node in nodes],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    figure.update_layout(
        **page_layout(title, theme, height=140 + 130 * len(rows), note=note, top=84),
        barmode="overlay",
        hovermode="closest",
        xaxis=time_axis(view[1], theme, start_s=view[0]),
        yaxis={
            **{"range": [len(rows) - 0.5, -0.5], "tickvals": list(range(len(rows))), "fixedrange": True},
            **{"ticktext": [row.name for row in rows], "automargin": True, "showgrid": False, "zeroline": False},
            "ticklabelstandoff": 6,
        },
    )
    return figure


def _node_text(edges: LevelEdges, node: int) -> str:
    level = edges.level
    network = level.network_threads[node]
    lines = [f"{clock(level.pos[node], decimals=1)}, {thread_name(level, int(level.threads[node]))}"]
    if network >= 0:
        lines.append(f"thread {network} of the network")
    return markup("\n".join(lines))


def _matplotlib(
    edges_by_row: Sequence[LevelEdges],
    rows: Sequence[TimelineRow],
    *,
    view: tuple[float, float],
    title: str,
    note: str,
    theme: Theme,
) -> Figure:
    figure = print_page(title, theme, size=(10.0, 0.9 + 1.3 * len(rows)), note=note)
    axes = figure.add_subplot()
    bars = timeline_bars(rows)
    for row, edges in enumerate(edges_by_row):
        row_bars = [bar for bar in bars if bar.row == row]
        axes.broken_barh(
            [(bar.span.start_s, bar.span.length_s) for bar in row_bars],
            (row - _BAR_SHARE / 2, _BAR_SHARE),
            facecolors=[bar.color for bar in row_bars],
            linewidth=0,
        )
        for pairs, up in ((edges.temporal, True), (edges.threads, False)):
            x, y = (np.array(values, dtype=np.float64) for values in _arcs(edges, pairs, row, up=up))  # None: NaN
            axes.plot(x, y, color=theme.text if up else theme.muted_text, linestyle="-" if up else ":", linewidth=1.0)
        nodes = edges.nodes()
        look: dict[str, Any] = {"color": theme.background, "markeredgecolor": theme.text, "linestyle": ""}
        axes.plot(edges.level.pos[nodes], [row] * len(nodes), marker="o", markersize=3.5, **look)
        axes.plot([edges.level.pos[edges.node]], [row], marker="D", markersize=6.5, **look)
    print_time_axis(axes, theme, end_s=view[1], start_s=view[0])
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    print_axes(axes, theme)
    axes.tick_params(axis="y", length=0)
    return figure
