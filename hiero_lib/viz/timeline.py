"""The timeline: one row per level or method, its runs as coloured bars over seconds, narrations below.

Both engines draw the bars that `hiero_lib.viz.bars.timeline_bars` prepares. Plotly's bars have a base and a length in
seconds on a numeric axis (``px.timeline`` wants dates); there is one trace per thread, so that a click in the legend
hides a thread in all rows, and a double click leaves it alone.
"""

from __future__ import annotations

import html
import textwrap
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from hiero_lib.viz.bars import (
    BAR_HEIGHT,
    Bar,
    Narrations,
    TimelineRow,
    clock,
    legend_names,
    sorted_narrations,
    tick_times,
    time_title,
    timeline_bars,
)
from hiero_lib.viz.palette import THEMES, Theme, ThemeName, text_color_on
from hiero_lib.viz.timeline_print import print_timeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure
    from plotly.graph_objects import Figure as PlotlyFigure

__all__ = ["Engine", "Narrations", "TimelineRow", "plot_timeline"]

Engine = Literal["plotly", "matplotlib"]


@overload
def plot_timeline(
    rows: Sequence[TimelineRow],
    *,
    title: str,
    engine: Literal["plotly"] = "plotly",
    narrations: Narrations | None = None,
    theme: ThemeName = "light",
    end_s: float | None = None,
) -> PlotlyFigure: ...
@overload
def plot_timeline(
    rows: Sequence[TimelineRow],
    *,
    title: str,
    engine: Literal["matplotlib"],
    narrations: Narrations | None = None,
    theme: ThemeName = "light",
    end_s: float | None = None,
) -> MatplotlibFigure: ...
def plot_timeline(
    rows: Sequence[TimelineRow],
    *,
    title: str,
    engine: Engine = "plotly",
    narrations: Narrations | None = None,
    theme: ThemeName = "light",
    end_s: float | None = None,
) -> PlotlyFigure | MatplotlibFigure:
    """Draw a video's threads over time: one row per level, method or truth, all on one time axis.

    Args:
        rows: from top to bottom; at least one, and a row may be empty.
        title: stands above the figure; say there when the data is the sample.
        engine: plotly for looking (hover; the rows zoom together), matplotlib for print (all vectors). The
            matplotlib figure belongs to no pyplot state: show it as a cell's value, or ``savefig`` it.
        narrations: a last row of ticks, with the text on hover; in print, as many texts as fit below the ticks.
        theme: light or dark page; the threads' colours are the same on both.
        end_s: end of the time axis in seconds; the last run or narration when None.

    Raises:
        ValueError: there is no row, or the engine is neither of the two.
    """
    if not rows:
        raise ValueError("a timeline needs at least one row")
    if end_s is None:
        ends = [run.end_s for row in rows for run in row.runs]
        end_s = max([*ends, *(narrations.times if narrations else ())], default=1.0)
    bars = timeline_bars(rows, narrations, theme=theme)
    if engine == "plotly":
        return _plotly(rows, bars, narrations=narrations, title=title, theme=THEMES[theme], end_s=end_s)
    if engine == "matplotlib":
        return print_timeline(rows, bars, narrations=narrations, title=title, theme=THEMES[theme], end_s=end_s)
    raise ValueError(f"engine must be 'plotly' or 'matplotlib', not {engine!r}")


