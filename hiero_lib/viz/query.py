"""Similarity with a text along time, at each level, with the answers marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from hiero_lib.hierarchy.spans import Span
from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy
from hiero_lib.viz.page import (
    Engine,
    Figure,
    clock,
    drawn,
    markup,
    page_layout,
    print_axes,
    print_page,
    print_time_axis,
    time_axis,
)
from hiero_lib.viz.palette import THEMES, Theme, ThemeName, text_color_on, thread_color
from hiero_lib.viz.rows import thread_name

_LINE = 17  # pixels: numbers of answers that are close in time stand one below the other


@dataclass(frozen=True)
class Curve:
    """A level's cosines with the text: ``times`` in seconds, ``cosine``, and how many nodes a point stands for."""

    level: LevelThreads
    times: NDArray[np.float64]
    cosine: NDArray[np.float64]
    block: int


def nearest_spans(level: LevelThreads, text: Tensor, *, most: int = 3) -> list[Span]:
    """The spans of a level whose mean feature is most similar to a text's features ``[D]``, the best first."""
    cosine = F.normalize(level.span_x, dim=1) @ F.normalize(text.detach().float().cpu(), dim=0)
    order = cosine.argsort(descending=True, stable=True)[:most]
    return [level.spans[index] for index in order.tolist()]


def query_curve(level: LevelThreads, text: Tensor, *, most_points: int = 1200) -> Curve:
    """Cosine of a level's nodes with a text's features ``[D]``; of a long level, the highest of each block."""
    cosine = (F.normalize(level.text_x, dim=1) @ F.normalize(text.detach().float().cpu(), dim=0)).double().numpy()
    block = -(-len(cosine) // most_points)
    at = [start + int(cosine[start : start + block].argmax()) for start in range(0, len(cosine), block)]
    return Curve(level, level.pos[at], cosine[at], block)


def plot_query(
    hierarchy: VideoHierarchy,
    text: str,
    embedded: Tensor,
    *,
    title: str,
    answers: Mapping[int, Sequence[Span]] | None = None,
    engine: Engine = "plotly",
    theme: ThemeName = "light",
    most_points: int = 1200,
) -> Figure:
    """Draw, for each level, the cosine with a text along time, and its answers as numbered spans.

    Args:
        hierarchy: made with the ``project`` of the method whose ``embed_text`` gave the text's features.
        text: the query; shown.
        embedded: ``[D]`` its features.
        title: stands above the figure; say there when the data is the sample.
        answers: level -> spans, the best first; None: the 3 nearest spans of each level.
        engine: plotly for looking, matplotlib for print.
        theme: light or dark page.
        most_points: of a line; a longer level is drawn by the highest of each block, and says so.

    Raises:
        ValueError: the engine is neither of the two.
    """
    curves = [query_curve(level, embedded, most_points=most_points) for level in reversed(hierarchy.levels)]
    if answers is None:
        answers = {level.level: nearest_spans(level, embedded) for level in hierarchy.levels}
    block = max(curve.block for curve in curves)
    note = f"cosine with “{text}”" + "; 1 is the best answer" * any(answers.values())
    if block > 1:
        note += f"; a point is the highest of up to {block} nodes"
    options: dict[str, Any] = {"note": note, "title": title, "theme": THEMES[theme]}
    return drawn(
        engine,
        lambda: _plotly(hierarchy, curves, answers, **options),
        lambda: _matplotlib(hierarchy, curves, answers, **options),
    )


def _lines(spans: Sequence[Span], duration_s: float) -> list[int]:
    """The line, 0 the uppermost, on which each span's number stands without touching another."""
    taken: list[tuple[int, float]] = []
    for span in spans:
        middle = (span.start_s + span.end_s) / 2
        near = {line for line, other in taken if abs(other - middle) < 0.025 * duration_s}
        taken.append((next(line for line in range(len(near) + 1) if line not in near), middle))
    return [line for line, _ in taken]


def _side(span: Span, hierarchy: VideoHierarchy) -> Literal["left", "center", "right"]:
    """Of its number that stands at the middle of the span: at an end of the video it keeps off the axis' numbers."""
    middle, edge = (span.start_s + span.end_s) / 2, 0.02 * (hierarchy.end_s - hierarchy.start_s)
    if middle < hierarchy.start_s + edge:
        return "left"
    return "right" if middle > hierarchy.end_s - edge else "center"


def _limits(curve: Curve, lines: Sequence[int]) -> tuple[float, float]:
    """Of the vertical axis, with room above the curve for the answers' numbers."""
    low, high = float(curve.cosine.min()), float(curve.cosine.max())
    room = max(high - low, 0.05)
    return low - 0.08 * room, high + (0.1 + 0.22 * (max(lines, default=-1) + 1)) * room


def _plotly(
    hierarchy: VideoHierarchy,
    curves: Sequence[Curve],
    answers: Mapping[int, Sequence[Span]],
    *,
    title: str,
    note: str,
    theme: Theme,
) -> Figure:
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=len(curves), cols=1, shared_xaxes=True, vertical_spacing=0.08 / len(curves))
    for row, curve in enumerate(curves, start=1):
        level = curve.level
        spans = answers.get(level.level, ())
        lines = _lines(spans, hierarchy.end_s - hierarchy.start_s)
        low, high = _limits(curve, lines)
        for rank, (span, line) in enumerate(zip(spans, lines), start=1):
            color = thread_color(span.label)
            times = f"{clock(span.start_s, decimals=1)} – {clock(span.end_s, decimals=1)}"
            figure.add_trace(
                go.Scatter(
                    x=[span.start_s, span.start_s, span.end_s, span.end_s, span.start_s],
                    y=[low, high, high, low, low],
                    mode="lines",
                    fill="toself",
                    fillcolor=color,
                    opacity=0.45,
                    line={"width": 1, "color": color},
                    hoveron="fills",
                    showlegend=False,
                    name=f"answer {rank}, level {level.level}",
                    text=markup(f"answer {rank}: {thread_name(level, span.label)}\n{times}"),
                    hoverinfo="text",
                ),
                row=row,
                col=1,
            )
            figure.add_annotation(
                x=(span.start_s + span.end_s) / 2,
                y=high,
                xanchor=_side(span, hierarchy),
                yanchor="top",
                yshift=-_LINE * line - 3,
                text=str(rank),
                showarrow=False,
                bgcolor=color,
                borderpad=2,
                font={"color": text_color_on(color), "size": 11},
                row=row,
                col=1,
            )
        figure.add_trace(
            go.Scatter(
                x=curve.times.round(2),
                y=curve.cosine.round(3),
                mode="lines",
                showlegend=False,
                name=f"level {level.level}",
                line={"color": theme.text, "width": 1.3},
                text=[clock(time, decimals=1) for time in curve.times],
                hovertemplate="%{text}: cosine %{y}<extra></extra>",
            ),
            row=row,
            col=1,
        )
        figure.update_yaxes(
            range=[low, high],
            title={"text": f"level {level.level}"},
            gridcolor=theme.grid,
            zeroline=False,
            nticks=4,
            fixedrange=True,
            automargin=True,
            row=row,
            col=1,
        )
        axis = time_axis(hierarchy.end_s, theme, start_s=hierarchy.start_s)
        if row < len(curves):
            axis["title"] = {"text": ""}
        figure.update_xaxes(**axis, **{"row": row, "col": 1})
    figure.update_layout(**page_layout(title, theme, height=150 + 150 * len(curves), note=note, top=84))
    figure.update_layout(hovermode="closest")
    return figure


