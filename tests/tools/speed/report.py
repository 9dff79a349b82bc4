"""The report page of a two-hour video: how large it is beside plotly.js, and how long it takes."""

from __future__ import annotations

import torch
from plotly.offline import get_plotlyjs

from hiero_lib.export.page import report
from tests.helpers.made_record import made_record
from tests.tools.speed.common import seconds


def run(device: torch.device) -> None:
    """Print sizes and times for videos of half an hour and two hours."""
    plotly_js = get_plotlyjs().encode()
    print(f"report page, 3 levels of 16 threads, 6 queries; plotly.js {len(plotly_js) / 1e6:.1f} MB is in it once:")
    for num_segments in (3375, 13_500):
        record = made_record(num_segments, narrations=num_segments // 9, num_threads=16, longest=6, queries=6)
        spans = sum(len(level.spans) for level in record.hierarchy.levels)
        size = (len(report(record).encode()) - len(plotly_js)) / 1e6
        took = seconds(lambda r=record: report(r), torch.device("cpu"), repeats=2)
        print(f"  {num_segments / 6750:.1f} h, {spans:,} spans: {size:.2f} MB beside it (aim: under 2), {took:.1f} s")
