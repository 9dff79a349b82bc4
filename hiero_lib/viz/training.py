"""The training curve: live in a notebook while models train, and from their metrics logs afterwards.

Several trainings are drawn into the same panels, a colour each; L_ft, which is a hundredth of L_vna, has its own.
A log is JSON Lines, one event a line: a training event has ``step`` and ``loss`` (and what else is there of
``epoch``, ``vna``, ``ft``, ``ft_self``, ``lr``, ``grad_norm``), a validation event has ``step`` and ``egomcq_inter``,
``egomcq_intra`` as fractions. A value that was not measured is absent or null.
"""

from __future__ import annotations

import io
import json
import math
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from hiero_lib.base.errors import DataError
from hiero_lib.viz.page import Engine, drawn, markup, page_layout
from hiero_lib.viz.palette import THEMES, Theme, ThemeName, method_color, thread_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure
    from plotly.graph_objects import Figure as PlotlyFigure


@dataclass(frozen=True)
class Series:
    """One line of a panel: ``steps`` and ``values`` of the same length, a point being a mean of ``block`` values."""

    name: str
    steps: list[int]
    values: list[float]
    color: str
    block: int = 1


@dataclass(frozen=True)
class Panel:
    """One pair of axes over the training steps: one measure, a line a training."""

    title: str
    series: tuple[Series, ...]
    log_scale: bool = False

    @property
    def step_title(self) -> str:
        """Title of the horizontal axis, which says so where points are means."""
        block = max(line.block for line in self.series)
        return "step" if block == 1 else f"step (each point the mean of {block})"


_PANELS: dict[str, str] = {  # key of an event -> title
    "vna": "L_vna: segments and narrations",
    "ft": "L_ft: functional threads",
    "egomcq_inter": "EgoMCQ inter-video, %",
    "egomcq_intra": "EgoMCQ intra-video, %",
    "loss": "loss: the weighted sum",
    "ft_self": "L_ft: share that a node gives itself",
    "lr": "learning rate",
    "grad_norm": "gradient norm",
}
_LIVE = ("vna", "ft", "egomcq_inter", "egomcq_intra")
_PERCENT = {"egomcq_inter", "egomcq_intra"}
_LOG_SCALE = {"lr", "grad_norm"}
_ABSENT_IF_ZERO = {"ft", "ft_self"}  # of a training without L_ft
Logs = Mapping[str, str | Path]
"""Name of a training -> its metrics log."""


def read_metrics(metrics_file: str | Path) -> list[dict[str, Any]]:
    """Read a metrics log (JSON Lines); empty lines are allowed.

    Raises:
        DataError: the file is missing or without events, or a line is not a JSON object with a whole-numbered
            ``step``; the message names the file and the line. No bad line is passed over.
    """
    path = Path(metrics_file)
    if not path.is_file():
        raise DataError("there is no such file", file=path)
    events = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except ValueError as error:
            raise DataError(
                f"not readable as JSON ({error})",
                file=path,
                field=f"line {number}",
                value=line[:80].decode(errors="replace"),
                hint="If the run was killed while it wrote this line, remove the line",
            ) from error
        if not isinstance(event, dict):
            raise DataError("an event must be a JSON object", file=path, field=f"line {number}", value=event)
        if not isinstance(event.get("step"), int) or isinstance(event["step"], bool):
            raise DataError("step must be a whole number", file=path, field=f"line {number}", value=event)
        for key in _PANELS.keys() & event.keys():
            if isinstance(event[key], bool) or not isinstance(event[key], (int, float, type(None))):
                raise DataError(f"{key} must be a number", file=path, field=f"line {number}", value=event[key])
        events.append(event)
    if not events:
        raise DataError("the log has no events", file=path)
    return events


