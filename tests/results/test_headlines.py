"""A run in short: its main measures alone."""

from __future__ import annotations

from pathlib import Path

from hiero_lib.config import load_profile
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED
from hiero_lib.results.headlines import METHODS, summary
from hiero_lib.results.metric import Metric
from hiero_lib.results.record import load, record
from hiero_lib.results.row import Row
from hiero_lib.results.tables import markdown

SAMPLE = load_profile("sample")
METRICS = {"egomcq": ["inter-video accuracy", "intra-video accuracy", "of no headline"], "egonlq": ["R1@0.3"]}


def test_the_names_of_methods_are_those_of_runs() -> None:
    assert METHODS[:3] == (UNTRAINED, PROBE, HIERO)


def test_a_run_in_short(tmp_path: Path) -> None:
    assert summary(load(tmp_path)) == ""
    for section, metrics in METRICS.items():
        rows = [Row(section, HIERO, metric, Metric(0.5, 10, 0, (0.4, 0.6))) for metric in metrics]
        rows.append(Row(section, UNTRAINED, metrics[0], Metric(0.25, 10)))
        record(tmp_path, section, rows, profile=SAMPLE, seconds=1)
    assert summary(load(tmp_path)).splitlines() == [
        "in percent           untrained features   HiERO",
        "EgoMCQ inter         25.0                 50.0 (40.0 to 60.0)",
        "EgoMCQ intra                              50.0 (40.0 to 60.0)",
        "EgoNLQ R1, IoU 0.3   25.0                 50.0 (40.0 to 60.0)",
    ]
    text = markdown([load(tmp_path)])
    assert (
        text.index("## In short\n\n| in percent ")
        < text.index("| EgoNLQ R1, IoU 0.3 | 25.0 ")
        < text.index("## egomcq")
    )
    assert "## In short" not in markdown([load(tmp_path), load(tmp_path)])  # runs side by side have their own
