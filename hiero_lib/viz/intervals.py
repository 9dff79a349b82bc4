"""Results as dots with their 95 % intervals: a panel a measure, a row a method, a colour a method or a run.

What was published is a hollow diamond in grey, on a row of its own, so that nobody takes it for a measurement. Both
engines draw the same dots.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, overload

from hiero_lib.results.entries import PUBLISHED, REAL, Entry
from hiero_lib.viz.page import Engine, drawn, legend_below, markup, page_layout, print_axes, print_page, shortened
from hiero_lib.viz.palette import THEMES, Theme, ThemeName, method_color, thread_color

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure
    from plotly.graph_objects import Figure as PlotlyFigure

MINUS = " minus "  # in the name of a difference between two methods
_BAND = 0.5  # of a row, over which the dots of several runs are spread
_COLUMNS = 2  # a notebook's page may be 600 pixels wide
_GAP = 72  # pixels between two rows of panels, for ticks and the next title
_QUOTED = "published, on the real data"


@dataclass(frozen=True)
class Dot:
    """A value in percent; ``low`` and ``high`` are None where it has no interval.

    ``group`` is what the legend calls it, ``y`` its place, rows counted downwards from 0.
    """

    group: str
    y: float
    value: float
    low: float | None
    high: float | None
    color: str | None  # None: the theme's muted grey
    quoted: bool
    hover: str


@dataclass(frozen=True)
class DotPanel:
    """One measure, with its unit; its dots' places are rows of the whole figure."""

    title: str
    unit: str
    dots: tuple[Dot, ...]


def interval_panels(
    entries: Sequence[Entry], *, metrics: Collection[str] | None = None, differences: bool = False
) -> tuple[list[str], list[DotPanel]]:
    """The rows, and the panels that have a dot, in the order of the entries.

    Args:
        entries: of one benchmark, of one run or of several.
        metrics: the measures to draw; None: all.
        differences: only those between methods ("HiERO minus linear probe"); else all but them.
    """
    lines = [entry for entry in entries if (MINUS in entry.method) == differences]
    lines = [entry for entry in lines if metrics is None or entry.metric in metrics]
    lines.sort(key=lambda entry: entry.data == PUBLISHED)
    rows = list(dict.fromkeys(_row(entry) for entry in lines))
    runs = list(dict.fromkeys(entry.run for entry in lines if entry.data != PUBLISHED))
    panels = []
    for metric in dict.fromkeys(entry.metric for entry in entries):
        of_metric = [entry for entry in lines if entry.metric == metric]
        dots = [dot for entry in of_metric if (dot := _dot(entry, rows, runs)) is not None]
        if dots:
            hundredths = any(" in hundredths" in entry.benchmark for entry in of_metric)
            unit = "points" if differences else "in hundredths" if hundredths else "%"
            panels.append(DotPanel(metric, unit, tuple(dots)))
    return rows, panels


@overload
def plot_intervals(
    entries: Sequence[Entry],
    *,
    title: str,
    engine: Literal["plotly"] = "plotly",
    metrics: Collection[str] | None = None,
    differences: bool = False,
    theme: ThemeName = "light",
) -> PlotlyFigure: ...
@overload
def plot_intervals(
    entries: Sequence[Entry],
    *,
    title: str,
    engine: Literal["matplotlib"],
    metrics: Collection[str] | None = None,
    differences: bool = False,
    theme: ThemeName = "light",
) -> MatplotlibFigure: ...
def plot_intervals(
    entries: Sequence[Entry],
    *,
    title: str,
    engine: Engine = "plotly",
    metrics: Collection[str] | None = None,
    differences: bool = False,
    theme: ThemeName = "light",
) -> PlotlyFigure | MatplotlibFigure:
    """Draw what runs measured, in percent with 95 % intervals, beside what was published.

    Args:
        entries: of one benchmark, of one run or of several (`hiero_lib.results.entries`).
        title: stands above the figure; say there when the data is the sample.
        engine: plotly for looking, matplotlib for print.
        metrics: the measures to draw, a panel each; None: all.
        differences: draw the differences between methods, beside a line at 0; else the methods themselves.
        theme: light or dark page.

    Raises:
        ValueError: there is nothing to draw, or the engine is neither of the two.
    """
    rows, panels = interval_panels(entries, metrics=metrics, differences=differences)
    if not panels:
        raise ValueError("no entry has a value of these measures")
    options: dict[str, Any] = {"title": title, "theme": THEMES[theme], "zero": differences}
    return drawn(engine, lambda: _plotly(rows, panels, **options), lambda: _matplotlib(rows, panels, **options))


