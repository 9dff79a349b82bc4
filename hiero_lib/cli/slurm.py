"""``--slurm`` of the commands that take long, and ``jobs``, which asks how what they sent does.

A command that can be sent calls `add_slurm` for its parser and `open_launch` before it works. What it sends is a task
for each job: of its own, as the ablation's cells, or the very command again (`command_task`), as `train` does.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.executors import Task
from hiero_lib.cli import arguments

if TYPE_CHECKING:
    from hiero_lib.cluster.launch import Launch
    from hiero_lib.pipelines.sweep import SweepResult

_OPTIONS = ("partition", "account", "qos", "gpus", "cpus", "mem", "hours", "slurm_options", "detach")
_HOURS = 12.0


def add_parsers(commands: arguments.Commands) -> None:
    """Add ``jobs``."""
    command = commands.add_parser("jobs", help="say how jobs do that were sent to SLURM")
    command.set_defaults(command=_jobs)
    command.add_argument("launches", nargs="*", metavar="LAUNCH", help="as they are listed (default: the newest)")
    command.add_argument("--all", action="store_true", help="all launches, not those at work and the newest alone")
    command.add_argument("--outputs", type=Path, default=Path("outputs"), help="(default: %(default)s)")
    command.add_argument("--json", action="store_true", help="for machines")


def add_slurm(command: argparse.ArgumentParser, *, gpus: int = 1) -> None:
    """``--slurm`` and what is asked for; ``gpus`` of a job by default."""
    group = command.add_argument_group("on SLURM (needs submitit)")
    group.add_argument("--slurm", action="store_true", help="send the work as jobs, wait for them, and report")
    group.add_argument("--partition", help="default: the cluster's")
    group.add_argument("--account", help="that is charged")
    group.add_argument("--qos", help="quality of service")
    group.add_argument("--gpus", type=arguments.whole(0, 64), help=f"of a job on each node (default: {gpus})")
    group.add_argument("--cpus", type=arguments.whole(1, 1024), help="of a process")
    group.add_argument("--mem", help="of a job on each node, for example 64G")
    group.add_argument("--hours", type=arguments.decimal(0.01, 10_000), help=f"time limit (default: {_HOURS:g})")
    group.add_argument(
        "--slurm-set",
        dest="slurm_options",
        metavar="KEY=YAML",
        action="append",
        default=[],
        help="any option of sbatch, for example nodes=2 or constraint=a100; repeatable",
    )
    group.add_argument("--detach", action="store_true", help="do not wait: ask with the command jobs")
    command.set_defaults(gpus_of_a_job=gpus)


def open_launch(
    options: argparse.Namespace, what: str, *, process_per_gpu: bool = False, outputs: Path = Path("outputs")
) -> Launch | None:
    """The launch that ``--slurm`` asks for; None where it was not given.

    Args:
        options: of a command with `add_slurm`.
        what: one word for the command.
        process_per_gpu: a job is a process for each GPU of its nodes, which join one group.
        outputs: below which launches lie.

    Raises:
        ConfigError: there is no SLURM here, an option is wrong, or one was given without ``--slurm``.
        DataError: submitit is not installed.
    """
    values = {name: getattr(options, name) for name in _OPTIONS}
    given = [name for name, value in values.items() if not (value is None or value is False or value == [])]
    if not options.slurm:
        if given:
            option = "--slurm-set" if given[0] == "slurm_options" else f"--{given[0]}"
            raise ConfigError("only with --slurm", field=option, value=values[given[0]])
        return None
    from hiero_lib.cluster.launch import Launch, check_slurm
    from hiero_lib.cluster.request import Request, read_options

    check_slurm()
    more = read_options(options.slurm_options)
    if not process_per_gpu and (more.get("nodes", 1) != 1 or more.get("ntasks_per_node", 1) != 1):
        hint = "--workers, or more seeds, make more jobs" if "workers" in options else "More seeds make more jobs"
        raise ConfigError("a job of this command is one process", field="--slurm-set", value=more, hint=hint)
    gpus = options.gpus_of_a_job if options.gpus is None else options.gpus
    request = Request(
        partition=options.partition,
        account=options.account,
        qos=options.qos,
        gpus=gpus,
        cpus=options.cpus,
        mem=options.mem,
        hours=_HOURS if options.hours is None else options.hours,
        tasks_per_node=max(1, gpus) if process_per_gpu else 1,
        more=more,
    )
    return Launch(outputs, what, request)


def command_task(name: str, options: argparse.Namespace, **changes: Any) -> Task:
    """The command that was given, with ``changes`` to its options, as a job runs it.

    Two commands with equal options in one folder are one task.
    """
    from hiero_lib.base.fingerprint import Fingerprint

    local = {"slurm": False, "detach": False, "slurm_options": []} | dict.fromkeys(
        ("partition", "account", "qos", "gpus", "cpus", "mem", "hours")
    )
    given = vars(options) | local | changes
    decisive = {key: str(value) for key, value in given.items() if key not in ("command", "debug")}
    key = Fingerprint().json([name, str(Path.cwd()), decisive]).digits(32)
    return Task(name, key, functools.partial(_run, argparse.Namespace(**given)))


def _run(options: argparse.Namespace) -> int:
    status: int = options.command(options)
    if status:
        raise RuntimeError(f"its exit status is {status}, its log says why")
    return status


@contextlib.contextmanager
def waited_for(launch: Launch | None) -> Iterator[None]:
    """In the block a signal leaves a launch's jobs alone, and names them (`hiero_lib.cluster.launch.waiting`)."""
    if launch is None:
        yield
        return
    from hiero_lib.cluster.launch import waiting

    with waiting(launch):
        yield


