"""The timeline: one row per level or method, its spans as coloured bars over seconds, narrations below.

Both engines draw the bars that `hiero_lib.viz.bars.timeline_bars` prepares. Plotly's bars have a base and a length in
seconds on a numeric axis (``px.timeline`` wants dates); there is one trace per thread, so that a click in the legend
hides a thread in all rows, and a double click leaves it alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from hiero_lib.data.narrations import NO_NARRATIONS, Narrations
from hiero_lib.viz.bars import (
    BAR_HEIGHT,
    Bar,
    TimelineRow,
    legend_names,
    legend_title,
    tick_opacity,
    timeline_bars,
)
from hiero_lib.viz.page import Engine, clock, drawn, markup, page_layout, shortened, time_axis, wrapped
from hiero_lib.viz.palette import THEMES, Theme, ThemeName, text_color_on
from hiero_lib.viz.timeline_print import print_timeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure
    from plotly.graph_objects import Figure as PlotlyFigure

__all__ = ["Engine", "TimelineRow", "plot_timeline"]


@overload
def plot_timeline(
    rows: Sequence[TimelineRow],
    *,
    title: str,
    engine: Literal["plotly"] = "plotly",
    narrations: Narrations = NO_NARRATIONS,
    theme: ThemeName = "light",
    end_s: float | None = None,
    labels: bool = True,
    legend: bool = True,
) -> PlotlyFigure: ...
@overload
def plot_timeline(
    rows: Sequence[TimelineRow],
    *,
    title: str,
    engine: Literal["matplotlib"],
    narrations: Narrations = NO_NARRATIONS,
    theme: ThemeName = "light",
    end_s: float | None = None,
    labels: bool = True,
    legend: bool = True,
) -> MatplotlibFigure: ...
def plot_timeline(
    rows: Sequence[TimelineRow],
    *,
    title: str,
    engine: Engine = "plotly",
    narrations: Narrations = NO_NARRATIONS,
    theme: ThemeName = "light",
    end_s: float | None = None,
    labels: bool = True,
    legend: bool = True,
) -> PlotlyFigure | MatplotlibFigure:
    """Draw a video's threads over time: one row per level, method or truth, all on one time axis.

    Args:
        rows: from top to bottom; at least one, and a row may be empty.
        title: stands above the figure; say there when the data is the sample.
        engine: plotly for looking (hover; the rows zoom together), matplotlib for print (all vectors). The
            matplotlib figure belongs to no pyplot state: show it as a cell's value, or ``savefig`` it.
        narrations: where there are some, a last row of ticks, with the text on hover; in print, as many texts as fit
            below the ticks.
        theme: light or dark page; the threads' colours are the same on both.
        end_s: end of the time axis in seconds; the last span or narration when None.
        labels: print labels in the bars; without, the rows are lower, and their names have to say what the bars are.
        legend: list the threads beside (or below) the rows; only where there are labels.

    Raises:
        ValueError: there is no row, or the engine is neither of the two.
    """
    if not rows:
        raise ValueError("a timeline needs at least one row")
    if end_s is None:
        ends = [span.end_s for row in rows for span in row.spans]
        end_s = max([*ends, *narrations.times], default=1.0)
    bars = timeline_bars(rows, narrations, theme=theme)
    options: dict[str, Any] = {
        **{"narrations": narrations, "title": title, "theme": THEMES[theme]},
        **{"end_s": end_s, "labels": labels, "legend": labels and legend},
    }
    return drawn(engine, lambda: _plotly(rows, bars, **options), lambda: print_timeline(rows, bars, **options))


def _plotly(
    rows: Sequence[TimelineRow],
    bars: Sequence[Bar],
    *,
    narrations: Narrations,
    title: str,
    theme: Theme,
    end_s: float,
    labels: bool,
    legend: bool,
) -> PlotlyFigure:
    import plotly.graph_objects as go

    figure = go.Figure()
    texts_until_s = end_s if labels else None
    by_thread: dict[int, list[Bar]] = defaultdict(list)
    for bar in bars:
        if rows[bar.row].threads:
            by_thread[bar.span.label].append(bar)
    for label, name in legend_names(rows).items():
        figure.add_trace(
            bar_trace(
                by_thread[label],
                name=markup(shortened(name, 28)),
                legendrank=label,
                labels_until_s=texts_until_s,
                showlegend=None if legend else False,
            )
        )
    spans = [bar for bar in bars if not rows[bar.row].threads]
    if spans:
        figure.add_trace(bar_trace(spans, name="spans", labels_until_s=texts_until_s, showlegend=False))
    names = [row.name for row in rows]
    if narrations:
        names.append("narrations")
        figure.add_trace(
            go.Scatter(
                x=list(narrations.times),
                y=[len(rows)] * len(narrations),
                mode="markers",
                marker={"symbol": "line-ns", "size": 16, "line": {"width": 1.5, "color": theme.muted_text}},
                opacity=tick_opacity(len(narrations)),
                hovertext=[
                    markup(f"{clock(t, decimals=1)} “{wrapped(text)}”") for t, text in narrations.without_tags()
                ],
                hovertemplate="%{hovertext}<extra></extra>",
                name="narrations",
                showlegend=False,
            )
        )
    # Round steps of the clock at the bottom, whatever the zoom; the seconds at the top follow it. The upper axis
    # exists only because an (empty) trace refers to it.
    figure.add_trace(go.Scatter(x=[0, end_s], y=[None, None], xaxis="x2", hoverinfo="skip", showlegend=False))
    row_range = [len(names) - 0.5, -0.5]
    legend_height = 200 + 20 * len(legend_names(rows)) if legend else 0  # one that is longer than the rows scrolls
    figure.update_layout(
        **page_layout(
            title,
            theme,
            height=max(170 + (46 if labels else 30) * len(names), min(legend_height, 170 + 100 * len(names))),
            top=96,
        ),
        barmode="overlay",
        dragmode="zoom",
        hovermode="closest",
        uniformtext={"mode": "hide", "minsize": 10},
        legend={"title": {"text": markup(legend_title(rows))}, "traceorder": "normal"},
        xaxis=time_axis(end_s, theme),
        xaxis2={
            **{"range": [0, end_s], "showline": False, "zeroline": False},
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
            "ticktext": [markup(name) for name in names],
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


def _screen_text(bar: Bar, end_s: float) -> str:
    """A bar's text, or its thread's number where the text cannot fit a narrow notebook, whose bars have 300 pixels.

    Plotly leaves out what does not fit the page as it is: a name that fits only a wide one left long bars without any
    text.
    """
    fits = 6 * len(bar.text) <= 300 * bar.span.length_s / end_s
    text = bar.number if bar.number and not fits else bar.text
    return f"\u00a0{text}\u00a0" if text else ""  # a blank on either side: 1 beside 2 is not read as 12


def bar_trace(bars: Sequence[Bar], *, labels_until_s: float | None = None, **options: Any) -> Any:
    """Plotly's bars over seconds, with their hover.

    Args:
        bars: at least one.
        labels_until_s: end of the axis of time: texts are printed in the bars where they fit. None: no texts.
        options: of the trace.
    """
    import plotly.graph_objects as go

    colors = [bar.color for bar in bars]  # one for all where it can be: plotly checks each colour of a list slowly
    inks = [text_color_on(color) for color in colors]
    return go.Bar(
        orientation="h",
        base=[bar.span.start_s for bar in bars],
        x=[round(bar.span.length_s, 3) for bar in bars],
        y=[bar.row for bar in bars],
        width=BAR_HEIGHT,
        marker={"color": colors[0] if len(set(colors)) == 1 else colors, "line": {"width": 0}},
        text=None if labels_until_s is None else [markup(_screen_text(bar, labels_until_s)) for bar in bars],
        textposition="none" if labels_until_s is None else "inside",
        insidetextanchor="middle",
        textangle=0,
        textfont={"color": inks[0] if len(set(inks)) == 1 else inks, "size": 11},
        hovertext=[markup(bar.hover) for bar in bars],
        hovertemplate="%{hovertext}<extra></extra>",
        **options,
    )
