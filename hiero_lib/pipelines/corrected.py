"""A video's corrections from the command line: told, scored, and taken from a file that was changed elsewhere."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

from hiero_lib.base.device import best_device
from hiero_lib.base.files import pasted
from hiero_lib.config import Profile
from hiero_lib.export.readback import read_back
from hiero_lib.hierarchy.agreement import agreement
from hiero_lib.hierarchy.collection import named_hierarchy, open_collection, phrases_of
from hiero_lib.hierarchy.corrections import (
    Corrections,
    corrections_file,
    corrections_of,
    with_corrections,
    write_corrections,
)
from hiero_lib.hierarchy.division import ThreadCount
from hiero_lib.hierarchy.following import divided_anew
from hiero_lib.hierarchy.operations import in_words
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.pipelines.finished_run import open_method


@dataclasses.dataclass(frozen=True)
class Corrected:
    """A video as it is divided, as it was corrected, and how; ``file`` keeps that, or will."""

    base: VideoHierarchy
    hierarchy: VideoHierarchy
    corrections: Corrections
    file: Path


def open_corrected(
    profile: Profile, run_folder: Path, video_uid: str, *, method: str = "hiero", checkpoint: Path | None = None
) -> Corrected:
    """A video with the corrections that a run keeps.

    Raises:
        DataError: the video has no features, the corrections cannot be used; as
            `hiero_lib.pipelines.finished_run.open_method`.
    """
    collection = open_collection(profile, device=best_device())
    collection.check(video_uid)
    opened = open_method(profile, run_folder, method=method, checkpoint=checkpoint)
    narrated = bool(collection.narrations(video_uid))
    vocabulary = phrases_of(opened, collection.vocabulary()) if opened.text_space and not narrated else None
    file = corrections_file(run_folder, opened.name, video_uid)

    @functools.cache
    def divide(counts: Sequence[ThreadCount] | None) -> VideoHierarchy:
        return named_hierarchy(collection, opened, video_uid, vocabulary=vocabulary, num_threads=counts)

    found = with_corrections(file, divide)
    if found is not None:
        return Corrected(*found, file)
    base = divide(None)
    return Corrected(base, base, corrections_of(base, method=opened.name, fingerprint=opened.fingerprint), file)


def correct_from(
    profile: Profile,
    run_folder: Path,
    video_uid: str,
    source: Path,
    *,
    method: str = "hiero",
    checkpoint: Path | None = None,
) -> int:
    """Add what a file has otherwise to the corrections of a video; how many levels it changes.

    Raises:
        DataError: as `open_corrected` and `hiero_lib.export.readback.read_back`.
    """
    video = open_corrected(profile, run_folder, video_uid, method=method, checkpoint=checkpoint)
    taken = read_back(source, video.hierarchy)
    if taken:
        operations = (*video.corrections.operations, *taken)
        write_corrections(video.file, dataclasses.replace(video.corrections, operations=operations))
    return len(taken)


def divide_rest(
    profile: Profile,
    run_folder: Path,
    video_uid: str,
    level: int,
    *,
    method: str = "hiero",
    checkpoint: Path | None = None,
) -> None:
    """Divide what no correction speaks of anew, at one level, and keep that as one more correction.

    Raises:
        DataError: as `open_corrected` and `hiero_lib.hierarchy.following.divided_anew`.
    """
    video = open_corrected(profile, run_folder, video_uid, method=method, checkpoint=checkpoint)
    follow = divided_anew(video.base, video.corrections.operations, level, profile.hierarchy)
    operations = (*video.corrections.operations, follow)
    write_corrections(video.file, dataclasses.replace(video.corrections, operations=operations))


def told(
    profile: Profile, run_folder: Path, video_uid: str, *, method: str = "hiero", checkpoint: Path | None = None
) -> list[str]:
    """The corrections of a video in words, a line each, and how far the model agrees with them.

    Raises:
        DataError: as `open_corrected`.
    """
    video = open_corrected(profile, run_folder, video_uid, method=method, checkpoint=checkpoint)
    if not video.corrections.operations:
        return [f"{video_uid}: no corrections; make some in the explorer (hiero serve --video {video_uid})"]
    lines = [f"{number}. {in_words(one)}" for number, one in enumerate(video.corrections.operations, start=1)]
    lines += [
        f"level {one.level}: adjusted Rand index of the model {one.ari:.3f} over {one.nodes} nodes"
        + (f", {one.excluded} in spans marked as wrong left out" if one.excluded else "")
        for one in agreement(video.base, video.hierarchy)
    ]
    return [*lines, f"kept in {pasted(video.file)}"]
