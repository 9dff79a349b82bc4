"""The search index of a run, made by several workers: processes of this machine, or jobs of a cluster.

Each worker makes the files of a share of the videos (`index_share`); whoever asked joins them. What another start is
making is waited for, not made twice.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hiero_lib.base.device import best_device
from hiero_lib.base.errors import DataError
from hiero_lib.base.executors import Task, local_processes
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.base.progress import say_aside
from hiero_lib.config import Profile
from hiero_lib.hierarchy.collection import Collection, open_collection
from hiero_lib.methods.method import Method
from hiero_lib.pipelines.finished_run import open_method
from hiero_lib.search.build import check_searchable, not_indexed, open_index
from hiero_lib.search.update import BuildReport, Make, index_folder, make_index


@dataclass(frozen=True)
class IndexPlan:
    """What a worker needs to know; small and picklable. Arguments as `open_method`."""

    profile: Profile
    run_folder: Path
    method: str = "hiero"
    checkpoint: Path | None = None


def index_share(plan: IndexPlan, video_uids: Sequence[str]) -> BuildReport:
    """Make the files of some videos in this process.

    Raises:
        DataError: the method cannot be opened.
        OSError: the index cannot be written.
    """
    method, collection = _opened(plan)
    return make_index(plan.run_folder, collection, method, video_uids=video_uids, say=say_aside)


def index_tasks(plan: IndexPlan, parts: int) -> list[Task]:
    """What is missing of an index, in as many tasks at most (`index_share`); none where every video has its file.

    Raises:
        DataError: the method cannot be opened or has no text space, or there is no video.
    """
    method, collection = _opened(plan)
    check_searchable(method, collection)
    folder = index_folder(plan.run_folder, method, collection)
    missing = not_indexed(folder, collection.video_uids, store=collection.store)
    tasks = []
    for number in range(min(parts, len(missing))):
        key = Fingerprint().json(["search index", str(folder.resolve()), number, parts]).digits(32)
        name = f"search index, part {number + 1} of {min(parts, len(missing))}"
        tasks.append(Task(name, key, functools.partial(index_share, plan, tuple(missing[number::parts]))))
    return tasks


def complete_index(plan: IndexPlan, *, make: Make | None = None) -> tuple[int, dict[str, str]]:
    """Make what is missing and join all of it; the number of spans, and why which videos were left out.

    Raises:
        DataError: as `index_tasks`, or no video at all can be indexed.
        OSError: the index cannot be written.
    """
    method, collection = _opened(plan)
    left_out: dict[str, str] = {}
    index = open_index(plan.run_folder, collection, method, make=make, say=say_aside, left_out=left_out)
    return len(index), left_out


def _opened(plan: IndexPlan) -> tuple[Method, Collection]:
    method = open_method(plan.profile, plan.run_folder, method=plan.method, checkpoint=plan.checkpoint)
    return method, open_collection(plan.profile, device=best_device())


def shared_out(plan: IndexPlan, workers: int, *, say: Callable[[str], None] = say_aside) -> Make:
    """What makes the missing files of an index by several workers, for `hiero_lib.search.build.open_index`.

    Args:
        plan: the run and the method.
        workers: how many.
        say: receives a line for a worker that died; its share is made in this process then.

    Raises:
        DataError, OSError: as `index_share`, from any worker.
    """

    def make(video_uids: Sequence[str]) -> BuildReport:
        shares = [list(video_uids[number::workers]) for number in range(min(workers, len(video_uids)))]
        reports: list[BuildReport] = []
        lost: list[str] = []
        with local_processes(len(shares)) as pool:
            futures = [pool.submit(index_share, plan, share) for share in shares]
            for share, future in zip(shares, futures):
                try:
                    reports.append(future.result())
                except (DataError, OSError):
                    raise
                except Exception as error:  # its process was killed, or its job
                    say(f"a worker ended before its end ({type(error).__name__}: {error}); its share is made here")
                    lost += share
        if lost:
            reports.append(index_share(plan, lost))
        left_out = {uid: why for report in reports for uid, why in report.left_out.items()}
        return BuildReport(sum(one.made for one in reports), sum(one.kept for one in reports), left_out)

    return make
