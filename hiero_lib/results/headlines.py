"""The main measure of each benchmark, and a run in short: these alone, a line each."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from hiero_lib.results.entries import PUBLISHED, Entry, all_entries

HEADLINES = (  # section of results.json, its measure, and what it is called beside those of other benchmarks
    ("egomcq", "inter-video accuracy", "EgoMCQ inter"),
    ("egomcq", "intra-video accuracy", "EgoMCQ intra"),
    ("egonlq", "R1@0.3", "EgoNLQ R1, IoU 0.3"),
    ("egoprocel", "F1, average", "EgoProceL F1"),
    ("step_grounding", "R1@0.3", "step grounding R1, IoU 0.3"),
    ("step_localization", "mAP, average", "step localisation mAP"),
    ("threads", "level 2", "threads (ARI)"),
    ("search", "recall at 5, level 0", "search, recall at 5"),
)
METHODS = (
    "untrained features",
    "linear probe",
    "HiERO",
    "HiERO minus untrained features",
    "HiERO minus linear probe",
)


def headlines(runs: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """The main measure of each benchmark, under its name in :data:`HEADLINES`, of the methods that runs share.

    Of several tables of a section that have the measure, the first is the main one.
    """
    everything, lines = all_entries(runs), dict[tuple[str, str, str], Entry]()
    for section, metric, title in HEADLINES:
        for entry in everything:
            measured = entry.data != PUBLISHED and entry.here is not None and entry.method in METHODS
            if measured and (entry.section, entry.metric) == (section, metric):
                lines.setdefault((title, entry.run, entry.method), dataclasses.replace(entry, metric=title))
    return list(lines.values())


def short_table(results: Mapping[str, Any]) -> list[list[str]]:
    """A line a main measure, a column a method, in percent with 95 % intervals, and the header; empty without any."""
    entries = headlines([results])
    methods = [name for name in METHODS[:3] if any(entry.method == name for entry in entries)]
    cells = {(entry.metric, entry.method): _percent(entry) for entry in entries}
    rows = [
        [measure, *(cells.get((measure, name), "") for name in methods)]
        for measure in dict.fromkeys(entry.metric for entry in entries)
    ]
    return [["in percent", *methods], *rows] if rows else []


def summary(results: Mapping[str, Any]) -> str:
    """The same for a terminal."""
    lines = short_table(results)
    widths = [max(map(len, column)) for column in zip(*lines)]
    padded = ("   ".join(cell.ljust(width) for cell, width in zip(line, widths)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)


def _percent(entry: Entry) -> str:
    """A value, with its interval where it has one."""
    if entry.here is None or entry.low is None or entry.high is None:
        return "" if entry.here is None else f"{100 * entry.here:.1f}"
    return f"{100 * entry.here:.1f} ({100 * entry.low:.1f} to {100 * entry.high:.1f})"
