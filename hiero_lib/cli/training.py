"""Training: one model, the same with several seeds, or those of the paper's ablation."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hiero_lib.base.errors import ConfigError
from hiero_lib.base.executors import Task
from hiero_lib.cli import arguments, slurm

if TYPE_CHECKING:
    from hiero_lib.config import Profile


def add_parsers(commands: arguments.Commands) -> None:
    """Add ``train``, ``encode`` and ``ablation``."""
    command = commands.add_parser("train", help="train HiERO, or the linear probe, on EgoClip")
    command.set_defaults(command=_train)
    arguments.add_profile_of_run(command)
    command.add_argument(
        "--run",
        "--for-run",
        dest="run",
        help="write to outputs/RUN/train, where the notebooks of the run look (default: the profile's name); under"
        " torchrun write --for-run, for it takes --run for its own",
    )
    command.add_argument("--folder", type=Path, help="write here, as no part of a run")
    command.add_argument(
        "--seeds", type=arguments.whole(0, 2**32 - 1), nargs="+", help="one after the other, into RUN-seedN"
    )
    command.add_argument("--backbone", choices=("hiero", "probe"), default="hiero", help="(default: %(default)s)")
    command.add_argument("--max-steps", type=arguments.whole(0), help="stop early, after this many steps in all")
    command.add_argument(
        "--forecast",
        action="store_true",
        help="say what it will fetch, keep and take on this machine; nothing is trained",
    )
    slurm.add_slurm(command)

    command = commands.add_parser(
        "encode", help="encode EgoClip's narrations before training; several processes share the work"
    )
    command.set_defaults(command=_encode)
    arguments.add_profile(command)
    command.add_argument(
        "--workers", type=arguments.whole(1, 1024), default=1, help="jobs, with --slurm (default: 1)"
    )
    slurm.add_slurm(command)

    command = commands.add_parser("ablation", help="train and measure the rows of the paper's ablation")
    command.set_defaults(command=_ablation)
    arguments.add_profile_of_run(command)
    arguments.add_run(command)
    command.add_argument(
        "--seeds", type=arguments.whole(0, 2**32 - 1), nargs="+", default=[1, 2, 3], help="(default: 1 2 3)"
    )
    command.add_argument(
        "--workers", type=arguments.whole(1, 1024), default=1, help="local processes (default: %(default)s)"
    )
    command.add_argument(
        "--measures",
        nargs="+",
        default=["egomcq", "egoprocel", "grounding", "threads"],
        help="leave out what there is no data for (default: egomcq egoprocel grounding threads)",
    )
    slurm.add_slurm(command)


def _train(options: argparse.Namespace) -> int:
    trainings = _trainings(options)
    opened = [_open_training(one) for one in trainings]
    if options.forecast:
        return max([_forecast(one, profile, run) for one, (profile, run) in zip(trainings, opened)])
    launch = slurm.open_launch(options, "train", process_per_gpu=True)
    if launch is not None:
        return slurm.send(launch, _train_tasks(trainings, opened), options)

    from hiero_lib.cluster.tasks import join_group

    join_group()
    return max([_train_one(one, profile, run) for one, (profile, run) in zip(trainings, opened)])


def _trainings(options: argparse.Namespace) -> list[argparse.Namespace]:
    """The options of each training: of one, or of one for every seed, into a run of its own.

    Raises:
        ConfigError: options that do not go together.
    """
    if options.folder is not None:
        if options.run is not None or options.seeds:
            raise ConfigError("give a folder or a run", field="--folder", value=str(options.folder))
        if options.profile is None:
            raise ConfigError("give a profile", field="--profile")
    if not options.seeds:
        return [options]
    if options.profile is None:
        raise ConfigError("several seeds need a profile", field="--profile")
    runs = arguments.runs_of_seeds(options, options.run or arguments.open_profile(options).name)
    changes = [{"run": run, "settings": settings, "seeds": None} for run, settings in runs]
    return [argparse.Namespace(**vars(options) | change) for change in changes]


def _open_training(options: argparse.Namespace) -> tuple[Profile, Path | None]:
    """The profile, and the folder of the run; None where ``--folder`` says that it is of none."""
    return arguments.open_run(options) if options.folder is None else (arguments.open_profile(options), None)


def _forecast(options: argparse.Namespace, profile: Profile, run: Path | None) -> int:
    from hiero_lib.doctor.forecast import forecast
    from hiero_lib.results.run import RunFolder

    def folder_of(backbone: str) -> Path:
        return options.folder or RunFolder(profile, run or Path()).model_folder(backbone)

    for line in forecast(profile, folder_of, backbones=[options.backbone]):
        print(line)
    return 0


def _train_tasks(
    trainings: Sequence[argparse.Namespace], opened: Sequence[tuple[Profile, Path | None]]
) -> list[Task]:
    """A task for each training that has not come to its end."""
    from hiero_lib.results.run import RunFolder
    from hiero_lib.training.checkpointing import is_complete

    tasks = []
    for options, (profile, run) in zip(trainings, opened):
        folder = options.folder or RunFolder(profile, run or Path()).model_folder(options.backbone)
        if is_complete(folder, profile.training.epochs, max_steps=options.max_steps):
            print(f"done before: {folder}")
            continue
        tasks.append(slurm.command_task(f"train {folder}", options))
    return tasks


def _train_one(options: argparse.Namespace, profile: Profile, run: Path | None) -> int:
    from hiero_lib.base.device import best_device
    from hiero_lib.benchmarks.egomcq.task import open_egomcq
    from hiero_lib.data.paths import DataPaths
    from hiero_lib.results.kept_profile import keep_profile
    from hiero_lib.results.run import RunFolder
    from hiero_lib.training.divergence import TrainingDiverged
    from hiero_lib.training.loop import run_training

    is_main = int(os.environ.get("RANK", 0)) == 0
    folder = options.folder or RunFolder(profile, run or Path()).model_folder(options.backbone)
    validate, questions = None, DataPaths.at(profile.data_root).egomcq
    if questions.is_file():
        validate = open_egomcq(profile, device=best_device()).validate
    try:
        summary = run_training(
            profile, folder, backbone=options.backbone, max_steps=options.max_steps, validate=validate
        )
    except TrainingDiverged as error:
        if options.debug:
            raise
        print(f"hiero_lib: {error}", file=sys.stderr)
        return 1
    finally:
        if is_main and run is not None and folder.is_dir():  # also of one that was stopped, which is gone on with
            keep_profile(run, profile)
    if is_main:
        print(f"{summary.steps} steps, {summary.epochs:.2f} epochs, {summary.seconds:.0f} s")
        if summary.best_metrics:
            accuracies = ", ".join(f"{name} {100 * value:.1f} %" for name, value in summary.best_metrics.items())
            print(f"validation of the best: {accuracies}")
            print(f"last: {summary.last_checkpoint}\nbest: {summary.best_checkpoint}")
        else:
            why = "no epoch came to a validation" if validate else f"there is no {questions}"
            print(
                f"last: {summary.last_checkpoint}\nno best one, nothing was validated ({why}): commands take the last"
            )
    return 0


def _encode(options: argparse.Namespace) -> int:
    profile = arguments.open_profile(options)
    launch = slurm.open_launch(options, "encode")
    if launch is None and options.workers != 1:
        hint = "Here, start the command as often as you like: all of them share the work"
        raise ConfigError("only with --slurm", field="--workers", value=options.workers, hint=hint)

    from hiero_lib.base.device import best_device
    from hiero_lib.data.paths import DataPaths
    from hiero_lib.training.batches import encode_narrations, narrations_to_encode

    if launch is not None:
        _, missing = narrations_to_encode(profile, device=best_device())
        jobs = range(options.workers) if missing else ()
        tasks = [slurm.command_task(f"encode-{job}", options, workers=1, job=job) for job in jobs]
        return slurm.send(launch, tasks, options)
    started = time.monotonic()
    texts, missing = encode_narrations(profile, device=best_device())
    took = f"{time.monotonic() - started:.0f} s"
    where = DataPaths.at(profile.data_root).text_caches[0]
    print(f"{texts:,} different narrations, {missing:,} of them were missing; {took}; in {where}")
    return 0


def _ablation(options: argparse.Namespace) -> int:
    started = time.monotonic()
    profile, folder = arguments.open_run(options)

    launch = slurm.open_launch(options, "ablation")

    from hiero_lib.base.locks import exclusive
    from hiero_lib.base.progress import quiet
    from hiero_lib.pipelines.ablation import ablation_rows, cells_of
    from hiero_lib.pipelines.sweep import SweepResult, open_cells, run_sweep, task_of
    from hiero_lib.results.kept_profile import keep_profile
    from hiero_lib.results.record import TABLE_FILE, record

    seeds = options.seeds
    cells = cells_of(profile, folder, seeds=seeds, measures=options.measures)

    def keep(result: SweepResult) -> None:
        seconds = time.monotonic() - started
        rows = ablation_rows(result, profile, seeds=seeds)
        keep_profile(folder, profile, say=quiet)  # what is more was said at the start
        record(folder, "ablation", rows, profile=profile, seconds=seconds, extra={"failed": result.failed})

    with exclusive(folder / "ablation", "ablation"), slurm.waited_for(launch):
        if launch is not None:
            tasks = [task_of(cell) for cell in open_cells(cells)]
            launch.submit_all(tasks)
            if options.detach and tasks:
                keep_profile(folder, profile)
                return 0
        result = run_sweep(cells, workers=options.workers, on_done=keep, executor=launch)
    print(f"\n{(folder / TABLE_FILE).read_text('utf-8')}")
    for name, problem in result.failed.items():
        print(f"hiero_lib: {name}: {problem}", file=sys.stderr)
    return 1 if result.failed else 0
