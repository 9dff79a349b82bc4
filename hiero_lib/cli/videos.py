"""Videos of one's own: segment features of a folder of them, and one as a page of its threads."""

from __future__ import annotations

import argparse
from pathlib import Path

from hiero_lib.base.errors import DataError
from hiero_lib.cli import arguments, slurm


def add_parsers(commands: arguments.Commands) -> None:
    """Add ``extract`` and ``explore``."""
    command = commands.add_parser("extract", help="make segment features of every video of a folder")
    command.set_defaults(command=_extract)
    command.add_argument("videos", type=Path, metavar="FOLDER", help="of video files, at any depth")
    arguments.add_profile(command)
    arguments.add_extractor(command)
    command.add_argument("--to", type=Path, help="write here (default: the profile's folder of features)")
    command.add_argument(
        "--batch", type=arguments.whole(1), help="windows of a forward pass (default: 32 frames' worth)"
    )
    command.add_argument(
        "--workers", type=arguments.whole(1, 1024), default=1, help="processes, or jobs with --slurm (default: 1)"
    )
    slurm.add_slurm(command)

    command = commands.add_parser("explore", help="from a video file to its activity threads, as a page")
    command.set_defaults(command=_explore)
    command.add_argument("video", type=Path, metavar="VIDEO", help="an mp4, mov, mkv, GIF, ...")
    command.add_argument(
        "--narrations", type=Path, help=".srt, .vtt, .csv, .tsv, whisper's .json, ELAN's .eaf or .txt, with times"
    )
    command.add_argument("--encoding", help="of the narrations, for example cp1252 (default: UTF-8, or by its mark)")
    command.add_argument("--tier", help="of ELAN's narrations (default: narrations, or all where none is called so)")
    arguments.add_checkpoint(command, "used where it was trained on such features")
    arguments.add_profile(command, default="own_video")
    arguments.add_extractor(command)
    default = "outputs/explore/VIDEO, a second file of that name VIDEO-DIGITS"
    command.add_argument("--out", type=Path, help=f"write here (default: {default})")
    command.add_argument(
        "--threads",
        nargs="+",
        metavar="N",
        help=f"{arguments.THREADS_HELP} (default: hierarchy.coarsest_threads of the profile)",
    )
    arguments.add_formats(command, ["html"])
    command.add_argument("--serve", action="store_true", help="then open it in the explorer, a local web page")
    arguments.add_server(command)


def _extract(options: argparse.Namespace) -> int:
    profile = arguments.open_profile(options)
    launch = slurm.open_launch(options, "extract")

    from hiero_lib.base.files import check_writable, pasted
    from hiero_lib.base.progress import say
    from hiero_lib.data.paths import DataPaths
    from hiero_lib.sources.extraction.folder import Plan, extract_folder, videos_of, without_features, worker_tasks

    videos = videos_of(options.videos, say=say)
    plan = Plan(
        options.extractor or profile.features.folder,
        options.weights,
        profile.features,
        (options.to or DataPaths.at(profile.data_root).features(profile.features.folder)).resolve(),
        device=options.device,
        batch=options.batch,
    )
    plan.check()
    check_writable(plan.folder)
    workers = options.workers
    if launch is not None:
        workers = min(workers, len(without_features(videos, plan.folder)))
        if not workers:  # no job is sent; what is there is looked at here
            say("every video has a file of features: no job is sent")
            workers, launch = 1, None
    with slurm.waited_for(launch):
        if launch is not None:
            launch.submit_all(worker_tasks(videos, plan, workers))
            if options.detach:
                return 0
        report = extract_folder(videos, plan, workers=workers, executor=launch)
    print(f"{report.summary()}\nin {pasted(plan.folder)}")
    return 1 if report.failed else 0


def _explore(options: argparse.Namespace) -> int:
    profile = arguments.open_profile(options)
    num_threads = arguments.thread_counts(options.threads)
    if options.video.is_dir():
        hint = "Name one video in it; features of all: python -m hiero_lib extract"
        raise DataError("this is a folder", file=options.video, hint=hint)
    if not options.video.is_file():
        raise DataError("there is no such file", file=options.video)

    import torch

    from hiero_lib.base.device import best_device
    from hiero_lib.base.files import pasted
    from hiero_lib.base.progress import Progress, say_aside
    from hiero_lib.export.writers import check_formats
    from hiero_lib.pipelines.own_video import explore, write_report
    from hiero_lib.pipelines.video_folder import folder_of
    from hiero_lib.sources.extraction.extractors.choose import open_extractor

    check_formats(options.formats)
    device = torch.device(options.device) if options.device else best_device()
    extractor = open_extractor(options.extractor or profile.features.folder, options.weights).to(device)
    progress = Progress("features", total=0)
    exploration = explore(
        options.video,
        options.out or folder_of(Path("outputs", "explore"), options.video),
        profile=profile,
        extractor=extractor,
        device=device,
        narrations=options.narrations,
        encoding=options.encoding,
        tier=options.tier,
        checkpoint=options.checkpoint,
        progress=progress.of,
    )
    progress.close()
    written = write_report(exploration, num_threads=num_threads, formats=options.formats)
    print(*map(pasted, written), sep="\n")
    if not options.serve:
        page = "Open the page in a browser. " if "html" in options.formats else ""
        say_aside(f"{page}To search, rename and correct: add --serve to the command")
    else:
        from hiero_lib.pipelines.serving import serve, session_of_video

        serve(session_of_video(exploration, num_threads=num_threads), port=options.port, browser=options.browser)
    return 0
