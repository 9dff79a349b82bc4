"""A level divided anew after corrections: they hold to the millisecond, the rest follows, names and numbers stay."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from hiero_lib.config import HierarchyConfig
from hiero_lib.hierarchy.edits import corrected, sayings
from hiero_lib.hierarchy.following import divided_anew, known_nodes
from hiero_lib.hierarchy.operations import Assign, Border, EditError, Mark, Merge, Rename, Replace, Split
from hiero_lib.hierarchy.spans import Span
from hiero_lib.hierarchy.video import video_hierarchy
from hiero_lib.models.hiero import HierarchyLevel
from tests.helpers.made_up import STRIDE_S, THREE, record

CONFIG = HierarchyConfig(coherence_s=1.0)
# What is done in 160 segments: three things, of which the model has the first two as one.
TRUE = np.repeat([0, 1, 2, 0, 1, 2, 1, 0], 20)
TAKEN = np.where(TRUE == 1, 0, TRUE)


def video(depth: int = 1):
    """Levels of 160, 80, ... nodes around one direction a thing."""
    levels = []
    for level in range(depth):
        ids, taken = TRUE[:: 2**level], TAKEN[:: 2**level]
        n = len(ids)
        noise = 0.1 * torch.randn(n, 8, generator=torch.Generator().manual_seed(level))
        pos = (torch.arange(n) * 2**level + 2**level / 2) * STRIDE_S
        row = torch.arange(n)
        x = torch.cat([torch.eye(8)[ids] + noise, torch.tensor(taken)[:, None].float() * 0], dim=1)
        levels.append(HierarchyLevel(level, x, pos, row, torch.zeros_like(row), torch.full_like(row, -1)))
    found = {len(TAKEN[:: 2**level]): TAKEN[:: 2**level] for level in range(depth)}

    def divider(x, node_s):
        return lambda count, within=None: found[len(x)]

    return video_hierarchy(levels, stride_s=STRIDE_S, num_threads=[2] * depth, divider=divider, video_uid="v")


VIDEO = video()


def test_a_span_that_is_set_apart_takes_those_that_are_like_it_along() -> None:
    start, end = 20 * STRIDE_S, 40 * STRIDE_S
    made = [Rename(0, "washes"), Assign(0, start, end, None)]
    follow = divided_anew(VIDEO, made, 0, CONFIG)
    after = corrected(VIDEO, [*made, follow])
    new = after.levels[0].threads[30]
    assert new not in VIDEO.levels[0].threads
    assert ((after.levels[0].threads == new) == (TRUE == 1)).all()
    same = TRUE != 1
    assert (after.levels[0].threads[same] == VIDEO.levels[0].threads[same]).all()  # numbers stay
    assert after.levels[0].names[0] == "washes"
    assert all(span.label == new for span in follow.spans)
    with pytest.raises(EditError, match="stays as it is"):  # and once is enough
        divided_anew(VIDEO, [*made, follow], 0, CONFIG)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_was_corrected_holds_to_the_millisecond(seed: int) -> None:
    random = np.random.default_rng(seed)
    base = record(THREE, channels=6, video_uid="v")
    level = int(random.integers(0, 3))
    made = []
    for _ in range(6):
        here = next(one for one in corrected(base, made).levels if one.level == level)
        threads = sorted(here.seconds())
        start = float(random.uniform(0, base.end_s - 3))
        border = here.spans[int(random.integers(0, len(here.spans)))]
        operation = [
            Assign(level, start, start + float(random.uniform(0.05, 3)), None),
            Assign(level, start, start + 2.0, int(random.choice(threads))),
            Border(level, border.end_s, border.end_s + float(random.uniform(-1, 1))),
            Mark(level, start, start + 1.0, True),
            Split(level, int(random.choice(threads)), start),
            Merge(level, threads[0], threads[-1]),
        ][int(random.integers(0, 6))]
        try:
            corrected(base, [*made, operation])
        except EditError:
            continue
        made.append(operation)
    before, said = corrected(base, made), sayings(base, made, level)
    try:
        follow = divided_anew(base, made, level, CONFIG)
    except EditError as error:
        assert "could follow" in str(error) or "stays as it is" in str(error)  # noqa: PT017
        return
    after = corrected(base, [*made, follow])
    old, new = (next(one for one in video.levels if one.level == level) for video in (before, after))
    for one in said:
        times = np.linspace(one.start_s, one.end_s, 7)[1:-1]
        assert set(new.thread_at(times).tolist()) == {one.thread}
    known = known_nodes(old, said)
    assert (new.threads[known] == old.threads[known]).all()
    assert sayings(base, [*made, follow], level)
    assert {one.number for one in sayings(base, [*made, follow], level)} <= set(range(1, len(made) + 1))
    lengths = [span.end_s - span.start_s for span in new.spans]
    assert min(lengths) > 0
    for other in set(range(3)) - {level}:
        assert after.levels[other].spans == before.levels[other].spans


def test_a_finer_node_stays_within_what_its_coarser_thread_holds() -> None:
    base = video(depth=2)
    coarse = base.levels[1].thread_at(base.levels[0].pos)
    parts = {(a, t) for a, t in zip(coarse.tolist(), base.levels[0].threads.tolist())}
    made = [Assign(0, 20 * STRIDE_S, 40 * STRIDE_S, None)]
    edited = corrected(base, made)
    parts |= {(a, t) for a, t in zip(coarse.tolist(), edited.levels[0].threads.tolist())}
    after = corrected(base, [*made, divided_anew(base, made, 0, CONFIG)])
    assert {(a, t) for a, t in zip(coarse.tolist(), after.levels[0].threads.tolist())} <= parts


def test_a_long_level_is_divided_by_means_of_neighbours_and_corrections_hold_all_the_same() -> None:
    config = dataclasses.replace(CONFIG, most_points=50)
    made = [Assign(0, 20.3 * STRIDE_S, 39.9 * STRIDE_S, None)]
    after = corrected(VIDEO, [*made, divided_anew(VIDEO, made, 0, config)])
    new = after.levels[0].threads[30]
    agree = (after.levels[0].threads == new) == (TRUE == 1)
    assert agree.mean() > 0.95
    assert pytest.approx(next((s.start_s, s.end_s) for s in after.levels[0].spans if s.label == new), abs=1e-3) == (
        20.3 * STRIDE_S,
        39.9 * STRIDE_S,
    )


def test_time_of_no_thread_stays_so() -> None:
    made = [Assign(0, 0.0, 5 * STRIDE_S, -1), Assign(0, 20 * STRIDE_S, 40 * STRIDE_S, None)]
    after = corrected(VIDEO, [*made, divided_anew(VIDEO, made, 0, CONFIG)])
    assert (after.levels[0].threads[:5] == -1).all()
    assert (after.levels[0].threads[5:] >= 0).all()
    nothing = [Replace(0, (Span(0.0, 1.0, -1),), {})]
    with pytest.raises(EditError, match="stays as it is"):
        divided_anew(VIDEO, nothing, 0, CONFIG)


def test_a_mark_and_a_name_say_nothing_that_could_be_followed() -> None:
    made = [Rename(0, "x"), Mark(0, 0.0, 4.0, True)]
    with pytest.raises(EditError, match="could follow"):
        divided_anew(VIDEO, made, 0, CONFIG)
    with pytest.raises(EditError, match="there are levels"):
        divided_anew(VIDEO, made, 9, CONFIG)