def send(launch: Launch, tasks: Sequence[Task], options: argparse.Namespace) -> int:
    """Send tasks and wait for them, or leave them with ``--detach``; the exit status."""
    result = sent(launch, tasks, options)
    return 1 if result is not None and result.failed else 0


def sent(launch: Launch, tasks: Sequence[Task], options: argparse.Namespace) -> SweepResult | None:
    """Send tasks and wait for them: what they gave; failures are told. None with ``--detach``, which leaves them."""
    from hiero_lib.pipelines.sweep import SweepResult, run_tasks

    if not tasks:
        print("all is done: no job is sent")
        return SweepResult()
    with waited_for(launch):
        launch.submit_all(tasks)
        if options.detach:
            return None
        result = run_tasks(tasks, executor=launch)
    for name, problem in result.failed.items():
        print(f"hiero_lib: {name}: {problem}", file=sys.stderr)
    return result


def _jobs(options: argparse.Namespace) -> int:
    from hiero_lib.cluster.asking import is_at_work, lines_of, record_of, states_of
    from hiero_lib.cluster.launches import FOLDER, launches

    found = launches(options.outputs)
    named = {launch.name: launch for launch in found}
    for name in options.launches:
        if name not in named:
            known = ", ".join(list(named)[:5]) or "none"
            raise DataError("no such launch", file=options.outputs / FOLDER, value=name, hint=f"Known: {known}")
    asked = [named[name] for name in options.launches] or found
    states, silent = states_of(asked)
    if not options.all and not options.launches:
        asked = [launch for number, launch in enumerate(asked) if number == 0 or is_at_work(launch, states)]
    if options.json:
        print(json.dumps([record_of(launch, states) for launch in asked], indent=1))
    else:
        for line in (line for launch in asked for line in lines_of(launch, states)):
            print(line)
        if not asked:
            print(f"nothing was sent from here to SLURM: {options.outputs / FOLDER} keeps what --slurm sends")
        elif len(asked) < len(found) and not options.launches:
            print(f"{len(found) - len(asked)} older launches: --all")
    if silent:
        print(f"hiero_lib: SLURM does not answer: {silent}", file=sys.stderr)
    return 1 if silent else 0
