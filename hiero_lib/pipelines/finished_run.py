"""What can be asked of a finished run: the moments that answer a text, how often they do, a video's hierarchy."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hiero_lib.base.device import best_device
from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.progress import say_aside
from hiero_lib.benchmarks.egomcq.data import load_questions, moments_of
from hiero_lib.config import Profile, profile_options
from hiero_lib.data.narrations import add_tag
from hiero_lib.data.paths import DataPaths
from hiero_lib.export.reports import video_record
from hiero_lib.export.writers import WRITERS, check_formats, export
from hiero_lib.hierarchy.collection import Collection, open_collection
from hiero_lib.hierarchy.division import ThreadCount
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method
from hiero_lib.methods.opening import open_methods
from hiero_lib.results.names import runs_there
from hiero_lib.results.record import TABLE_FILE, record
from hiero_lib.results.run import IncompleteResults, RunFolder, trained_models
from hiero_lib.search.build import open_index
from hiero_lib.search.index import Answer
from hiero_lib.search.recall import recall, recall_rows
from hiero_lib.search.update import Make
from hiero_lib.viz.page import clock

METHODS = {"hiero": HIERO, "probe": PROBE, "untrained": UNTRAINED}


def open_method(
    profile: Profile, run_folder: Path, *, method: str = "hiero", checkpoint: Path | None = None
) -> Method:
    """One method of a run.

    Args:
        profile: the settings.
        run_folder: ``outputs/<run>``, whose last checkpoints are taken.
        method: ``hiero``, ``probe`` or ``untrained``.
        checkpoint: a model folder or an authors' ``.pth``, instead of the run's; ``method`` does not matter then.

    Raises:
        DataError: the run has no trained models, or a file cannot be used.
    """
    device = best_device()
    if checkpoint is not None:
        return list(open_methods(profile, checkpoints={"checkpoint": checkpoint}, device=device).values())[-1]
    checkpoints: dict[str, Path] = {}
    if method != "untrained":
        trained = trained_in(profile, run_folder)
        if method not in trained:
            known = ", ".join(trained) or "none"
            hint = f"It has {known}: name a --checkpoint or another --method"
            raise DataError("the run has no such model", file=run_folder, field="method", value=method, hint=hint)
        checkpoints = {method: trained[method]}
    return open_methods(profile, checkpoints=checkpoints, device=device)[METHODS[method]]


def trained_in(profile: Profile, run_folder: Path) -> dict[str, Path]:
    """The last checkpoints of a run by their short names.

    Raises:
        DataError: it has none, or is not there.
    """
    try:
        return trained_models(RunFolder(profile, run_folder), say=say_aside)
    except IncompleteResults as error:
        words = ["python", "-m", "hiero_lib", "reproduce", *profile_options(profile)]
        words += ["--run", run_folder.name] if run_folder.name != profile.name else []
        make = f"`{shlex.join(words)}`; or name a --checkpoint, or --method untrained"
        if not run_folder.is_dir():
            hint = f"{runs_there(run_folder)}. Make it: {make}"
            raise DataError("there is no such run", file=run_folder, hint=hint) from error
        raise DataError("the run has no trained models", file=run_folder, hint=f"Train them: {make}") from error


@dataclass(frozen=True)
class Found:
    """The lines of a table of answers, and the videos that could not be searched, with the reason why, by uid."""

    lines: list[str]
    left_out: dict[str, str]


def search(
    profile: Profile,
    run_folder: Path,
    text: str,
    *,
    method: str = "hiero",
    checkpoint: Path | None = None,
    count: int | None = None,
    level: int | None = None,
    videos: Sequence[str] | None = None,
    overlapping: bool = False,
    make: Make | None = None,
) -> Found:
    """The spans of all videos that answer ``text``, and how long it took.

    Args:
        profile, run_folder, method, checkpoint: as `open_method`.
        text: in plain words; put into the form of a narration as step grounding does.
        count: answers; None: ``search.count`` of the profile.
        level, videos: as `hiero_lib.search.index.SearchIndex.find`.
        overlapping: keep answers that lie on better ones.
        make: makes what the index lacks (`hiero_lib.pipelines.search_index`); None: this process does.

    Raises:
        ConfigError: a level or video that is not there, or a count below 1.
        DataError: as `open_method` and `hiero_lib.search.build.open_index`.
    """
    opened = open_method(profile, run_folder, method=method, checkpoint=checkpoint)
    collection = open_collection(profile, device=best_device())
    if opened.text_space:  # an encoder that cannot be loaded should say so before a pass over all videos
        opened.embed_text([add_tag("looks around")])
    started = time.perf_counter()
    left_out: dict[str, str] = {}
    index = open_index(run_folder, collection, opened, make=make, say=say_aside, left_out=left_out)
    loaded = time.perf_counter()
    query = opened.embed_text([add_tag(text)])[0].float().cpu().numpy()
    embedded = time.perf_counter()
    try:
        answers = index.find(
            query,
            count=profile.search.count if count is None else count,
            level=level,
            videos=videos,
            max_overlap=None if overlapping else profile.search.max_overlap,
        )
    except ValueError as error:
        raise ConfigError(str(error), field="search") from error
    answered = time.perf_counter()
    timing = (
        f"{opened.name}: {len(index):,} spans of {len(index.spans.video_uids)} videos; "
        f"index {loaded - started:.2f} s, text {1e3 * (embedded - loaded):.1f} ms, "
        f"search {1e3 * (answered - embedded):.1f} ms ({index.nearest.about})"
    )
    return Found([*_table(answers), timing], left_out)


def _table(answers: Sequence[Answer]) -> list[str]:
    rows = [("score", "video", "from", "to", "level", "thread")]
    for answer in answers:
        thread = f"{answer.thread} {answer.label}".rstrip()
        times = clock(answer.start_s, decimals=1), clock(answer.end_s, decimals=1)
        rows.append((f"{answer.score:.3f}", answer.video_uid, *times, str(answer.level), thread))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def export_video(
    profile: Profile,
    run_folder: Path,
    video_uid: str,
    *,
    method: str = "hiero",
    checkpoint: Path | None = None,
    folder: Path | None = None,
    formats: Sequence[str] = tuple(WRITERS),
    queries: Sequence[str] = (),
    num_threads: ThreadCount | Sequence[ThreadCount] | None = None,
    corrected: bool = True,
) -> list[Path]:
    """Write a video's hierarchy in several formats; the files.

    Args:
        profile, run_folder, method, checkpoint: as `open_method`.
        video_uid: a video with features.
        folder: where to; None: ``<run>/exports``.
        formats: see `hiero_lib.export.writers.WRITERS`.
        queries, num_threads: as `hiero_lib.export.reports.video_record`.
        corrected: with the corrections that the run keeps.

    Raises:
        ConfigError: a format that there is not, or not as many numbers of threads as levels.
        DataError: the video has no features; as `open_method`.
    """
    check_formats(formats)
    if (
        isinstance(num_threads, Sequence)
        and not isinstance(num_threads, str)
        and len(num_threads) != profile.model.depth
    ):
        problem = f"a number of threads for each of {profile.model.depth} levels is expected, or one for all"
        raise ConfigError(problem, field="threads", value=list(num_threads))
    collection = open_collection(profile, device=best_device())
    collection.check(video_uid)
    opened = open_method(profile, run_folder, method=method, checkpoint=checkpoint)
    exported = video_record(
        collection,
        opened,
        video_uid,
        queries=queries,
        num_threads=num_threads,
        run_folder=run_folder if corrected else None,
    )
    return export(exported, folder or run_folder / "exports", formats=formats)


def search_recall(
    profile: Profile,
    run_folder: Path,
    *,
    say: Callable[[str], None] = say_aside,
    collection: Collection | None = None,
    methods: Mapping[str, Method] | None = None,
) -> str:
    """Recall of the right span of held-out narrations, per level, for every method of the run.

    The narrations are EgoMCQ's queries, searched for in the videos of their right clips. Recorded as the section
    ``search`` of ``results.json``. ``say`` receives a line for each video that has to be indexed, by
    default on stderr, for a command prints the table on stdout.
    ``collection`` and ``methods`` are the profile's and the run's where they are open already; None: opened here.

    Returns:
        the table of results.

    Raises:
        DataError: no questions, no trained models, or a file cannot be used.
    """
    started, device = time.monotonic(), best_device()
    paths = DataPaths.at(profile.data_root)
    collection = collection or open_collection(profile, device=device)
    questions, report = load_questions(paths.egomcq, collection.store, profile.features)
    moments = moments_of(questions, profile.features)
    if not moments:
        raise DataError(f"not one of {report.total} questions has features for its clips", file=paths.egomcq)
    uids = sorted({uid for places in moments.values() for uid, _ in places})
    methods = methods or open_methods(profile, checkpoints=trained_in(profile, run_folder), device=device)
    recalls = {
        name: recall(
            open_index(run_folder, collection, method, video_uids=uids, say=say),
            moments,
            embed_text=method.embed_text,
            count=profile.search.count,
        )
        for name, method in methods.items()
        if method.text_space
    }
    rows = recall_rows(recalls, methods, profile)
    extra = {"texts": len(moments), "moments": sum(map(len, moments.values())), "videos": uids}
    seconds = time.monotonic() - started
    path = record(run_folder, "search", rows, profile=profile, seconds=seconds, extra=extra)
    return path.with_name(TABLE_FILE).read_text("utf-8")