def _row(entry: Entry) -> str:
    return f"{entry.method}, published" if entry.data == PUBLISHED else entry.method


def _dot(entry: Entry, rows: Sequence[str], runs: Sequence[str]) -> Dot | None:
    quoted = entry.data == PUBLISHED
    value = entry.published if quoted else entry.here
    if value is None:
        return None
    several = len(runs) > 1
    y, color, group = float(rows.index(_row(entry))), method_color(entry.method), entry.method
    if several and not quoted:
        at = runs.index(entry.run)
        y += _BAND * (at / (len(runs) - 1) - 0.5)
        color, group = thread_color(at), entry.run
    if quoted:
        color, group = None, _QUOTED
    low, high = (None if end is None else 100 * end for end in (entry.low, entry.high))
    return Dot(group, y, 100 * value, low, high, color, quoted, _hover(entry, 100 * value, several=several))


def _hover(entry: Entry, percent: float, *, several: bool) -> str:
    lines = [f"{_row(entry)}: {percent:.1f}"]
    if entry.low is not None and entry.high is not None:
        lines[0] += f" (95 %: {100 * entry.low:.1f} to {100 * entry.high:.1f})"
    if entry.spread is not None:
        lines.append(f"± {100 * entry.spread:.1f} over seeds {entry.seed}")
    elif entry.seed:
        lines.append(f"seed {entry.seed}")
    if entry.data == REAL and entry.published is not None:
        lines.append(f"published: {100 * entry.published:.1f}")
    lines += [f"n {entry.n}"] * (entry.n is not None) + [f"run {entry.run}"] * several
    return "\n".join(lines + [entry.note] * bool(entry.note))


@dataclass(frozen=True)
class _Line:
    """Panels side by side, with the rows that one of them has a dot in; ``y`` of a dot counts these."""

    rows: tuple[str, ...]
    panels: tuple[DotPanel, ...]


def _lines(rows: Sequence[str], panels: Sequence[DotPanel]) -> list[_Line]:
    """The panels in lines: nothing was published of some measures, and a row without any dot says nothing."""
    lines = []
    for start in range(0, len(panels), _COLUMNS):
        beside = panels[start : start + _COLUMNS]
        used = sorted({round(dot.y) for panel in beside for dot in panel.dots})
        moved = [
            replace(panel, dots=tuple(replace(dot, y=dot.y - row + used.index(row)) for dot, row in _rows_of(panel)))
            for panel in beside
        ]
        lines.append(_Line(tuple(rows[row] for row in used), tuple(moved)))
    return lines


def _placed(lines: Sequence[_Line]) -> list[tuple[int, int, _Line, DotPanel]]:
    """Each panel with its place, from 0, and its line."""
    return [(row, col, line, panel) for row, line in enumerate(lines) for col, panel in enumerate(line.panels)]


def _rows_of(panel: DotPanel) -> list[tuple[Dot, int]]:
    return [(dot, round(dot.y)) for dot in panel.dots]


def _groups(panels: Sequence[DotPanel]) -> list[str]:
    return list(dict.fromkeys(dot.group for panel in panels for dot in panel.dots))


def _needs_legend(rows: Sequence[str], groups: Sequence[str]) -> bool:
    """False where the rows' names say it all."""
    return any(group not in rows and group != _QUOTED for group in groups)


def _row_height(panels: Sequence[DotPanel]) -> int:
    """Pixels; dots of several runs want room."""
    return max(30, 13 * len({dot.group for panel in panels for dot in panel.dots if not dot.quoted and dot.y % 1}))


