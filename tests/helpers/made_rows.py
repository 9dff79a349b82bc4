"""Rows of a timeline with all that they may hold: threads, one unnamed, other spans, names that look like markup."""

from hiero_lib.data.narrations import Narrations
from hiero_lib.hierarchy.spans import Span
from hiero_lib.viz.bars import TimelineRow

TRUTH = TimelineRow("truth", [Span(0, 40, 0), Span(40, 100, 1), Span(100, 180, 0)], {0: "wash <up> & dry", 1: "cook"})
LEVEL = TimelineRow("HiERO level 1", [Span(0, 32, 0), Span(32, 36, 7), Span(36, 176, 1)])
STEPS = TimelineRow("key-steps", [Span(10, 90, 0), Span(90, 150, 1)], {0: "fill the sink", 1: "rinse"}, threads=False)
ROWS = [TRUTH, LEVEL, STEPS]
NARRATIONS = Narrations([5.0, 34.0, 95.0], ["#C C opens the tap", "#C C walks", "#C C stirs the <soup>"])
