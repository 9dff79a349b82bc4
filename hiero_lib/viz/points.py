"""Points in two dimensions in the colours of their groups: the map of a collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hiero_lib.viz.page import Engine, Figure, drawn, markup, page_layout, print_axes, print_page, shortened
from hiero_lib.viz.palette import THEMES, Theme, ThemeName

_CLEAR = 2000  # points that can be told apart at full size
_MOST_SVG = 5000  # points that a browser moves without WebGL, which not every machine has


@dataclass(frozen=True)
class Group:
    """Points of one colour: places ``[n, 2]``, and what each says on hover."""

    name: str
    color: str
    xy: np.ndarray
    texts: Sequence[str]


def plot_points(
    groups: Sequence[Group],
    *,
    title: str,
    legend: str,
    note: str = "",
    engine: Engine = "plotly",
    theme: ThemeName = "light",
) -> Figure:
    """Draw groups of points; many of them by WebGL on the screen, so that 100,000 can be moved.

    Args:
        groups: drawn in this order, the first undermost, which is the last of the legend.
        title: stands above the figure; say there when the data is the sample.
        legend: what the groups are.
        note: below the title.
        engine: plotly for looking, matplotlib for print.
        theme: light or dark page.

    Raises:
        ValueError: no such engine.
    """
    count = sum(len(group.xy) for group in groups)
    small = min(1.0, (_CLEAR / max(count, 1)) ** 0.5)
    return drawn(
        engine,
        lambda: _plotly(groups, title=title, legend=legend, note=note, size=3 + 4 * small, theme=THEMES[theme]),
        lambda: _matplotlib(groups, title=title, legend=legend, note=note, size=2 + 10 * small, theme=THEMES[theme]),
    )


def _plotly(groups: Sequence[Group], *, title: str, legend: str, note: str, size: float, theme: Theme) -> Figure:
    import plotly.graph_objects as go

    figure = go.Figure()
    kind = go.Scatter if sum(len(group.xy) for group in groups) <= _MOST_SVG else go.Scattergl
    for place, group in enumerate(groups):
        figure.add_trace(
            kind(
                x=np.asarray(group.xy)[:, 0].round(4),
                y=np.asarray(group.xy)[:, 1].round(4),
                mode="markers",
                name=markup(shortened(group.name, 28)),
                marker={"color": group.color, "size": size},
                legendrank=len(groups) - place,
                hovertext=[markup(text) for text in group.texts],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    blank = {"showticklabels": False, "showgrid": False, "zeroline": False, "title": {"text": ""}}
    figure.update_layout(
        **page_layout(title, theme, height=680, note=note, top=84),
        legend={"title": {"text": markup(legend)}, "itemsizing": "constant"},
        showlegend=True,
        hovermode="closest",
        xaxis=blank,
        yaxis={**blank, "scaleanchor": "x"},
    )
    figure.update_layout(margin={"b": 16})
    return figure


def _matplotlib(groups: Sequence[Group], *, title: str, legend: str, note: str, size: float, theme: Theme) -> Figure:
    figure = print_page(title, theme, size=(8.5, 6.0), note=note)
    axes = figure.add_subplot()
    for group in groups:
        xy = np.asarray(group.xy)
        name = shortened(group.name, 34)
        axes.scatter(xy[:, 0], xy[:, 1], s=size, color=group.color, linewidths=0, label=name, rasterized=True)
    print_axes(axes, theme)
    axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    handles, names = axes.get_legend_handles_labels()
    shown = figure.legend(
        handles[::-1],
        names[::-1],
        loc="outside right upper",
        fontsize=8,
        frameon=False,
        labelcolor=theme.text,
        title=legend,
        markerscale=2,
    )
    shown.get_title().set(fontsize=8, color=theme.text)
    return figure
