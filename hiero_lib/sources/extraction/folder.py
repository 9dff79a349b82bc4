"""Features of every video of a folder, by as many workers as there are, on one machine or on a cluster.

Every worker goes through the same list, takes what nobody has claimed, and ends when nothing is left for it; so a
worker that dies costs the video it was at, which another takes up where it stopped, and new workers can join at any
time: start the same command again, also from another machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.executors import Executor, local_processes
from hiero_lib.base.locks import claimed
from hiero_lib.config import FeatureConfig
from hiero_lib.sources.extraction.extract import Extraction, check_fits, extract_video, is_done
from hiero_lib.sources.extraction.extractors.choose import LOADERS, open_extractor

VIDEO_SUFFIXES = {".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".gif"}


@dataclass(frozen=True)
class Plan:
    """What a worker needs to know; small and picklable.

    Args:
        extractor, weights: as :func:`hiero_lib.sources.extraction.extractors.choose.open_extractor` takes them.
        features: stride, window, fps and F; folder: receives the files.
        device: ``cuda``, ``cpu`` and so on; None: the best that the worker's machine has.
        batch: windows of a forward pass; None: as :class:`Extraction`.
    """

    extractor: str
    weights: str | None
    features: FeatureConfig
    folder: Path
    device: str | None = None
    batch: int | None = None

    def check(self) -> None:
        """Raise a DataError where the extractor is unknown."""
        if self.extractor not in LOADERS:
            raise ConfigError(
                "unknown", field="--extractor", value=self.extractor, hint=f"Known: {', '.join(LOADERS)}"
            )

    def open(self) -> Extraction:
        """Load the extractor.

        Raises:
            DataError: it cannot be loaded, or gives features of another F than the profile's.
        """
        from hiero_lib.base.device import best_device

        device = torch.device(self.device) if self.device else best_device()
        extractor = open_extractor(self.extractor, self.weights)
        check_fits(extractor, self.features)
        return Extraction(extractor.to(device), self.features, device, batch=self.batch)


@dataclass
class FolderReport:
    """What became of the videos, by uid: written now, there already, at work elsewhere, or failed and why."""

    written: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def summary(self) -> str:
        """A line for each kind, and one for each failure."""
        lines = [f"{len(self.written)} written, {len(self.there)} there already, {len(self.failed)} failed"]
        if self.elsewhere:
            lines.append(f"{len(self.elsewhere)} being worked on by other processes: {', '.join(self.elsewhere[:5])}")
        return "\n".join([*lines, *(f"{uid}: {why}" for uid, why in self.failed.items())])


def videos_of(folder: str | Path) -> dict[str, Path]:
    """The video files of a folder and those below it, by uid (the file's stem), sorted.

    Raises:
        DataError: no such folder, no video in it, or two files of one name.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise DataError("there is no such folder", file=folder)
    videos: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in VIDEO_SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        if path.stem in videos:
            problem = f"two videos of one name (the other is {videos[path.stem]})"
            raise DataError(problem, file=path, field="video_uid", value=path.stem)
        videos[path.stem] = path
    if not videos:
        raise DataError("there is no video in this folder", file=folder, hint=f"Known: {' '.join(VIDEO_SUFFIXES)}")
    return videos


def extract_folder(
    videos: dict[str, Path], plan: Plan, *, workers: int = 1, executor: Executor | None = None
) -> FolderReport:
    """Write the features of all videos that have none yet.

    Args:
        videos: from :func:`videos_of`.
        plan: how.
        workers: how many to submit to the executor; without one, 1 works in this process and more in as many
            processes of this machine.
        executor: where workers run: it is not closed here.

    Returns:
        what became of each video; one that failed does not keep the others from being done.

    Raises:
        DataError: the extractor cannot be loaded, or does not fit the profile.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    if workers < 1:
        raise DataError("at least one worker is needed", field="workers", value=workers)
    if executor is None and workers == 1:
        return work(videos, plan, 0, workers)
    if executor is None:
        with local_processes(workers) as pool:
            return extract_folder(videos, plan, workers=workers, executor=pool)
    futures = [executor.submit(work, videos, plan, number, workers) for number in range(workers)]
    return _merged(future.result() for future in futures)


def work(videos: dict[str, Path], plan: Plan, number: int = 0, workers: int = 1) -> FolderReport:
    """One worker: do what is not done and not claimed, until nothing is left.

    ``number`` of ``workers`` says where in the list it begins, so that they do not all knock at the same door.
    """
    from hiero_lib.base.progress import Progress

    extraction = plan.open()
    report = FolderReport()
    uids = list(videos)
    first = number * len(uids) // workers
    left = uids[first:] + uids[:first]
    before: list[str] = []
    while left and left != before:  # once more, for those that another worker left half done
        before, left = left, []
        for uid in before:
            try:
                if is_done(uid, plan.folder, extraction):
                    report.there.append(uid)
                    continue
                with claimed(plan.folder / f".{uid}.claim") as ours:
                    if not ours:
                        left.append(uid)
                        continue
                    if is_done(uid, plan.folder, extraction):
                        report.there.append(uid)
                        continue
                    progress = Progress(uid, total=0)
                    extract_video(videos[uid], plan.folder, extraction, video_uid=uid, progress=progress.of)
                    progress.close()
                    report.written.append(uid)
            except DataError as error:
                report.failed[uid] = str(error)
    report.elsewhere = left
    return report


def _merged(reports: Iterable[FolderReport]) -> FolderReport:
    """One report of several workers': what one was kept from, another may have done."""
    merged = FolderReport()
    there, elsewhere = set[str](), set[str]()
    for report in reports:
        merged.written += report.written
        merged.failed |= report.failed
        there |= set(report.there)
        elsewhere |= set(report.elsewhere)
    merged.written.sort()
    merged.there = sorted(there - set(merged.written))
    merged.elsewhere = sorted(elsewhere - there - set(merged.written) - set(merged.failed))
    return merged


def slurm_executor(folder: Path, *, partition: str | None, gpus: int, hours: float, options: Sequence[str]) -> Any:
    """submitit's executor of SLURM jobs, whose logs go to ``folder``.

    Args:
        partition: of the cluster; None: its default. gpus: of a job; hours: its time limit.
        options: further parameters of submitit as ``name=value``, for example ``slurm_constraint=volta``.

    Raises:
        DataError: submitit is not installed.
    """
    try:
        import submitit
    except ImportError as error:
        raise DataError("SLURM needs submitit", field="--slurm", hint="pip install submitit") from error
    executor = submitit.AutoExecutor(folder=str(folder))
    parameters: dict[str, Any] = {"timeout_min": round(hours * 60), "gpus_per_node": gpus, "name": "hiero-extract"}
    if partition:
        parameters["slurm_partition"] = partition
    executor.update_parameters(**parameters, **dict(option.split("=", 1) for option in options))
    return executor
