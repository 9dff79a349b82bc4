"""The segments of a level in two dimensions, joined in time, coloured by thread."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy
from hiero_lib.viz.page import Engine, Figure, clock, drawn, markup, page_layout, print_axes, print_page, shortened
from hiero_lib.viz.palette import THEMES, Theme, ThemeName, thread_color
from hiero_lib.viz.rows import level_of, thread_name

Embed = Callable[[NDArray[np.float32]], tuple[NDArray[np.float64], str]]
"""Unit vectors ``[n, C]`` -> places ``[n, 2]``, and what they are in words."""
_LINE_OPACITY = 0.6  # of the line of time: seen on either page, and behind the points


@dataclass(frozen=True)
class Points:
    """What both engines draw: places ``[n, 2]`` in time order, their thread, time in seconds, and a note."""

    xy: NDArray[np.float64]
    threads: NDArray[np.int64]
    times: NDArray[np.float64]
    note: str


def pca(x: NDArray[np.float32]) -> tuple[NDArray[np.float64], str]:
    """The two directions of the largest variance; signs are fixed, so that the same video looks the same."""
    centred = x.astype(np.float64) - x.mean(0)
    u, s, v = np.linalg.svd(centred, full_matrices=False)
    s = np.pad(s, (0, max(0, 2 - len(s))))
    signs = np.sign(v[np.arange(len(v)), np.abs(v).argmax(1)])
    places = np.zeros((len(x), 2))
    dimensions = min(2, u.shape[1])
    places[:, :dimensions] = (u * s[: u.shape[1]] * signs)[:, :dimensions]
    share = (s[:2] ** 2).sum() / max(float((s**2).sum()), 1e-12)
    return places, f"PCA: {100 * share:.0f} % of the variance"


def umap(x: NDArray[np.float32]) -> tuple[NDArray[np.float64], str]:
    """UMAP by cosine with a fixed seed; PCA for fewer than 16 points.

    Raises:
        ImportError: umap-learn is not installed.
    """
    if len(x) < 16:
        return pca(x)
    from umap import UMAP

    places = UMAP(n_components=2, metric="cosine", random_state=0, n_jobs=1).fit_transform(x)
    return places.astype(np.float64), "UMAP (distances between far points mean nothing)"


def best_embedding() -> Embed:
    """UMAP where umap-learn is installed, else PCA."""
    return umap if importlib.util.find_spec("umap") is not None else pca


def map_points(level: LevelThreads, *, embed: Embed, most_points: int = 1500) -> Points:
    """Place a level's nodes; of a long one, the means of neighbours: ``most_points``, and at most one more a span."""
    size = -(-len(level.pos) // most_points)
    span = level.span_of_node()
    first = np.searchsorted(span, span)
    new = (np.arange(len(span)) - first) % size == 0
    point = torch.from_numpy(np.cumsum(new) - 1)
    count = torch.bincount(point)
    unit = F.normalize(level.x, dim=1)
    means = torch.zeros(len(count), unit.shape[1]).index_add_(0, point, unit) / count[:, None]
    times = torch.zeros(len(count), dtype=torch.float64).index_add_(0, point, torch.from_numpy(level.pos)) / count
    places, note = embed(F.normalize(means, dim=1).numpy())
    note += "; a point is a node" if size == 1 else f"; a point is the mean of up to {size} nodes of a span"
    return Points(places, level.threads[new], times.numpy(), f"{note}; a node is {level.stride_s:.2g} s")


def plot_map(
    hierarchy: VideoHierarchy,
    *,
    level: int,
    title: str,
    engine: Engine = "plotly",
    theme: ThemeName = "light",
    embed: Embed | None = None,
    most_points: int = 1500,
) -> Figure:
    """Draw a level's nodes in two dimensions: near means alike, a line joins neighbours in time.

    Args:
        hierarchy: the video.
        level: whose nodes.
        title: stands above the figure; say there when the data is the sample.
        engine: plotly for looking, matplotlib for print.
        theme: light or dark page.
        embed: `pca`, `umap` or any other; None: UMAP where umap-learn is installed, else PCA.
        most_points: a longer level is drawn by means, and says so.

    Raises:
        ValueError: no such level or engine.
    """
    level_threads = level_of(hierarchy, level)
    points = map_points(level_threads, embed=embed or best_embedding(), most_points=most_points)
    return drawn(
        engine,
        lambda: _plotly(points, level_threads, title=title, theme=THEMES[theme]),
        lambda: _matplotlib(points, level_threads, title=title, theme=THEMES[theme]),
    )


def _plotly(points: Points, level: LevelThreads, *, title: str, theme: Theme) -> Figure:
    import plotly.graph_objects as go

    xy = points.xy.round(4)
    figure = go.Figure(
        go.Scatter(
            x=xy[:, 0],
            y=xy[:, 1],
            mode="lines",
            name="joined in time",
            hoverinfo="skip",
            line={"color": theme.muted_text, "width": 0.8},
            opacity=_LINE_OPACITY,
        )
    )
    for thread in sorted(set(points.threads.tolist())):
        of_thread = points.threads == thread
        name = thread_name(level, thread)
        figure.add_trace(
            go.Scatter(
                x=xy[of_thread, 0],
                y=xy[of_thread, 1],
                mode="markers",
                name=markup(shortened(name, 28)),
                marker={"color": thread_color(thread), "size": 7, "line": {"width": 0.5, "color": theme.background}},
                text=[clock(time, decimals=1) for time in points.times[of_thread]],
                hovertemplate=f"{markup(name)}<br>%{{text}}<extra></extra>",
            )
        )
    blank = {"showticklabels": False, "showgrid": False, "zeroline": False, "title": {"text": ""}}
    figure.update_layout(
        **page_layout(title, theme, height=680, note=points.note, top=84),
        legend={"title": {"text": f"threads of level {level.level}"}, "itemsizing": "constant"},
        xaxis=blank,
        yaxis={**blank, "scaleanchor": "x"},
    )
    figure.update_layout(margin={"b": 16})
    return figure


def _matplotlib(points: Points, level: LevelThreads, *, title: str, theme: Theme) -> Figure:
    figure = print_page(title, theme, size=(8.5, 6.0), note=points.note)
    axes = figure.add_subplot()
    axes.plot(points.xy[:, 0], points.xy[:, 1], color=theme.muted_text, alpha=_LINE_OPACITY, linewidth=0.5, zorder=1)
    for thread in sorted(set(points.threads.tolist())):
        of_thread = points.xy[points.threads == thread]
        name = shortened(thread_name(level, thread), 34)
        axes.scatter(
            of_thread[:, 0], of_thread[:, 1], s=12, color=thread_color(thread), linewidths=0, zorder=2, label=name
        )
    print_axes(axes, theme)
    axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    legend = figure.legend(loc="outside right upper", fontsize=8, frameon=False, labelcolor=theme.text)
    legend.set_title(f"threads of level {level.level}")
    legend.get_title().set_fontsize(8)
    legend.get_title().set_color(theme.text)
    return figure
