"""Two videos of one procedure, one above the other, with bands between the spans that correspond."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from hiero_lib.hierarchy.alignment import Alignment, align
from hiero_lib.hierarchy.spans import Span
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.viz.bars import BAR_HEIGHT, Bar, TimelineRow, legend_title
from hiero_lib.viz.page import (
    Engine,
    Figure,
    clock,
    drawn,
    markup,
    page_layout,
    print_axes,
    print_page,
    shortened,
    tick_times,
    time_title,
)
from hiero_lib.viz.palette import THEMES, THREAD_COLORS, Theme, ThemeName, see_through, text_color_on, thread_color
from hiero_lib.viz.rows import level_of, thread_name
from hiero_lib.viz.timeline import bar_trace
from hiero_lib.viz.timeline_print import fitted

_APART = 1.6  # rows between the two videos
_MOST_TICKS = 10


@dataclass(frozen=True)
class _Side:
    """A video as it is drawn: its row, and what turns its seconds into parts of the width."""

    name: str
    row: float
    hierarchy: VideoHierarchy

    def x(self, seconds: float) -> float:
        start, end = self.hierarchy.start_s, self.hierarchy.end_s
        return (seconds - start) / (end - start)

    def scaled(self, span: Span) -> Span:
        return Span(self.x(span.start_s), self.x(span.end_s), span.label)

    def ticks(self) -> tuple[list[float], list[str]]:
        times = tick_times(self.hierarchy.end_s, most=_MOST_TICKS, start_s=self.hierarchy.start_s)
        return [self.x(time) for time in times], [clock(time) for time in times]


@dataclass(frozen=True)
class _Band:
    """Between two spans: x of the upper edge, x of the lower edge, colour, and what it says."""

    above: Span
    below: Span
    color: str
    hover: str


def plot_alignment(
    one: VideoHierarchy,
    other: VideoHierarchy,
    *,
    level: int,
    title: str,
    names: tuple[str, str] | None = None,
    truth: tuple[TimelineRow, TimelineRow] | None = None,
    engine: Engine = "plotly",
    theme: ThemeName = "light",
) -> Figure:
    """Draw a level of two videos, each on its own axis of time, scaled to the same width.

    A span of the lower video has the colour of the thread that its counterpart is of; one without a counterpart, of
    either, is grey.

    Args:
        one, other: as one method sees them; `hiero_lib.hierarchy.alignment` aligns them.
        level: whose spans.
        title: stands above the figure; say there when the data is the sample.
        names: of the two rows; None: the videos' uids.
        truth: a row of each video whose labels mean the same in both, such as key-steps; drawn above the upper and
            below the lower one, in colours of their own, which the legend names.
        engine: plotly for looking, matplotlib for print.
        theme: light or dark page.

    Raises:
        ValueError: a video has no such level, they cannot be aligned, or there is no such engine.
    """
    found = align(one, other, level=level)
    called = names or (one.video_uid, other.video_uid)
    above = 1.0 if truth else 0.0
    sides = _Side(called[0], above, one), _Side(called[1], above + _APART, other)
    bars = [*_bars(sides, found, level, THEMES[theme]), *(_truth_bars(sides, truth) if truth else ())]
    bands = _bands(sides, found, level)
    labels = [(side.row, side.name) for side in sides]
    if truth:
        labels = [(0.0, truth[0].name), *labels, (2 * above + _APART, truth[1].name)]
    share = [f"{100 * part:.0f} %" for part in found.shares]
    note = (
        f"level {level}: {share[0]} of the upper video and {share[1]} of the lower have a counterpart; grey has none"
    )
    legend = (legend_title(truth), _truth_legend(truth)) if truth else None
    layout = _Drawing(sides, bars, bands, labels, legend, title, note, THEMES[theme])
    return drawn(engine, lambda: _plotly(layout), lambda: _matplotlib(layout))


@dataclass(frozen=True)
class _Drawing:
    """What both engines draw; x is a part of the width, from 0 to 1."""

    sides: tuple[_Side, _Side]
    bars: Sequence[tuple[float, Bar]]  # row and bar
    bands: Sequence[_Band]
    labels: Sequence[tuple[float, str]]
    legend: tuple[str, dict[str, str]] | None  # of the truth: what its labels are, and name -> colour
    title: str
    note: str
    theme: Theme


def _bars(sides: tuple[_Side, _Side], found: Alignment, level: int, theme: Theme) -> list[tuple[float, Bar]]:
    colors: list[dict[int, str]] = [{}, {}]
    spans = level_of(sides[0].hierarchy, level).spans
    for pair in found.nearest().values():
        colors[0][pair.one] = thread_color(spans[pair.one].label)
    for pair in found.nearest_to_other().values():
        colors[1][pair.other] = thread_color(spans[pair.one].label)
    bars = []
    for side, of in zip(sides, colors):
        threads = level_of(side.hierarchy, level)
        for number, span in enumerate(threads.spans):
            name = thread_name(threads, span.label)
            hover = f"{side.name}: {name}\n{_times(span)}"
            hover += "" if number in of else "\nno counterpart"
            color = of.get(number, theme.neutral[1])
            bars.append((side.row, Bar(0, side.scaled(span), color, name, hover, str(span.label))))
    return bars


def _truth_bars(sides: tuple[_Side, _Side], truth: tuple[TimelineRow, TimelineRow]) -> list[tuple[float, Bar]]:
    """The truth's colours are the palette's from its other end, so that few are met among the threads."""
    rows = (sides[0].row - 1, sides[1].row + 1)
    bars = []
    for side, row, of in zip(sides, rows, truth):
        for span in of.spans:
            color = _truth_color(span.label)
            name = of.label_name(span.label)
            hover = f"{of.name}: {name}\n{_times(span)}"
            bars.append((row, Bar(0, side.scaled(span), color, "" if span.label < 0 else name, hover)))
    return bars


def _truth_color(label: int) -> str:
    return thread_color(len(THREAD_COLORS) - 4 - label) if label >= 0 else thread_color(-1)


def _truth_legend(truth: Sequence[TimelineRow]) -> dict[str, str]:
    """Name -> colour of all that the truth has, the labels in order and the negative ones last."""
    names = {span.label: row.label_name(span.label) for row in truth for span in row.spans}
    return {names[label]: _truth_color(label) for label in sorted(names, key=lambda label: (label < 0, label))}


def _bands(sides: tuple[_Side, _Side], found: Alignment, level: int) -> list[_Band]:
    first, second = (level_of(side.hierarchy, level) for side in sides)
    bands = []
    for pair in found.pairs:
        one, other = first.spans[pair.one], second.spans[pair.other]
        lines = [
            f"{thread_name(first, one.label)}, {_times(one)}",
            f"{thread_name(second, other.label)}, {_times(other)}",
            f"cosine {pair.cosine:.2f}",
        ]
        color = thread_color(one.label)
        bands.append(_Band(sides[0].scaled(one), sides[1].scaled(other), color, "\n".join(lines)))
    return bands


def _times(span: Span) -> str:
    return f"{clock(span.start_s, decimals=1)} – {clock(span.end_s, decimals=1)}"


def _corners(drawing: _Drawing, band: _Band) -> tuple[list[float], list[float]]:
    top, foot = drawing.sides[0].row + BAR_HEIGHT / 2, drawing.sides[1].row - BAR_HEIGHT / 2
    xs = [band.above.start_s, band.above.end_s, band.below.end_s, band.below.start_s]
    return [*xs, xs[0]], [top, top, foot, foot, top]


def _plotly(drawing: _Drawing) -> Figure:
    import plotly.graph_objects as go

    theme, figure = drawing.theme, go.Figure()
    by_color: dict[str, list[_Band]] = defaultdict(list)
    for band in drawing.bands:
        by_color[band.color].append(band)
    for color, bands in by_color.items():
        x, y = list[float | None](), list[float | None]()
        for band in bands:
            corners = _corners(drawing, band)
            x, y = [*x, *corners[0], None], [*y, *corners[1], None]
        figure.add_trace(
            go.Scatter(
                **{"x": x, "y": y, "mode": "lines", "fill": "toself", "fillcolor": see_through(color, 0.35)},
                **{"line": {"width": 0.5, "color": color}, "hoverinfo": "skip", "showlegend": False},
            )
        )
    middle = (drawing.sides[0].row + drawing.sides[1].row) / 2
    figure.add_trace(
        go.Scatter(
            x=[sum(_corners(drawing, band)[0][:4]) / 4 for band in drawing.bands],
            y=[middle] * len(drawing.bands),
            mode="markers",
            marker={"size": 10, "color": [band.color for band in drawing.bands], "opacity": 0.01},
            hovertext=[markup(band.hover) for band in drawing.bands],
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=False,
        )
    )
    for row in sorted({row for row, _ in drawing.bars}):
        trace = bar_trace([bar for at, bar in drawing.bars if at == row], labels_until_s=1.0)
        trace.update(y=[row] * len(trace.x), showlegend=False)
        figure.add_trace(trace)
    kind, named = drawing.legend or ("", {})
    for name, color in named.items():
        figure.add_trace(
            go.Scatter(
                **{"x": [None], "y": [None], "mode": "markers", "name": markup(shortened(name, 28))},
                **{"marker": {"symbol": "square", "size": 12, "color": color}, "hoverinfo": "skip"},
            )
        )
    figure.add_trace(go.Scatter(x=[0, 1], y=[None, None], xaxis="x2", hoverinfo="skip", showlegend=False))
    rows = [row for row, _ in drawing.labels]
    axes = []
    for side, where in zip(drawing.sides, ("top", "bottom")):
        values, texts = side.ticks()
        axes.append(
            {
                **{"range": [0, 1], "tickvals": values, "ticktext": texts, "side": where, "zeroline": False},
                **{"showgrid": False, "tickangle": 0, "showline": False},
            }
        )
    figure.update_layout(
        **page_layout(drawing.title, theme, height=200 + int(70 * (rows[-1] + 1)), note=drawing.note, top=104),
        barmode="overlay",
        hovermode="closest",
        legend={
            "title": {"text": markup(kind)},
            "traceorder": "normal",
            "itemclick": False,
            "itemdoubleclick": False,
        },
        uniformtext={"mode": "hide", "minsize": 10},
        xaxis={**axes[1], "title": {"text": time_title(drawing.sides[1].hierarchy.end_s)}},
        xaxis2={**axes[0], "overlaying": "x", "matches": "x"},
        yaxis={
            **{"range": [rows[-1] + 0.5, -0.5], "tickvals": rows, "fixedrange": True, "automargin": True},
            "ticktext": [markup(shortened(name, 24)) for _, name in drawing.labels],
            **{"showgrid": False, "zeroline": False, "ticklabelstandoff": 6},
        },
    )
    return figure


def _matplotlib(drawing: _Drawing) -> Figure:
    rows = [row for row, _ in drawing.labels]
    figure = print_page(drawing.title, drawing.theme, size=(10, 1.6 + 0.7 * (rows[-1] + 1)), note=drawing.note)
    axes = figure.add_subplot()
    for band in drawing.bands:
        x, y = _corners(drawing, band)
        axes.fill(x, y, facecolor=band.color, alpha=0.35, linewidth=0.4, edgecolor=band.color)
    for row, bar in drawing.bars:
        box = [(bar.span.start_s, bar.span.length_s)]
        axes.broken_barh(
            box, (row - BAR_HEIGHT / 2, BAR_HEIGHT), facecolors=bar.color, edgecolors=drawing.theme.background
        )
    upper, lower = drawing.sides
    axes.set_xlim(0, 1)
    axes.set_ylim(rows[-1] + 0.5, -0.5)
    axes.set_yticks(rows, [shortened(name, 24) for _, name in drawing.labels])
    axes.set_xticks(*lower.ticks())
    axes.set_xlabel(time_title(max(side.hierarchy.end_s for side in drawing.sides)))
    print_axes(axes, drawing.theme)
    axes.tick_params(axis="y", length=0)
    above = axes.secondary_xaxis("top")
    above.set_xticks(*upper.ticks())
    above.tick_params(colors=drawing.theme.text, labelsize=9)
    above.spines["top"].set_visible(False)
    if drawing.legend:
        from matplotlib.patches import Patch

        kind, named = drawing.legend
        patches = [Patch(facecolor=color, label=shortened(name, 34)) for name, color in named.items()]
        legend = figure.legend(handles=patches, title=kind, loc="outside right upper", fontsize=8, frameon=False,
                               labelcolor=drawing.theme.text)  # fmt: skip
        legend.get_title().set(fontsize=8, color=drawing.theme.text)
    figure.draw_without_rendering()  # settles the layout, so that texts can be measured against it
    window = axes.get_window_extent()
    points = [side / figure.dpi * 72 for side in (window.width, window.height)]
    for row, bar in drawing.bars:
        width, height = bar.span.length_s * points[0] - 4, BAR_HEIGHT / (rows[-1] + 1) * points[1] - 2
        text = fitted(bar.text, width, height, size=7) or fitted(bar.number, width, height, size=7)
        if text:
            middle = (bar.span.start_s + bar.span.end_s) / 2
            axes.text(middle, row, text, ha="center", va="center", fontsize=7, color=text_color_on(bar.color))
    return figure