def _plotly(
    rows: Sequence[TimelineRow],
    bars: Sequence[Bar],
    *,
    narrations: Narrations | None,
    title: str,
    theme: Theme,
    end_s: float,
) -> PlotlyFigure:
    import plotly.graph_objects as go

    figure = go.Figure()
    by_thread: dict[int, list[Bar]] = defaultdict(list)
    for bar in bars:
        if rows[bar.row].threads:
            by_thread[bar.run.label].append(bar)
    for label, name in legend_names(rows).items():
        figure.add_trace(
            _bar_trace(by_thread[label], name=_markup(textwrap.shorten(name, 28, placeholder="…")), legendrank=label)
        )
    spans = [bar for bar in bars if not rows[bar.row].threads]
    if spans:
        figure.add_trace(_bar_trace(spans, name="spans", showlegend=False))
    names = [row.name for row in rows]
    times, texts = sorted_narrations(narrations)
    if narrations is not None:
        names.append("narrations")
        figure.add_trace(
            go.Scatter(
                x=times,
                y=[len(rows)] * len(times),
                mode="markers",
                marker={"symbol": "line-ns", "size": 16, "line": {"width": 1.5, "color": theme.muted_text}},
                hovertext=[_markup(f"{clock(t, decimals=1)} “{_wrapped(text)}”") for t, text in zip(times, texts)],
                hovertemplate="%{hovertext}<extra></extra>",
                name="narrations",
                showlegend=False,
            )
        )
    # A numeric axis chooses decimal ticks. Those at the bottom are therefore fixed, at round steps of the clock; the
    # seconds at the top follow the zoom. The upper axis exists only because an (empty) trace refers to it.
    figure.add_trace(go.Scatter(x=[0, end_s], y=[None, None], xaxis="x2", hoverinfo="skip", showlegend=False))
    ticks = tick_times(end_s, most=20)
    shared = {"range": [0, end_s], "showline": False, "zeroline": False}
    row_range = [len(names) - 0.5, -0.5]
    figure.update_layout(
        title={"text": _markup(title), "x": 0, "xref": "container", "xanchor": "left", "pad": {"l": 16}},
        barmode="overlay",
        dragmode="zoom",
        hovermode="closest",
        height=max(170 + 46 * len(names), 200 + 20 * len(legend_names(rows))),
        margin={"l": 16, "r": 24, "t": 96, "b": 64},
        paper_bgcolor=theme.background,
        plot_bgcolor=theme.background,
        font={"color": theme.text, "size": 13},
        uniformtext={"mode": "hide", "minsize": 10},
        legend={"title": {"text": "threads"}, "traceorder": "normal"},
        hoverlabel={"align": "left"},
        xaxis=shared
        | {
            "title": {"text": time_title(end_s)},
            "tickvals": ticks,
            "ticktext": [clock(tick) for tick in ticks],
            "gridcolor": theme.grid,
            "tickangle": 0,
        },
        xaxis2=shared
        | {
            "overlaying": "x",
            "matches": "x",
            "tickmode": "auto",
            "side": "top",
            "ticksuffix": " s",
            "exponentformat": "none",
            "showgrid": False,
            "tickfont": {"color": theme.muted_text, "size": 11},
        },
        yaxis={
            "range": row_range,
            "tickvals": list(range(len(names))),
            "ticktext": [_markup(name) for name in names],
            "fixedrange": True,
            "automargin": True,
            "showgrid": False,
            "zeroline": False,
            "ticklabelstandoff": 6,
        },
        shapes=[
            {
                **{"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "layer": "below", "line": {"width": 0}},
                **{"y0": row - BAR_HEIGHT / 2, "y1": row + BAR_HEIGHT / 2, "fillcolor": theme.track},
            }
            for row in range(len(rows))
        ],
    )
    return figure


def _markup(text: str) -> str:
    """Plain text as plotly's HTML, which knows no ``&quot;``."""
    return html.escape(text, quote=False).replace("\n", "<br>")


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 70))


def _bar_trace(bars: Sequence[Bar], **options: Any) -> Any:
    import plotly.graph_objects as go

    colors = [bar.color for bar in bars]  # one for all where it can be: plotly checks each colour of a list slowly
    inks = [text_color_on(color) for color in colors]
    return go.Bar(
        orientation="h",
        base=[bar.run.start_s for bar in bars],
        x=[round(bar.run.length_s, 3) for bar in bars],
        y=[bar.row for bar in bars],
        width=BAR_HEIGHT,
        marker={"color": colors[0] if len(set(colors)) == 1 else colors, "line": {"width": 0}},
        text=[_markup(f"\u00a0{bar.text}\u00a0") for bar in bars],  # a blank on either side keeps off the neighbours
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        textfont={"color": inks[0] if len(set(inks)) == 1 else inks, "size": 11},
        hovertext=[_markup(bar.hover) for bar in bars],
        hovertemplate="%{hovertext}<extra></extra>",
        **options,
    )
