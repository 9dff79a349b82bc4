import dataclasses

import pytest
import torch

from hiero_lib.hierarchy.names import longest_name, phrase, with_names
from hiero_lib.hierarchy.video import video_hierarchy
from hiero_lib.models.hiero import HierarchyLevel
from tests.helpers.made_up import THREE, record

EYE = torch.eye(4)


def hierarchy_of(threads, directions):
    """Threads of 1 s nodes, whose features point where their thread's direction does."""
    ids = torch.tensor(threads)
    row = torch.arange(len(ids))
    level = HierarchyLevel(0, directions[ids], row + 0.5, row, row * 0, row * 0 - 1)
    return video_hierarchy([level], stride_s=1.0, divider=lambda x, node_s: lambda count, within=None: ids.numpy())


def test_a_thread_is_called_by_what_was_told_during_it() -> None:
    hierarchy = hierarchy_of([0, 0, 0, 1, 1, 1], EYE)
    texts = ["#C C looks around", "#C C cuts the onion", "#C C opens the tap", "#O a man walks"]
    embedded = torch.stack([EYE[0] + EYE[1], EYE[0] + 0.1 * EYE[2], EYE[1], EYE[0]])
    named = with_names(hierarchy, texts, embedded, times=[0.5, 1.5, 4.5, 5.5])
    assert named.levels[0].names == {0: "cuts the onion", 1: "opens the tap"}
    assert hierarchy.levels[0].names == {}


def test_a_thread_during_which_nothing_was_told_takes_the_nearest() -> None:
    hierarchy = hierarchy_of([0, 0, 1, 1], EYE)
    texts, embedded = ["#C C cuts", "#C C cuts", "#C C washes"], torch.stack([EYE[0], EYE[0], EYE[1]])
    named = with_names(hierarchy, texts, embedded, times=[0.2, 0.4, 1.5])
    assert named.levels[0].names == {0: "cuts", 1: "washes"}


def test_a_name_that_is_told_elsewhere_alone_is_nobodys() -> None:
    """Two threads during which the same is told: one has the name, and the other does not take a third's."""
    hierarchy = hierarchy_of([0, 0, 1, 1, 2, 2], EYE)
    texts, embedded = ["#C C washes a cup", "#C C washes a cup", "#C C drinks"], torch.stack([EYE[0], EYE[0], EYE[2]])
    names = with_names(hierarchy, texts, embedded, times=[0.5, 2.5, 4.5]).levels[0].names
    assert names == {0: "washes a cup", 2: "drinks"}


def test_words_that_are_told_here_and_not_elsewhere_make_the_name() -> None:
    hierarchy = hierarchy_of([0, 0, 0, 1, 1, 1], EYE[[0, 0]])  # features tell nothing apart
    texts = ["moves the cloth", "irons the cloth", "moves the cloth", "moves the cloth", "moves the pan", "moves it"]
    named = with_names(hierarchy, texts, torch.ones(6, 4), times=[0.5, 1.5, 2.5, 3.5, 4.5, 5.5])
    assert named.levels[0].names[0] == "irons the cloth"
    assert named.levels[0].names[1] in ("moves the pan", "moves it")


def test_a_thread_has_one_name_at_every_level() -> None:
    hierarchy = record([[0] * 4 + [1] * 4 + [2] * 8, [0] * 4 + [1] * 4], project=lambda x: x)
    texts = [f"does {i}" for i in range(9)]
    embedded = torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
    named = with_names(hierarchy, texts, embedded)
    fine, coarse = (level.names for level in named.levels)
    assert all(fine[thread] == name for thread, name in coarse.items() if thread in fine)
    assert len(set((fine | coarse).values())) == len(fine | coarse)


def test_a_vocabulary_may_name_any_thread_and_names_differ() -> None:
    # both threads are nearest to "cook"; only one of them may have it, the one that gains more by it
    hierarchy = hierarchy_of([0, 1], torch.stack([EYE[0], EYE[0] + EYE[1]]))
    named = with_names(hierarchy, ["cook", "wash"], EYE[:2])
    assert named.levels[0].names == {0: "cook", 1: "wash"}
    assert with_names(hierarchy, [], EYE[:0]).levels[0].names == {}
    assert with_names(hierarchy, ["cook", "cook"], EYE[[0, 0]]).levels[0].names == {0: "cook"}


def test_numbers_that_differ_are_refused() -> None:
    hierarchy = hierarchy_of([0, 1], EYE)
    with pytest.raises(ValueError, match="1 texts but 2 features"):
        with_names(hierarchy, ["cook"], EYE[:2])
    with pytest.raises(ValueError, match="and 1 times"):
        with_names(hierarchy, ["cook", "wash"], EYE[:2], times=[1.0])


def test_phrases() -> None:
    assert phrase("#C C  washes the pan") == "washes the pan"
    assert phrase("#O a man walks") == "a man walks"
    assert phrase("cut the onion") == "cut the onion"
    assert phrase("#C C puts #unsure on the shelf.") == "puts something on the shelf"


def test_a_narration_without_words_names_nothing() -> None:
    hierarchy = record([[0, 0, 1, 1]])
    found = with_names(hierarchy, ["#C C ...", ".", "#C C cuts"], torch.randn(3, 2), times=[0.1, 0.2, 1.5])
    assert list(found.levels[0].names.values()) == ["cuts"]
    assert with_names(hierarchy, ["."], torch.randn(1, 2)).levels[0].names == {}


def test_the_longest_name_is_of_the_longest_thread_that_has_one() -> None:
    hierarchy = record(THREE)
    coarsest = hierarchy.levels[-1]
    assert longest_name(hierarchy, level=coarsest.level) is None
    assert longest_name(hierarchy, level=99) is None
    seconds = coarsest.seconds()
    by_length = sorted(seconds, key=seconds.__getitem__)
    named = dataclasses.replace(coarsest, names={thread: f"does {thread}" for thread in by_length[:-1]})
    hierarchy = dataclasses.replace(hierarchy, levels=(*hierarchy.levels[:-1], named))
    assert longest_name(hierarchy, level=coarsest.level) == f"does {by_length[-2]}"
