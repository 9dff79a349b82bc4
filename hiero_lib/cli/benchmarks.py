"""A command for each benchmark: score checkpoints and the untrained features, and record it in the run's results."""

from __future__ import annotations

import argparse
import functools

from hiero_lib.benchmarks import BENCHMARKS
from hiero_lib.cli import arguments


def add_parsers(commands: arguments.Commands) -> None:
    """Add a command for each of :data:`hiero_lib.benchmarks.BENCHMARKS`."""
    for name, help in BENCHMARKS.items():
        command = commands.add_parser(name, help=help)
        command.set_defaults(command=functools.partial(_run, name))
        arguments.add_profile_of_run(command)
        arguments.add_run(command)
        arguments.add_checkpoints(command)


def _run(name: str, options: argparse.Namespace) -> int:
    profile, folder = arguments.open_run(options)

    from hiero_lib.base.device import best_device
    from hiero_lib.base.progress import quiet
    from hiero_lib.benchmarks import load_benchmark
    from hiero_lib.benchmarks.benchmark import run_benchmark
    from hiero_lib.methods.opening import open_methods
    from hiero_lib.results.kept_profile import keep_profile
    from hiero_lib.results.record import TABLE_FILE

    checkpoints = {str(path): path for path in options.checkpoints}
    device = best_device()
    written = run_benchmark(
        load_benchmark(name),
        profile,
        functools.partial(open_methods, profile, checkpoints=checkpoints, device=device),
        folder,
        device=device,
        extra={"checkpoints": list(checkpoints)},
    )
    keep_profile(folder, profile, say=quiet)  # what is more was said at the start
    print((folder / TABLE_FILE).read_text("utf-8"))
    print("Predictions:", *written, sep="\n")
    return 0
