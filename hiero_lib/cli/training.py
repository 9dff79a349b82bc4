"""Training: one model, or those of the paper's ablation."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from hiero_lib.base.errors import ConfigError
from hiero_lib.cli import arguments


def add_parsers(commands: arguments.Commands) -> None:
    """Add ``train``, ``encode`` and ``ablation``."""
    command = commands.add_parser("train", help="train HiERO, or the linear probe, on EgoClip")
    command.set_defaults(command=_train)
    arguments.add_profile(command)
    # No --run here: torchrun would take it for an abbreviation of its own --run-path.
    command.add_argument("--folder", type=Path, help="write here (default: outputs/PROFILE/train/BACKBONE)")
    command.add_argument("--backbone", choices=("hiero", "probe"), default="hiero", help="(default: %(default)s)")
    command.add_argument("--max-steps", type=arguments.whole(0), help="stop early, after this many steps in all")

    command = commands.add_parser(
        "encode", help="encode EgoClip's narrations before training; several processes share the work"
    )
    command.set_defaults(command=_encode)
    arguments.add_profile(command)

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


def _train(options: argparse.Namespace) -> int:
    profile = arguments.open_profile(options)
    _check_launch()

    from hiero_lib.base.device import best_device
    from hiero_lib.benchmarks.egomcq.task import open_egomcq
    from hiero_lib.data.paths import DataPaths
    from hiero_lib.results.names import run_folder
    from hiero_lib.training.divergence import TrainingDiverged
    from hiero_lib.training.loop import run_training

    folder = options.folder or run_folder("outputs", profile.name) / "train" / options.backbone
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
    if int(os.environ.get("RANK", 0)) == 0:
        unknown = "not validated" if validate else f"not validated, there is no {questions}"
        accuracies = ", ".join(f"{name} {100 * value:.1f} %" for name, value in summary.best_metrics.items())
        print(f"{summary.steps} steps, {summary.epochs:.2f} epochs, {summary.seconds:.0f} s")
        print(f"validation of the best: {accuracies or unknown}")
        print(f"last: {summary.last_checkpoint}\nbest: {summary.best_checkpoint}")
    return 0


def _encode(options: argparse.Namespace) -> int:
    profile = arguments.open_profile(options)

    from hiero_lib.base.device import best_device
    from hiero_lib.data.paths import DataPaths
    from hiero_lib.training.batches import encode_narrations

    started = time.monotonic()
    texts, missing = encode_narrations(profile, device=best_device())
    where = DataPaths.at(profile.data_root).text_caches[0]
    took = f"{time.monotonic() - started:.0f} s"
    print(f"{texts:,} different narrations, {missing:,} of them were missing; {took}; in {where}")
    return 0


def _check_launch() -> None:
    """Several tasks of SLURM that know nothing of each other would each train the whole, in one folder.

    Raises:
        ConfigError: srun started several, and none of them was told its rank.
    """
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS") or os.environ.get("SLURM_NTASKS") or "1"
    started_by_srun = "SLURM_PROCID" in os.environ
    if started_by_srun and tasks.isdecimal() and int(tasks) > 1 and "WORLD_SIZE" not in os.environ:
        hint = (
            "Start one task a node (--ntasks-per-node=1) and in it `torchrun --nproc-per-node=N -m hiero_lib train`;"
            " for one process alone set SLURM_NTASKS=1"
        )
        problem = "srun started several tasks, and each would train the whole in this folder"
        raise ConfigError(problem, field="SLURM_NTASKS", value=int(tasks), hint=hint)


def _ablation(options: argparse.Namespace) -> int:
    started = time.monotonic()
    profile, folder = arguments.open_run(options)

    from hiero_lib.base.locks import exclusive
    from hiero_lib.base.progress import quiet
    from hiero_lib.pipelines.ablation import ablation_rows, cells_of
    from hiero_lib.pipelines.sweep import SweepResult, run_sweep
    from hiero_lib.results.kept_profile import keep_profile
    from hiero_lib.results.record import TABLE_FILE, record

    seeds = options.seeds
    cells = cells_of(profile, folder, seeds=seeds, measures=options.measures)

    def keep(result: SweepResult) -> None:
        seconds = time.monotonic() - started
        rows = ablation_rows(result, profile, seeds=seeds)
        keep_profile(folder, profile, say=quiet)  # what is more was said at the start
        record(folder, "ablation", rows, profile=profile, seconds=seconds, extra={"failed": result.failed})

    with exclusive(folder / "ablation", "ablation"):
        result = run_sweep(cells, workers=options.workers, on_done=keep)
    print(f"\n{(folder / TABLE_FILE).read_text('utf-8')}")
    for name, problem in result.failed.items():
        print(f"hiero_lib: {name}: {problem}", file=sys.stderr)
    return 1 if result.failed else 0
