"""Features of every video of a folder, by as many workers as there are, on one machine or on a cluster.

Every worker goes through the same list, takes what nobody has claimed, and ends when nothing is left for it; so a
worker that dies costs the video it was at, which another takes up where it stopped, and new workers can join at any
time: start the same command again, also from another machine.
"""

from __future__ import annotations

import errno
import functools
import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from hiero_lib.base.errors import ConfigError, DataError, known
from hiero_lib.base.executors import Executor, Future, Task, local_processes
from hiero_lib.base.files import check_writable
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.base.locks import claimed
from hiero_lib.base.progress import quiet
from hiero_lib.config import FeatureConfig
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.media import VIDEO_SUFFIXES
from hiero_lib.sources.extraction.extract import Extraction, check_fits, extract_video, is_done
from hiero_lib.sources.extraction.extractors.choose import LOADERS, open_extractor
from hiero_lib.sources.extraction.names import check_uid, printable, problem_of

_FOR_ALL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}  # what no other video would be spared


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
                "unknown", field="--extractor", value=self.extractor, hint=known(self.extractor, LOADERS)
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
    """What became of the videos, by uid: written now, there already, at work elsewhere, or failed and why.

    ``remarks``: what is odd in files that were written now.
    """

    written: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)

    def summary(self) -> str:
        """A line for each kind, and one for each failure and remark."""
        lines = [f"{len(self.written)} written, {len(self.there)} there already, {len(self.failed)} failed"]
        if self.elsewhere:
            lines.append(f"{len(self.elsewhere)} being worked on by other processes: {', '.join(self.elsewhere[:5])}")
        lines += [f"{uid}: {remark}" for uid, remarks in self.remarks.items() for remark in remarks]
        return "\n".join([*lines, *(f"{uid}: {why}" for uid, why in self.failed.items())])


def videos_of(folder: str | Path, *, say: Callable[[str], None] = quiet) -> dict[str, Path]:
    """The video files of a folder and those below it, by uid (the file's stem), sorted.

    What cannot be used (a name that is no uid, a link to nothing, a folder that cannot be listed) is in it, too,
    under its own name, and fails when its turn comes.

    Args:
        folder: searched; links to folders are not followed.
        say: receives a line on files of other kinds, hidden ones, links to folders and second ways to one file (as
            ``explore`` leaves one below the folder that it was started in), which are passed over.

    Raises:
        DataError: no such folder, no video in it, or two files of one name.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise DataError("there is no such folder", file=folder)
    videos: dict[str, Path] = {}
    passed: Counter[str] = Counter()

    def unlisted(error: OSError) -> None:
        videos[printable(str(error.filename))] = Path(error.filename)

    files: list[Path] = []
    real: dict[str, Path] = {}
    for above, below, names in os.walk(folder, onerror=unlisted):
        files += [Path(above, name) for name in names]
        passed["links to folders"] += sum(os.path.islink(os.path.join(above, name)) for name in below)
    for path in sorted(files, key=lambda path: (path.is_symlink(), path)):  # links after what they may lead to
        if path.name.startswith("."):
            passed["hidden"] += 1
        elif path.suffix.lower() not in VIDEO_SUFFIXES:
            passed[printable(path.suffix.lower()) or "without suffix"] += 1
        elif problem_of(path.stem):
            videos[printable(str(path))] = path
        elif real.setdefault(os.path.realpath(path), path) != path:
            passed["links to files that are there"] += 1
        elif path.stem in videos:
            problem = f"two videos of one name (the other is {videos[path.stem]})"
            raise DataError(problem, file=path, field="video_uid", value=path.stem)
        else:
            videos[path.stem] = path
    videos = dict(sorted(videos.items(), key=lambda item: item[1]))
    if not videos:
        raise DataError("there is no video in this folder", file=folder, hint=f"Known: {' '.join(VIDEO_SUFFIXES)}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in passed.most_common(8) if count)
    if kinds:
        say(f"passed over, since they are no video files of their own: {kinds}")
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
        executor: where workers run, of `hiero_lib.base.executors.Task`: it is not closed here.

    Returns:
        what became of each video; one that failed does not keep the others from being done.

    Raises:
        DataError: the extractor cannot be loaded, or does not fit the profile, or the folder cannot be written to.
    """
    check_writable(plan.folder)
    if workers < 1:
        raise DataError("at least one worker is needed", field="workers", value=workers)
    if executor is None and workers == 1:
        return work(videos, plan, 0, workers)
    if executor is None:
        with local_processes(workers) as pool:
            return extract_folder(videos, plan, workers=workers, executor=pool)
    futures = [executor.submit(task) for task in worker_tasks(videos, plan, workers)]
    return _merged([_report_of(number, future) for number, future in enumerate(futures)], videos)


