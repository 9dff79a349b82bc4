"""The clock of a file: joined, moved, cut, or standing still; each case as packets, and as real files."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hiero_lib.sources.extraction.clock import Clock, clock_of

STEP = 0.04
TICK = 1 / 90_000


def steady(start: float, count: int) -> list[float]:
    return [start + STEP * number for number in range(count)]


def clock(dts: list[float], pts: list[float] | None = None, **options: object) -> Clock:
    shown = dts if pts is None else pts
    return clock_of(np.array([[d, p, STEP] for d, p in zip(dts, shown)]), tick_s=TICK, **options)  # type: ignore[arg-type]


def test_a_clock_that_is_right_is_left_alone() -> None:
    found = clock(steady(0, 150), declared_s=6.0)
    assert (found.ticks, found.broken_s, found.still_s, found.remarks()) == (None, (), (), [])
    assert found.end_s == pytest.approx(6.0)
    assert found.step_s == pytest.approx(STEP)


@pytest.mark.parametrize("second", [0.0, -50.0, 7200.0])
def test_joined_recordings_follow_one_another(second: float) -> None:
    found = clock([*steady(0, 100), *steady(second, 50), *steady(0, 100)], may_jump=True)
    assert found.end_s == pytest.approx(10.0)
    assert len(found.broken_s) == 2
    assert np.diff(found.shown_s) == pytest.approx(STEP)
    assert found.remarks() == [
        "the file's clock jumps 2 times, first at 4 s: its pictures are taken one after the other"
    ]


@pytest.mark.parametrize("may_jump", [True, False])
@pytest.mark.parametrize("hours", [2.0, -2.0])
@pytest.mark.parametrize("count", [1, 6])
def test_pictures_that_were_moved_by_hours_come_back(hours: float, count: int, may_jump: bool) -> None:
    times = steady(0, 150)
    for number in range(40, 40 + count):
        times[number] += 3600 * hours
    for declared in (None, 6.0, 9000.0):
        found = clock(times, declared_s=declared, may_jump=may_jump)
        assert found.end_s == pytest.approx(6.0)
        assert np.diff(found.shown_s) == pytest.approx(STEP)
        assert found.remarks()


def test_a_picture_whose_showing_alone_was_moved_is_shown_where_it_is_decoded() -> None:
    shown = steady(0, 150)
    shown[40] += 7200
    found = clock(steady(0, 150), shown)
    assert found.end_s == pytest.approx(6.0)
    assert found.ticks is not None
    assert found.ticks[39:42] == [round(k * STEP / TICK) for k in (39, 40, 41)]


def test_a_picture_that_stands_still_is_believed_where_there_is_room_for_it() -> None:
    times = [*steady(0, 10), *steady(60, 10)]
    assert clock(times, declared_s=60.4).end_s == pytest.approx(60.4)
    assert clock(times, declared_s=60.4).remarks() == ["one picture stands from 0.4 s to 60 s"]
    assert clock(times, declared_s=None).end_s == pytest.approx(60.4)
    assert clock(times, declared_s=6.0).end_s == pytest.approx(0.8)
    assert clock(times, declared_s=60.4, may_jump=True).end_s == pytest.approx(0.8)
    long = [*steady(0, 10), *steady(7200, 10)]
    assert clock(long, declared_s=None).end_s == pytest.approx(0.8)


def test_the_first_picture_hours_after_the_sound() -> None:
    assert clock(steady(7200, 50), declared_s=2.0).end_s == pytest.approx(2.0)
    assert clock(steady(3, 50), declared_s=5.0).shown_s[0] == pytest.approx(3.0)


def test_a_last_picture_of_hours() -> None:
    stamps = np.array([[time, time, STEP] for time in steady(0, 50)])
    stamps[-1, 2] = 7200
    assert clock_of(stamps, tick_s=TICK, declared_s=2.0).end_s == pytest.approx(2.0)
    assert clock_of(stamps, tick_s=TICK, declared_s=7202.0).end_s == pytest.approx(7201.96)


def test_no_times_at_all_and_some_missing() -> None:
    none = np.array([[math.nan, math.nan, 0.0]] * 50)
    assert clock_of(none, tick_s=TICK, step_s=STEP).end_s == pytest.approx(2.0)
    assert clock_of(np.empty((0, 3)), tick_s=TICK).end_s == 0.0
    some = np.array([[time, time, STEP] for time in steady(0, 50)])
    some[:3, 0], some[20] = math.nan, (math.nan, math.nan, 0.0)
    assert clock_of(some, tick_s=TICK).end_s == pytest.approx(2.0)
    shown = some.copy()
    shown[:, 0] = math.nan
    assert clock_of(shown, tick_s=TICK).end_s == pytest.approx(2.0)


def test_pictures_far_apart_are_no_jumps() -> None:
    found = clock([15.0 * k for k in range(8)], declared_s=105.04)
    assert (found.ticks, found.broken_s) == (None, ())


def test_an_end_before_the_headers_is_said() -> None:
    assert clock(steady(0, 98), declared_s=6.0).remarks() == ["the picture ends at 3.92 s, the file says 6 s"]
    assert clock(steady(0, 148), declared_s=6.0).remarks() == []
