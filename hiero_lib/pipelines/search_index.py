"""The search index of a run, made by several workers: processes of this machine, or whatever runs calls elsewhere.

Each worker makes the files of a share of the videos (`index_share`, which can be called by itself, as a job of a
cluster); whoever asked joins them. What another start is making is waited for, not made twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future as LocalFuture
from dataclasses import dataclass
from pathlib import Path

from hiero_lib.base.device import best_device
from hiero_lib.base.errors import DataError
from hiero_lib.base.executors import Executor, Future, local_processes
from hiero_lib.base.progress import say_aside
from hiero_lib.config import Profile
from hiero_lib.hierarchy.collection import open_collection
from hiero_lib.pipelines.finished_run import open_method
from hiero_lib.search.update import BuildReport, Make, make_index


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
    method = open_method(plan.profile, plan.run_folder, method=plan.method, checkpoint=plan.checkpoint)
    collection = open_collection(plan.profile, device=best_device())
    return make_index(plan.run_folder, collection, method, video_uids=video_uids, say=say_aside)


def shared_out(
    plan: IndexPlan, workers: int, *, executor: Executor | None = None, say: Callable[[str], None] = say_aside
) -> Make:
    """What makes the missing files of an index by several workers, for `hiero_lib.search.build.open_index`.

    Args:
        plan: the run and the method.
        workers: how many.
        executor: where they run: it is not closed here. None: processes of this machine.
        say: receives a line for a worker that died; its share is made in this process then.

    Raises:
        DataError, OSError: as `index_share`, from any worker.
    """

    def make(video_uids: Sequence[str]) -> BuildReport:
        shares = [list(video_uids[number::workers]) for number in range(min(workers, len(video_uids)))]
        reports: list[BuildReport] = []
        lost: list[str] = []
        with contextlib.ExitStack() as stack:
            pool = executor or stack.enter_context(local_processes(len(shares)))
            futures: list[Future | LocalFuture[BuildReport]] = [pool.submit(index_share, plan, s) for s in shares]
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
