"""Corrections by hand: what each does to spans, nodes, parents and names, and what it refuses."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

from hiero_lib.hierarchy.agreement import agreement
from hiero_lib.hierarchy.edits import corrected, sayings
from hiero_lib.hierarchy.operations import Assign, Border, EditError, Follow, Mark, Merge, Rename, Replace, Split
from hiero_lib.hierarchy.spans import Span
from tests.helpers.made_up import STRIDE_S, THREE, record


@pytest.fixture
def video():
    made = record(THREE, channels=6, video_uid="v")
    levels = [dataclasses.replace(level, names={0: "cuts", 1: "cooks"}) for level in made.levels]
    return dataclasses.replace(made, levels=tuple(levels))


def spans(video, level):
    return [(span.start_s, span.end_s, span.label) for span in video.levels[level].spans]


def check(video):
    """What holds of every record: spans in order and without holes, nodes and parents after them."""
    for level, coarser in zip(video.levels, [*video.levels[1:], None]):
        assert level.spans[0].start_s == video.start_s
        assert level.spans[-1].end_s == video.end_s
        assert all(a.end_s == b.start_s for a, b in itertools.pairwise(level.spans))
        assert level.threads.tolist() == level.thread_at(level.pos).tolist()
        assert level.span_x.shape == (len(level.spans), level.text_x.shape[1])
        assert bool(level.span_x.isfinite().all())
        labels = {span.label for span in level.spans if span.label >= 0}
        assert set(level.parents) == (labels if coarser else set())


def test_nothing_corrected_is_the_same_video(video) -> None:
    again = corrected(video, [])
    for before, after in zip(video.levels, again.levels):
        assert after.spans == before.spans
        assert after.names == {t: n for t, n in before.names.items() if t in before.seconds()}
    assert [one.ari for one in agreement(video, again)] == [1.0, 1.0, 1.0]


def test_a_name_is_the_threads_at_every_level(video) -> None:
    renamed = corrected(video, [Rename(0, "  washes\nup ")])
    assert {level.names[0] for level in renamed.levels} == {"washes up"}
    assert all(0 not in level.names for level in corrected(video, [Rename(0, "")]).levels)
    check(renamed)


def test_a_thread_that_is_merged_is_gone_from_its_level_alone(video) -> None:
    gone = sorted(video.levels[0].seconds())[-1]
    merged = corrected(video, [Merge(0, gone, 0)])
    assert gone not in merged.levels[0].seconds()
    assert spans(merged, 1) == spans(video, 1)
    before, after = video.levels[0].seconds(), merged.levels[0].seconds()
    assert after[0] == pytest.approx(before[0] + before[gone])
    check(merged)


def test_a_thread_is_split_where_it_goes_on_and_other_threads_are_not_cut(video) -> None:
    thread = next(t for t in video.levels[0].seconds() if sum(s.label == t for s in video.levels[0].spans) > 1)
    first = next(span for span in video.levels[0].spans if span.label == thread)
    at = round(first.start_s + first.length_s / 2, 3)
    split = corrected(video, [Split(0, thread, at)])
    new = max(split.levels[0].seconds())
    assert new == 1 + max(max(level.seconds()) for level in video.levels)
    assert {span.label for span in split.levels[0].spans if span.start_s < at} & {thread}
    assert all(span.end_s <= at for span in split.levels[0].spans if span.label == thread)
    assert split.levels[0].seconds()[thread] == pytest.approx(at - first.start_s, abs=2e-3)
    check(split)


def test_a_span_is_given_to_another_thread_or_gets_one_of_its_own(video) -> None:
    span = video.levels[1].spans[1]
    given = corrected(video, [Assign(1, span.start_s, span.end_s, video.levels[1].spans[0].label)])
    first, _, third = video.levels[1].spans[:3]
    assert first.label == third.label
    assert spans(given, 1)[0] == (0.0, third.end_s, first.label)  # neighbours of one thread join
    own = corrected(video, [Assign(1, span.start_s + 0.4, span.end_s, None)])
    assert spans(own, 1)[2][0] == pytest.approx(span.start_s + 0.4)
    assert spans(own, 1)[2][2] not in {s.label for s in video.levels[1].spans}
    none = corrected(video, [Assign(1, span.start_s, span.end_s, -1)])
    assert none.levels[1].spans[1].label == -1
    for one in (given, own, none):
        check(one)


def test_a_border_moves_between_its_neighbours_and_nodes_follow(video) -> None:
    before, after = video.levels[0].spans[:2]
    to = before.end_s + 2 * STRIDE_S
    moved = corrected(video, [Border(0, before.end_s, to)])
    assert spans(moved, 0)[:2] == [
        (before.start_s, round(to, 3), before.label),
        (round(to, 3), after.end_s, after.label),
    ]
    assert (moved.levels[0].threads != video.levels[0].threads).sum() == 2
    check(moved)
    for wrong in (before.start_s, after.end_s, after.end_s + 5, -1.0, math.nan):
        with pytest.raises(EditError):
            corrected(video, [Border(0, before.end_s, wrong)])
    with pytest.raises(EditError, match="no border there"):
        corrected(video, [Border(0, before.end_s + 0.1, to)])


def test_a_mark_stays_on_its_time_whatever_comes_after(video) -> None:
    span = video.levels[0].spans[2]
    marked = corrected(video, [Mark(0, span.start_s, span.end_s, True)])
    assert marked.levels[0].wrong == {2}
    later = corrected(video, [Mark(0, span.start_s, span.end_s, True), Merge(0, span.label, 0)])
    wrong = [s for row, s in enumerate(later.levels[0].spans) if row in later.levels[0].wrong]
    assert [(s.start_s, s.end_s, s.label) for s in wrong] == [(span.start_s, span.end_s, 0)]
    cleared = corrected(marked, [Mark(0, span.start_s, span.end_s, False)])
    assert cleared.levels[0].wrong == frozenset()
    assert spans(cleared, 0) == spans(video, 0)
    (first, *_) = agreement(video, marked)
    assert (first.ari, first.excluded) == (1.0, (video.levels[0].span_of_node() == 2).sum())


def test_a_level_is_replaced_and_its_holes_are_of_no_thread(video) -> None:
    new = (Span(2.0, 5.0, 7), Span(5.0, 9.0, 0))
    replaced = corrected(video, [Replace(1, new, {7: "eats"}, frozenset({1}))])
    end = video.end_s
    assert spans(replaced, 1) == [(0.0, 2.0, -1), (2.0, 5.0, 7), (5.0, 9.0, 0), (9.0, end, -1)]
    assert replaced.levels[1].names[7] == "eats"
    assert replaced.levels[1].wrong == {2}
    after = corrected(video, [Replace(1, new, {}), Assign(0, 0.0, 1.0, None)])
    assert 8 in after.levels[0].seconds()  # a number that no thread has
    check(replaced)
    for bad in ((Span(5.0, 4.0, 0),), (Span(0.0, 3.0, 0), Span(2.0, 4.0, 1)), (Span(0.0, end + 1, 0),)):
        with pytest.raises(EditError):
            corrected(video, [Replace(1, bad, {})])


def test_undoing_is_leaving_the_last_one_out(video) -> None:
    made = [Rename(0, "a"), Merge(0, 1, 0), Split(0, 0, 3.0), Mark(1, 0.0, 2.0, True)]
    for count in range(len(made)):
        one_by_one = video
        for operation in made[:count]:
            one_by_one = corrected(one_by_one, [operation])
        at_once = corrected(video, made[:count])
        assert [spans(one_by_one, level) for level in range(3)] == [spans(at_once, level) for level in range(3)]


@pytest.mark.parametrize(
    "operation",
    [
        *(Rename(99, "x"), Rename(-1, "x"), Rename(0, "x" * 201)),
        *(Merge(0, 99, 0), Merge(0, 0, 99), Merge(0, 0, 0), Merge(7, 0, 1)),
        *(Split(0, 0, 0.0), Split(0, 0, 1e6), Split(0, 99, 3.0), Split(0, 0, math.inf)),
        *(Assign(0, 3.0, 3.0, 0), Assign(0, 5.0, 3.0, 0), Assign(0, 1.0, 2.0, 99), Assign(0, 1e6, 2e6, 0)),
        *(Mark(0, math.nan, 1.0, True), Mark(9, 0.0, 1.0, True)),
    ],
)
def test_what_cannot_be_done_is_refused_and_named(video, operation) -> None:
    with pytest.raises(EditError) as caught:
        corrected(video, [Rename(0, "a"), operation])
    assert caught.value.__notes__[0].startswith("correction 2: ")
    assert caught.value.field


def test_a_span_shorter_than_a_node_still_has_features(video) -> None:
    own = corrected(video, [Assign(2, 1.0, 1.01, None)])
    check(own)
    assert np.isfinite(own.levels[2].span_x.numpy()).all()


def said(video, operations, level):
    return [(one.start_s, one.end_s, one.thread, one.number) for one in sayings(video, operations, level)]


def test_a_merge_and_a_split_speak_of_whole_threads(video) -> None:
    here = video.levels[0]
    often = next(t for t in here.seconds() if sum(span.label == t for span in here.spans) > 1)
    at = next(span for span in here.spans if span.label == often).end_s
    others = [thread for thread in here.seconds() if thread != often]
    for operation, threads in ((Merge(0, others[0], often), {often, others[0]}), (Split(0, often, at), {often})):
        told = said(video, [Rename(0, "x"), operation], 0)
        seconds = sum(end - start for start, end, *_ in told)
        assert seconds == pytest.approx(sum(here.seconds()[thread] for thread in threads))
        assert {number for *_, number in told} == {2}
    assert said(video, [Merge(0, others[0], often)], 1) == []  # of another level nothing is said


def test_the_last_word_stands_and_a_mark_takes_it_back(video) -> None:
    first, second = Assign(1, 2.0, 4.0, 0), Assign(1, 3.0, 5.0, None)
    told = said(video, [first, second], 1)
    assert (told[0][0], told[-1][1]) == (2.0, 5.0)
    assert all((start >= 3.0) == (number == 2) for start, _, _, number in told)
    assert len({thread for *_, thread, number in told if number == 2} | {0}) == 2
    marked = said(video, [first, second, Mark(1, 2.5, 3.5, True)], 1)
    assert min(start for start, *_ in marked) == 2.0
    assert all(end <= 2.5 or start >= 3.5 for start, end, *_ in marked)
    again = [first, second, Mark(1, 2.5, 3.5, True), Mark(1, 2.5, 3.5, False)]
    assert said(video, again, 1) == marked  # a mark that is taken away says nothing


def test_a_border_speaks_of_what_it_moved_and_of_a_node_on_either_side(video) -> None:
    before, after = video.levels[0].spans[:2]
    to = round(before.end_s + 2 * STRIDE_S, 3)
    told = said(video, [Border(0, before.end_s, to)], 0)
    assert {thread for *_, thread, _ in told} == {before.label, after.label}
    assert min(one[0] for one in told) == pytest.approx(before.end_s, abs=2e-3)
    assert max(one[1] for one in told) == pytest.approx(to + STRIDE_S, abs=2e-3)
    back = said(video, [Border(0, before.end_s, before.end_s - STRIDE_S)], 0)
    assert min(one[0] for one in back) == pytest.approx(before.end_s - 2 * STRIDE_S, abs=2e-3)
    assert max(one[1] for one in back) == pytest.approx(before.end_s, abs=2e-3)


def test_a_border_is_found_where_pieces_of_one_thread_meet(video) -> None:
    """Spans that were joined by a correction are one to whoever looks, also when all is made anew."""
    span, after = video.levels[0].spans[1:3]
    joined = [Assign(0, span.start_s, span.end_s, video.levels[0].spans[0].label)]
    moved = Border(0, span.end_s, 1.0)  # far into what was joined
    at_once = corrected(video, [*joined, moved])
    assert spans(at_once, 0) == spans(corrected(corrected(video, joined), [moved]), 0)
    assert spans(at_once, 0)[1] == (1.0, after.end_s, after.label)


def test_a_file_speaks_of_what_it_has_otherwise(video) -> None:
    here = video.levels[1].spans
    same = Replace(1, here, {})
    assert said(video, [same], 1) == []
    other = (*here[:-1], Span(here[-1].start_s, here[-1].end_s, 9))
    told = said(video, [Replace(1, other, {})], 1)
    assert told == [(here[-1].start_s, here[-1].end_s, 9, 1)]
    given = Assign(1, 0.0, 1.0, None)
    kept = said(video, [given, Replace(1, corrected(video, [given]).levels[1].spans, {})], 1)
    assert [one[3] for one in kept] == [1]  # what was said before stays said


def test_what_follows_says_nothing_and_takes_nothing_that_is_said(video) -> None:
    first, second = video.levels[1].spans[:2]
    given = Assign(1, first.start_s, first.end_s, second.label)
    follow = Follow(1, (Span(second.start_s, second.end_s, first.label),))
    followed = corrected(video, [given, follow])
    assert spans(followed, 1)[0] == (first.start_s, first.end_s, second.label)
    assert spans(followed, 1)[1][2] == first.label
    assert [one[3] for one in said(video, [given, follow], 1)] == [1]
    check(followed)
    against = Follow(1, (Span(first.start_s, first.end_s, first.label),))
    with pytest.raises(EditError, match=r"correction 1 \(level 1: .*\) says .* and correction 2 \(level 1: the rest"):
        corrected(video, [given, against])
    for bad in (Span(2.0, 1.0, 0), Span(1.0, 2.0, 77), Span(1.0, math.nan, 0)):
        with pytest.raises(EditError):
            corrected(video, [Follow(1, (bad,))])
