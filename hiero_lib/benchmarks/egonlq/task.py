"""EgoNLQ opened on a profile's data: features once, then a head for each method, level and seed.

The head and its training are :mod:`hiero_lib.benchmarks.egonlq.score`; raw features go through the same trainings
with the same seeds as HiERO's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from hiero_lib.base.executors import local_processes
from hiero_lib.base.files import file_slug
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.base.progress import Progress, say
from hiero_lib.benchmarks.benchmark import Section
from hiero_lib.benchmarks.egonlq import score as egonlq
from hiero_lib.benchmarks.egonlq.data import NLQData, clip_bins_of, prepare
from hiero_lib.benchmarks.egonlq.files import read_splits
from hiero_lib.benchmarks.egonlq.report import egonlq_rows, head_records, level_rows
from hiero_lib.benchmarks.egonlq.score import (
    FED,
    EgoNLQResult,
    Head,
    load_head,
    planned_heads,
    predict,
    training_settings,
)
from hiero_lib.benchmarks.grounding.files import (
    NLQ_CHALLENGE,
    GroundingClip,
    GroundingReport,
    Predictions,
    truth_of,
    write_predictions,
)
from hiero_lib.config import FeatureLevel, Profile
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.token_cache import TokenCache
from hiero_lib.methods.levels import read_video
from hiero_lib.methods.method import Method
from hiero_lib.models.text_encoders import load_text_encoder


@dataclass(frozen=True)
class EgoNLQTask:
    """The queries of a profile with everything that a head needs; made by :func:`open_egonlq`.

    ``clips`` and ``reports`` are by split: ``train``, ``val`` and, where its file is there, ``test``.
    """

    profile: Profile
    device: torch.device
    store: FeatureStore
    clips: dict[str, list[GroundingClip]]
    reports: dict[str, GroundingReport]
    tokens: TokenCache

    def data(
        self,
        method: Method,
        split: str,
        *,
        level: FeatureLevel,
        on_video: Callable[[int, int], None] | None = None,
    ) -> NLQData:
        """A split's queries with a method's features; each video goes through the backbone once, for all levels.

        Raises:
            DataError: features that cannot be used, naming the file.
        """
        config, features = self.profile.egonlq, self.profile.features

        def levels_of(video_uid: str) -> list[Tensor] | None:
            if video_uid not in self.store:
                return None
            video = read_video(self.store, self.profile, video_uid, device=self.device)
            return [level.x for level in method.levels(video, cluster=config.cluster)]

        paths = DataPaths.at(self.profile.data_root)
        made_by = method.fingerprint + ("" if config.cluster else "-without-threads")
        bins = clip_bins_of(
            self.clips[split],
            level=level,
            levels_of=levels_of,
            stamp_of=self._stamp,
            folder=paths.caches / "egonlq" / features.folder / made_by / split,
            stride_s=features.stride_s,
            max_pos_len=config.max_pos_len,
            on_video=on_video,
        )
        return prepare(self.clips[split], bins, embed_tokens=self.tokens, training=split == "train")

    def summary(self) -> str:
        """Lines for people: what was read, and what was left out of it."""
        return "\n".join(f"{split}: {report.summary()}" for split, report in self.reports.items())

    def evaluate(self, methods: Mapping[str, Method], *, run_folder: Path) -> dict[Head, EgoNLQResult]:
        """Train the heads of the profile in ``<run>/egonlq``, or go on, and score them; see :func:`train_heads`."""
        with (
            head_processes(self.device, workers=self.profile.egonlq.workers) or contextlib.nullcontext() as processes
        ):
            return train_heads(self, methods, folder=run_folder / "egonlq", executor=processes)

    def notes(self, results: Mapping[Head, EgoNLQResult]) -> list[str]:
        """What the trainings left out and which validation queries have no features, a line a method."""
        lines = []
        for name in dict.fromkeys(head.method for head in results):
            result = next(result for head, result in results.items() if head.method == name)
            left_out = ", ".join(f"{count:,} {why}" for why, count in result.left_out.items() if count)
            if left_out or result.scores.excluded:
                lacking = f"{result.scores.excluded:,} validation queries without features"
                lines.append(f"{name}: {lacking}; left out of training: {left_out or 'none'}")
        return lines

    def sections(self, results: Mapping[Head, EgoNLQResult], methods: Mapping[str, Method]) -> list[Section]:
        """``egonlq``, and the comparison of HiERO's levels in ``egonlq_levels``."""
        sections = [Section("egonlq", egonlq_rows(self, results, methods), {"heads": head_records(results)})]
        levels = level_rows(self, results, methods)
        return [*sections, *([Section("egonlq_levels", levels)] if levels else [])]

    def save_predictions(
        self, results: Mapping[Head, EgoNLQResult], methods: Mapping[str, Method], run_folder: Path
    ) -> list[Path]:
        """Write the challenge's files of the heads at the profile's level; see :func:`save_predictions`."""
        return save_predictions(self, methods, results, run_folder)

    def _stamp(self, video_uid: str) -> str:
        return self.store.identity(video_uid) if video_uid in self.store else ""


