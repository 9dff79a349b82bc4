"""The timeline for print: the matplotlib engine of `hiero_lib.viz.timeline.plot_timeline`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hiero_lib.data.narrations import Narrations
from hiero_lib.viz.bars import (
    BAR_HEIGHT,
    Bar,
    TimelineRow,
    legend_names,
    tick_opacity,
)
from hiero_lib.viz.page import broken, print_axes, print_time_axis, shortened
from hiero_lib.viz.palette import Theme, text_color_on, thread_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.textpath import TextToPath

NARRATION_LINES = 3  # of text below the ticks
_THIN = 0.001  # of the axis of time: a span as short is thinner than a pixel


def print_timeline(
    rows: Sequence[TimelineRow],
    bars: Sequence[Bar],
    *,
    narrations: Narrations,
    title: str,
    theme: Theme,
    end_s: float,
    labels: bool = True,
    legend: bool = True,
) -> Figure:
    """Draw the bars as vectors on a figure of its own, outside pyplot; see `plot_timeline` for the arguments."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch
    from matplotlib.textpath import TextToPath

    threads = legend_names(rows) if legend else {}
    measure = TextToPath()
    row_inches, width_inches = 0.42 if labels else 0.28, 10.0
    narration_rows = 2.0 if narrations else 0.0
    legend_entries = [shortened(name, 36) for name in threads.values()]
    column_points = max((_width_points(measure, entry, 8) for entry in legend_entries), default=0) + 38
    columns = max(1, min(len(legend_entries), int(width_inches * 72 / column_points)))
    legend_lines = -(-len(legend_entries) // columns)
    height_inches = row_inches * (len(rows) + narration_rows) + 0.2 * legend_lines + 1.1
    figure = Figure(figsize=(width_inches, height_inches), layout="constrained", facecolor=theme.background)
    axes = figure.add_subplot()
    for index in range(len(rows)):
        axes.axhspan(index - BAR_HEIGHT / 2, index + BAR_HEIGHT / 2, color=theme.track, linewidth=0, zorder=0)
        row_bars = [bar for bar in bars if bar.row == index]
        # A line of the bar's own colour closes the gaps that viewers of PDF and SVG show between neighbours; a
        # thicker one keeps a short span from fading away.
        axes.broken_barh(
            [(bar.span.start_s, bar.span.length_s) for bar in row_bars],
            (index - BAR_HEIGHT / 2, BAR_HEIGHT),
            facecolors=[bar.color for bar in row_bars],
            edgecolors=[bar.color for bar in row_bars],
            linewidth=[0.2 if bar.span.length_s > _THIN * end_s else 0.5 for bar in row_bars],
            label=rows[index].name,
        )
    names = [row.name for row in rows]
    if narrations:
        names.append("narrations")
        middle = len(rows)
        axes.vlines(
            narrations.times,
            middle - 0.3,
            middle + 0.3,
            color=theme.muted_text,
            linewidth=0.6,
            alpha=tick_opacity(len(narrations)),
            label="narrations",
        )
    print_time_axis(axes, theme, end_s=end_s)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(rows) - 0.5 + narration_rows, -0.5)
    print_axes(axes, theme)
    axes.tick_params(axis="y", length=0)
    axes.set_title(title, loc="left", color=theme.text, fontsize=11)
    if legend_entries:
        figure.legend(
            [Patch(facecolor=thread_color(label)) for label in threads],
            legend_entries,
            loc="outside lower center",
            ncols=columns,
            fontsize=8,
            labelcolor=theme.text,
            frameon=False,
        )
    figure.draw_without_rendering()  # settles the layout, so that texts can be measured against it
    points_per_s = axes.get_window_extent().width / figure.dpi * 72 / end_s
    if labels:
        _print_bar_texts(axes, bars, measure, points_per_s=points_per_s)
    if narrations:
        _print_narrations(axes, narrations, measure, top=len(rows) + 0.38, theme=theme, points_per_s=points_per_s)
    return figure


def _width_points(measure: TextToPath, text: str, size: float) -> float:
    from matplotlib.font_manager import FontProperties

    return float(measure.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)[0])


def fitted(text: str, width: float, height: float, *, size: float) -> str | None:
    """The text in as few lines as fit into a box (in points), or None where it does not fit."""
    from matplotlib.textpath import TextToPath

    most, measure = int(height / (1.2 * size)), TextToPath()
    if most < 1 or width < size or not text:
        return None
    for count in range(1, most + 1):
        parts = text.split("\n")
        lines = [line for part in parts for line in broken(part, max(1, len(part) // count + 3))]
        if len(lines) <= most and all(_width_points(measure, line, size) <= width for line in lines):
            return "\n".join(lines)
    return None


def _print_bar_texts(axes: Axes, bars: Sequence[Bar], measure: TextToPath, *, points_per_s: float) -> None:
    """Print each bar's text, on one line or two, where the bar is wide enough for it."""
    for bar in bars:
        room = bar.span.length_s * points_per_s - 4
        lines = [bar.text]
        if room >= 4 and _width_points(measure, bar.text, 7) > room:
            lines = textwrap.wrap(bar.text, len(bar.text) // 2 + 4)
        if len(lines) > 2 or any(_width_points(measure, line, 7) > room for line in lines):
            lines = [bar.number]
        if room < 4 or not lines[0] or _width_points(measure, lines[0], 7) > room:
            continue
        axes.text(
            (bar.span.start_s + bar.span.end_s) / 2,
            bar.row,
            "\n".join(lines),
            ha="center",
            va="center" if len(lines) > 1 else "center_baseline",
            fontsize=7,
            linespacing=1.0,
            color=text_color_on(bar.color),
            in_layout=False,
        )


def _print_narrations(
    axes: Axes, narrations: Narrations, measure: TextToPath, *, top: float, theme: Theme, points_per_s: float
) -> None:
    """Print, below their ticks, as many narrations as fit on a few lines without touching one another."""
    free_from = [0.0] * NARRATION_LINES
    end = axes.get_xlim()[1] * points_per_s
    for time, text in narrations.without_tags():
        short = shortened(text, 40)
        left, width = time * points_per_s, _width_points(measure, short, 6.5)
        line = next((index for index, free in enumerate(free_from) if free <= left), None)
        if line is None or left + width > end:
            continue
        free_from[line] = left + width + 10
        axes.text(
            time,
            top + (line + 0.4) * 0.34,
            short,
            ha="left",
            va="center_baseline",
            fontsize=6.5,
            color=theme.muted_text,
            in_layout=False,
        )
