"""The notebook sequence with several seeds: a run for each, ``RUN-seedN``, and their means in ``RUN-seeds``.

A run is what `hiero_lib.pipelines.reproduce` makes of it alone: begun by hand, it is gone on with here, and back.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiero_lib.base.executors import Task
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.pipelines.reproduce import reproduce, unfinished
from hiero_lib.results.names import run_folder
from hiero_lib.results.record import change, load
from hiero_lib.results.seeds import SEED, over_seeds


@dataclass(frozen=True)
class SeedRun:
    """A run of the sequence with one seed.

    Args:
        seed: of training; run: its name.
        profile, only, settings, outputs: as `reproduce` takes them; ``settings`` have the seed.
    """

    seed: int
    run: str
    profile: str | Path
    only: str | None
    settings: Mapping[str, Any]
    outputs: Path

    @property
    def folder(self) -> Path:
        """``<outputs>/<run>``."""
        return run_folder(self.outputs.resolve(), self.run)

    @property
    def arguments(self) -> dict[str, Any]:
        """For `reproduce` and `unfinished`, beside the profile."""
        return {"run": self.run, "only": self.only, "settings": self.settings, "outputs": self.outputs}

    def unfinished(self) -> list[str]:
        """The notebooks that are to be run.

        Raises:
            ConfigError, DataError: as `reproduce`, for what it refuses before anything runs.
        """
        return unfinished(self.profile, **self.arguments)

    def task(self) -> Task:
        """The run as an executor takes it; returns the path of its ``results.json``."""
        key = Fingerprint().json(["reproduce", str(self.folder), self.only, dict(self.settings)]).digits(32)
        return Task(f"seed {self.seed}", key, functools.partial(reproduce, self.profile, **self.arguments))


def seed_runs(
    profile: str | Path,
    runs: Mapping[int, str],
    *,
    only: str | None,
    settings: Mapping[str, Any],
    outputs: Path,
) -> list[SeedRun]:
    """A run for each seed; ``runs`` are their names."""
    return [SeedRun(seed, run, profile, only, {**settings, SEED: seed}, outputs) for seed, run in runs.items()]


def record_means(runs: Sequence[SeedRun], name: str) -> Path:
    """Write the means over runs that are done to ``<outputs>/<name>``; the path of ``results.json``.

    Raises:
        DataError: as `over_seeds`.
    """
    means = over_seeds([load(run.folder) for run in runs], name)

    def put(results: dict[str, Any]) -> None:
        results |= means

    return change(run_folder(runs[0].outputs, name), put)
