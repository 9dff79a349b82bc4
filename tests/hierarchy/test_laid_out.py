"""Threads over seconds, whatever they were made of."""

from __future__ import annotations

import numpy as np
import torch

from hiero_lib.hierarchy.laid_out import LevelSpans, row_at
from hiero_lib.hierarchy.spans import Span

SPANS = (Span(0.0, 2.0, 4), Span(2.0, 5.0, 1), Span(7.0, 8.5, 4))
LEVEL = LevelSpans(1, SPANS, torch.zeros(3, 2), names={4: "stirs"})


def test_a_thread_has_the_seconds_of_all_its_spans() -> None:
    assert LEVEL.seconds() == {1: 3.0, 4: 3.5}


def test_a_border_is_the_later_spans_and_a_hole_the_one_befores() -> None:
    times = np.array([-1.0, 0.0, 1.9, 2.0, 4.9, 6.0, 7.0, 99.0])
    assert row_at(SPANS, times).tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert LEVEL.thread_at(times).tolist() == [4, 4, 4, 1, 1, 1, 4, 4]
    assert row_at(SPANS, np.array([1.999])).tolist() == [1]  # whole milliseconds, rounded
