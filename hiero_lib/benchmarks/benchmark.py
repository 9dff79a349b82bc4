"""What every benchmark has in common: the files it needs, how it is opened, evaluated and written down."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from hiero_lib.base.errors import ConfigError
from hiero_lib.base.progress import say
from hiero_lib.config import Profile
from hiero_lib.methods.method import Method
from hiero_lib.results.record import record
from hiero_lib.results.row import Row


@dataclass(frozen=True)
class Section:
    """A section of ``results.json``: its name, its rows, and plain values worth keeping beside them."""

    name: str
    rows: Sequence[Row]
    extra: Mapping[str, Any] = field(default_factory=dict)


class Task(Protocol):
    """A benchmark opened on the data of a profile. What ``evaluate`` returns goes into the other calls as it is."""

    def summary(self) -> str:
        """What was read, and what was left out of it, for people."""

    def evaluate(self, methods: Mapping[str, Method], *, run_folder: Path) -> Any:
        """Score the methods; under ``run_folder`` may stay what makes an interrupted evaluation go on."""

    def notes(self, results: Any) -> list[str]:
        """Lines for people: what was left out of the results, and what looks wrong."""

    def sections(self, results: Any, methods: Mapping[str, Method]) -> list[Section]:
        """What ``results.json`` is to hold."""

    def save_predictions(self, results: Any, methods: Mapping[str, Method], run_folder: Path) -> list[Path]:
        """Write every answer below ``<run>/predictions``, in the official format where there is one."""


@dataclass(frozen=True)
class Benchmark:
    """A benchmark as the commands and the notebooks know it.

    Attributes:
        title: as the literature has it.
        needed_files: files and folders without which there is nothing to score.
        open: reads them; called with a profile and ``device=``.
        needs_text: whether only methods with a text space can be scored.
        only: names of the methods that it can score; None: all.
    """

    title: str
    needed_files: Callable[[Profile], list[Path]]
    open: Callable[..., Task]
    needs_text: bool = False
    only: Collection[str] | None = None

    def scorable(self, methods: Mapping[str, Method]) -> dict[str, Method]:
        """The methods that can be scored; ConfigError where there is none."""
        kept = {
            name: method
            for name, method in methods.items()
            if (method.text_space or not self.needs_text) and (self.only is None or name in self.only)
        }
        if not kept:
            hint = "The profile's features have no text projection: name a --checkpoint"
            raise ConfigError(f"{self.title} has nothing to score", field="--checkpoint", hint=hint)
        return kept


def run_benchmark(
    benchmark: Benchmark,
    profile: Profile,
    methods: Callable[[], Mapping[str, Method]],
    run_folder: Path,
    *,
    device: torch.device,
    extra: Mapping[str, Any],
    say: Callable[[str], None] = say,
) -> list[Path]:
    """Open a benchmark, score methods and record it in the run's ``results.json``; the files of predictions.

    Args:
        benchmark: which one.
        profile: the settings.
        methods: opens them (:func:`hiero_lib.methods.opening.open_methods`), after the data, whose faults are seen
            sooner. Those that cannot be scored are left out, and said.
        run_folder: ``outputs/<run>``.
        device: where to compute.
        extra: kept beside the rows of every section.
        say: receives what was read, and what is to be known of the results.

    Raises:
        ConfigError: no method can be scored.
        DataError: a file is missing or cannot be used.
    """
    started = time.monotonic()
    task = benchmark.open(profile, device=device)
    say(task.summary())
    opened = methods()
    scored = benchmark.scorable(opened)
    for name in opened:
        if name not in scored:
            say(f"not scored on {benchmark.title}: {name}")
    results = task.evaluate(scored, run_folder=run_folder)
    for note in task.notes(results):
        say(note)
    written = task.save_predictions(results, scored, run_folder)
    sections = task.sections(results, scored)
    record_sections(run_folder, sections, profile=profile, seconds=time.monotonic() - started, extra=extra)
    return written


def record_sections(
    run_folder: Path, sections: Sequence[Section], *, profile: Profile, seconds: float, extra: Mapping[str, Any]
) -> None:
    """Put sections into the run's ``results.json``.

    Args:
        run_folder: ``outputs/<run>``.
        sections: of :meth:`Task.sections`.
        profile: the settings that they were measured with.
        seconds: that the measurement took.
        extra: kept in each section beside what it has itself.
    """
    for section in sections:
        more = {**extra, **section.extra}
        record(run_folder, section.name, section.rows, profile=profile, seconds=seconds, extra=more)
