"""A command for each benchmark: score checkpoints and the untrained features, and record it in the run's results.

Without ``--checkpoint`` the run's own models are scored: a command that repeats a notebook's measure does not leave
less in the results than was there.
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from hiero_lib.benchmarks import BENCHMARKS
from hiero_lib.cli import arguments

if TYPE_CHECKING:
    from hiero_lib.config import Profile
    from hiero_lib.methods.method import Method


def add_parsers(commands: arguments.Commands) -> None:
    """Add a command for each of :data:`hiero_lib.benchmarks.BENCHMARKS`."""
    for name, help in BENCHMARKS.items():
        command = commands.add_parser(
            name,
            help=help,
            description=f"{help[0].upper()}{help[1:]}. Scores the untrained features beside the models,"
            " prints the run's table and keeps it in outputs/RUN/results.md.",
        )
        command.set_defaults(command=functools.partial(_run, name))
        arguments.add_profile_of_run(command)
        arguments.add_run(command)
        arguments.add_checkpoints(command)


def _run(name: str, options: argparse.Namespace) -> int:
    profile, folder = arguments.open_run(options)

    from hiero_lib.base.device import best_device
    from hiero_lib.base.progress import quiet, say_aside
    from hiero_lib.benchmarks import load_benchmark
    from hiero_lib.benchmarks.benchmark import run_benchmark
    from hiero_lib.methods.opening import open_methods
    from hiero_lib.results.kept_profile import keep_profile
    from hiero_lib.results.record import TABLE_FILE

    checkpoints = {str(path): path for path in options.checkpoints} or _models_of(profile, folder)
    device = best_device()

    def methods() -> dict[str, Method]:
        if not options.checkpoints:  # said once the data are there: a mistake stays one line
            found = ", ".join(checkpoints) or "none is trained: the untrained features alone are scored"
            say_aside(f"models of the run: {found} (others: --checkpoint)")
        return open_methods(profile, checkpoints=checkpoints, device=device)

    written = run_benchmark(
        load_benchmark(name),
        profile,
        methods,
        folder,
        device=device,
        extra={"checkpoints": [str(path) for path in checkpoints.values()]},
    )
    keep_profile(folder, profile, say=quiet)  # what is more was said at the start
    print((folder / TABLE_FILE).read_text("utf-8"))
    print("Predictions:", *written, sep="\n")
    return 0


def _models_of(profile: Profile, folder: Path) -> dict[str, Path]:
    """The last checkpoints that notebook 01 left in the run; none where it has not trained."""
    from hiero_lib.base.progress import say_aside
    from hiero_lib.results.run import IncompleteResults, RunFolder, trained_models

    try:
        return trained_models(RunFolder(profile, folder), say=say_aside)
    except IncompleteResults:
        return {}
