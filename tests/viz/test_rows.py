import dataclasses

import pytest
import torch

from hiero_lib.hierarchy.spans import Span
from hiero_lib.models.hiero import HierarchyLevel
from hiero_lib.viz.bars import TimelineRow
from hiero_lib.viz.palette import thread_color
from hiero_lib.viz.rows import (
    hierarchy_rows,
    in_colors_of,
    level_of,
    network_rows,
    stretch_of,
    thread_name,
    truth_beside,
)
from hiero_lib.viz.timeline import plot_timeline
from tests.helpers.made_up import THREE, record
from tests.viz.test_timeline import BARS


def test_a_row_for_each_level_with_its_spans_the_coarsest_uppermost() -> None:
    hierarchy = record(THREE)
    rows = hierarchy_rows(hierarchy)
    assert [row.name for row in rows] == ["level 2", "level 1", "level 0"]
    assert [row.spans for row in rows] == [level.spans for level in reversed(hierarchy.levels)]


@pytest.mark.parametrize("engine", ["plotly", "matplotlib"])
def test_the_timeline_of_a_hierarchy_shows_its_spans_in_the_same_colors_each_time(engine) -> None:
    hierarchy = record(THREE)
    bars = BARS[engine](plot_timeline(hierarchy_rows(hierarchy), title="t", engine=engine, end_s=hierarchy.end_s))
    expected = {
        (row, round(span.start_s, 3), round(span.length_s, 3), thread_color(span.label))
        for row, level in enumerate(reversed(hierarchy.levels))
        for span in level.spans
    }
    assert {(row, round(start, 3), round(length, 3), color) for row, start, length, color in bars} == expected
    permuted = record([[(7 * label + 3) % 11 for label in ids] for ids in THREE])  # the clustering's own numbers
    assert bars == BARS[engine](plot_timeline(hierarchy_rows(permuted), title="t", engine=engine))


def test_the_truth_takes_the_colors_of_the_threads_that_it_matches() -> None:
    hierarchy = record([[0] * 10 + [1] * 10])
    (level,) = hierarchy.levels
    border, end = level.spans[0].end_s, level.spans[1].end_s
    truth = TimelineRow(
        "truth", [Span(0, border, 4), Span(border, end - 1, 2), Span(end - 1, end, 9)], {4: "a", 9: "c"}
    )
    beside = truth_beside(truth, hierarchy)
    assert [span.label for span in beside.spans] == [0, 1, 2]
    assert beside.names == {0: "a", 2: "c"}


def test_rows_take_the_colors_and_names_of_the_truth_each_for_itself() -> None:
    truth = TimelineRow("truth", [Span(0, 10, 4), Span(10, 20, 2)], {4: "a", 2: "b", 5: "not here"})
    rows = [
        TimelineRow("one", [Span(0, 9, 0), Span(9, 20, 1)], {0: "its own"}),
        TimelineRow("other", [Span(0, 11, 1), Span(11, 15, 0), Span(15, 20, 7)]),
    ]
    colored = in_colors_of(truth, rows)
    assert [[span.label for span in row.spans] for row in colored] == [[4, 2], [4, 5, 2]]
    assert [(row.name, row.names) for row in colored] == [("one", {4: "a", 2: "b"}), ("other", {4: "a", 2: "b"})]


def test_a_stretch_of_a_row_is_cut_and_counted_from_its_beginning() -> None:
    row = TimelineRow("truth", [Span(0, 10, 0), Span(10, 20, 1), Span(20, 30, 0), Span(30, 40, 2)], {0: "a"})
    cut = stretch_of(row, start_s=10, end_s=25)
    assert cut.spans == [Span(0, 10, 1), Span(10, 15, 0)]
    assert (cut.name, cut.names) == ("truth", {0: "a"})
    assert stretch_of(row, start_s=50, end_s=60).spans == []


def test_the_truth_has_one_color_for_all_levels_that_of_the_level_which_fits_best() -> None:
    hierarchy = record(THREE)
    coarsest, finest = hierarchy.levels[2], hierarchy.levels[0]
    numbers = [span.label for span in coarsest.spans]
    other = [Span(span.start_s, span.end_s, 50 + span.label) for span in coarsest.spans]
    found = truth_beside(TimelineRow("truth", other), hierarchy)
    assert [span.label for span in found.spans] == numbers
    strange = [Span(finest.spans[-1].end_s + 5, finest.spans[-1].end_s + 9, 3), Span(0, 1e-3, -1)]
    alone = truth_beside(TimelineRow("truth", strange), hierarchy).spans
    assert alone[0].label > max(span.label for level in hierarchy.levels for span in level.spans)
    assert alone[1].label == -1


def test_names_of_threads_and_levels() -> None:
    (level,) = record([[0, 1]]).levels
    named = dataclasses.replace(level, names={1: "washes"})
    assert [thread_name(named, thread) for thread in (0, 1, -1)] == ["thread 0", "1 washes", "no thread"]
    with pytest.raises(ValueError, match=r"one of \[0\], not 4"):
        level_of(record([[0, 1]]), 4)


def nodes(level: int, pos: list[float], assignments: list[int]) -> HierarchyLevel:
    of_one = torch.zeros(len(pos), dtype=torch.int64)
    return HierarchyLevel(
        level, of_one[:, None].float(), torch.tensor(pos), of_one, of_one, torch.tensor(assignments)
    )


def test_the_networks_own_threads_are_rows_the_coarsest_on_top() -> None:
    segments = nodes(0, [0.5, 1.5, 2.5, 3.5], [-1, -1, -1, -1])
    pooled = nodes(1, [1.0, 3.0], [0, 2])
    coarse = nodes(2, [2.0], [1])
    rows = network_rows([segments, pooled, coarse], stride_s=1.0, name="trained, level")
    assert [row.name for row in rows] == ["trained, level 2", "trained, level 1"]
    assert rows[0].spans == [Span(0.0, 4.0, 1)]
    assert rows[1].spans == [Span(0.0, 2.0, 0), Span(2.0, 4.0, 2)]
    assert network_rows([segments, pooled], stride_s=1.0, start_s=-3.0)[0].spans[0] == Span(3.0, 5.0, 0)
