"""What all figures share around their data: title, page and text colours, the axis of time, for both engines."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from hiero_lib.viz.palette import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure
    from matplotlib.ticker import Locator

Engine = Literal["plotly", "matplotlib"]
Figure: TypeAlias = Any
"""A plotly figure or a matplotlib one, as the engine asked for."""

TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_DIGIT_POINTS = 5.0  # of a printed tick's label


def drawn(engine: Engine, plotly: Callable[[], Figure], matplotlib: Callable[[], Figure]) -> Figure:
    """The figure of the engine that was asked for; ValueError where it is neither of the two.

    In print a ``$`` of a narration, a name or a query is itself, and begins no formula.
    """
    if engine == "plotly":
        return plotly()
    if engine == "matplotlib":
        from matplotlib import rc_context

        with rc_context({"text.parse_math": False}):
            return matplotlib()
    raise ValueError(f"engine must be 'plotly' or 'matplotlib', not {engine!r}")


def markup(text: str) -> str:
    """Plain text as plotly's HTML, which knows no ``&quot;``; no formula and no place of a template begins in it."""
    escaped = html.escape(text, quote=False).replace("\n", "<br>")
    return escaped.replace("$", "&#36;").replace("%{", "&#37;{")


def wrapped(text: str) -> str:
    """Text in lines of at most 70 characters."""
    return "\n".join(textwrap.wrap(text, 70))


def broken(text: str, width: int) -> list[str]:
    """Text in lines of about ``width`` characters; no word is cut."""
    return textwrap.wrap(text, max(1, width), break_long_words=False, break_on_hyphens=False) or [""]


def shortened(text: str, width: int) -> str:
    """Text of at most ``width`` characters; what is cut off shows as an ellipsis."""
    return textwrap.shorten(text, width, placeholder="…")


def clock(seconds: float, *, decimals: int = 0) -> str:
    """``mm:ss``, from an hour on ``h:mm:ss``, with as many decimals of a second as asked; 65.25 -> ``01:05``."""
    unit = 10**decimals
    ticks = round(abs(seconds) * unit)
    minutes, rest = divmod(ticks, 60 * unit)
    hours, minutes = divmod(minutes, 60)
    width = 3 + decimals if decimals else 2
    text = f"{minutes:02d}:{rest / unit:0{width}.{decimals}f}"
    return ("-" if seconds < 0 and ticks else "") + (f"{hours}:{text}" if hours else text)


def tick_times(end_s: float, *, most: int, start_s: float = 0.0) -> list[int]:
    """Whole seconds at round steps of the clock, at most ``most`` over ``[start_s, end_s]`` (more beyond 4 days)."""
    step = next((step for step in TICK_STEPS_S if (end_s - start_s) / step < most), TICK_STEPS_S[-1])
    return [tick for tick in range(0, int(end_s) + 1, step) if tick >= start_s]


def time_title(end_s: float) -> str:
    """Title of an axis of time."""
    return "time (h:mm:ss)" if end_s >= 3600 else "time (mm:ss)"


def page_layout(title: str, theme: Theme, *, height: int, note: str = "", top: int = 72) -> dict[str, Any]:
    """Plotly's layout of a page; ``note`` stands smaller below the title, ``top`` is the margin above the axes."""
    lines = broken(title, 74)  # a narrow notebook has room for no more side by side
    text = markup("\n".join(lines))
    if note:
        text += f'<br><span style="font-size:12px;color:{theme.muted_text}">{markup(note)}</span>'
    return {
        "title": {
            "text": text,
            "font": {"size": 16},
            **{"x": 0, "xref": "container", "xanchor": "left"},
            **{"y": 1, "yref": "container", "yanchor": "top"},
            "pad": {"l": 16, "t": 30 if note else 7 + 9 * len(lines)},  # else a second line lifts the first
        },
        "height": height,
        "margin": {"l": 16, "r": 24, "t": top, "b": 64},
        "paper_bgcolor": theme.background,
        "plot_bgcolor": theme.background,
        "font": {"color": theme.text, "size": 13},
        "hoverlabel": {"align": "left"},
        "modebar": modebar(theme),
    }


def legend_below() -> dict[str, Any]:
    """Plotly's legend in lines at the foot of the page, so that it takes no width; 64 pixels are there for it."""
    return {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0}


def modebar(theme: Theme) -> dict[str, Any]:
    """Plotly's buttons: on the page's own colour, since they lie over the title where there is little room.

    Without those for selecting, which does nothing here, and without the one that plotly 7 shows by default to send
    a figure, with the narrations in it, to a server.
    """
    return {
        "remove": ["sendChartToCloud", "select2d", "lasso2d", "autoScale2d"],
        **{"bgcolor": theme.background, "color": theme.muted_text, "activecolor": theme.text},
    }


def time_axis(end_s: float, theme: Theme, *, start_s: float = 0.0) -> dict[str, Any]:
    """Plotly's axis of time: a numeric axis chooses decimal ticks, so they are fixed at round steps of the clock.

    Where there are many, every second or third has a label: beside a legend on a narrow page 230 pixels are left.
    """
    ticks = tick_times(end_s, most=11, start_s=start_s)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1
    every = -(-len(ticks) // (5 if end_s >= 3600 else 7))
    return {
        "range": [start_s, end_s],
        "title": {"text": time_title(end_s)},
        "tickvals": ticks,
        "ticktext": [clock(tick) if tick // step % every == 0 else "" for tick in ticks],
        "gridcolor": theme.grid,
        "tickangle": 0,
        "showline": False,
        "zeroline": False,
    }


def print_page(title: str, theme: Theme, *, size: tuple[float, float], note: str = "") -> MatplotlibFigure:
    """A matplotlib figure of its own, outside pyplot, with a title; ``size`` in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained", facecolor=theme.background)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=theme.text)
    if note:
        figure.supxlabel(note, x=0.99, ha="right", fontsize=7.5, color=theme.muted_text)
    return figure


def print_axes(axes: Axes, theme: Theme) -> None:
    """Axes without spines, on the theme's page."""
    axes.set_facecolor(theme.background)
    axes.tick_params(which="both", colors=theme.text, labelsize=9)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(color=theme.text, fontsize=9)
    axes.set_axisbelow(True)
    for side in axes.spines:
        axes.spines[side].set_visible(False)


def print_time_axis(axes: Axes, theme: Theme, *, end_s: float, start_s: float = 0.0) -> None:
    """Ticks at round steps of the clock, and their grid."""
    axes.set_xlim(start_s, end_s)
    axes.xaxis.set_major_locator(_clock_locator(axes))
    axes.xaxis.set_major_formatter(lambda seconds, _: clock(seconds))
    axes.set_xlabel(time_title(end_s))
    axes.grid(axis="x", color=theme.grid, linewidth=0.5)


def _clock_locator(axes: Axes) -> Locator:
    """Ticks at round steps of the clock, as many as have room beside one another in the axes as they are drawn."""
    from matplotlib.ticker import Locator

    class ClockLocator(Locator):
        def __call__(self) -> list[int]:
            start, end = sorted(axes.get_xlim())
            width_points = axes.get_window_extent().width / axes.figure.dpi * 72
            most = width_points / (_DIGIT_POINTS * len(clock(end)) + 8)
            return tick_times(end, most=max(2, int(most)), start_s=start)

    return ClockLocator()
