"""What a run measured: ``results.json`` for programs, ``results.md`` for people.

Every metric is a value with its n and what was excluded; every section carries the settings, versions, commit,
seed, device and time it was made with. Values are fractions (0.916 for 91.6 %) and stay raw floats in the JSON;
only the table turns them into percentages.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import hiero_lib
from hiero_lib.base.errors import DataError
from hiero_lib.base.files import not_finite, read_json, write_json, write_text
from hiero_lib.base.locks import exclusive
from hiero_lib.base.versions import version_of
from hiero_lib.config import Profile
from hiero_lib.results import tables
from hiero_lib.results.row import Row
from hiero_lib.results.shape import check_results

RESULTS_FILE = "results.json"
TABLE_FILE = "results.md"
COMMAND_VARIABLE = "HIERO_COMMAND"  # how a kernel that ``reproduce`` started learns the command
WAIT_S = 60.0  # for another process that is changing the same results, which takes milliseconds
_PACKAGES = ("torch", "torch-geometric", "numpy", "transformers")


def environment() -> dict[str, Any]:
    """Versions, git commit, device, threads, platform and command of this process, as plain values."""
    import torch

    command = os.environ.get(COMMAND_VARIABLE)
    versions = {name: version_of(name) or "not installed" for name in _PACKAGES}
    versions["hiero_lib"] = hiero_lib.__version__
    versions["python"] = platform.python_version()
    if torch.cuda.is_available():
        device = f"cuda ({torch.cuda.get_device_name()})"
    elif torch.backends.mps.is_available():
        device = "mps"
    else:
        device = "cpu"
    return {
        "versions": versions,
        "commit": git_commit(),
        "device": device,
        "threads": torch.get_num_threads(),
        "platform": platform.platform(),
        "command": shlex.split(command) if command else [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def git_commit() -> str:
    """Commit of the checkout that the package was imported from, ``+changes`` when files differ, or "unknown"."""
    root = Path(hiero_lib.__file__).resolve().parent.parent
    if not (root / ".git").exists():  # an installed copy may lie inside somebody else's repository
        return "unknown"
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{commit}+changes" if changed else commit


def record(
    run_folder: str | Path,
    section: str,
    rows: Sequence[Row],
    *,
    profile: Profile,
    seconds: float,
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Put one section into ``<run_folder>/results.json`` and write ``results.md`` again from the whole.

    A section of the same name is replaced, the others stay, also those that other processes record meanwhile.

    Args:
        run_folder: ``outputs/<run>``.
        section: which part of the run this is, for example ``egomcq``.
        rows: what was measured.
        profile: the settings it was measured with.
        seconds: how long it took, up to now.
        extra: more plain values worth keeping.

    Returns:
        The path of ``results.json``.

    Raises:
        DataError: a value is NaN or infinite (a benchmark without items has no result), ``results.json`` exists and
            is not readable, or another process holds it for a minute.
    """
    for row in rows:
        _check_finite(row, section)
    if found := not_finite(dict(extra or {}), f"{section}.extra"):
        raise DataError("a result must be a finite number", file=RESULTS_FILE, field=found[0], value=found[1])
    finished = datetime.datetime.now(datetime.UTC)
    made = {
        "is_sample": profile.is_sample,
        "rows": [dataclasses.asdict(row) for row in rows],
        "config": profile.to_dict(),
        "environment": environment(),
        "seed": profile.training.seed,
        "started": (finished - datetime.timedelta(seconds=seconds)).isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "extra": dict(extra or {}),
    }

    def put(results: dict[str, Any]) -> None:
        results["sections"][section] = made

    return change(run_folder, put)


def record_notebook(run_folder: str | Path, name: str, outcome: Mapping[str, Any]) -> Path:
    """Note in ``results.json`` how a notebook of the sequence ended.

    Args:
        run_folder: ``outputs/<run>``.
        name: the notebook's name without ``.ipynb``.
        outcome: ``status`` (``done`` or ``failed``), ``seconds``, ``sections`` (those it wrote) and, when it
            failed, ``cell`` and ``error``.
    """

    def put(results: dict[str, Any]) -> None:
        results["notebooks"][name] = dict(outcome)

    return change(run_folder, put)


def forget_notebooks(run_folder: str | Path, names: Sequence[str]) -> None:
    """Drop what ``results.json`` says of these notebooks, and the sections that they wrote.

    Done before they run again, so that no old figure stands beside new ones when the new run stops half-way.
    """

    def drop(results: dict[str, Any]) -> None:
        gone = [results["notebooks"].pop(name) for name in names if name in results["notebooks"]]
        for section in [section for outcome in gone for section in outcome.get("sections", [])]:
            results["sections"].pop(section, None)

    if any(name in load(run_folder)["notebooks"] for name in names):
        change(run_folder, drop)


def change(run_folder: str | Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    """Read ``results.json``, let ``edit`` change it in place, write it and its table: alone among all processes.

    Raises:
        DataError: the file is there and is not a results file, or another process holds it for a minute.
    """
    path = Path(run_folder) / RESULTS_FILE
    with exclusive(path, "writing results", wait_s=WAIT_S):
        results = load(run_folder)
        edit(results)
        write_json(path, results)
        write_text(path.with_name(TABLE_FILE), table(results))
    return path


def load(run_folder: str | Path) -> dict[str, Any]:
    """``results.json`` of a run, or an empty record where there is none yet.

    Raises:
        DataError: the file is there and is not a results file; names the field.
    """
    path = Path(run_folder) / RESULTS_FILE
    if not path.is_file():
        return {"run": Path(run_folder).resolve().name, "notebooks": {}, "sections": {}}
    results: dict[str, Any] = read_json(path)
    check_results(results, path)
    return results


def table(results: Mapping[str, Any]) -> str:
    """Markdown for people, see :mod:`hiero_lib.results.tables`.

    The title and the data column say "sample" wherever the data were made locally.
    """
    return tables.markdown([results])


def _check_finite(row: Row, section: str) -> None:
    numbers = [] if row.result is None else [row.result.value, *(row.result.interval or ())]
    for number in [*numbers, *(given for given in (row.published, row.spread) if given is not None)]:
        if not math.isfinite(number):
            raise DataError(
                "a result must be a finite number",
                file=RESULTS_FILE,
                field=f"{section}: {row.benchmark}, {row.method}, {row.metric}",
                value=number,
            )


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
