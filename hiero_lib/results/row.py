"""A line of the results tables."""

from __future__ import annotations

from dataclasses import dataclass

from hiero_lib.results.metric import Metric


@dataclass(frozen=True)
class Row:
    """A line of the results table.

    Args:
        benchmark: what was measured, for example ``EgoMCQ``.
        method: what was measured on, for example ``HiERO``.
        metric: the name of the measure, for example ``inter-video accuracy``.
        result: the run's own figure; None in a row that only quotes a published one.
        published: the published figure on the real benchmark, in the unit of ``result.value`` (a fraction).
        note: a remark that the figure must not be read without.
        thread_graph: ``within_threads`` or ``released``; None for a method without one.
        segment_times: ``released`` (times 4) or ``paper``, put into a graph over a whole video that is divided; None
            where the times are the video's own by protocol, or there is no graph.
        seed: that this row was made with, or all the seeds that it is a mean over; None: the profile's.
        spread: standard deviation (of n - 1) of ``result.value`` over the seeds.
    """

    benchmark: str
    method: str
    metric: str
    result: Metric | None
    published: float | None = None
    note: str = ""
    thread_graph: str | None = None
    segment_times: str | None = None
    seed: int | tuple[int, ...] | None = None
    spread: float | None = None
