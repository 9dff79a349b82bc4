"""Runs side by side: the main measure of each benchmark, what the runs' settings differ in, and their spread.

Input are the dictionaries of ``results.json``. Whether runs may be compared (seeds of one setting, variants of one
model on the same data) is for the reader to say: `differing_settings` tells what to look at.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError
from hiero_lib.results.entries import Entry
from hiero_lib.results.headlines import headlines
from hiero_lib.results.names import run_folder
from hiero_lib.results.record import RESULTS_FILE, load

_NOT_COMPARED = {"data_root", "name"}


def is_measured(results: Mapping[str, Any]) -> bool:
    """Whether a run has a main measure of any benchmark."""
    return bool(headlines([results]))


def read_runs(outputs: str | Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """``results.json`` of each of the runs, in the order of their names.

    Raises:
        ConfigError: the name of a run is that of no folder.
        DataError: a run is named twice, or has nothing to compare.
    """
    if twice := [name for name in names if list(names).count(name) > 1]:
        raise DataError("a run is compared with others, not with itself", field="runs", value=twice[0])
    found = []
    for name in names:
        folder = run_folder(outputs, name)
        results = load(folder)
        if not is_measured(results):
            known = sorted(path.parent.name for path in Path(outputs).glob(f"*/{RESULTS_FILE}"))
            hint = f"Runs in {outputs}: {', '.join(known) or 'none'}"
            raise DataError("the run has no measures to compare", file=folder / RESULTS_FILE, value=name, hint=hint)
        found.append(results)
    return found


def differing_settings(runs: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: a line for each setting that is not the same in all runs, a column a run.

    The settings of a run are those of its training, or of its last measure where none is recorded. Where its data lie
    is left out.
    """
    flat = [_flat(_config(results)) for results in runs]
    names = dict.fromkeys(name for settings in flat for name in settings)
    rows = []
    for name in names:
        values = [str(settings.get(name, "")) for settings in flat]
        if len(set(values)) > 1 and name not in _NOT_COMPARED:
            rows.append([name, *values])
    return ["setting", *(results["run"] for results in runs)], rows


def spread_table(lines: Sequence[Entry]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: for each measure and method its mean over the runs with their standard deviation (of n - 1),
    and each run's own, in percent; nothing where there is one run.
    """
    runs = list(dict.fromkeys(entry.run for entry in lines))
    values: dict[tuple[str, str], dict[str, float]] = {}
    for entry in lines:
        if entry.here is not None:
            values.setdefault((entry.metric, entry.method), {})[entry.run] = 100 * entry.here
    rows = []
    for (metric, method), of_run in values.items():
        if len(of_run) > 1:
            mean, deviation = statistics.mean(of_run.values()), statistics.stdev(of_run.values())
            cells = [f"{of_run[run]:.1f}" if run in of_run else "" for run in runs]
            rows.append([metric, method, f"{mean:.1f} ± {deviation:.1f}", *cells])
    return ["measure", "method", "mean ± deviation", *runs], rows


def training_logs(runs: Sequence[Mapping[str, Any]]) -> dict[str, Path]:
    """The metrics logs of all runs' trainings that are there, by method, and by run where there are several."""
    names = {"probe": "linear probe", "hiero": "HiERO"}
    logs = {}
    for results in runs:
        for backbone, trained in results["sections"].get("training", {}).get("extra", {}).items():
            file = trained.get("metrics_file") if isinstance(trained, Mapping) else None
            if isinstance(file, str) and "\0" not in file and Path(file).is_file():
                name = names.get(backbone, backbone)
                logs[f"{name}, {results['run']}" if len(runs) > 1 else name] = Path(file)
    return logs


def _config(results: Mapping[str, Any]) -> Mapping[str, Any]:
    sections = results["sections"]
    made: Mapping[str, Any] = sections["training"] if "training" in sections else list(sections.values())[-1]
    config: Mapping[str, Any] = made["config"]
    return config


def _flat(config: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Dotted names of settings, as ``--set`` takes them."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[f"{before}{name}"] = value
    return flat
