import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hiero_lib.config import HierarchyConfig
from hiero_lib.hierarchy.spans import Span
from hiero_lib.hierarchy.video import tree, video_hierarchy, with_threads
from hiero_lib.models.hiero import HierarchyLevel
from tests.helpers.made_up import STRIDE_S, by_feature, levels_of, record


@st.composite
def videos(draw):
    """Labels of three levels, each drawn on its own: nothing nests by itself."""
    n = draw(st.integers(1, 30))
    random = np.random.default_rng(draw(st.integers(0, 2**16)))  # lists of labels would be drawn slowly
    return [random.integers(0, draw(st.integers(1, 5)), -(-n // 2**level)).tolist() for level in range(3)]


@given(videos())
def test_the_tree_nests_and_its_sums_are_exact(labels) -> None:
    hierarchy = record(labels)
    nodes = {node.id: node for node in tree(hierarchy)}
    assert len(nodes) == len(tree(hierarchy))
    root, *rest = nodes.values()
    assert (root.id, root.parent) == ("video", "")
    assert root.milliseconds == round(1000 * (hierarchy.end_s - hierarchy.start_s))
    children: dict[str, int] = {}
    for node in rest:
        assert nodes[node.parent].level == node.level + 1
        assert node.milliseconds > 0
        children[node.parent] = children.get(node.parent, 0) + node.milliseconds
    assert all(children[node.id] == node.milliseconds for node in nodes.values() if node.level > 0)
    for level in hierarchy.levels:  # and the seconds of a thread are all in the tree
        for thread, seconds in level.seconds().items():
            found = sum(n.milliseconds for n in rest if (n.level, n.thread) == (level.level, thread))
            assert found == round(1000 * seconds)


@given(videos())
def test_every_level_covers_the_video_and_parents_cover_most(labels) -> None:
    hierarchy = record(labels)
    for level in hierarchy.levels:
        assert level.spans[0].start_s == 0
        assert level.spans[-1].end_s == hierarchy.end_s
        assert all(a.end_s == b.start_s and a.label != b.label for a, b in zip(level.spans, level.spans[1:]))
        assert [level.spans[i].label for i in level.span_of_node()] == level.threads.tolist()
    for fine, coarse in zip(hierarchy.levels, hierarchy.levels[1:]):
        for thread, parent in fine.parents.items():
            shared = dict.fromkeys(coarse.seconds(), 0.0)
            for a in fine.spans:
                for b in coarse.spans:
                    if a.label == thread:
                        shared[b.label] += max(0.0, min(a.end_s, b.end_s) - max(a.start_s, b.start_s))
            assert shared[parent] >= max(shared.values()) - 1e-6
            if thread in coarse.seconds():  # a number that both levels have is a thread and its parent
                assert parent == thread
    assert hierarchy.levels[-1].parents == {}


@given(videos(), st.permutations(range(5)))
def test_numbers_depend_on_the_grouping_alone(labels, permutation) -> None:
    again = record([[permutation[label] for label in ids] for ids in labels])
    for one, other in zip(record(labels).levels, again.levels):
        assert one.spans == other.spans
        assert one.parents == other.parents


def test_children_that_share_most_keep_the_number_and_the_others_take_new_ones() -> None:
    hierarchy = record([[7, 7, 9, 9, 9, 9, 3, 3], [5, 5, 5, 8]])
    fine, coarse = hierarchy.levels
    assert [span.label for span in coarse.spans] == [0, 1]
    assert [span.label for span in fine.spans] == [2, 0, 1]  # thread 0 lasts 6.5 segments: 4 of 9, 2 of 7
    assert fine.parents == {2: 0, 0: 0, 1: 1}
    assert fine.threads.tolist() == [2, 2, 0, 0, 0, 0, 1, 1]
    assert [(node.id, node.milliseconds) for node in tree(hierarchy)] == [
        ("video", 4267),
        ("video/1:0", 2933),
        ("video/1:1", 1334),
        ("video/1:0/0:2", 1067),
        ("video/1:0/0:0", 1866),
        ("video/1:1/0:0", 267),
        ("video/1:1/0:1", 1067),
    ]


def test_features_of_spans_are_means_in_the_text_space() -> None:
    hierarchy = record([[1, 1, 2, 1]], project=lambda x: x[:, 1:] * 10)
    (level,) = hierarchy.levels
    assert level.text_x.tolist() == [[0.0], [10.0], [20.0], [30.0]]
    assert level.span_x.tolist() == [[5.0], [20.0], [30.0]]
    assert level.x.shape == (4, 2)


def test_one_level_is_divided_again_and_the_others_keep_their_grouping() -> None:
    labels = [[0, 1, 2, 3, 0, 1, 2, 3], [0, 0, 1, 1]]
    hierarchy = record(labels)
    fewer = with_threads(hierarchy, 0, 2)
    assert len(fewer.levels[0].spans) == 8
    assert len(fewer.levels[0].seconds()) == 2
    assert fewer.levels[1].spans == hierarchy.levels[1].spans
    back = with_threads(fewer, 0, 1000)
    assert [level.spans for level in back.levels] == [level.spans for level in hierarchy.levels]


def test_a_chunk_begins_where_it_begins() -> None:
    levels = levels_of([[0, 0, 1, 1], [0, 1]])
    shifted = [HierarchyLevel(v.level, v.x, v.pos + 60, v.indices, v.batch, v.assignments) for v in levels]
    hierarchy = video_hierarchy(shifted, stride_s=STRIDE_S, divider=by_feature)
    assert hierarchy.levels[1].spans == (Span(60.0, 60.8, 0), Span(60.8, 62.133, 1))
    assert hierarchy.start_s == 60


def test_time_without_nodes_is_a_part_of_the_tree_that_belongs_to_no_thread() -> None:
    (level,) = levels_of([[0, 0, 0]])
    hole = HierarchyLevel(0, level.x, torch.tensor([0.5, 1.5, 9.5]), level.indices, level.batch, level.assignments)
    hierarchy = video_hierarchy([hole], stride_s=1.0, divider=by_feature)
    assert {(node.id, node.milliseconds) for node in tree(hierarchy)} == {
        ("video", 10_000),
        ("video/0:0", 3_000),
        ("video/0:-1", 7_000),
    }


def test_spectral_threads_of_made_up_features_and_their_default_numbers() -> None:
    g = torch.Generator().manual_seed(0)
    centres = torch.randn(16, 32, generator=g)
    which = torch.arange(160) // 10
    levels = []
    for level in range(3):
        rows = torch.arange(0, 160, 2**level)
        x = centres[which[rows]] + 0.05 * torch.randn(len(rows), 32, generator=g)
        index = torch.arange(len(rows))
        levels.append(HierarchyLevel(level, x, (rows + 0.5) * STRIDE_S, index, index * 0, index * 0 - 1))
    found = video_hierarchy(levels, stride_s=STRIDE_S, num_threads=4)
    assert [len(level.seconds()) for level in found.levels] == [18, 8, 4]  # one every 4.5 s at most, not 48
    few = HierarchyConfig(steps_a_thread=1, actions_a_step=3)
    found = video_hierarchy(levels, stride_s=STRIDE_S, num_threads=4, config=few)
    assert [len(level.seconds()) for level in found.levels] == [12, 4, 4]
    first = video_hierarchy(levels, stride_s=STRIDE_S, num_threads=[16, 8, 4])
    again = video_hierarchy(levels, stride_s=STRIDE_S, num_threads=[16, 8, 4])
    assert first.levels[0].threads.tolist() == again.levels[0].threads.tolist()
    # borders lie on the coarse grid, so segments next to one may be the neighbour's
    assert len(np.unique(first.levels[0].threads.reshape(16, 10)[:, 2:8], axis=1).T) == 1
    assert len(with_threads(first, 1, 5).levels[1].seconds()) == 5
    assert [len(level.seconds()) for level in with_threads(first, 2, 2).levels] == [16, 8, 2]
    back = with_threads(with_threads(first, 2, 1), 2, 4)  # what was asked of the levels below is not forgotten
    assert [level.spans for level in back.levels] == [level.spans for level in first.levels]
    for hierarchy in (first, with_threads(first, 1, 5), with_threads(first, 2, 2)):
        assert_nested(hierarchy)


def assert_nested(hierarchy) -> None:
    """Each thread of a level lies in one of the next: the tree has a node a thread, and no slivers at borders."""
    nodes = [node for node in tree(hierarchy) if node.level < len(hierarchy.levels)]
    assert len(nodes) == sum(len(level.seconds()) for level in hierarchy.levels)
    for fine, coarse in zip(hierarchy.levels, hierarchy.levels[1:]):
        assert {span.start_s for span in coarse.spans} <= {span.start_s for span in fine.spans}


@pytest.mark.parametrize("n", [3, 37, 500, 2600])
def test_levels_nest_also_where_a_long_one_is_divided_by_points(n: int) -> None:
    generator = torch.Generator().manual_seed(n)
    base = torch.randn(6, 16, generator=generator)[torch.randint(6, (n // 12 + 1,), generator=generator)]
    x = base.repeat_interleave(12, dim=0)[:n] + 0.4 * torch.randn(n, 16, generator=generator)
    levels = []
    for level in range(3):
        rows = torch.arange(0, n, 2**level)
        index = torch.arange(len(rows))
        levels.append(HierarchyLevel(level, x[rows], (rows + 0.5) * STRIDE_S, index, index * 0, index * 0 - 1))
    config = HierarchyConfig(most_points=300)
    hierarchy = video_hierarchy(levels, stride_s=STRIDE_S, num_threads=3, config=config)
    assert_nested(hierarchy)
    for level in hierarchy.levels:
        assert [level.spans[i].label for i in level.span_of_node()] == level.threads.tolist()


def test_what_makes_no_hierarchy_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one level"):
        video_hierarchy([], stride_s=1.0)
    with pytest.raises(ValueError, match="at least one level"):
        video_hierarchy(levels_of([[]]), stride_s=1.0)
    with pytest.raises(ValueError, match="2 numbers of threads for 1 levels"):
        video_hierarchy(levels_of([[0]]), stride_s=1.0, num_threads=[2, 3])


def test_the_text_space_of_every_level_is_that_of_the_segments() -> None:
    levels = levels_of([[0] * 7, [0] * 4, [0] * 2])
    double = [dataclasses.replace(level, x=level.x + 100 * level.level) for level in levels]
    found = video_hierarchy(
        double, stride_s=STRIDE_S, project=lambda x: 2 * x[:, 1:], num_threads="auto", divider=by_feature
    )
    expected = [[0, 2, 4, 6, 8, 10, 12], [1, 5, 9, 12], [3, 10]]
    assert [level.text_x[:, 0].tolist() for level in found.levels] == expected
    assert found.levels[2].span_x.tolist() == [[6.5]]
