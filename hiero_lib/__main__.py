"""``python -m hiero_lib``: the kit from the command line.

Each command imports what it needs when it runs, so that ``--help`` is immediate. A mistake in the call or in a
file is one line on stderr and exit status 2; a notebook that failed is exit status 1.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from hiero_lib.errors import ConfigError, DataError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except DataError as error:
        if options.debug:
            raise
        print("hiero_lib:", *str(error).splitlines(), *getattr(error, "__notes__", ()), file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hiero_lib", description="A research kit for HiERO (ICCV 2025).")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("sample", help="make the sample data")
    command.set_defaults(command=_sample)
    command.add_argument("--root", type=Path, default=Path("data/sample"), help="where (default: %(default)s)")
    command.add_argument("--seed", type=int, default=0, help="same seed, same files (default: %(default)s)")
    command.add_argument("--dim", type=int, default=256, help="channels of a segment (default: %(default)s)")
    command.add_argument("--videos", type=int, default=40, help="(default: %(default)s)")
    command.add_argument(
        "--minutes",
        type=float,
        nargs=2,
        default=[3.0, 30.0],
        metavar=("SHORTEST", "LONGEST"),
        help="of the videos (default: 3 30)",
    )
    command.add_argument(
        "--timelines", type=Path, help="take videos, times and texts from this file (data/README.md)"
    )
    command.add_argument("--held-out", type=float, default=0.3, help="share of its videos (default: %(default)s)")
    command.add_argument("--force", action="store_true", help="replace another sample that is there")

    command = commands.add_parser("download", help="fetch annotations, features and weights")
    command.set_defaults(command=_download)
    command.add_argument("what", nargs="*", metavar="WHAT", help="ids, or how they begin; needed (default), all")
    _add_profile(command)
    command.add_argument("--list", action="store_true", help="say what there is, and fetch nothing")
    command.add_argument("--jobs", type=int, default=3, help="files at the same time (default: %(default)s)")
    command.add_argument("--delete-archives", action="store_true", help="remove archives when they are unpacked")
    command.add_argument("--verify", action="store_true", help="compare what is there with its recorded SHA-256")
    command.add_argument("--manifest", type=Path, help="a manifest of your own, with other mirrors")

    command = commands.add_parser(
        "export", help="write a video's hierarchy as HTML, JSON, CSV, WebVTT, ELAN, figures"
    )
    command.set_defaults(command=_export)
    command.add_argument("video_uid")
    _add_profile(command)
    _add_method(command)
    command.add_argument("--out", type=Path, help="write here (default: outputs/RUN/exports)")
    command.add_argument(
        "--formats", nargs="+", metavar="FORMAT", help="of html json csv vtt eaf png svg pdf (default: all)"
    )
    command.add_argument(
        "--query",
        dest="queries",
        action="append",
        default=[],
        metavar="TEXT",
        help="for the page's similarity panel (default: what the threads are called); repeatable",
    )
    command.add_argument(
        "--threads",
        nargs="+",
        metavar="N",
        help="of each level, the finest first, or one for all; or auto, by the largest gap between eigenvalues "
        "(default: 4 at the coarsest level, twice as many below each)",
    )

    command = commands.add_parser("search", help="find the moments of all videos that answer a text")
    command.set_defaults(command=_search)
    command.add_argument("text", nargs="?", help='for example "cut the onion"')
    _add_profile(command)
    _add_method(command)
    command.add_argument("--count", type=int, default=5, help="answers (default: %(default)s)")
    command.add_argument("--level", type=int, help="only runs of this level (default: all)")
    command.add_argument(
        "--video", dest="videos", action="append", metavar="VIDEO_UID", help="only in this video; repeatable"
    )
    command.add_argument("--overlapping", action="store_true", help="keep answers that lie on better ones")
    command.add_argument(
        "--recall", action="store_true", help="instead: how often held-out narrations find their span, per level"
    )

    command = commands.add_parser("extract", help="make segment features of every video of a folder")
    command.set_defaults(command=_extract)
    command.add_argument("videos", type=Path, metavar="FOLDER", help="of video files, at any depth")
    _add_profile(command)
    _add_extractor(command)
    command.add_argument("--to", type=Path, help="write here (default: the profile's folder of features)")
    command.add_argument("--batch", type=int, help="windows of a forward pass (default: 32 frames' worth)")
    command.add_argument("--workers", type=int, default=1, help="processes, or jobs with --slurm (default: 1)")
    command.add_argument("--slurm", action="store_true", help="submit the workers as SLURM jobs (needs submitit)")
    command.add_argument("--partition", help="of SLURM")
    command.add_argument("--gpus", type=int, default=1, help="of a SLURM job (default: 1)")
    command.add_argument("--hours", type=float, default=12.0, help="of a SLURM job (default: 12)")
    command.add_argument(
        "--slurm-set", dest="slurm_options", metavar="NAME=VALUE", action="append", default=[], help="for submitit"
    )

    command = commands.add_parser("doctor", help="say what is there, what is broken and what can run")
    command.set_defaults(command=_doctor)
    command.add_argument("what", nargs="*", metavar="WHAT", help="benchmarks, for example egomcq (default: all)")
    _add_profile(command)
    command.add_argument("--json", action="store_true", help="for machines")
    command.add_argument("--deep", action="store_true", help="read the values of all features, not of a sample")

    command = commands.add_parser("explore", help="from a video file to its activity threads, as a page")
    command.set_defaults(command=_explore)
    command.add_argument("video", type=Path, metavar="VIDEO", help="an mp4, mov, mkv, GIF, ...")
    command.add_argument("--narrations", type=Path, help=".srt, .vtt, .csv or .tsv with times")
    command.add_argument("--checkpoint", type=Path, help="used where it was trained on such features")
    _add_profile(command, default="own_video")
    _add_extractor(command)
    command.add_argument("--out", type=Path, help="write here (default: outputs/explore/VIDEO)")
    command.add_argument("--threads", default="8", help="of each level, or auto (default: 8)")
    command.add_argument(
        "--formats",
        nargs="+",
        default=["html"],
        metavar="FORMAT",
        help="of html json csv vtt eaf png svg pdf (default: html)",
    )

    command = commands.add_parser("train", help="train HiERO, or the linear probe, on EgoClip")
    command.set_defaults(command=_train)
    _add_profile(command)
    # No --run here: torchrun would take it for an abbreviation of its own --run-path.
    command.add_argument("--folder", type=Path, help="write here (default: outputs/PROFILE/train/BACKBONE)")
    command.add_argument("--backbone", choices=("hiero", "probe"), default="hiero", help="(default: %(default)s)")
    command.add_argument("--max-steps", type=int, help="stop early, after this many steps in all")

    command = commands.add_parser("egomcq", help="score checkpoints and the untrained baseline on EgoMCQ")
    command.set_defaults(command=_egomcq)
    _add_profile(command)
    command.add_argument("--run", help="write to outputs/RUN (default: the profile's name)")
    command.add_argument(
        "--checkpoint",
        dest="checkpoints",
        type=Path,
        action="append",
        default=[],
        help="a model folder that training wrote, or an authors' .pth file; repeatable",
    )

    command = commands.add_parser("egoprocel", help="score checkpoints and the untrained features on EgoProceL")
    command.set_defaults(command=_egoprocel)
    _add_profile(command)
    command.add_argument("--run", help="write to outputs/RUN (default: the profile's name)")
    command.add_argument(
        "--checkpoint",
        dest="checkpoints",
        type=Path,
        action="append",
        default=[],
        help="a model folder that training wrote, or an authors' .pth file; repeatable",
    )

    command = commands.add_parser("goalstep", help="score checkpoints and the untrained features on Goal-Step")
    command.set_defaults(command=_goalstep)
    _add_profile(command)
    command.add_argument("--run", help="write to outputs/RUN (default: the profile's name)")
    command.add_argument(
        "--checkpoint",
        dest="checkpoints",
        type=Path,
        action="append",
        default=[],
        help="a model folder that training wrote, or an authors' .pth file; repeatable",
    )

    command = commands.add_parser("egonlq", help="train EgoNLQ's head on raw features and a checkpoint's, score both")
    command.set_defaults(command=_egonlq)
    _add_profile(command)
    command.add_argument("--run", help="write to outputs/RUN (default: the profile's name)")
    command.add_argument(
        "--checkpoint", type=Path, help="a model folder that training wrote, or an authors' .pth file"
    )
    command.add_argument("--workers", type=int, help="heads trained at once (default: one a core, or one on a GPU)")

    command = commands.add_parser("reproduce", help="run the notebook sequence")
    command.set_defaults(command=_reproduce)
    _add_profile(command)
    command.add_argument("--run", help="write to outputs/RUN (default: the profile's name)")
    command.add_argument("--only", help="just the notebooks whose name starts so, for example 02")
    command.add_argument("--outputs", type=Path, default=Path("outputs"), help="(default: %(default)s)")

    command = commands.add_parser("ablation", help="train and measure the rows of the paper's ablation")
    command.set_defaults(command=_ablation)
    _add_profile(command)
    command.add_argument("--run", help="write to outputs/RUN (default: the profile's name)")
    command.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="(default: 1 2 3)")
    command.add_argument("--workers", type=int, default=1, help="local processes (default: %(default)s)")
    command.add_argument(
        "--measures",
        nargs="+",
        default=["egomcq", "egoprocel", "grounding"],
        help="leave out what there is no data for (default: egomcq egoprocel grounding)",
    )

    command = commands.add_parser("report", help="one table of the results of several runs")
    command.set_defaults(command=_report)
    command.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="outputs/RUN, one or more")
    command.add_argument(
        "--format", choices=("markdown", "csv", "latex"), default="markdown", help="(default: markdown)"
    )
    command.add_argument("--out", type=Path, help="write to this file instead of printing")
    return parser


def _add_extractor(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--extractor", help="efficientnet_lite0, egovlp, omnivore_video_swinl or clip (default: the profile's folder)"
    )
    command.add_argument("--weights", help="file or folder of the extractor's weights, or a name on the hub")
    command.add_argument("--device", help="cuda, cpu, ... (default: the best there is)")


def _add_profile(command: argparse.ArgumentParser, default: str | None = None) -> None:
    help = "name of a packaged profile, or a YAML file" + (f" (default: {default})" if default else "")
    command.add_argument("--profile", required=default is None, default=default, help=help)
    command.add_argument(
        "--set",
        dest="settings",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="change a setting, for example training.epochs=2; repeatable",
    )


def _add_method(command: argparse.ArgumentParser) -> None:
    command.add_argument("--run", help="take the models of outputs/RUN (default: the profile's name)")
    command.add_argument(
        "--method", choices=("hiero", "probe", "untrained"), default="hiero", help="(default: %(default)s)"
    )
    command.add_argument("--checkpoint", type=Path, help="a model folder or an authors' .pth instead of the run's")


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for given in options.settings:
        name, equals, value = given.partition("=")
        if not equals or not name:
            raise ConfigError("write a setting as NAME=VALUE", field="--set", value=given)
        settings[name.strip()] = value
    return settings


def _sample(options: argparse.Namespace) -> int:
    from hiero_lib.data.sample import make_sample, make_sample_from_timelines

    if options.timelines is not None:
        report = make_sample_from_timelines(
            options.root,
            options.timelines,
            seed=options.seed,
            dim=options.dim,
            held_out=options.held_out,
            force=options.force,
        )
    else:
        report = make_sample(
            options.root,
            seed=options.seed,
            num_videos=options.videos,
            dim=options.dim,
            minutes=(options.minutes[0], options.minutes[1]),
            force=options.force,
        )
    print(report.summary())
    return 0


def _download(options: argparse.Namespace) -> int:
    from hiero_lib.config import load_profile
    from hiero_lib.data.download import download
    from hiero_lib.data.download_aids import listing
    from hiero_lib.data.manifest import is_needed, load_manifest
    from hiero_lib.data.paths import DataPaths

    profile = load_profile(options.profile, _settings(options))
    manifest, root = load_manifest(options.manifest), DataPaths.at(profile.data_root).root
    if options.list:
        needed = {item.id for item in manifest.items.values() if is_needed(item, profile)}
        items = manifest.select(options.what, profile) if options.what else list(manifest.items.values())
        print(listing(items, root, needed=needed))
        return 0
    if profile.is_sample and not options.what:
        raise ConfigError("the sample is made, not fetched", field="--profile", hint="python -m hiero_lib sample")
    outcomes = download(
        manifest.select(options.what, profile),
        root,
        manifest=manifest,
        jobs=options.jobs,
        delete_archives=options.delete_archives,
        verify=options.verify,
        say=lambda line: print(line, flush=True),
    )
    failed = sum(outcome.status == "failed" for outcome in outcomes)
    print(f"{len(outcomes) - failed} of {len(outcomes)} are in {root}")
    return 1 if failed else 0


def _export(options: argparse.Namespace) -> int:
    from hiero_lib.config import load_profile

    profile = load_profile(options.profile, _settings(options))
    threads = [_thread_count(given) for given in options.threads or ()]

    from hiero_lib import commands
    from hiero_lib.export.writers import WRITERS

    written = commands.export_video(
        profile,
        Path("outputs", options.run or profile.name),
        options.video_uid,
        method=options.method,
        checkpoint=options.checkpoint,
        folder=options.out,
        formats=options.formats or tuple(WRITERS),
        queries=options.queries,
        num_threads=threads[0] if len(threads) == 1 else threads or None,
    )
    print(*written, sep="\n")
    return 0


def _thread_count(given: str) -> Any:
    """A positive number, or auto."""
    if given == "auto":
        return given
    if not (given.isdecimal() and int(given) > 0):
        raise ConfigError("a number of threads, or auto, is expected", field="--threads", value=given)
    return int(given)


def _search(options: argparse.Namespace) -> int:
    from hiero_lib.config import load_profile

    profile = load_profile(options.profile, _settings(options))
    if (options.text is None) != options.recall:
        raise ConfigError("give a text to search for, or --recall", field="text", value=options.text)

    from hiero_lib import commands

    run_folder = Path("outputs", options.run or profile.name)
    if options.recall:
        print(commands.search_recall(profile, run_folder))
        return 0
    lines = commands.search(
        profile,
        run_folder,
        options.text,
        method=options.method,
        checkpoint=options.checkpoint,
        count=options.count,
        level=options.level,
        videos=options.videos,
        max_overlap=None if options.overlapping else 0.5,
    )
    print("\n".join(lines))
    return 0


def _extract(options: argparse.Namespace) -> int:
    from hiero_lib.config import load_profile

    profile = load_profile(options.profile, _settings(options))

    from hiero_lib.data.paths import DataPaths
    from hiero_lib.features.folder import Plan, extract_folder, slurm_executor, videos_of

    videos = videos_of(options.videos)
    plan = Plan(
        options.extractor or profile.features.folder,
        options.weights,
        profile.features,
        (options.to or DataPaths.at(profile.data_root).features(profile.features.folder)).resolve(),
        device=options.device,
        batch=options.batch,
    )
    plan.check()
    executor = None
    if options.slurm:
        executor = slurm_executor(
            plan.folder / ".slurm",
            partition=options.partition,
            gpus=options.gpus,
            hours=options.hours,
            options=options.slurm_options,
        )
    report = extract_folder(videos, plan, workers=options.workers, executor=executor)
    print(f"{report.summary()}\nin {plan.folder}")
    return 1 if report.failed else 0


def _doctor(options: argparse.Namespace) -> int:
    import json

    from hiero_lib.config import load_profile

    profile = load_profile(options.profile, _settings(options))

    from hiero_lib import machine
    from hiero_lib.data.doctor import examine, report
    from hiero_lib.training_memory import training_memory_gb

    diagnosis = examine(profile, options.what, deep=options.deep)
    found, measured = machine.describe(profile.data_root), machine.measure(profile)
    found["training_memory_gb"] = round(training_memory_gb(profile), 2)
    costs = machine.expected_costs(profile, diagnosis.segments, measured)
    if options.json:
        timing = {"forward_s_per_300_s": measured[0], "training_s_per_300_s": measured[1]}
        written = diagnosis.to_dict() | {"machine": found | timing, "costs": [vars(cost) for cost in costs]}
        print(json.dumps(written, indent=1))
    else:
        print(f"{report(diagnosis)}\n\n{machine.report(found, measured, costs)}")
    return 0 if diagnosis.healthy else 1


def _explore(options: argparse.Namespace) -> int:
    from hiero_lib.config import load_profile

    profile = load_profile(options.profile, _settings(options))
    num_threads = _num_threads(options.threads)
    if not options.video.is_file():
        raise DataError("there is no such file", file=options.video)

    import torch

    from hiero_lib.device import best_device
    from hiero_lib.explore import explore, write_report
    from hiero_lib.features.extractors.choose import open_extractor
    from hiero_lib.progress import Progress

    device = torch.device(options.device) if options.device else best_device()
    extractor = open_extractor(options.extractor or profile.features.folder, options.weights).to(device)
    progress = Progress("features", total=0)
    found = explore(
        options.video,
        options.out or Path("outputs", "explore", options.video.stem),
        profile=profile,
        extractor=extractor,
        device=device,
        narrations=options.narrations,
        checkpoint=options.checkpoint,
        progress=progress.of,
    )
    progress.close()
    print(*write_report(found, num_threads=num_threads, formats=options.formats), sep="\n")
    return 0


def _num_threads(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError("a number of threads, or auto, is expected", field="--threads", value=text)
    return int(text)


def _train(options: argparse.Namespace) -> int:
    from hiero_lib.config import load_profile

    profile = load_profile(options.profile, _settings(options))  # a mistake is told before anything slow is imported

    from hiero_lib.data.paths import DataPaths
    from hiero_lib.device import best_device
    from hiero_lib.scoring import open_egomcq
    from hiero_lib.training import TrainingDiverged, run_training

    folder = options.folder or Path("outputs", profile.name, "train", options.backbone)
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


def _egomcq(options: argparse.Namespace) -> int:
    from hiero_lib.config import load_profile

    started = time.monotonic()
    profile = load_profile(options.profile, _settings(options))

    from hiero_lib import scoring
    from hiero_lib.device import best_device
    from hiero_lib.methods import open_methods
    from hiero_lib.results import TABLE_FILE, record

    folder, device = Path("outputs", options.run or profile.name), best_device()
    task = scoring.open_egomcq(profile, device=device)
    methods = open_methods(
        profile, checkpoints={str(path): path for path in options.checkpoints}, device=device, text=task.text
    )
    results = {name: task.evaluate(method.scorer) for name, method in methods.items() if method.scorer is not None}
    if not results:
        hint = "The profile's features have no text projection: name a --checkpoint"
        raise ConfigError("nothing to score", field="--checkpoint", hint=hint)
    scoring.save_predictions(results, folder)
    path = record(
        folder,
        "egomcq",
        scoring.egomcq_rows(results, methods),
        profile=profile,
        seconds=time.monotonic() - started,
        extra={"checkpoints": [str(checkpoint) for checkpoint in options.checkpoints]},
    )
    print(path.with_name(TABLE_FILE).read_text("utf-8"))
    return 0


def _egoprocel(options: argparse.Namespace) -> int:
    from hiero_lib.config import load_profile

    started = time.monotonic()
    profile = load_profile(options.profile, _settings(options))

    from hiero_lib import procedure_report, procedure_scoring
    from hiero_lib.device import best_device
    from hiero_lib.methods import open_methods
    from hiero_lib.results import TABLE_FILE, record

    folder = Path("outputs", options.run or profile.name)
    task = procedure_scoring.open_egoprocel(profile, device=best_device())
    print(task.data.summary(), flush=True)
    checkpoints = {str(path): path for path in options.checkpoints}
    methods = open_methods(profile, checkpoints=checkpoints, device=task.device)
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
    from hiero_lib.config import load_profile

    started = time.monotonic()
    profile = load_profile(options.profile, _settings(options))

    from hiero_lib import step_report, step_scoring
    from hiero_lib.device import best_device
    from hiero_lib.methods import HIERO, open_methods
    from hiero_lib.results import TABLE_FILE, record

    folder = Path("outputs", options.run or profile.name)
    task = step_scoring.open_goalstep(profile, device=best_device())
    print(task.summary(), flush=True)
    checkpoints = {str(path): path for path in options.checkpoints}
    methods = {
        name: method
        for name, method in open_methods(profile, checkpoints=checkpoints, device=task.device).items()
        if method.text_space
    }
    if not methods:
        hint = "The profile's features have no text projection: name a --checkpoint"
        raise ConfigError("nothing to score", field="--checkpoint", hint=hint)
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
    from hiero_lib.config import load_profile

    started = time.monotonic()
    profile = load_profile(options.profile, _settings(options))

    from contextlib import nullcontext

    from hiero_lib import egonlq_report, egonlq_scoring
    from hiero_lib.device import best_device
    from hiero_lib.methods import open_methods
    from hiero_lib.results import TABLE_FILE, record

    folder, device = Path("outputs", options.run or profile.name), best_device()
    checkpoints = {} if options.checkpoint is None else {"checkpoint": options.checkpoint}
    task = egonlq_scoring.open_egonlq(profile, device=device)
    methods = open_methods(profile, checkpoints=checkpoints, device=device)
    for split, report in task.reports.items():
        print(f"{split}: {report.summary()}", flush=True)
    processes = egonlq_scoring.head_processes(device, workers=options.workers)
    with processes or nullcontext():
        trained = egonlq_scoring.train_heads(task, methods, folder=folder / "egonlq", executor=processes)
    files = egonlq_scoring.save_predictions(task, methods, trained, folder)
    rows = egonlq_report.egonlq_rows(task, trained, methods) + egonlq_report.level_rows(task, trained, methods)
    extra = {"checkpoint": str(options.checkpoint), "heads": egonlq_report.head_records(trained)}
    path = record(folder, "egonlq", rows, profile=profile, seconds=time.monotonic() - started, extra=extra)
    print(path.with_name(TABLE_FILE).read_text("utf-8"))
    print("Predictions:", *files, sep="\n")
    return 0


def _reproduce(options: argparse.Namespace) -> int:
    from hiero_lib.reproduce import NotebookFailed, reproduce
    from hiero_lib.results import TABLE_FILE

    try:
        results = reproduce(
            options.profile,
            run=options.run,
            only=options.only,
            settings=_settings(options),
            outputs=options.outputs,
            say=lambda line: print(line, flush=True),
        )
    except NotebookFailed as error:
        if options.debug:
            raise
        print(f"hiero_lib: {error}", file=sys.stderr)
        return 1
    print(f"\n{results.with_name(TABLE_FILE).read_text('utf-8')}\nWritten: {results.parent}")
    return 0


def _ablation(options: argparse.Namespace) -> int:
    from hiero_lib.config import load_profile

    started = time.monotonic()
    profile = load_profile(options.profile, _settings(options))

    from hiero_lib.ablation import ablation_rows, cells_of
    from hiero_lib.results import TABLE_FILE, record
    from hiero_lib.sweep import SweepResult, run_sweep

    folder, seeds = Path("outputs", options.run or profile.name), options.seeds
    cells = cells_of(profile, folder, seeds=seeds, measures=options.measures)

    def keep(found: SweepResult) -> None:
        seconds = time.monotonic() - started
        rows = ablation_rows(found, profile, seeds=seeds)
        record(folder, "ablation", rows, profile=profile, seconds=seconds, extra={"failed": found.failed})

    found = run_sweep(cells, workers=options.workers, on_done=keep, say=lambda line: print(line, flush=True))
    print(f"\n{(folder / TABLE_FILE).read_text('utf-8')}")
    for name, problem in found.failed.items():
        print(f"hiero_lib: {name}: {problem}", file=sys.stderr)
    return 1 if found.failed else 0


def _report(options: argparse.Namespace) -> int:
    from hiero_lib import results
    from hiero_lib.files import write_text
    from hiero_lib.tables import FORMATS

    for folder in options.runs:
        if not (folder / results.RESULTS_FILE).is_file():
            raise DataError("there is no such file", file=folder / results.RESULTS_FILE, hint="Name folders of runs")
    runs = [results.load(folder) for folder in options.runs]
    if len({run["run"] for run in runs}) < len(runs):  # runs of one name, in different folders
        runs = [run | {"run": str(folder)} for run, folder in zip(runs, options.runs)]
    text = FORMATS[options.format](runs)
    if options.out is None:
        print(text, end="")
    else:
        write_text(options.out, text)
        print(f"Written: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
