import dataclasses

import pytest
from hypothesis import given, settings
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex

from hiero_lib.hierarchy.video import tree
from hiero_lib.viz.palette import NO_THREAD_COLOR, THEMES, thread_color
from hiero_lib.viz.tree import plot_tree, tree_cells
from tests.helpers.made_up import THREE, record
from tests.hierarchy.test_video import videos


@settings(max_examples=40)
@given(videos())
def test_cells_fill_their_node_exactly_side_by_side(labels) -> None:
    cells = {cell.id: cell for cell in tree_cells(record(labels))}
    assert len(cells) == len(tree_cells(record(labels)))
    for cell in cells.values():
        children = [other for other in cells.values() if other.parent == cell.id]
        if children:
            assert sum(child.milliseconds for child in children) == cell.milliseconds
            start = cell.start_ms
            for child in children:
                assert child.start_ms == start
                start += child.milliseconds


@pytest.mark.parametrize("shape", ["icicle", "sunburst"])
def test_plotly_would_not_be_blank(shape) -> None:
    """With branchvalues="total": unique ids, known parents, and no node smaller than its children."""
    hierarchy = record(THREE)
    (trace,) = plot_tree(hierarchy, title="t", shape=shape).data
    assert trace.type == shape
    assert trace.branchvalues == "total"
    assert len(set(trace.ids)) == len(trace.ids)
    values = dict(zip(trace.ids, trace.values))
    sums: dict[str, int] = {}
    for parent, value in zip(trace.parents, trace.values):
        assert isinstance(value, int)
        sums[parent] = sums.get(parent, 0) + value
    assert sums.pop("") == values["video"] == round(1000 * hierarchy.end_s)
    assert all(values[parent] == total for parent, total in sums.items())
    assert trace.leaf.opacity == 1  # else the finest level has paler colours than the other figures
    nodes = {node.id: node for node in tree(hierarchy)}
    for name, color in zip(trace.ids[1:], trace.marker.colors[1:]):
        assert color == thread_color(nodes[name].thread)


def test_a_block_too_narrow_for_its_name_in_a_notebook_shows_its_number() -> None:
    """Plotly hides what does not fit: broken for a page of twice the width, names of narrow blocks were gone."""
    hierarchy = record([[0] * 92 + [1] * 8])
    named = dataclasses.replace(hierarchy.levels[0], names={0: "cuts", 1: "shakes trousers"})
    (trace,) = plot_tree(dataclasses.replace(hierarchy, levels=(named,)), title="t").data
    shown = dict(zip(trace.ids, trace.labels))
    assert shown["video/0:1"] == "1"
    assert shown["video/0:0"].startswith("0 cuts")


def test_a_wide_ring_shows_a_long_name_shortened() -> None:
    hierarchy = record(THREE)
    coarsest = hierarchy.levels[-1]
    named = dataclasses.replace(coarsest, names={0: "takes the big red thing from the shelf", 1: "cuts"})
    hierarchy = dataclasses.replace(hierarchy, levels=(*hierarchy.levels[:-1], named))
    (trace,) = plot_tree(hierarchy, title="t", shape="sunburst").data
    shown = dict(zip(trace.ids, trace.labels))
    assert shown["video/2:0"] == "0 takes the<br>big red…<br>00:15"
    assert shown["video/2:1"] == "1 cuts<br>00:06"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_matplotlib_draws_the_cells(theme) -> None:
    hierarchy = record(THREE)
    figure = plot_tree(hierarchy, title="t", engine="matplotlib", theme=theme)
    found = set()
    for collection in figure.axes[0].collections:
        assert isinstance(collection, PolyCollection)
        for path, color in zip(collection.get_paths(), collection.get_facecolors()):
            box = path.get_extents()
            found.add((round(box.y0), round(1000 * box.x0), round(1000 * box.width), to_hex(color).upper()))
    cells = tree_cells(hierarchy, theme=theme)
    assert found == {(cell.depth, cell.start_ms, cell.milliseconds, cell.color) for cell in cells}
    assert cells[0].color == THEMES[theme].neutral[1]
    ticks = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert ticks == ["video", "level 2", "level 1", "level 0"]
    assert "whole video, 00:21" in {text.get_text() for text in figure.axes[0].texts}


def test_short_pieces_are_put_together_without_losing_time() -> None:
    hierarchy = record([[0] * 1000 + [1, 2] + [0] * 1000])
    cells = tree_cells(hierarchy)
    assert [(cell.id, cell.color) for cell in cells[1:]] == [
        ("video/0:0", thread_color(0)),
        ("video/short", NO_THREAD_COLOR),
    ]
    assert cells[1].milliseconds + cells[2].milliseconds == cells[0].milliseconds
    assert cells[2].label == "2 short pieces, 00:01.1 together"


def test_hover_says_how_much_of_the_thread_is_here() -> None:
    cells = {cell.id: cell for cell in tree_cells(record([[0] * 4 + [1] * 4, [0] * 3 + [1]]))}
    assert cells["video/1:0/0:0"].hover.startswith("level 0: thread 0\n00:02.1 here")
    here, total = cells["video/1:1/0:1"].hover.splitlines()[1:]
    assert (here, total) == ("00:01.6 here, 37.5 % of the video", "00:02.1 in all") or here.endswith("of the video")


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="'pie'"):
        plot_tree(record(THREE), title="t", shape="pie")
    with pytest.raises(ValueError, match="with plotly"):
        plot_tree(record(THREE), title="t", engine="matplotlib", shape="sunburst")
    with pytest.raises(ValueError, match="'bokeh'"):
        plot_tree(record(THREE), title="t", engine="bokeh")
