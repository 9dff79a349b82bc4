"""The clock of a video file: when each of its pictures is shown, put right where it jumps or starts anew.

The packets are read once without decoding, which costs what reading the file does. Joined recordings start their
clocks anew, a damaged byte moves one picture by hours, and a file that was cut ends before its header says. A jump of
more than 10 s is not believed in formats of streams (as ffmpeg's ``-dts_delta_threshold`` has it); in others it is a
picture that stands still, where the header's duration has room for it and the clock does not come back.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hiero_lib.base.errors import DataError
from hiero_lib.sources.extraction.container import (
    clock_may_jump,
    declared_end,
    opened,
    origin_of,
    what_is_not_read,
)

_JUMP_S = 10.0
_BACK_S = 0.5  # a clock that goes back by more starts anew; by less, single pictures are out of order
_STILL_S = 3600.0  # a picture may stand so long where the header has no duration
_LOOKED_AT = 8  # shifts and runs around a jump
_SHORT_S, _SHORT_PART = 1.0, 0.02  # a picture that ends so much before the header's duration is said


@dataclass(frozen=True)
class Clock:
    """The times of a file's pictures.

    Attributes:
        origin_s: on the file's own clock, at 0:00 of its timeline.
        shown_s: sorted seconds of the timeline at which packets' pictures are shown; step_s: usual distance.
        end_s: of the last picture, which is what the video really lasts; declared_s: what the header says.
        ticks: for each packet its time in the stream's time base, put right (None: it has none); None where all
            packets are right as they are.
        promised: pictures that the header counts; 0 where it does not.
        not_read: what the file holds beside this picture, a sentence each.
        broken_s: where the clock jumped or started anew; still_s: where one picture stands for more than 10 s.
    """

    origin_s: float
    shown_s: np.ndarray
    step_s: float
    end_s: float
    declared_s: float | None
    ticks: Sequence[int | None] | None
    broken_s: tuple[float, ...]
    still_s: tuple[tuple[float, float], ...]
    promised: int = 0
    not_read: tuple[str, ...] = ()

    def remarks(self) -> list[str]:
        """What is odd, a sentence each."""
        said = list(self.not_read)
        if self.broken_s:
            times = "once" if len(self.broken_s) == 1 else f"{len(self.broken_s)} times"
            first = f"{'at' if len(self.broken_s) == 1 else 'first at'} {self.broken_s[0]:.4g} s"
            said.append(f"the file's clock jumps {times}, {first}: its pictures are taken one after the other")
        said += [f"one picture stands from {start:.4g} s to {end:.4g} s" for start, end in self.still_s[:3]]
        declared = None if self.broken_s else self.declared_s  # which is read off a clock that is wrong
        if declared is not None and declared - self.end_s > max(_SHORT_S, _SHORT_PART * declared):
            said.append(f"the picture ends at {self.end_s:.4g} s, the file says {declared:.4g} s")
        elif len(self.shown_s) < (1 - _SHORT_PART) * self.promised - 2:
            said.append(f"{len(self.shown_s)} pictures are in the file, which says {self.promised}")
        return said


def read_clock(path: str | Path) -> Clock:
    """The clock of a video file.

    Raises:
        DataError: as `hiero_lib.sources.extraction.container.opened`, or reading fails.
    """
    with opened(path) as (container, stream):
        rate = stream.average_rate or stream.guessed_rate
        clock = clock_of(
            np.fromiter(_stamps(container, stream, path), np.dtype((float, 3))),
            tick_s=float(stream.time_base),
            origin_s=origin_of(container),
            declared_s=declared_end(container, stream),
            may_jump=clock_may_jump(container),
            step_s=1 / float(rate) if rate else 0.0,
        )
        not_read = tuple(what_is_not_read(path, container))
        return dataclasses.replace(clock, promised=stream.frames, not_read=not_read)


def packets(container: Any, stream: Any, path: str | Path) -> Iterator[Any]:
    """A stream's packets, to the end or to where the container is too damaged to go on.

    Raises:
        DataError: the file cannot be read there.
    """
    import av

    while True:
        try:
            yield from container.demux(stream)
            return
        except IndexError:  # of a stream that begins in the middle, which PyAV does not know: go on behind its packet
            continue
        except (av.InvalidDataError, av.error.EOFError):
            return
        except (av.FFmpegError, OSError) as error:
            raise DataError(f"cannot be read to its end ({error})"[:300], file=path) from error


def clock_of(
    stamps: np.ndarray,
    *,
    tick_s: float,
    origin_s: float = 0.0,
    declared_s: float | None = None,
    may_jump: bool = False,
    step_s: float = 0.0,
) -> Clock:
    """The clock of packets, in the order in which the file has them.

    Args:
        stamps: ``[n, 3]``: seconds of decoding (dts), of showing (pts), both NaN where a packet has none, and length.
        tick_s: of the stream's time base; origin_s: see :class:`Clock`.
        declared_s: end of the picture by the header, from the origin.
        may_jump: the format's clock may start anew anywhere.
        step_s: seconds of a picture, where no packet has a time.
    """
    dts, pts, lengths = stamps.reshape(-1, 3).T
    clock = dts if np.isfinite(dts).any() else pts
    known = np.flatnonzero(np.isfinite(clock))
    if not len(known):
        shown = step_s * np.arange(len(stamps))
        return Clock(origin_s, shown, step_s, step_s * len(stamps), declared_s, None, (), ())
    times = clock[known] - origin_s
    rising = np.diff(times)[np.diff(times) > 0]
    step = float(np.median(rising)) if len(rising) else float(lengths[known[0]])
    jump = max(_JUMP_S, 3 * step)
    cuts = (np.flatnonzero((np.diff(times) > jump) | (np.diff(times) < -_BACK_S)) + 1).tolist()
    runs = list(zip([0, *cuts], [*cuts, len(times)]))
    shifts, broken, still = _shifts(times, runs, step, jump, declared_s, may_jump)

    shift_of = np.full(len(stamps), shifts[0])
    for (start, _), shift in zip(runs, shifts):
        shift_of[known[start] :] = shift
    ahead = pts - dts  # of pictures that are shown in another order than they are decoded in
    several, strange = sorted(set(shifts), key=abs), np.flatnonzero(np.abs(ahead) > jump)
    for number in strange:  # a picture whose own time is of another run, or of none
        off, own = float(ahead[number]), float(shift_of[number])
        near = min(several, key=lambda other: abs(off + other - own))
        shift_of[number] = near if abs(off + near - own) <= jump else own - off
    right = pts + shift_of
    at = np.where(np.isfinite(pts), right, dts + shift_of) - origin_s
    lengths = np.where(lengths > 0, lengths, step)
    trusted = (lengths <= jump) | (at + lengths <= (declared_s or 0.0) + 1)
    ends = (at + np.where(trusted, lengths, step))[np.isfinite(at)]
    ticks = None
    if any(shifts) or len(strange):
        ticks = [round(time / tick_s) if math.isfinite(time) else None for time in right.tolist()]
    delay = float(ahead[np.isfinite(ahead)][0]) if np.isfinite(ahead).any() else 0.0
    return Clock(
        origin_s,
        np.sort(at[np.isfinite(at)]),
        step,
        float(ends.max()),
        declared_s,
        ticks,
        tuple(time + delay for time in broken),
        tuple(still),
    )


def _stamps(container: Any, stream: Any, path: str | Path) -> Iterator[tuple[float, float, float]]:
    tick = float(stream.time_base)
    for packet in packets(container, stream, path):
        if packet.size:  # the last one has nothing in it
            dts, pts = (math.nan if time is None else time * tick for time in (packet.dts, packet.pts))
            yield dts, pts, (packet.duration or 0) * tick


def _shifts(
    times: np.ndarray,
    runs: Sequence[tuple[int, int]],
    step: float,
    jump: float,
    declared_s: float | None,
    may_jump: bool,
) -> tuple[list[float], list[float], list[tuple[float, float]]]:
    """Seconds to add to each run of ``times`` that does not jump; where the clock broke, and where it stood.

    After a jump the clock may come back: a run goes where one of the shifts so far lets it follow the run before.
    """
    shifts: list[float] = []
    broken: list[float] = []
    still: list[tuple[float, float]] = []
    end = 0.0
    for number, (start, stop) in enumerate(runs):
        first, shift = float(times[start]), shifts[-1] if shifts else 0.0
        used = list(dict.fromkeys([*reversed(shifts), 0.0]))[:_LOOKED_AT]
        follows = [other for other in used if -step <= first + other - end <= jump]
        if not shifts and first <= jump:
            pass
        elif follows:
            shift = min(follows, key=lambda other: abs(first + other - end))
        else:
            later = [float(times[at]) + shift for at, _ in runs[number + 1 : number + 1 + _LOOKED_AT]]
            if not may_jump and _stands(end, first + shift, later, declared_s):
                still.append((end, first + shift))
            else:
                shift = end - first
                broken.append(end)
        shifts.append(shift)
        end = float(times[start:stop].max()) + shift + step
    return shifts, broken, still


def _stands(end: float, at: float, later: Sequence[float], declared_s: float | None) -> bool:
    """Whether a clock that goes from ``end`` to ``at`` is right, and the picture stands still between."""
    room = end + _STILL_S if declared_s is None else declared_s + 1
    return end < at <= room and not any(end - _BACK_S <= back < at for back in later)
