"""Benchmarks: each scores checkpoints and the untrained features, and records it in the run's results."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hiero_lib.base.errors import ConfigError
from hiero_lib.cli import arguments

if TYPE_CHECKING:
    import torch

    from hiero_lib.config import Profile


def add_parsers(commands: arguments.Commands) -> None:
    """Add ``egomcq``, ``egoprocel``, ``goalstep`` and ``egonlq``."""
    zero_shot = (("egomcq", "EgoMCQ", _egomcq), ("egoprocel", "EgoProceL", _egoprocel))
    for name, benchmark, action in (*zero_shot, ("goalstep", "Goal-Step", _goalstep)):
        command = commands.add_parser(name, help=f"score checkpoints and the untrained features on {benchmark}")
        command.set_defaults(command=action)
        arguments.add_profile(command)
        arguments.add_run(command)
        arguments.add_checkpoints(command)

    command = commands.add_parser("egonlq", help="train EgoNLQ's head on raw features and a checkpoint's, score both")
    command.set_defaults(command=_egonlq)
    arguments.add_profile(command)
    arguments.add_run(command)
    arguments.add_checkpoint(command)
    command.add_argument("--workers", type=int, help="heads trained at once (default: one a core, or one on a GPU)")


def _asked(options: argparse.Namespace) -> tuple[Profile, Path, torch.device, dict[str, Path]]:
    """The profile, the run's folder, the device, and the checkpoints by their names on the command line."""
    profile = arguments.open_profile(options)

    from hiero_lib.base.device import best_device

    checkpoints = {str(path): path for path in options.checkpoints}
    return profile, arguments.run_folder(options, profile), best_device(), checkpoints


def _egomcq(options: argparse.Namespace) -> int:
    started = time.monotonic()
    profile, folder, device, checkpoints = _asked(options)

    from hiero_lib.benchmarks.egomcq import task as scoring
    from hiero_lib.methods.method import open_methods
    from hiero_lib.results.record import TABLE_FILE, record

    task = scoring.open_egomcq(profile, device=device)
    methods = open_methods(profile, checkpoints=checkpoints, device=device, text=task.text)
    results = {name: task.evaluate(method.scorer) for name, method in methods.items() if method.scorer is not None}
    if not results:
        raise _nothing_to_score()
    scoring.save_predictions(results, folder)
    path = record(
        folder,
        "egomcq",
        scoring.egomcq_rows(results, methods),
        profile=profile,
        seconds=time.monotonic() - started,
        extra={"checkpoints": list(checkpoints)},
    )
    print(path.with_name(TABLE_FILE).read_text("utf-8"))
    return 0


def _egoprocel(options: argparse.Namespace) -> int:
    started = time.monotonic()
    profile, folder, device, checkpoints = _asked(options)

    from hiero_lib.benchmarks.egoprocel import report as procedure_report
    from hiero_lib.benchmarks.egoprocel import scoring as procedure_scoring
    from hiero_lib.methods.method import open_methods
    from hiero_lib.results.record import TABLE_FILE, record

    task = procedure_scoring.open_egoprocel(profile, device=device)
    print(task.data.summary(), flush=True)
    methods = open_methods(profile, checkpoints=checkpoints, device=device)
    results = task.evaluate_all(methods)
    procedure_report.save_clusters(results, folder)
    path = record(
        folder,
        "egoprocel",
        procedure_scoring.procedure_rows(results, methods, profile),
        profile=profile,
        seconds=time.monotonic() - started,
        extra=procedure_report.extra(task, results) | {"checkpoints": list(checkpoints)},
    )
    print(path.with_name(TABLE_FILE).read_text("utf-8"))
    print(procedure_report.excluded_line(results))
    return 0


def _goalstep(options: argparse.Namespace) -> int:
    started = time.monotonic()
    profile, folder, device, checkpoints = _asked(options)

    from hiero_lib.benchmarks.goalstep import report as step_report
    from hiero_lib.benchmarks.goalstep import task as step_scoring
    from hiero_lib.methods.method import HIERO, open_methods
    from hiero_lib.results.record import TABLE_FILE, record

    task = step_scoring.open_goalstep(profile, device=device)
    print(task.summary(), flush=True)
    every = open_methods(profile, checkpoints=checkpoints, device=device)
    methods = {name: method for name, method in every.items() if method.text_space}
    if not methods:
        raise _nothing_to_score()
    answers: dict[str, dict[str, step_scoring.Answers]] = {}
    for split in task.splits:
        for name, method in methods.items():
            found = task.ground(method, split, parts=name == HIERO)  # the table of parts is about HiERO
            answers.setdefault(split, {})[name] = found
            print(f"{split}, {name}: {found.report.summary()} ({time.monotonic() - started:.0f} s)", flush=True)
    step_report.save_answers(answers, folder)
    more = {"checkpoints": list(checkpoints)}
    path = record(
        folder,
        "step_grounding",
        step_report.grounding_rows(task, answers["val"], methods),
        profile=profile,
        seconds=time.monotonic() - started,
        extra=step_report.extra(task, answers) | more,
    )
    if task.steps is not None:
        started = time.monotonic()
        localized = {name: task.localize(method) for name, method in methods.items()}
        step_report.save_localization(localized, folder)
        rows = step_report.localization_rows(task, localized, methods)
        record(folder, "step_localization", rows, profile=profile, seconds=time.monotonic() - started, extra=more)
    print(path.with_name(TABLE_FILE).read_text("utf-8"))
    return 0


def _egonlq(options: argparse.Namespace) -> int:
    started = time.monotonic()
    profile = arguments.open_profile(options)

    from contextlib import nullcontext

    from hiero_lib.base.device import best_device
    from hiero_lib.benchmarks.egonlq import report as egonlq_report
    from hiero_lib.benchmarks.egonlq import task as egonlq_scoring
    from hiero_lib.methods.method import open_methods
    from hiero_lib.results.record import TABLE_FILE, record

    folder, device = arguments.run_folder(options, profile), best_device()
    checkpoints = {} if options.checkpoint is None else {"checkpoint": options.checkpoint}
    task = egonlq_scoring.open_egonlq(profile, device=device)
    methods = open_methods(profile, checkpoints=checkpoints, device=device)
    for split, report in task.reports.items():
        print(f"{split}: {report.summary()}", flush=True)
    processes = egonlq_scoring.head_processes(device, workers=options.workers)
    with processes or nullcontext():
        trained = egonlq_scoring.train_heads(task, methods, folder=folder / "egonlq", executor=processes)
    files = egonlq_scoring.save_predictions(task, methods, trained, folder)
    rows = egonlq_report.egonlq_rows(task, trained, methods)
    levels = egonlq_report.level_rows(task, trained, methods)
    extra = {"checkpoint": str(options.checkpoint), "heads": egonlq_report.head_records(trained)}
    seconds = time.monotonic() - started
    path = record(folder, "egonlq", rows, profile=profile, seconds=seconds, extra=extra)
    if levels:  # in a section of their own, as notebook 03 has them; the heads of both were trained together
        record(folder, "egonlq_levels", levels, profile=profile, seconds=seconds)
    print(path.with_name(TABLE_FILE).read_text("utf-8"))
    print("Predictions:", *files, sep="\n")
    return 0


def _nothing_to_score() -> ConfigError:
    hint = "The profile's features have no text projection: name a --checkpoint"
    return ConfigError("nothing to score", field="--checkpoint", hint=hint)