def open_egonlq(profile: Profile, *, device: torch.device) -> EgoNLQTask:
    """Read the queries, open the features and load the text encoder.

    Both methods get the token features of the profile's text encoder as it comes, frozen, also where HiERO's
    training goes on to change it (Omnivore).

    Raises:
        DataError: a file is missing or cannot be used, or a validation query has no times.
    """
    paths, splits = DataPaths.at(profile.data_root), read_splits(profile)
    store = FeatureStore(paths.features(profile.features.folder), dim=profile.features.dim)
    encoder = load_text_encoder(dataclasses.replace(profile.text, frozen=True), data_root=paths.root)
    return EgoNLQTask(
        profile,
        device,
        store,
        {split: clips for split, (clips, _) in splits.items()},
        {split: report for split, (_, report) in splits.items()},
        TokenCache(paths.caches / "text_tokens", encoder, device=device),
    )


def compute_features(task: EgoNLQTask, methods: Mapping[str, Method]) -> list[list[object]]:
    """Put the features of all levels, videos and splits on disk, for all methods.

    Returns rows of a table: method, channels of a level, clips with features, seconds.
    """
    rows: list[list[object]] = []
    for name in (name for name in FED if name in methods):
        started, clips, channels = time.monotonic(), 0, 0
        for split in task.clips:
            total = len({clip.video_uid for clip in task.clips[split]})
            progress = Progress(f"{name}, {split} videos", total=total)
            data = task.data(methods[name], split, level=0, on_video=lambda done, _, bar=progress: bar.show(done))  # type: ignore[misc]
            progress.close()
            clips += len(data.clips)
            channels = max([channels, *(clip.bins.shape[1] for clip in data.clips.values())])
        rows.append([name, channels, clips, round(time.monotonic() - started, 1)])
    return rows


def head_processes(device: torch.device, *, workers: int | None = None) -> ProcessPoolExecutor | None:
    """Local processes of one thread each to train heads in: one a core, or ``workers``; None on a GPU, or for one.

    The head is too small for the threads of one process to keep two cores busy.
    """
    workers = workers or (os.cpu_count() or 1 if device.type == "cpu" else 1)
    return None if workers == 1 else local_processes(workers, threads=1)


