"""Data of the published runs and of the sample: make it, fetch it, bring it into form, examine it."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from hiero_lib.base.errors import ConfigError
from hiero_lib.base.files import nearest_folder
from hiero_lib.cli import arguments


def add_parsers(commands: arguments.Commands) -> None:
    """Add ``sample``, ``download``, ``narrations`` and ``doctor``."""
    command = commands.add_parser("sample", help="make the sample data")
    command.set_defaults(command=_sample)
    command.add_argument("--root", type=Path, default=Path("data/sample"), help="where (default: %(default)s)")
    command.add_argument(
        "--seed", type=arguments.whole(0, 2**32 - 1), default=0, help="same seed, same files (default: %(default)s)"
    )
    command.add_argument(
        "--dim", type=arguments.whole(1, 10**5), default=256, help="channels of a segment (default: %(default)s)"
    )
    command.add_argument("--videos", type=arguments.whole(1, 10**5), default=40, help="(default: %(default)s)")
    command.add_argument(
        "--minutes",
        type=arguments.decimal(0.1, 24 * 60),
        nargs=2,
        default=[3.0, 30.0],
        metavar=("SHORTEST", "LONGEST"),
        help="of the videos (default: 3 30)",
    )
    command.add_argument(
        "--timelines", type=Path, help="take videos, times and texts from this file (data/README.md)"
    )
    command.add_argument(
        "--held-out", type=arguments.decimal(0.0, 1.0), default=0.3, help="share of its videos (default: %(default)s)"
    )
    command.add_argument("--force", action="store_true", help="replace another sample that is there")
    command.add_argument(
        "--statistics",
        type=arguments.whole(0, 2**32 - 1),
        nargs="+",
        metavar="SEED",
        help="make nothing that stays: say what raw features of samples of these seeds are like (data/README.md)",
    )

    command = commands.add_parser("download", help="fetch annotations, features and weights")
    command.set_defaults(command=_download)
    command.add_argument("what", nargs="*", metavar="WHAT", help="ids, or how they begin; needed (default), all")
    arguments.add_profile(command)
    command.add_argument("--list", action="store_true", help="say what there is, and fetch nothing")
    command.add_argument(
        "--jobs", type=arguments.whole(1, 64), default=3, help="files at the same time (default: %(default)s)"
    )
    command.add_argument("--delete-archives", action="store_true", help="remove archives when they are unpacked")
    command.add_argument("--verify", action="store_true", help="compare what is there with its recorded SHA-256")
    command.add_argument("--manifest", type=Path, help="a manifest of your own, with other mirrors")

    command = commands.add_parser("narrations", help="Ego4D's narration.json as rows of egoclip.csv, for any videos")
    command.set_defaults(command=_narrations)
    command.add_argument("file", type=Path, metavar="FILE", help="Ego4D's narration.json")
    command.add_argument("--to", type=Path, metavar="CSV", help="write here (default: FILE with the suffix .csv)")
    command.add_argument(
        "--videos", nargs="+", default=[], metavar="UID", help="of these alone, or of those a text file lists by line"
    )

    command = commands.add_parser("doctor", help="say what is there, what is broken and what can run")
    command.set_defaults(command=_doctor)
    command.add_argument("what", nargs="*", metavar="WHAT", help="benchmarks, for example egomcq (default: all)")
    arguments.add_profile(command)
    command.add_argument("--json", action="store_true", help="for machines")
    command.add_argument("--deep", action="store_true", help="read the values of all features, not of a sample")


def _sample(options: argparse.Namespace) -> int:
    from hiero_lib.sources.sample import make_sample, make_sample_from_timelines

    if options.statistics is not None:
        from hiero_lib.sources.sample.statistics import missed, statistics_of_seeds, statistics_table

        statistics = statistics_of_seeds(options.statistics)
        print(statistics_table(options.statistics, statistics))
        if outside := missed(statistics):
            print(f"outside their targets: {', '.join(outside)}")
        return 1 if outside else 0
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
    from hiero_lib.data.paths import DataPaths
    from hiero_lib.sources.download.aids import listing
    from hiero_lib.sources.download.fetch import download
    from hiero_lib.sources.download.manifest import is_needed, load_manifest

    profile = arguments.open_profile(options)
    manifest, root = load_manifest(options.manifest), DataPaths.at(profile.data_root).root
    if options.list:
        needed = {item.id for item in manifest.items.values() if is_needed(item, profile)}
        items = manifest.select(options.what, profile) if options.what else list(manifest.items.values())
        print(listing(items, root, needed=needed))
        return 0
    if profile.is_sample and not options.what:
        raise ConfigError("the sample is made, not fetched", field="--profile", hint="python -m hiero_lib sample")
    chosen = manifest.select(options.what, profile)
    known = sum(item.size for item in chosen if item.size is not None)
    unknown = sum(item.size is None for item in chosen)
    free = shutil.disk_usage(nearest_folder(root)).free
    sizes = " and ".join([f"{known / 1e9:.1f} GB"] * (known > 0) + [f"{unknown} of unknown size"] * (unknown > 0))
    print(f"{len(chosen)} items into {root}: {sizes}; {free / 1e9:.0f} GB are free there", flush=True)
    outcomes = download(
        chosen,
        root,
        manifest=manifest,
        jobs=options.jobs,
        delete_archives=options.delete_archives,
        verify=options.verify,
    )
    failed = sum(outcome.status == "failed" for outcome in outcomes)
    print(f"{len(outcomes) - failed} of {len(outcomes)} are in {root}")
    return 1 if failed else 0


def _narrations(options: argparse.Namespace) -> int:
    import filecmp

    from hiero_lib.base.files import scratch_folder
    from hiero_lib.data.decoding import read_text
    from hiero_lib.sources.ego4d_narrations import read_ego4d_narrations, write_egoclip

    target = options.to or options.file.with_suffix(".csv")
    uids: list[str] = []
    for given in options.videos:
        uids += read_text(given).split() if Path(given).is_file() else [given]
    found = read_ego4d_narrations(options.file, videos=uids)
    with scratch_folder(target.parent, target.name) as scratch:
        made = scratch / target.name
        write_egoclip(found, made)
        if target.exists() and not (target.is_file() and filecmp.cmp(made, target, shallow=False)):
            hint = "Name another, or move it"
            raise ConfigError("another file is there already", field="--to", value=str(target), hint=hint)
        made.replace(target)
    print(f"{found.summary()}\nin {target}")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    import json

    profile = arguments.open_profile(options)

    from hiero_lib.doctor import machine
    from hiero_lib.doctor.caches import caches_of
    from hiero_lib.doctor.examine import examine, report
    from hiero_lib.training.memory import training_memory_gb

    diagnosis = examine(profile, options.what, deep=options.deep)
    described, chunk = machine.describe(profile), machine.measure(profile)
    described["training_memory_gb"] = round(training_memory_gb(profile), 2)
    caches = caches_of(profile)
    costs = machine.expected_costs(profile, diagnosis.segments, chunk)
    if options.json:
        described["chunk"] = vars(chunk)
        written = diagnosis.to_dict() | {"machine": described, "costs": [vars(cost) for cost in costs]}
        written["caches"] = vars(caches)
        print(json.dumps(written, indent=1))
    else:
        print(f"{report(diagnosis)}\n\n{caches}\n{machine.report(described, chunk, costs)}")
    return 0 if diagnosis.healthy else 1
