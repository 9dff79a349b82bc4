"""What is there: every file that a profile needs, found or missing, and how far the files fit each other."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.egomcq.data import load_questions
from hiero_lib.benchmarks.thread_recovery.files import read_truths
from hiero_lib.config import Profile, TextConfig, profile_options
from hiero_lib.data.egoclip import open_egoclip
from hiero_lib.data.egoclip_fit import misfit
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.paths import DataPaths


@dataclass(frozen=True)
class AuditRow:
    """One thing that a profile needs: where it is looked for, whether it can be used, what is in it."""

    what: str
    where: str
    status: Literal["found", "doubtful", "fetched when used", "missing or unusable"]
    details: str


class Doubtful(Exception):
    """What is there can be used, and looks wrong."""


FEATURES, EGOCLIP, EGOMCQ, TEXT = "segment features", "EgoClip narrations", "EgoMCQ questions", "text encoder"
TEXT_WEIGHTS, PROJECTION = "weights of the text encoder", "text projection (untrained baseline)"


def audit(profile: Profile, store: FeatureStore | None = None) -> list[AuditRow]:
    """Look at the features, EgoClip, EgoMCQ, the text encoder and what else the profile names.

    Of features only the headers are read. The EgoClip index is built if there is none yet.

    Args:
        profile: its settings.
        store: the profile's features, where they are open already.
    """
    paths = DataPaths.at(profile.data_root)
    folder = paths.features(profile.features.folder)

    def opened(annotations: Path | None = None) -> FeatureStore:
        if annotations is not None and not annotations.is_file():  # is told before what it would be compared with
            raise DataError("there is no such file", file=annotations)
        if store is None and not folder.is_dir():
            raise DataError("there is no such folder of features", file=folder)
        return store if store is not None else FeatureStore(folder, dim=profile.features.dim)

    rows = [
        audited(FEATURES, folder, lambda: _features(profile, opened())),
        audited(EGOCLIP, paths.egoclip, lambda: _egoclip(profile, paths, opened(paths.egoclip))),
        audited(EGOMCQ, paths.egomcq, lambda: _egomcq(profile, paths, opened(paths.egomcq))),
        _text_encoder(profile.text),
    ]
    for what, name in (
        (TEXT_WEIGHTS, profile.text.weights),
        (PROJECTION, profile.features.text_projection),
    ):
        if name is not None:
            rows.append(_file_row(what, paths.root / name))
    if profile.is_sample:
        rows.append(audited("truth of the sample", paths.truth, lambda: _truth(paths.truth)))
    return rows


def require_all(rows: Sequence[AuditRow], profile: Profile) -> None:
    """Refuse to go on without what is missing.

    Args:
        rows: of `audit`.
        profile: that they are of.

    Raises:
        DataError: naming each thing that is missing or unusable, where it was looked for, and how to get it.
    """
    lacking = [row for row in rows if row.status == "missing or unusable"]
    if lacking:
        listed = "; ".join(f"{row.what}: {row.details}" for row in lacking)
        problem = f"{len(lacking)} of {len(rows)} things are missing or unusable: {listed}"
        raise DataError(problem, hint=f"{how_to_get(profile)}\nOne by one: {_command('doctor', profile)}")


def how_to_get(profile: Profile) -> str:
    """The command that makes or fetches a profile's data."""
    if profile.is_sample:
        return f"Make it: {shlex.join(['python', '-m', 'hiero_lib', 'sample', '--root', profile.data_root])}"
    return f"Fetch it: {_command('download', profile)}"


def _command(name: str, profile: Profile) -> str:
    return shlex.join(["python", "-m", "hiero_lib", name, *profile_options(profile)])


def audited(what: str, where: Path, look: Callable[[], str]) -> AuditRow:
    """The row of what ``look`` says; its DataError is what is wrong, its `Doubtful` what to look at."""
    try:
        return AuditRow(what, str(where), "found", look())
    except Doubtful as doubt:
        return AuditRow(what, str(where), "doubtful", str(doubt))
    except DataError as error:
        return AuditRow(what, str(where), "missing or unusable", str(error))


def _features(profile: Profile, store: FeatureStore) -> str:
    lengths = [store.num_segments(uid) for uid in store.video_uids]
    if not lengths:
        raise DataError("the folder holds no feature file", file=store.folder)
    seconds = [length * profile.features.stride_s for length in lengths]
    return (
        f"{len(lengths)} videos of {min(seconds) / 60:.1f} to {max(seconds) / 60:.1f} min,"
        f" {sum(seconds) / 3600:.1f} h in all; {sum(lengths):,} segments of {profile.features.dim} channels,"
        f" one every {profile.features.stride_s:.3f} s"
    )


def _egoclip(profile: Profile, paths: DataPaths, store: FeatureStore) -> str:
    index = open_egoclip(paths)
    chunks, report = index.chunks(store, profile.features, chunk_s=profile.training.chunk_s)
    wrong = misfit(index, store, profile.features, report)
    if not chunks:
        raise DataError(f"nothing can be trained on: {wrong or report.summary()}", file=paths.egoclip)
    if wrong is not None:
        raise Doubtful(f"{report.summary()} {wrong}")
    return report.summary()


def _egomcq(profile: Profile, paths: DataPaths, store: FeatureStore) -> str:
    questions, report = load_questions(
        paths.egomcq, store, profile.features, context_window=profile.egomcq.context_window
    )
    if not questions:
        raise DataError("not one question has features for its five clips", file=paths.egomcq)
    inter = sum(question.type == 1 for question in questions)
    return (
        f"{report.total} questions, {report.kept} usable ({inter} inter-video, {len(questions) - inter} intra-video);"
        f" {report.without_features} lack features, {report.clip_beyond_video} ask beyond the end of a video"
    )


def _text_encoder(text: TextConfig) -> AuditRow:
    what, details = TEXT, f"{text.encoder}, {text.dim} channels, {'frozen' if text.frozen else 'trained'}"
    if text.source.startswith("package:"):
        from hiero_lib.models.text_sources import package_folder

        try:
            package_folder(text.source)
        except DataError as error:
            return AuditRow(what, text.source, "missing or unusable", str(error))
        return AuditRow(what, text.source, "found", details)
    if Path(text.source).expanduser().is_dir():
        return AuditRow(what, text.source, "found", details)
    return AuditRow(what, text.source, "fetched when used", f"{details}; from the model hub")


def _file_row(what: str, path: Path) -> AuditRow:
    if not path.is_file():
        return AuditRow(what, str(path), "missing or unusable", f"there is no such file: {path}")
    return AuditRow(what, str(path), "found", f"{path.stat().st_size / 1e6:.1f} MB")


def _truth(folder: Path) -> str:
    truths = read_truths(folder)
    if not truths:
        raise DataError("the folder holds no truth", file=folder)
    return f"{len(truths)} videos"
