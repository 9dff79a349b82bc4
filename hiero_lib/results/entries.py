"""The lines of the results tables: every value of a run with what it may be compared with and how it was made.

Input are the dictionaries of ``results.json``. A difference is taken only from the published figure of the same
method on the same features, and never on the sample.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hiero_lib.results.published import counterpart, has_published_rows

SAMPLE, REAL, PUBLISHED = "sample", "real", "as published"


@dataclass(frozen=True)
class Entry:
    """One line: a value that a run measured, or a published one that it quotes. Values are fractions.

    Attributes:
        run, section, benchmark, method, metric: where the value belongs.
        data: ``sample``, ``real``, or ``as published`` for a quoted line.
        here, spread, low, high: the run's value, its standard deviation over seeds, its 95 % interval.
        published: the published value of this method on these features; in a quoted line, of the method it names.
        comparable: whether the paper reports the method, so that a difference is missed where there is none.
        n, excluded, thread_graph, segment_times, seed, command, note: how it was measured.
    """

    run: str
    section: str
    benchmark: str
    method: str
    metric: str
    data: str
    here: float | None
    spread: float | None
    low: float | None
    high: float | None
    published: float | None
    comparable: bool
    n: int | None
    excluded: int | None
    thread_graph: str
    segment_times: str
    seed: str
    command: str
    note: str

    @property
    def difference(self) -> float | None:
        """The run's value minus the published one; None on the sample, or where one of them is missing."""
        if self.data != REAL or self.here is None or self.published is None:
            return None
        return self.here - self.published


def entries(results: Mapping[str, Any]) -> list[Entry]:
    """The lines of one run, in the order in which they were recorded."""
    lines: list[Entry] = []
    for name, section in results["sections"].items():
        rows, folder = section["rows"], section["config"].get("features", {}).get("folder", "")
        beside = [None if row["result"] is None else counterpart(row, rows, folder) for row in rows]
        reported = {(row["benchmark"], row["metric"]) for row in rows if row["published"] is not None}
        for row, quoted in zip(rows, beside):
            result = row["result"] or {}
            published = row["published"]
            if published is None and quoted is not None and not section["is_sample"]:
                published = quoted["published"]
            measured = row["result"] is not None
            data = (SAMPLE if section["is_sample"] else REAL) if measured else PUBLISHED
            low, high = result.get("interval") or (None, None)
            lines.append(
                Entry(
                    run=results["run"],
                    section=name,
                    benchmark=row["benchmark"],
                    method=row["method"],
                    metric=row["metric"],
                    data=data,
                    here=result.get("value"),
                    spread=row.get("spread"),
                    low=low,
                    high=high,
                    published=published,
                    comparable=(row["benchmark"], row["metric"]) in reported and has_published_rows(row["method"]),
                    n=result.get("n"),
                    excluded=result.get("excluded"),
                    thread_graph=row.get("thread_graph") or "",
                    segment_times=row.get("segment_times") or "",
                    seed=_seeds(row.get("seed"), section["seed"]) if measured else "",
                    command=command_line(section) if measured else "",
                    note=row["note"],
                )
            )
    return lines


def command_line(section: Mapping[str, Any]) -> str:
    """The command that wrote a section, as one would type it."""
    command = section["environment"].get("command") or []
    if not command:
        return "unknown"
    if command[0] == "__main__.py":
        return shlex.join(["python", "-m", "hiero_lib", *command[1:]])
    if command[0] == "ipykernel_launcher.py":
        return "a notebook, by hand"
    return shlex.join(command)


def all_entries(runs: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """The lines of all runs; what several runs quote alike stands there once."""
    lines: list[Entry] = []
    quoted: set[tuple[str, str, str]] = set()
    for entry in (entry for run in runs for entry in entries(run)):
        key = (entry.benchmark, entry.method, entry.metric)
        if entry.data == PUBLISHED:
            if key in quoted:
                continue
            quoted.add(key)
        lines.append(entry)
    return lines


def by_benchmark(lines: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Lines by table, what was measured above what is quoted."""
    grouped: dict[str, list[Entry]] = {}
    for entry in sorted(lines, key=lambda entry: entry.data == PUBLISHED):
        grouped.setdefault(entry.benchmark, []).append(entry)
    return grouped


def _seeds(own: Any, of_section: int) -> str:
    if isinstance(own, Sequence):
        return ", ".join(map(str, own))
    return str(of_section if own is None else own)
