"""Queries of a grounding benchmark: the true span above each method's answers, a panel a query.

Answers of a method lie on thin lanes below each other, the first on top and filled, the others outlined: what is only
pale is not seen on a dark page. Both engines draw the same bars.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, overload

from hiero_lib.hierarchy.spans import Interval, temporal_iou
from hiero_lib.viz.page import clock, drawn, markup, modebar, tick_times, time_title
from hiero_lib.viz.palette import THEMES, Theme, ThemeName, see_through, thread_color

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure
    from plotly.graph_objects import Figure as PlotlyFigure

_HEIGHT = 0.8  # of a row
_LATER = 0.3  # opacity of the filling of all answers but the first


@dataclass(frozen=True)
class GroundingPanel:
    """One query.

    Args:
        query: its text.
        duration_s: the length of the clip that was searched.
        truth: the true span; None where it is not known (a test set).
        answers: by method, best first; every panel of a figure has the same methods.
    """

    query: str
    duration_s: float
    truth: Interval | None
    answers: Mapping[str, Sequence[Interval]]


@dataclass(frozen=True)
class _Bar:
    row: str  # truth, or the method
    span: Interval
    bottom: float  # of the row, rows counted downwards from 0
    height: float
    color: str  # of the outline
    opacity: float  # of the filling
    hover: str


@overload
def plot_grounding(
    panels: Sequence[GroundingPanel], *, title: str, engine: Literal["plotly"] = "plotly", theme: ThemeName = "light"
) -> PlotlyFigure: ...
@overload
def plot_grounding(
    panels: Sequence[GroundingPanel], *, title: str, engine: Literal["matplotlib"], theme: ThemeName = "light"
) -> MatplotlibFigure: ...
def plot_grounding(
    panels: Sequence[GroundingPanel],
    *,
    title: str,
    engine: Literal["plotly", "matplotlib"] = "plotly",
    theme: ThemeName = "light",
) -> PlotlyFigure | MatplotlibFigure:
    """Draw queries with the truth and each method's answers over the time of the clip.

    Args:
        panels: from top to bottom; at least one.
        title: stands above the figure; say there when the data is the sample.
        engine: plotly for looking, matplotlib for print.
        theme: light or dark page.

    Raises:
        ValueError: there is no panel, the methods of two panels differ, or the engine is neither of the two.
    """
    if not panels:
        raise ValueError("a figure of queries needs at least one")
    if any(list(panel.answers) != list(panels[0].answers) for panel in panels):
        raise ValueError("every panel must have the same methods, in the same order")
    page = THEMES[theme]
    return drawn(
        engine, lambda: _plotly(panels, title=title, theme=page), lambda: _matplotlib(panels, title=title, theme=page)
    )


def _bars(panel: GroundingPanel, theme: Theme) -> list[_Bar]:
    """The bars of a panel; row 0 is the truth."""
    bars = []
    if panel.truth is not None:
        hover = f"truth: {_clocks(panel.truth)}"
        bars.append(_Bar("truth", panel.truth, -_HEIGHT / 2, _HEIGHT, theme.text, 1.0, hover))
    for row, (method, spans) in enumerate(panel.answers.items(), start=1):
        lane = _HEIGHT / max(len(spans), 1)
        for rank, span in enumerate(spans):
            hover = f"{method}, answer {rank + 1}: {_clocks(span)}"
            if panel.truth is not None:
                hover += f"\nIoU {temporal_iou(span, panel.truth):.2f}"
            bottom = row - _HEIGHT / 2 + rank * lane
            color, opacity = thread_color(row - 1), 1.0 if rank == 0 else _LATER
            bars.append(_Bar(method, span, bottom, lane * 0.85, color, opacity, hover))
    return bars


def _heading(panel: GroundingPanel) -> str:
    """The query."""
    return textwrap.shorten(panel.query, 90, placeholder="…")


def _row_names(panel: GroundingPanel) -> list[str]:
    """The truth and the methods, with how well the first answer of each fits."""
    names = ["truth"]
    for name, spans in panel.answers.items():
        fit = temporal_iou(spans[0], panel.truth) if spans and panel.truth is not None else 0.0
        names.append(name if panel.truth is None else f"{name}, IoU {fit:.2f}")
    return names


def _clocks(span: Interval) -> str:
    return f"{clock(span[0], decimals=1)} – {clock(span[1], decimals=1)}"


def _plotly(panels: Sequence[GroundingPanel], *, title: str, theme: Theme) -> PlotlyFigure:
    from plotly.subplots import make_subplots

    rows = ["truth", *panels[0].answers]
    figure = make_subplots(
        rows=len(panels),
        cols=1,
        subplot_titles=[markup(_heading(panel)) for panel in panels],
        vertical_spacing=min(0.3 / len(panels), 0.16),
    )
    for number, panel in enumerate(panels, start=1):
        place = {"row": number, "col": 1}
        bars = _bars(panel, theme)
        figure.add_bar(
            orientation="h",
            base=[bar.span[0] for bar in bars],
            x=[bar.span[1] - bar.span[0] for bar in bars],
            y=[bar.bottom + bar.height / 2 for bar in bars],
            width=[bar.height for bar in bars],
            marker={
                "color": [see_through(bar.color, bar.opacity) for bar in bars],
                "line": {"width": 1, "color": [bar.color for bar in bars]},
            },
            hovertext=[markup(bar.hover) for bar in bars],
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=False,
            **place,
        )
        if panel.truth is not None:
            figure.add_vrect(*panel.truth, fillcolor=theme.text, opacity=0.08, line_width=0, layer="below", **place)
        ticks = tick_times(panel.duration_s, most=9)
        last = time_title(panel.duration_s) if number == len(panels) else None
        figure.update_xaxes(
            range=[0, panel.duration_s],
            tickvals=ticks,
            ticktext=[clock(tick) for tick in ticks],
            tickangle=0,
            title_text=last,
            gridcolor=theme.grid,
            zeroline=False,
            **place,
        )
        figure.update_yaxes(
            range=[len(rows) - 0.5, -0.5],
            tickvals=list(range(len(rows))),
            ticktext=[markup(row) for row in _row_names(panel)],
            showgrid=False,
            zeroline=False,
            automargin=True,
            **place,
        )
    figure.update_annotations(font_size=13, x=0, xanchor="left")
    figure.update_layout(
        title={"text": markup(title), "x": 0, "xref": "container", "xanchor": "left", "pad": {"l": 16}},
        barmode="overlay",
        height=120 + len(panels) * (60 + 34 * len(rows)),
        margin={"l": 16, "r": 24, "t": 88, "b": 56},
        paper_bgcolor=theme.background,
        plot_bgcolor=theme.track,
        font={"color": theme.text, "size": 12},
        hoverlabel={"align": "left"},
        modebar=modebar(theme),
    )
    return figure


def _matplotlib(panels: Sequence[GroundingPanel], *, title: str, theme: Theme) -> MatplotlibFigure:
    from matplotlib.figure import Figure

    rows = ["truth", *panels[0].answers]
    height_inches = 0.6 + len(panels) * (0.6 + 0.28 * len(rows))
    figure = Figure(figsize=(10.0, height_inches), layout="constrained", facecolor=theme.background)
    for number, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(len(panels), 1, number)
        axes.set_facecolor(theme.track)
        if panel.truth is not None:
            axes.axvspan(*panel.truth, color=theme.text, alpha=0.08, linewidth=0, zorder=0)
        for bar in _bars(panel, theme):
            length = bar.span[1] - bar.span[0]
            axes.broken_barh(
                [(bar.span[0], length)],
                (bar.bottom, bar.height),
                facecolors=(bar.color, bar.opacity),
                edgecolors=bar.color,
                linewidth=0.6,
                label=bar.row,
            )
        ticks = tick_times(panel.duration_s, most=14)
        axes.set_xticks(ticks, [clock(tick) for tick in ticks])
        axes.set_yticks(range(len(rows)), _row_names(panel))
        axes.set(xlim=(0, panel.duration_s), ylim=(len(rows) - 0.5, -0.5))
        axes.tick_params(colors=theme.text, labelsize=8)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=theme.grid, linewidth=0.5)
        axes.set_axisbelow(True)
        for side in axes.spines:
            axes.spines[side].set_visible(False)
        axes.set_title(_heading(panel), loc="left", color=theme.text, fontsize=8.5)
        if number == len(panels):
            axes.set_xlabel(time_title(panel.duration_s), color=theme.text, fontsize=9)
    figure.suptitle(title, x=0.01, ha="left", color=theme.text, fontsize=11)
    return figure
