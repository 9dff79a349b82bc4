"""Runs of the notebooks: make one, compare several, search and export with the models of one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.cli import arguments


def add_parsers(commands: arguments.Commands) -> None:
    """Add ``reproduce``, ``report``, ``search`` and ``export``."""
    command = commands.add_parser("reproduce", help="run the notebook sequence")
    command.set_defaults(command=_reproduce)
    arguments.add_profile(command)
    arguments.add_run(command)
    command.add_argument("--only", help="just the notebooks whose name starts so, for example 02")
    command.add_argument("--outputs", type=Path, default=Path("outputs"), help="(default: %(default)s)")

    command = commands.add_parser("report", help="one table of the results of several runs")
    command.set_defaults(command=_report)
    command.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="outputs/RUN, one or more")
    command.add_argument(
        "--format", choices=("markdown", "csv", "latex"), default="markdown", help="(default: markdown)"
    )
    command.add_argument("--out", type=Path, help="write to this file instead of printing")

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

    command = commands.add_parser(
        "export", help="write a video's hierarchy as HTML, JSON, CSV, WebVTT, ELAN, figures"
    )
    command.set_defaults(command=_export)
    command.add_argument("video_uid")
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
    from hiero_lib.pipelines.reproduce import NotebookFailed, reproduce
    from hiero_lib.results.record import TABLE_FILE

    try:
        results = reproduce(
            options.profile,
            run=options.run,
            only=options.only,
            settings=arguments.changed_settings(options),
            outputs=options.outputs,
        )
    except NotebookFailed as error:
        if options.debug:
            raise
        print(f"hiero_lib: {error}", file=sys.stderr)
        return 1
    print(f"\n{results.with_name(TABLE_FILE).read_text('utf-8')}\nWritten: {results.parent}")
    return 0


def _report(options: argparse.Namespace) -> int:
    from hiero_lib.base.files import write_text
    from hiero_lib.results import record as results
    from hiero_lib.results.tables import FORMATS

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


def _search(options: argparse.Namespace) -> int:
    profile, run_folder = arguments.open_run(options)
    if (options.text is None) != options.recall:
        raise ConfigError("give a text to search for, or --recall", field="text", value=options.text)

    from hiero_lib.pipelines import finished_run

    if options.recall:
        print(finished_run.search_recall(profile, run_folder))
        return 0
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
    )
    print("\n".join(found.lines))
    if found.left_out:
        print(f"{len(found.left_out)} videos could not be searched:", file=sys.stderr)
        print(*(f"{uid}: {why}" for uid, why in found.left_out.items()), sep="\n", file=sys.stderr)
    return 1 if found.left_out else 0


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