def worker_tasks(videos: dict[str, Path], plan: Plan, workers: int) -> list[Task]:
    """A task for each of ``workers``, that returns its `FolderReport`."""
    tasks = []
    for number in range(workers):
        name = f"extract, worker {number + 1} of {workers}"
        key = Fingerprint().json(["extract", repr(plan), sorted(map(str, videos.values())), number]).digits(32)
        tasks.append(Task(name, key, functools.partial(work, videos, plan, number, workers)))
    return tasks


def without_features(videos: Iterable[str], folder: Path) -> list[str]:
    """The videos that have no file of features in ``folder``, whatever is in the files of the others."""
    if not folder.is_dir():
        return list(videos)
    store = FeatureStore(folder)
    return [uid for uid in videos if uid not in store]


def work(videos: dict[str, Path], plan: Plan, number: int = 0, workers: int = 1) -> FolderReport:
    """One worker: do what is not done and not claimed, until nothing is left.

    ``number`` of ``workers`` says where in the list it begins, so that they do not all knock at the same door.
    """
    extraction = plan.open()
    report = FolderReport()
    uids = list(videos)
    first = number * len(uids) // workers
    left = uids[first:] + uids[:first]
    before: list[str] = []
    while left and left != before:  # once more, for those that another worker left half done
        before, left = left, []
        for at, uid in enumerate(before):
            try:
                became = _take(uid, videos[uid], plan.folder, extraction, report)
            except Exception as error:  # whatever one file does, the others are done
                report.failed[uid] = _in_words(error)
                if isinstance(error, OSError) and error.errno in _FOR_ALL:
                    report.failed |= dict.fromkeys(before[at + 1 :], f"not tried: {_in_words(error)}")
                    return report
                continue
            if became == "elsewhere":
                left.append(uid)
    report.elsewhere = left
    return report


def _take(uid: str, video: Path, folder: Path, extraction: Extraction, report: FolderReport) -> str:
    """Do one video where nobody else does; ``elsewhere`` where somebody does."""
    from hiero_lib.base.progress import Progress

    if video.is_dir():
        raise DataError("the folder cannot be listed", file=video)
    check_uid(video.stem if problem_of(video.stem) else uid, video)
    if is_done(uid, folder, extraction, video):
        report.there.append(uid)
        return "there"
    with claimed(folder / f".{uid}.claim") as ours:
        if not ours:
            return "elsewhere"
        if is_done(uid, folder, extraction, video):
            report.there.append(uid)
            return "there"
        progress, remarks = Progress(uid, total=0), list[str]()
        try:
            extract_video(video, folder, extraction, video_uid=uid, progress=progress.of, say=remarks.append)
        finally:
            progress.close()
        report.written.append(uid)
        if remarks:
            report.remarks[uid] = remarks
    return "written"


def _in_words(error: Exception) -> str:
    """An error in one line."""
    if isinstance(error, DataError):
        text = str(error)
    elif isinstance(error, MemoryError) and not str(error):
        text = "too little memory"
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(printable(text).split())[:500]


def _merged(reports: Iterable[FolderReport], videos: Iterable[str]) -> FolderReport:
    """One report of several workers': what one was kept from, another may have done."""
    merged = FolderReport()
    there, elsewhere = set[str](), set[str]()
    for report in reports:
        merged.written += report.written
        merged.failed |= report.failed
        merged.remarks |= report.remarks
        there |= set(report.there)
        elsewhere |= set(report.elsewhere)
    merged.written.sort()
    merged.there = sorted(there - set(merged.written))
    seen = there | set(merged.written) | set(merged.failed)
    merged.elsewhere = sorted(elsewhere - seen)
    for uid in sorted(set(videos) - seen - elsewhere):
        merged.failed[uid] = "not done: a worker ended before its turn, or at it; start again"
    return merged


def _report_of(number: int, future: Future) -> FolderReport:
    """A worker's report; one that says so where the worker died."""
    try:
        return future.result()
    except DataError:
        raise
    except Exception as error:  # its process was killed, or its job
        return FolderReport(failed={f"worker {number}": f"ended before its report ({_in_words(error)})"})