def training_panels(
    events: Mapping[str, Iterable[Mapping[str, Any]]],
    *,
    keys: Collection[str] = tuple(_PANELS),
    most_points: int = 1500,
) -> list[Panel]:
    """What both engines draw: the panels that have values, each series in the order of its steps.

    A series of more than ``most_points`` values is drawn as the means of equal blocks, each at its last step (the
    last block may be shorter), so that the figure of a long run stays small and its axis says so.

    A step that was logged twice (a run that was killed and resumed from an earlier checkpoint) counts with its
    last values. Values that are null or not finite are left out of the lines, and so is the L_ft of a training that
    has none (0 throughout).

    Args:
        events: by the name of the training.
        keys: of the panels.
        most_points: of a series.
    """
    logs = {name: list(of_training) for name, of_training in events.items()}
    panels = []
    for key in (key for key in _PANELS if key in keys):
        series = []
        for number, (name, of_training) in enumerate(logs.items()):
            points = _points(of_training, key)
            if points and not (key in _ABSENT_IF_ZERO and not any(value for _, value in points)):
                block = -(-len(points) // most_points)
                blocks = [points[i : i + block] for i in range(0, len(points), block)]
                means = [math.fsum(value for _, value in part) / len(part) for part in blocks]
                color = method_color(name) or thread_color(number)
                series.append(Series(name, [part[-1][0] for part in blocks], means, color, block))
        if series:
            log = key in _LOG_SCALE and all(value > 0 for line in series for value in line.values)
            panels.append(Panel(_PANELS[key], tuple(series), log))
    return panels


def _points(events: Sequence[Mapping[str, Any]], key: str) -> list[tuple[int, float]]:
    """Steps with their last values."""
    scale = 100 if key in _PERCENT else 1
    values = {int(event["step"]): float(event[key]) * scale for event in events if event.get(key) is not None}
    return sorted((step, value) for step, value in values.items() if math.isfinite(value))


@overload
def plot_training(
    logs: Logs,
    *,
    engine: Literal["plotly"] = "plotly",
    title: str = "Training",
    theme: ThemeName = "light",
) -> PlotlyFigure: ...
@overload
def plot_training(
    logs: Logs, *, engine: Literal["matplotlib"], title: str = "Training", theme: ThemeName = "light"
) -> MatplotlibFigure: ...
def plot_training(
    logs: Logs, *, engine: Engine = "plotly", title: str = "Training", theme: ThemeName = "light"
) -> PlotlyFigure | MatplotlibFigure:
    """Draw the logs of trainings: losses, EgoMCQ accuracy, learning rate and gradient norm, those that they have.

    Args:
        logs: by the name of the training, JSON Lines each, see `read_metrics`.
        engine: plotly for looking, matplotlib for print.
        title: stands above the figure; say there when the data is the sample.
        theme: light or dark page.

    Raises:
        DataError: as `read_metrics` does, or when no event has anything to draw.
        ValueError: the engine is neither of the two.
    """
    panels = training_panels({name: read_metrics(file) for name, file in logs.items()})
    if not panels:
        raise DataError("no event has a loss or an accuracy", file=", ".join(map(str, logs.values())))
    return drawn(
        engine,
        lambda: _plotly(panels, title=title, theme=THEMES[theme]),
        lambda: _matplotlib(panels, title=title, theme=THEMES[theme]),
    )


class LiveLossCurve:
    """Collects the events of trainings; in a notebook, it also draws them, always in the same place.

    Hand one training after the other to it, ``run_training(..., on_log=curve.of("HiERO"))``, and call `draw` once
    at the end: the last events may have fallen into the pause between two drawings. Outside a notebook nothing is
    drawn or imported.

    Args:
        every_s: seconds between two drawings.
        title: stands above the curve.
        theme: light or dark page.
    """

    def __init__(self, *, every_s: float = 4.0, title: str = "Training", theme: ThemeName = "light") -> None:
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.every_s, self.title, self.theme = every_s, title, theme
        self._drawn_at = -math.inf
        self._display: Any = None

    def of(self, name: str) -> Callable[[Mapping[str, Any]], None]:
        """What takes the events of one training; draws if the last drawing is old enough, and at a validation."""
        collected = self.events.setdefault(name, [])

        def add(event: Mapping[str, Any]) -> None:
            collected.append(dict(event))
            if "egomcq_inter" in event or time.monotonic() - self._drawn_at >= self.every_s:
                self.draw()

        return add

    def draw(self) -> None:
        """Draw now what has been collected: losses and EgoMCQ accuracy. Does nothing outside a notebook."""
        panels = training_panels(self.events, keys=_LIVE)
        if not panels or not in_notebook():
            return
        from IPython.display import Image, display

        picture = io.BytesIO()
        # Twice the resolution at half the size, so that it is sharp on any screen.
        _matplotlib(panels, title=self.title, theme=THEMES[self.theme]).savefig(picture, format="png", dpi=160)
        image = Image(data=picture.getvalue(), format="png", retina=True)
        if self._display is None:
            self._display = display(image, display_id=True)
        else:
            self._display.update(image)
        self._drawn_at = time.monotonic()


def in_notebook() -> bool:
    """True where a kernel (JupyterLab, classic, VS Code, Colab, papermill) shows pictures; imports nothing."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def _needs_legend(panels: Sequence[Panel]) -> bool:
    """False where there is one training, which the title names."""
    return len({line.name for panel in panels for line in panel.series}) > 1


def _columns(panels: Sequence[Panel]) -> int:
    return min(len(panels), 2)


def _plotly(panels: Sequence[Panel], *, title: str, theme: Theme) -> PlotlyFigure:
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    columns = _columns(panels)
    rows = -(-len(panels) // columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[markup(panel.title) for panel in panels],
        horizontal_spacing=0.09,
        vertical_spacing=0.26 / rows,
    )
    listed: set[str] = set()
    for index, panel in enumerate(panels):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        for series in panel.series:
            figure.add_trace(
                go.Scatter(
                    x=series.steps,
                    y=series.values,
                    name=markup(series.name),
                    mode="lines+markers" if len(series.steps) < 50 else "lines",
                    line={"color": series.color, "width": 2},
                    showlegend=series.name not in listed,
                    legendgroup=series.name,
                    hovertemplate="step %{x}: %{y:.4g}<extra>" + markup(series.name) + "</extra>",
                ),
                **place,
            )
            listed.add(series.name)
        lowest = index + columns >= len(panels) or panel.step_title != "step"
        steps = {"title_text": panel.step_title if lowest else "", "matches": "x"}
        figure.update_xaxes(**steps, gridcolor=theme.grid, zeroline=False, **place)
        figure.update_yaxes(
            type="log" if panel.log_scale else "linear",
            exponentformat="power",
            gridcolor=theme.grid,
            zeroline=False,
            automargin=True,
            **(_log_ticks(panel) if panel.log_scale else {}),
            **place,
        )
    figure.update_annotations(font_size=13)
    height = 130 + 250 * rows
    above = {"orientation": "h", "yref": "container", "y": 1 - 40 / height, "yanchor": "top", "x": 0}
    page = page_layout(title, theme, height=height, top=104)
    figure.update_layout(**page, showlegend=_needs_legend(panels), legend=above)
    return figure


def _log_ticks(panel: Panel) -> dict[str, Any]:
    """Of a vertical axis: powers of ten, or 1, 2 and 5 of each where there are less than two of them.

    Plotly's own are small digits without their power: 2 below 10 is 2, above it 20.
    """
    values = [value for line in panel.series for value in line.values]
    low, high = min(values), max(values)
    if high / low >= 100:
        return {"dtick": 1}
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    return {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _matplotlib(panels: Sequence[Panel], *, title: str, theme: Theme) -> MatplotlibFigure:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    columns = _columns(panels)
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(5.0 * columns, 2.6 * rows + 0.4), layout="constrained", facecolor=theme.background)
    first: Axes | None = None
    for index, panel in enumerate(panels):
        axes = figure.add_subplot(rows, columns, index + 1, facecolor=theme.background, sharex=first)
        first = first or axes
        for series in panel.series:
            marker = "o" if len(series.steps) < 50 else ""
            axes.plot(
                series.steps,
                series.values,
                color=series.color,
                label=series.name,
                linewidth=1.4,
                marker=marker,
                markersize=3,
            )
        if panel.log_scale:
            axes.set_yscale("log")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.set_title(panel.title, loc="left", fontsize=10, color=theme.text)
        axes.set_xlabel(panel.step_title, fontsize=9, color=theme.text)
        axes.tick_params(which="both", colors=theme.text, labelsize=8)
        axes.grid(color=theme.grid, linewidth=0.5)
        for side in axes.spines:
            axes.spines[side].set_visible(False)
        if index == 0 and _needs_legend(panels):
            axes.legend(fontsize=8, frameon=False, labelcolor=theme.text)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=theme.text, parse_math=False)
    return figure