def train_heads(
    task: EgoNLQTask,
    methods: Mapping[str, Method],
    *,
    folder: str | Path,
    heads: Sequence[Head] | None = None,
    executor: Executor | None = None,
    say: Callable[[str], None] = say,
) -> dict[Head, EgoNLQResult]:
    """Train the heads, or go on where ``folder`` stopped; one that is done is only read.

    Args:
        task: the queries.
        methods: by name; heads of others are passed over.
        folder: a folder for each head is made in it. Its name carries a hash of all that decides the result.
        heads: ``planned_heads`` when None.
        executor: of :mod:`concurrent.futures`; None trains one after the other in this process. What is done is
            read in this process: a worker takes seconds to start.
        say: receives a line for each head that is done.

    Raises:
        DataError: no query to train or validate on.
    """
    profile, started = task.profile, time.monotonic()
    planned = planned_heads(profile.egonlq, depth=profile.model.depth) if heads is None else heads
    wanted = [head for head in planned if head.method in methods]
    truth = truth_of(task.clips["val"])
    futures: dict[Future[EgoNLQResult], Head] = {}
    data: dict[tuple[str, FeatureLevel], tuple[NLQData, NLQData, str]] = {}
    done: dict[Head, EgoNLQResult] = {}

    def note(head: Head, result: EgoNLQResult) -> None:
        done[head] = result
        got = egonlq.measures(result.scores)
        say(
            f"{head.method}, level {head.level}, seed {head.seed}: R1@0.3 {got['R1@0.3']:.1%}, mIoU {got['mIoU']:.1%}"
            f" at epoch {result.best_epoch} ({len(done)} of {len(wanted)} heads, {time.monotonic() - started:.0f} s)"
        )

    for head in wanted:
        key = head.method, head.level
        if key not in data:
            data.clear()  # heads of one kind follow each other
            parts = [task.data(methods[head.method], split, level=head.level) for split in ("train", "val")]
            decisive = _digest(parts, task.tokens.folder.name, training_settings(profile.egonlq))
            data[key] = parts[0], parts[1], decisive
        training, validation, digest = data[key]
        name = f"{file_slug(head.method)}-level{head.level}-seed{head.seed}-{digest}"
        job = functools.partial(
            egonlq.train,
            training,
            validation,
            Path(folder) / name,
            truth=truth,
            seed=head.seed,
            device=task.device,
            config=profile.egonlq,
        )
        if executor is None or egonlq.is_trained(Path(folder) / name, profile.egonlq.epochs):
            note(head, job())
        else:
            futures[executor.submit(job)] = head
    for future in as_completed(futures):
        note(futures[future], future.result())
    return {head: done[head] for head in wanted}


def _digest(data: Sequence[NLQData], *settings: object) -> str:
    """8 digits that differ where features, queries or settings do."""
    fingerprint = Fingerprint().json(settings)
    for part in data:
        fingerprint.text(repr(part.queries))
        for uid in sorted(part.clips):
            clip = part.clips[uid]
            fingerprint.text(f"{uid} {clip.duration_s} {clip.lead_s}").data(clip.bins.numpy().data)
    return fingerprint.digits(8)


def save_predictions(
    task: EgoNLQTask, methods: Mapping[str, Method], trained: Mapping[Head, EgoNLQResult], run_folder: str | Path
) -> list[Path]:
    """Write the official files of the heads at the profile's level, ``<run>/predictions/egonlq_<head>_<split>.json``.

    ``val`` always, ``test`` where its annotations are there; queries without features have no entry.
    """
    config, written = task.profile.egonlq, []
    unseen: dict[str, NLQData] = {}  # by method: the same for every seed
    for head, result in trained.items():
        if head.level != config.level:
            continue
        answers: dict[str, Predictions] = {"val": result.predictions}
        if "test" in task.clips:
            if head.method not in unseen:
                unseen[head.method] = task.data(methods[head.method], "test", level=head.level)
            data = unseen[head.method]
            best, settings = load_head(result.folder / "best")
            max_tokens = max(settings["max_tokens"], data.longest)
            answers["test"] = predict(best, data, config=config, max_tokens=max_tokens, device=task.device)
        for split, predictions in answers.items():
            name = f"egonlq_{file_slug(head.method)}_seed{head.seed}_{split}.json"
            path = Path(run_folder) / "predictions" / name
            write_predictions(path, predictions, challenge=NLQ_CHALLENGE)
            written.append(path)
    return written
