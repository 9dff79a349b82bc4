"""Several runs that differ in the seed alone, as one: means and standard deviations of what they measured."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from hiero_lib.base.errors import DataError
from hiero_lib.results.record import RESULTS_FILE

SEED = "training.seed"
_SAME = ("benchmark", "method", "metric", "thread_graph", "segment_times")  # of the rows that are one


def over_seeds(runs: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """The content of a ``results.json`` whose values are means over runs, with their spread (of n - 1).

    A row has the seeds that it is a mean over; its note says where not all runs have it, and where each run's value
    is a mean itself (EgoNLQ's heads have seeds of their own). Intervals, which are of one run each, are left out;
    published figures stay.

    Args:
        runs: of `hiero_lib.results.record.load`, with different seeds and otherwise equal settings.
        name: of the result.

    Raises:
        DataError: fewer than two runs, two of one seed, a setting that differs, a section that one of them lacks, or
            a run that is not complete; names the run.
    """
    if len(runs) < 2:
        raise DataError("a mean needs at least two runs", field="runs", value=[run["run"] for run in runs])
    for run in runs:
        for notebook, outcome in run["notebooks"].items():
            if outcome["status"] != "done":
                problem = f"the run is not complete: its notebook {notebook} failed"
                raise DataError(problem, file=_file(run), field=f"notebooks.{notebook}")
    sections = dict.fromkeys(section for run in runs for section in run["sections"])
    return {
        "run": name,
        "notebooks": {},
        "sections": {section: _section(section, runs) for section in sections},
    }


def _section(name: str, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    parts: list[Mapping[str, Any]] = []
    for run in runs:
        if name not in run["sections"]:
            raise DataError("the run lacks a section that others have", file=_file(run), field=f"sections.{name}")
        parts.append(run["sections"][name])
    seeds = [part["seed"] for part in parts]
    for run, part in zip(runs, parts):
        if seeds.count(part["seed"]) > 1:
            raise DataError("two runs have the same seed", file=_file(run), field=f"{name}.seed", value=part["seed"])
        if difference := _difference(parts[0]["config"], part["config"]):
            field, here, there = difference
            problem = f"the runs differ in more than the seed: {runs[0]['run']} has {here!r}"
            raise DataError(problem, file=_file(run), field=f"{name}.config.{field}", value=there)
    rows: dict[tuple[Any, ...], list[tuple[int, Mapping[str, Any]]]] = {}
    for part in parts:
        for row in part["rows"]:
            rows.setdefault(tuple(row.get(key) for key in _SAME), []).append((part["seed"], row))
    first = parts[0]
    return {
        **first,
        "rows": [_mean(found, len(runs)) for found in rows.values()],
        "seconds": round(sum(part["seconds"] for part in parts), 3),
        "finished": max(part["finished"] for part in parts),
        "extra": {"mean_over": [run["run"] for run in runs], "seeds": seeds},
    }


def _mean(found: Sequence[tuple[int, Mapping[str, Any]]], runs: int) -> dict[str, Any]:
    first = found[0][1]
    measured = [(seed, row["result"]) for seed, row in found if row["result"] is not None]
    if not measured:
        return dict(first)
    values = [result["value"] for _, result in measured]
    counts = sorted({result["n"] for _, result in measured})
    notes = [note for note in dict.fromkeys(row["note"] for _, row in found) if note]
    notes += [f"of {len(measured)} of {runs} runs"] * (len(measured) < runs)
    within = (first.get("seed") or ()) if first.get("spread") is not None else ()
    notes += [f"each run's value is a mean over seeds {', '.join(map(str, within))}"] * bool(within)
    notes += [f"n of the runs: {', '.join(map(str, counts))}"] * (len(counts) > 1)
    return {
        **first,
        "result": {**measured[0][1], "value": statistics.fmean(values), "interval": None},
        "note": "; ".join(notes),
        "seed": [seed for seed, _ in measured],
        "spread": statistics.stdev(values) if len(values) > 1 else None,
    }


def _difference(one: Any, other: Any, name: str = "") -> tuple[str, Any, Any] | None:
    """The first setting in which two differ, its two values; None where it is the seed alone."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in dict.fromkeys([*one, *other]):
            if found := _difference(one.get(key), other.get(key), f"{name}.{key}" if name else str(key)):
                return found
        return None
    return None if one == other or name == SEED else (name, one, other)


def _file(run: Mapping[str, Any]) -> str:
    return f"{run['run']}/{RESULTS_FILE}"
