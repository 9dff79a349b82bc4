"""The explorer as a local web page, and a person's corrections of a video."""

from __future__ import annotations

import argparse
from pathlib import Path

from hiero_lib.cli import arguments


def add_parsers(commands: arguments.Commands) -> None:
    """Add ``serve`` and ``corrections``."""
    command = commands.add_parser("serve", help="open the explorer of a run as a local web page")
    command.set_defaults(command=_serve)
    arguments.add_profile_of_run(command)
    arguments.add_method(command)
    arguments.add_server(command)
    command.add_argument("--video", metavar="VIDEO_UID", help="shown first (default: the first with narrations)")
    command.add_argument(
        "--beside",
        action="append",
        default=[],
        metavar="RUN",
        help="another run on the same features, to be laid beside; repeatable",
    )
    command.add_argument(
        "--no-search",
        dest="search",
        action="store_false",
        help="open at once, and search the shown video alone",
    )

    command = commands.add_parser(
        "corrections",
        help="what was corrected of a video: list it, score it, read it back from a file, use it",
        description="Lists what was corrected of a video, and how far the model agrees with it. Corrections are made"
        " in the explorer (the command serve), or in an exported file that --from reads back.",
    )
    command.set_defaults(command=_corrections)
    command.add_argument("video_uid", help="as search and the explorer name it")
    arguments.add_profile_of_run(command)
    arguments.add_method(command)
    command.add_argument(
        "--from", dest="source", type=Path, metavar="FILE", help="an exported .eaf or .csv that was changed elsewhere"
    )
    command.add_argument(
        "--divide-rest",
        type=arguments.whole(0, 15),
        metavar="LEVEL",
        help="divide what no correction speaks of anew at this level, so that it follows them (one more correction)",
    )


def _serve(options: argparse.Namespace) -> int:
    profile, run_folder = arguments.open_run(options)

    from hiero_lib.base.progress import say_aside

    say_aside(f"opening {run_folder}")  # what follows is slow to import, and to read

    from hiero_lib.pipelines.serving import serve, session_of_run
    from hiero_lib.results.names import run_folder as folder_of_run

    session = session_of_run(
        profile,
        run_folder,
        method=options.method,
        checkpoint=options.checkpoint,
        video_uid=options.video,
        besides=[folder_of_run("outputs", name) for name in options.beside],
        search=options.search,
    )
    serve(session, port=options.port, browser=options.browser)
    return 0


def _corrections(options: argparse.Namespace) -> int:
    profile, run_folder = arguments.open_run(options)

    from hiero_lib.pipelines.corrected import correct_from, divide_rest, told

    if options.source is not None:
        taken = correct_from(
            profile,
            run_folder,
            options.video_uid,
            options.source,
            method=options.method,
            checkpoint=options.checkpoint,
        )
        print(f"{taken} levels are otherwise in {options.source}")
    if options.divide_rest is not None:
        divide_rest(
            profile,
            run_folder,
            options.video_uid,
            options.divide_rest,
            method=options.method,
            checkpoint=options.checkpoint,
        )
    lines = told(profile, run_folder, options.video_uid, method=options.method, checkpoint=options.checkpoint)
    print(*lines, sep="\n")
    return 0
