"""The tree of a video, from the whole of it to the threads of the finest level; sizes are seconds.

Sizes are whole milliseconds, since plotly silently draws nothing where children add up to a hair more than their
node. Pieces too small to be seen are put together, so that a long video stays a small figure; no time is lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hiero_lib.hierarchy.video import TreeNode, VideoHierarchy, tree
from hiero_lib.viz.page import (
    Engine,
    Figure,
    broken,
    clock,
    drawn,
    markup,
    page_layout,
    print_axes,
    print_page,
    shortened,
)
from hiero_lib.viz.palette import NO_THREAD_COLOR, THEMES, Theme, ThemeName, text_color_on, thread_color
from hiero_lib.viz.rows import level_of, thread_name

_LEAST_SHARE = 0.004  # of the video: smaller pieces of a node are put together


@dataclass(frozen=True)
class Cell:
    """One node of the tree, ready to be drawn by either engine.

    ``start_ms`` places it among its neighbours (children lie in their node one after the other, by appearance).
    """

    id: str
    parent: str
    depth: int  # 0: the whole video
    start_ms: int
    milliseconds: int
    color: str
    number: str  # of the thread, where its name does not fit
    label: str
    hover: str


def tree_cells(hierarchy: VideoHierarchy, *, theme: ThemeName = "light") -> list[Cell]:
    """The cells of the tree, parents before their children; children fill their node exactly."""
    nodes = tree(hierarchy)
    root = nodes[0]
    children: dict[str, list[TreeNode]] = defaultdict(list)
    for node in nodes[1:]:
        children[node.parent].append(node)
    whole = f"whole video, {clock(root.milliseconds / 1000)}"
    cells = [Cell(root.id, "", 0, 0, root.milliseconds, THEMES[theme].neutral[1], "", whole, whole)]
    waiting = [cells[0]]
    while waiting:
        above = waiting.pop(0)
        start = above.start_ms
        seen: list[TreeNode] = []
        small: list[TreeNode] = []
        for node in children[above.id]:
            tiny = node.milliseconds < _LEAST_SHARE * root.milliseconds
            (small if tiny else seen).append(node)
        if len(small) == 1:
            seen, small = children[above.id], []
        for node in seen:
            level = level_of(hierarchy, node.level)
            name = thread_name(level, node.thread)
            size = clock(node.milliseconds / 1000, decimals=1)
            share = f"{100 * node.milliseconds / root.milliseconds:.1f} % of the video"
            hover = f"level {node.level}: {name}\n{size} here, {share}"
            total = level.seconds().get(node.thread)
            if total is not None and round(1000 * total) != node.milliseconds:
                hover += f"\n{clock(total, decimals=1)} in all"
            color, number = thread_color(node.thread), str(node.thread) if node.thread >= 0 else ""
            label = f"{shortened(name, 40)}\n{clock(node.milliseconds / 1000)}"
            cell = Cell(node.id, above.id, above.depth + 1, start, node.milliseconds, color, number, label, hover)
            start += node.milliseconds
            cells.append(cell)
            waiting.append(cell)
        if small:
            together = sum(node.milliseconds for node in small)
            text = f"{len(small)} short pieces, {clock(together / 1000, decimals=1)} together"
            name = f"{above.id}/short"
            cells.append(Cell(name, above.id, above.depth + 1, start, together, NO_THREAD_COLOR, "", text, text))
    return cells


def plot_tree(
    hierarchy: VideoHierarchy,
    *,
    title: str,
    engine: Engine = "plotly",
    theme: ThemeName = "light",
    shape: Literal["icicle", "sunburst"] = "icicle",
    page_characters: int = 100,
) -> Figure:
    """Draw the tree of `hiero_lib.hierarchy.video.tree`: the whole video, below it the threads of each level.

    Args:
        hierarchy: the video.
        title: stands above the figure; say there when the data is the sample.
        engine: plotly for looking (a click goes into a node), matplotlib for print.
        theme: light or dark page.
        shape: rectangles from top to bottom, or rings around the whole video (plotly only).
        page_characters: as many have room side by side on the page (plotly's icicle), for the breaking of labels.

    Raises:
        ValueError: an engine or a shape that there is not.
    """
    if shape not in ("icicle", "sunburst") or (engine == "matplotlib" and shape == "sunburst"):
        raise ValueError(f"shape must be 'icicle', or with plotly 'sunburst', not {shape!r}")
    cells = tree_cells(hierarchy, theme=theme)
    page = THEMES[theme]
    rows = ["video", *(f"level {level.level}" for level in reversed(hierarchy.levels))]
    return drawn(
        engine,
        lambda: _plotly(cells, title=title, theme=page, sunburst=shape == "sunburst", characters=page_characters),
        lambda: _matplotlib(cells, rows, title=title, theme=page),
    )


def _plotly(cells: Sequence[Cell], *, title: str, theme: Theme, sunburst: bool, characters: int) -> Figure:
    import plotly.graph_objects as go

    trace = go.Sunburst if sunburst else go.Icicle
    options = {"insidetextorientation": "auto"} if sunburst else {"tiling": {"orientation": "v"}}
    label = _ring_label if sunburst else _icicle_label
    per_ms = characters / cells[0].milliseconds
    figure = go.Figure(
        trace(
            ids=[cell.id for cell in cells],
            parents=[cell.parent for cell in cells],
            values=[cell.milliseconds for cell in cells],
            labels=[markup(label(cell, int(per_ms * cell.milliseconds))) for cell in cells],
            branchvalues="total",  # each node's value is its children's sum
            leaf={"opacity": 1},  # the same colour for the same thread, also where nothing is below it
            sort=False,
            marker={
                "colors": [cell.color for cell in cells],
                "line": {"color": theme.background, "width": 1},
            },
            textfont={"color": [text_color_on(cell.color) for cell in cells], "size": 12},
            textinfo="label",
            hovertext=[markup(cell.hover) for cell in cells],
            hovertemplate="%{hovertext}<extra></extra>",
            **options,
        )
    )
    figure.update_layout(
        **page_layout(title, theme, height=720 if sunburst else 150 + 110 * (1 + max(c.depth for c in cells))),
        uniformtext={"mode": "hide", "minsize": 10},
    )
    figure.update_layout(margin={"t": 56, "b": 16})
    return figure


def _icicle_label(cell: Cell, characters: int) -> str:
    return _in_lines(cell, cell.label, characters, most=6)


def _ring_label(cell: Cell, characters: int) -> str:
    """A long name is shortened: across a ring there is room for 13 characters in three lines."""
    name, *size = cell.label.split("\n")
    return _in_lines(cell, "\n".join([shortened(name, 22), *size]), 13 if characters >= 3 else 0, most=3)


def _in_lines(cell: Cell, label: str, characters: int, *, most: int) -> str:
    """The label whole, broken into lines, or just the thread's number, as it fits into ``characters``."""
    if cell.depth == 0 or characters >= len(label.split("\n")[0]):
        return label
    lines = [line for part in label.split("\n") for line in broken(part, characters)] if characters >= 5 else []
    fits = lines and len(lines) <= most and max(map(len, lines)) <= characters
    return "\n".join(lines) if fits else cell.number


def _matplotlib(cells: Sequence[Cell], rows: Sequence[str], *, title: str, theme: Theme) -> Figure:
    figure = print_page(title, theme, size=(10.0, 0.9 + 0.85 * len(rows)))
    axes = figure.add_subplot()
    end = cells[0].milliseconds
    for depth, row in enumerate(rows):
        row_cells = [cell for cell in cells if cell.depth == depth]
        axes.broken_barh(
            [(cell.start_ms / 1000, cell.milliseconds / 1000) for cell in row_cells],
            (depth, 1),
            facecolors=[cell.color for cell in row_cells],
            edgecolors=theme.background,
            linewidth=0.8,
            label=row,
        )
    axes.set(xlim=(0, end / 1000), ylim=(len(rows), 0), xticks=[])
    axes.set_yticks([depth + 0.5 for depth in range(len(rows))], rows)
    print_axes(axes, theme)
    axes.tick_params(axis="y", length=0)
    figure.draw_without_rendering()  # settles the layout, so that texts can be measured against it
    print_cell_texts(axes, cells)
    return figure


def print_cell_texts(axes, cells: Sequence[Cell]) -> None:
    """Print each label where its cell is wide and high enough, across or upright."""
    from hiero_lib.viz.timeline_print import fitted

    points_per_s = axes.get_window_extent().width / axes.figure.dpi * 72 / axes.get_xlim()[1]
    height = axes.get_window_extent().height / axes.figure.dpi * 72 / axes.get_ylim()[0]
    for cell in cells:
        room = cell.milliseconds / 1000 * points_per_s - 5
        middle = ((cell.start_ms + cell.milliseconds / 2) / 1000, cell.depth + 0.5)
        lines, upright = fitted(cell.label, room, height - 6, size=7), False
        if lines is None:
            lines, upright = fitted(cell.label, height - 6, room, size=7), True
        if lines is None:
            lines, upright = fitted(cell.number, room + 3, height - 6, size=7), False
        if lines is not None:
            axes.text(
                *middle,
                lines,
                ha="center",
                va="center",
                rotation=90 if upright else 0,
                fontsize=7,
                linespacing=1.0,
                color=text_color_on(cell.color),
                in_layout=False,
            )
