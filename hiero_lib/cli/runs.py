"""Runs of the notebooks: make one, compare several, search and export with the models of one."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.cli import arguments, slurm

if TYPE_CHECKING:
    from hiero_lib.cluster.launch import Launch
    from hiero_lib.config import Profile


def add_parsers(commands: arguments.Commands) -> None:
    """Add ``reproduce``, ``report``, ``search`` and ``export``."""
    command = commands.add_parser(
        "reproduce",
        help="run the notebook sequence",
        description="Runs the notebooks one after the other, into outputs/RUN. Stopped or failed, the same command"
        " goes on where it was. With --profile sample it makes its own data.",
    )
    command.set_defaults(command=_reproduce)
    arguments.add_profile(command)
    arguments.add_run(command)
    command.add_argument(
        "--seeds",
        type=arguments.whole(0, 2**32 - 1),
        nargs="+",
        help="a run for each, outputs/RUN-seedN, and their means in outputs/RUN-seeds",
    )
    command.add_argument("--only", help="just the notebooks whose name starts so, for example 02")
    command.add_argument("--outputs", type=Path, default=Path("outputs"), help="(default: %(default)s)")
    slurm.add_slurm(command)

    command = commands.add_parser(
        "report",
        help="one table of the results of several runs",
        description="One table of the results of several runs, every number beside the published one. It is long:"
        " each run's results.md begins with a short one.",
    )
    command.set_defaults(command=_report)
    command.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="its folder, or its name in outputs")
    command.add_argument(
        "--format", choices=("markdown", "csv", "latex"), default="markdown", help="(default: markdown)"
    )
    command.add_argument("--out", type=Path, help="write to this file instead of printing")
    command.add_argument(
        "--mean", action="store_true", help="one run out of several that differ in the seed: means and their spread"
    )

    command = commands.add_parser("search", help="find the moments of all videos that answer a text")
    command.set_defaults(command=_search)
    command.add_argument("text", nargs="?", help='for example "cut the onion"')
    arguments.add_profile_of_run(command)
    arguments.add_method(command)
    command.add_argument("--count", type=arguments.whole(1), help="answers (default: search.count of the profile)")
    command.add_argument("--level", type=arguments.whole(0, 15), help="only spans of this level (default: all)")
    command.add_argument(
        "--video", dest="videos", action="append", metavar="VIDEO_UID", help="only in this video; repeatable"
    )
    command.add_argument("--overlapping", action="store_true", help="keep answers that lie on better ones")
    command.add_argument(
        "--recall", action="store_true", help="instead: how often held-out narrations find their span, per level"
    )
    command.add_argument("--index", action="store_true", help="instead: only make the index")
    command.add_argument(
        "--workers",
        type=arguments.whole(1, 1024),
        default=1,
        help="processes that index what is not indexed yet, or jobs of --index on SLURM (default: %(default)s)",
    )
    slurm.add_slurm(command)

    command = commands.add_parser(
        "export", help="write a video's hierarchy as HTML, JSON, CSV, WebVTT, ELAN, figures"
    )
    command.set_defaults(command=_export)
    command.add_argument("video_uid", help="as search and the explorer name it")
    arguments.add_profile_of_run(command)
    arguments.add_method(command)
    command.add_argument("--out", type=Path, help="write here (default: outputs/RUN/exports)")
    arguments.add_formats(command)
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
        help=f"{arguments.THREADS_HELP} (default: hierarchy.coarsest_threads of the profile)",
    )
    command.add_argument("--uncorrected", action="store_true", help="as the model has it, without your corrections")


def _reproduce(options: argparse.Namespace) -> int:
    if options.seeds:
        return _reproduce_seeds(options)
    launch = slurm.open_launch(options, "reproduce", outputs=options.outputs)

    from hiero_lib.pipelines.reproduce import NotebookFailed, reproduce, unfinished
    from hiero_lib.results.headlines import summary
    from hiero_lib.results.record import TABLE_FILE, load

    call: dict[str, Any] = {
        "run": options.run,
        "only": options.only,
        "settings": arguments.changed_settings(options),
        "outputs": options.outputs,
    }
    if launch is not None:
        left = unfinished(options.profile, **call)
        return slurm.send(launch, [slurm.command_task("reproduce", options)] if left else [], options)
    try:
        results = reproduce(options.profile, **call)
    except NotebookFailed as error:
        if options.debug:
            raise
        print(f"hiero_lib: {error}", file=sys.stderr)
        return 1
    title = results.with_name(TABLE_FILE).read_text("utf-8").partition("\n")[0].lstrip("# ")
    found = load(results.parent)
    print(f"\n{title}", summary(found), f"Written: {results.parent}", sep="\n\n")
    print(f"{TABLE_FILE} has every number, figures/ the pictures, *.ipynb what ran")
    if "training" in found["sections"] and options.outputs == Path("outputs"):
        print(
            f"Look around in it: {shlex.join(['python', '-m', 'hiero_lib', 'serve', '--run', results.parent.name])}"
        )
    return 0


def _reproduce_seeds(options: argparse.Namespace) -> int:
    launch = slurm.open_launch(options, "reproduce", outputs=options.outputs)

    from hiero_lib.base.executors import InThisProcess
    from hiero_lib.pipelines.reproduce import name_of
    from hiero_lib.pipelines.seeds import record_means, seed_runs
    from hiero_lib.pipelines.sweep import run_tasks
    from hiero_lib.results.record import TABLE_FILE

    settings = arguments.changed_settings(options)
    name = options.run or name_of(options.profile, settings)
    named = {seed: run for seed, (run, _) in zip(options.seeds, arguments.runs_of_seeds(options, name))}
    runs = seed_runs(options.profile, named, only=options.only, settings=settings, outputs=options.outputs)
    tasks = [run.task() for run in runs if run.unfinished()]
    if launch is not None:
        found = slurm.sent(launch, tasks, options)
        if found is None:
            return 0
    else:
        found = run_tasks(tasks, executor=InThisProcess())
        for task, problem in found.failed.items():
            print(f"hiero_lib: {task}: {problem}", file=sys.stderr)
    if found.failed:
        return 1
    if len(runs) > 1:
        results = record_means(runs, f"{name}-seeds")
        print(f"\n{results.with_name(TABLE_FILE).read_text('utf-8')}\nWritten: {results.parent}")
    return 0


def _report(options: argparse.Namespace) -> int:
    from hiero_lib.base.files import write_text
    from hiero_lib.results import record as results
    from hiero_lib.results.tables import FORMATS

    folders = [_folder_of_results(given) for given in options.runs]
    runs = [results.load(folder) for folder in folders]
    if options.mean:
        from hiero_lib.results.seeds import over_seeds

        runs = [over_seeds(runs, f"mean of {', '.join(run['run'] for run in runs)}")]
    if len({run["run"] for run in runs}) < len(runs):  # runs of one name, in different folders
        runs = [run | {"run": str(folder)} for run, folder in zip(runs, folders)]
    text = FORMATS[options.format](runs)
    if options.out is None:
        print(text, end="")
    else:
        write_text(options.out, text)
        print(f"Written: {options.out}")
    return 0


def _folder_of_results(given: Path) -> Path:
    """A run's folder, by its path or by its name in ``outputs``.

    Raises:
        DataError: there are no results in either.
    """
    from hiero_lib.results.names import runs_there
    from hiero_lib.results.record import RESULTS_FILE

    named = Path("outputs", given)
    for folder in (given, named):
        if (folder / RESULTS_FILE).is_file():
            return folder
    hint = runs_there(named if len(given.parts) == 1 else given)
    raise DataError("there is no such file", file=given / RESULTS_FILE, hint=f"Name folders of runs: {hint}")


def _search(options: argparse.Namespace) -> int:
    profile, run_folder = arguments.open_run(options)
    if (options.text is not None) + options.recall + options.index != 1:
        raise ConfigError("give a text to search for, --recall or --index", field="text", value=options.text)
    launch = slurm.open_launch(options, "index")
    if launch is not None and not options.index:
        raise ConfigError("only the index is made on SLURM: give --index", field="--slurm")

    from hiero_lib.pipelines import finished_run, search_index

    if options.index:
        return _index(options, profile, run_folder, launch)
    if options.recall:
        if options.workers > 1:
            raise ConfigError("--recall works alone", field="--workers", value=options.workers)
        print(finished_run.search_recall(profile, run_folder))
        return 0
    plan = search_index.IndexPlan(profile, run_folder, options.method, options.checkpoint)
    found = finished_run.search(
        profile,
        run_folder,
        options.text,
        method=options.method,
        checkpoint=options.checkpoint,
        count=options.count,
        level=options.level,
        videos=options.videos,
        overlapping=options.overlapping,
        make=search_index.shared_out(plan, options.workers) if options.workers > 1 else None,
    )
    print("\n".join(found.lines))
    if found.left_out:
        print(f"{len(found.left_out)} videos could not be searched:", file=sys.stderr)
        print(*(f"{uid}: {why}" for uid, why in found.left_out.items()), sep="\n", file=sys.stderr)
    return 1 if found.left_out else 0


def _index(options: argparse.Namespace, profile: Profile, run_folder: Path, launch: Launch | None) -> int:
    from hiero_lib.pipelines import search_index

    plan = search_index.IndexPlan(profile, run_folder, options.method, options.checkpoint)
    if launch is not None:
        found = slurm.sent(launch, search_index.index_tasks(plan, options.workers), options)
        if found is None:
            return 0
        if found.failed:
            return 1
    make = search_index.shared_out(plan, options.workers) if launch is None and options.workers > 1 else None
    spans, left_out = search_index.complete_index(plan, make=make)
    print(f"the index is complete: {spans:,} spans" if not left_out else f"{len(left_out)} videos are not indexed:")
    print(*(f"{uid}: {why}" for uid, why in left_out.items()), sep="\n", end="\n" if left_out else "")
    return 1 if left_out else 0


def _export(options: argparse.Namespace) -> int:
    profile, run_folder = arguments.open_run(options)
    num_threads = arguments.thread_counts(options.threads)

    from hiero_lib.export.writers import WRITERS
    from hiero_lib.pipelines import finished_run

    written = finished_run.export_video(
        profile,
        run_folder,
        options.video_uid,
        method=options.method,
        checkpoint=options.checkpoint,
        folder=options.out,
        formats=options.formats or tuple(WRITERS),
        queries=options.queries,
        num_threads=num_threads,
        corrected=not options.uncorrected,
    )
    print(*written, sep="\n")
    return 0