def _plotly(rows: Sequence[str], panels: Sequence[DotPanel], *, title: str, theme: Theme, zero: bool) -> PlotlyFigure:
    from plotly.subplots import make_subplots

    lines, across = _lines(rows, panels), min(len(panels), _COLUMNS)
    heights = [_row_height(panels) * len(line.rows) for line in lines]
    height = sum(heights) + (len(lines) - 1) * _GAP
    figure = make_subplots(
        rows=len(lines),
        cols=across,
        shared_yaxes=True,
        row_heights=heights,
        subplot_titles=[markup(f"{panel.title}, {panel.unit}") for panel in panels],
        horizontal_spacing=0.04,
        vertical_spacing=_GAP / height if len(lines) > 1 else 0,
    )
    groups = _groups(panels)
    legend, listed = _needs_legend(rows, groups), set[str]()
    for at_row, at_col, line, panel in _placed(lines):
        place = {"row": at_row + 1, "col": at_col + 1}
        for group in groups:
            dots = [dot for dot in panel.dots if dot.group == group]
            if not dots:
                continue
            color, quoted = dots[0].color or theme.muted_text, dots[0].quoted
            figure.add_scatter(
                x=[dot.value for dot in dots],
                y=[dot.y for dot in dots],
                mode="markers",
                marker={"symbol": "diamond-open" if quoted else "circle", "size": 9, "color": color},
                error_x={
                    **{"type": "data", "symmetric": False, "color": color, "thickness": 2, "width": 0},
                    "array": [0 if dot.high is None else dot.high - dot.value for dot in dots],
                    "arrayminus": [0 if dot.low is None else dot.value - dot.low for dot in dots],
                },
                name=markup(shortened(group, 40)),
                legendgroup=group,
                showlegend=legend and group not in listed,
                hovertext=[markup(dot.hover) for dot in dots],
                hovertemplate="%{hovertext}<extra></extra>",
                **place,
            )
            listed.add(group)
        figure.update_xaxes(gridcolor=theme.grid, zeroline=False, nticks=6, tickangle=0, **place)
        figure.update_yaxes(
            range=[len(line.rows) - 0.5, -0.5],
            tickvals=list(range(len(line.rows))),
            ticktext=[markup(row) for row in line.rows],
            gridcolor=theme.grid,
            zeroline=False,
            automargin=True,
            fixedrange=True,
            **place,
        )
        if zero:
            figure.add_vline(x=0, line={"color": theme.text, "width": 1}, **place)
    figure.update_annotations(font_size=13)
    foot = 72 if legend else 40
    page = page_layout(title, theme, height=height + 96 + foot, top=96)
    page["margin"]["b"] = foot
    figure.update_layout(**page, hovermode="closest", legend=legend_below())
    return figure


def _matplotlib(
    rows: Sequence[str], panels: Sequence[DotPanel], *, title: str, theme: Theme, zero: bool
) -> MatplotlibFigure:
    lines, across = _lines(rows, panels), min(len(panels), _COLUMNS)
    heights = [0.55 + _row_height(panels) / 100 * len(line.rows) for line in lines]
    figure = print_page(title, theme, size=(10.0, 0.5 + sum(heights)))
    grid = figure.add_gridspec(len(lines), across, height_ratios=heights)
    groups = _groups(panels)
    for at_row, at_col, line, panel in _placed(lines):
        axes = figure.add_subplot(grid[at_row, at_col])
        for group in groups:
            for dot in (dot for dot in panel.dots if dot.group == group):
                color = dot.color or theme.muted_text
                if dot.low is not None and dot.high is not None:
                    axes.plot([dot.low, dot.high], [dot.y, dot.y], color=color, linewidth=1.6, solid_capstyle="butt")
                look: dict[str, Any] = {"marker": "D", "markerfacecolor": "none"} if dot.quoted else {"marker": "o"}
                axes.plot([dot.value], [dot.y], color=color, linestyle="", markersize=5, label=group, **look)
        if zero:
            axes.axvline(0, color=theme.text, linewidth=0.8)
        axes.set_yticks(range(len(line.rows)), line.rows if at_col == 0 else [""] * len(line.rows))
        axes.set_ylim(len(line.rows) - 0.5, -0.5)
        axes.set_title(f"{panel.title}, {panel.unit}", loc="left", color=theme.text, fontsize=9)
        axes.locator_params(axis="x", nbins=5)
        axes.grid(color=theme.grid, linewidth=0.5)
        print_axes(axes, theme)
        axes.tick_params(axis="y", length=0)
    if _needs_legend(rows, groups):
        handles = dict(zip(*reversed(_handles(figure.axes))))
        figure.legend(handles.values(), handles.keys(), loc="outside lower left", ncols=4, frameon=False, fontsize=8,
                      labelcolor=theme.text)  # fmt: skip
    return figure


def _handles(axes: Sequence[Any]) -> tuple[list[Any], list[str]]:
    """Of all panels, with the names that the legend has for them."""
    found = [one.get_legend_handles_labels() for one in axes]
    return [handle for handles, _ in found for handle in handles], [name for _, names in found for name in names]