def _matplotlib(
    hierarchy: VideoHierarchy,
    curves: Sequence[Curve],
    answers: Mapping[int, Sequence[Span]],
    *,
    title: str,
    note: str,
    theme: Theme,
) -> Figure:
    figure = print_page(title, theme, size=(10.0, 0.9 + 1.5 * len(curves)), note=note)
    for row, curve in enumerate(curves, start=1):
        level = curve.level
        axes = figure.add_subplot(len(curves), 1, row)
        spans = answers.get(level.level, ())
        lines = _lines(spans, hierarchy.end_s - hierarchy.start_s)
        low, high = _limits(curve, lines)
        for rank, (span, line) in enumerate(zip(spans, lines), start=1):
            color = thread_color(span.label)
            axes.axvspan(span.start_s, span.end_s, color=color, alpha=0.45, linewidth=0.8)
            axes.annotate(
                str(rank),
                ((span.start_s + span.end_s) / 2, high),
                xytext=(0, -0.8 * _LINE * line - 3),
                textcoords="offset points",
                ha=_side(span, hierarchy),
                va="top",
                fontsize=8,
                color=text_color_on(color),
                bbox={"boxstyle": "round,pad=0.2", "facecolor": color, "linewidth": 0},
            )
        axes.plot(curve.times, curve.cosine, color=theme.text, linewidth=0.8)
        axes.set(ylim=(low, high), ylabel=f"level {level.level}")
        print_time_axis(axes, theme, end_s=hierarchy.end_s, start_s=hierarchy.start_s)
        if row < len(curves):
            axes.set_xlabel("")
            axes.tick_params(labelbottom=False)
        print_axes(axes, theme)
        axes.locator_params(axis="y", nbins=4)
    return figure
