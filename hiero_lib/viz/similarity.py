"""The self-similarity matrix of a level, in the order of time or of threads.

A cell is the mean cosine between two blocks of nodes, exactly: the product of the blocks' mean unit vectors. So the
matrix of N x N numbers is never computed, and a long video makes a small figure, which says how large its blocks are.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy
from hiero_lib.viz.page import (
    Engine,
    Figure,
    clock,
    drawn,
    page_layout,
    print_axes,
    print_page,
    tick_times,
    time_title,
)
from hiero_lib.viz.palette import THEMES, Theme, ThemeName, thread_color
from hiero_lib.viz.rows import level_of

Order = Literal["time", "threads"]
_STRIP = 0.025  # of the matrix: the threads' colours beside it
_MOST_BORDERS = 40


@dataclass(frozen=True)
class Matrix:
    """A level's self-similarity by blocks.

    Attributes:
        cosine: ``[b, b]`` mean cosine between the nodes of two blocks.
        edges: ``[b + 1]`` where blocks begin and end on the axis: seconds, or nodes in thread order.
        bands: thread, start, end on the axis: spans in time order, whole threads in thread order.
        note: the size of a block in words.
    """

    cosine: NDArray[np.float32]
    edges: NDArray[np.float64]
    bands: tuple[tuple[int, float, float], ...]
    note: str


def similarity_matrix(level: LevelThreads, *, order: Order, most_blocks: int = 240) -> Matrix:
    """Average a level's self-similarity over blocks of neighbours, ``most_blocks`` at the most in time order.

    In thread order nodes are sorted by thread, then by time, and no block holds nodes of two threads (so there may be
    a few more of them).
    """
    n = len(level.pos)
    size = -(-n // most_blocks)
    by = np.lexsort((level.pos, level.threads)) if order == "threads" else np.arange(n)
    threads = level.threads[by]
    if order == "threads":
        first = np.searchsorted(threads, threads)
        new = (np.arange(n) - first) % size == 0
    else:
        new = np.arange(n) % size == 0
    starts = np.flatnonzero(new)
    block = torch.from_numpy(np.cumsum(new) - 1)
    unit = F.normalize(level.x, dim=1)[torch.from_numpy(by)]
    means = torch.zeros(len(starts), unit.shape[1]).index_add_(0, block, unit) / torch.bincount(block)[:, None]
    if order == "threads":
        edges = np.append(starts, n).astype(np.float64)
        changes = [0, *(np.flatnonzero(np.diff(threads)) + 1).tolist(), n]
        bands = [(int(threads[a]), float(a), float(b)) for a, b in itertools.pairwise(changes)]
    else:
        borders = (level.pos[starts[1:]] + level.pos[starts[1:] - 1]) / 2
        edges = np.concatenate([[level.spans[0].start_s], borders, [level.spans[-1].end_s]])
        bands = [(span.label, span.start_s, span.end_s) for span in level.spans]
    note = "a cell is the cosine of two nodes"
    if size > 1:
        note = f"a cell is the mean cosine over {size} x {size} nodes"
    return Matrix((means @ means.T).numpy(), edges, tuple(bands), f"{note}; a node is {level.stride_s:.2g} s")


def plot_similarity(
    hierarchy: VideoHierarchy,
    *,
    level: int,
    title: str,
    order: Order = "time",
    engine: Engine = "plotly",
    theme: ThemeName = "light",
    most_blocks: int = 240,
) -> Figure:
    """Draw a level's self-similarity with its threads as coloured strips along both axes, and their borders.

    In thread order all borders are drawn; in time order those of spans, where there are at most 40: else the figure
    says that they are left out.

    Args:
        hierarchy: the video.
        level: whose nodes are compared.
        title: stands above the figure; say there when the data is the sample.
        order: of rows and columns.
        engine: plotly for looking, matplotlib for print.
        theme: light or dark page.
        most_blocks: rows of the matrix at the most (a few more in thread order).

    Raises:
        ValueError: no such level, order or engine.
    """
    if order not in ("time", "threads"):
        raise ValueError(f"order must be 'time' or 'threads', not {order!r}")
    level_threads = level_of(hierarchy, level)
    matrix = similarity_matrix(level_threads, order=order, most_blocks=most_blocks)
    off = matrix.cosine[~np.eye(len(matrix.cosine), dtype=bool)]
    low, high = np.quantile(off, [0.01, 0.99]) if len(off) else (0.0, 1.0)
    limits = (float(low), float(max(high, low + 1e-3)))
    borders = [start for _, start, _ in matrix.bands[1:]]
    if order == "time" and len(borders) > _MOST_BORDERS:
        matrix = dataclasses.replace(
            matrix, note=f"{matrix.note}; the borders of {len(borders) + 1} spans are left out"
        )
        borders = []
    ticks = _ticks(matrix, level_threads, order)
    axis = f"nodes of level {level} by thread" if order == "threads" else time_title(hierarchy.end_s)
    return drawn(
        engine,
        lambda: _plotly(matrix, limits, borders, ticks, axis=axis, title=title, theme=THEMES[theme]),
        lambda: _matplotlib(matrix, limits, borders, ticks, axis=axis, title=title, theme=THEMES[theme]),
    )


def _ticks(matrix: Matrix, level: LevelThreads, order: Order) -> tuple[list[float], list[str]]:
    if order == "time":
        ticks = tick_times(matrix.edges[-1], most=9, start_s=matrix.edges[0])
        return [float(tick) for tick in ticks], [clock(tick) for tick in ticks]
    wide = [band for band in matrix.bands if band[2] - band[1] >= 0.025 * matrix.edges[-1]]
    return [(start + end) / 2 for _, start, end in wide], [str(thread) for thread, _, _ in wide]


def _plotly(
    matrix: Matrix,
    limits: tuple[float, float],
    borders: Sequence[float],
    ticks: tuple[list[float], list[str]],
    *,
    axis: str,
    title: str,
    theme: Theme,
) -> Figure:
    import plotly.graph_objects as go

    first, last = matrix.edges[0], matrix.edges[-1]
    strip = _STRIP * (last - first)
    unit = "seconds" if "time" in axis else "nodes"
    # Hundredths in a byte each: a quarter of the page's size of floats.
    hundredths = np.clip(np.round(100 * matrix.cosine), -100, 100).astype(np.int8)
    figure = go.Figure(
        go.Heatmap(
            z=hundredths,
            x=matrix.edges.round(3),
            y=matrix.edges.round(3),
            zmin=round(100 * limits[0], 1),
            zmax=round(100 * limits[1], 1),
            colorscale="Cividis",
            # Below and in the middle, as the matrix is, however wide the page.
            colorbar={
                **{
                    "orientation": "h",
                    "y": -0.12,
                    "yanchor": "top",
                    "thickness": 12,
                    "len": 320,
                    "lenmode": "pixels",
                },
                "title": {"text": "cosine, in hundredths", "side": "bottom"},
            },
            hovertemplate=f"{unit} %{{x:.0f}} and %{{y:.0f}}<br>cosine %{{z}} / 100<extra></extra>",
        )
    )
    shapes = []
    for thread, start, end in matrix.bands:
        look = {"type": "rect", "line": {"width": 0}, "fillcolor": thread_color(thread), "layer": "above"}
        shapes.append({**look, "x0": start, "x1": end, "y0": first - strip, "y1": first - 0.15 * strip})
        shapes.append({**look, "y0": start, "y1": end, "x0": first - strip, "x1": first - 0.15 * strip})
    line = {"type": "line", "line": {"color": "#FFFFFF", "width": 0.8}, "opacity": 0.75}
    for at in borders:
        shapes.append({**line, "x0": at, "x1": at, "y0": first, "y1": last})
        shapes.append({**line, "y0": at, "y1": at, "x0": first, "x1": last})
    shared = {
        **{"tickvals": ticks[0], "ticktext": ticks[1], "showgrid": False, "zeroline": False},
        **{"title": {"text": axis}, "constrain": "domain", "automargin": True},
    }
    figure.update_layout(
        **page_layout(title, theme, height=820, note=matrix.note, top=84),
        shapes=shapes,
        xaxis={**shared, "range": [first - strip, last], "ticklabelstandoff": 8},  # off the last of the other axis
        yaxis={**shared, "range": [last, first - strip], "scaleanchor": "x"},
    )
    return figure


def _matplotlib(
    matrix: Matrix,
    limits: tuple[float, float],
    borders: Sequence[float],
    ticks: tuple[list[float], list[str]],
    *,
    axis: str,
    title: str,
    theme: Theme,
) -> Figure:
    figure = print_page(title, theme, size=(7.0, 6.4), note=matrix.note)
    axes = figure.add_subplot()
    first, last = matrix.edges[0], matrix.edges[-1]
    strip = _STRIP * (last - first)
    mesh = axes.pcolormesh(matrix.edges, matrix.edges, matrix.cosine, cmap="cividis", rasterized=True)
    mesh.set_clim(*limits)
    colors = [thread_color(thread) for thread, _, _ in matrix.bands]
    spans = [(start, end - start) for _, start, end in matrix.bands]
    axes.broken_barh(spans, (first - strip, 0.85 * strip), facecolors=colors, linewidth=0)
    for (start, length), color in zip(spans, colors):
        axes.fill_between([first - strip, first - 0.15 * strip], start, start + length, color=color, linewidth=0)
    axes.vlines(borders, first, last, color="#FFFFFF", linewidth=0.5, alpha=0.75)
    axes.hlines(borders, first, last, color="#FFFFFF", linewidth=0.5, alpha=0.75)
    axes.set(xlim=(first - strip, last), ylim=(last, first - strip), aspect="equal", xlabel=axis, ylabel=axis)
    axes.set_xticks(*ticks)
    axes.set_yticks(*ticks)
    print_axes(axes, theme)
    bar = figure.colorbar(mesh, ax=axes, shrink=0.6)
    bar.set_label("cosine", color=theme.text, fontsize=9)
    bar.ax.tick_params(colors=theme.text, labelsize=8)
    bar.outline.set_visible(False)
    return figure
