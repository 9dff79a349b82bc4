"""What a job runs: a task that ends at a good point before its time is up, and is queued again to go on.

submitit has SLURM send SIGUSR2 before the time limit, and sites send it before they take a node away. Its own handler
would end the process where it stands; here the signal first becomes a SIGTERM, on which training writes a checkpoint
(`hiero_lib.base.signals`), and when the work has ended submitit queues the job again. So it is when SLURM sends
SIGTERM to take the nodes for another job: one that ends by itself then would not be queued again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from types import FrameType
from typing import Any

from hiero_lib.base.executors import Task
from hiero_lib.base.locks import VOID_AFTER_S, TakenError
from hiero_lib.base.progress import say
from hiero_lib.base.signals import Stopped, sigterm_raises
from hiero_lib.cluster.queue import is_preempted

_WAIT_S, _ASK_EVERY_S = VOID_AFTER_S + 60.0, 5.0


class NotQueuedAgain(RuntimeError):
    """A job stopped for want of time, and SLURM does not take it again."""


@dataclass(frozen=True)
class Job:
    """A task as submitit calls it.

    Args:
        task: what it does; begun again, it goes on where it was.
    """

    task: Task

    def __call__(self) -> Any:
        """Do it.

        Raises:
            NotQueuedAgain: it was stopped, and is not begun again.
            Stopped: by SIGTERM: somebody cancelled the job, or SLURM ends it.
        """
        queue_again, asked = signal.getsignal(signal.SIGUSR2), list[int]()

        def stop(number: int, frame: FrameType | None) -> None:
            if not asked:  # a second one would end training without a checkpoint
                os.kill(os.getpid(), signal.SIGTERM)
            asked.append(number)

        signal.signal(signal.SIGUSR2, stop)
        try:
            with sigterm_raises():
                return self._work()
        except (Stopped, Exception) as error:  # the signal reaches kernels and workers too, whose end is an error
            makes_room = not asked and isinstance(error, Stopped) and is_preempted(os.environ.get("SLURM_JOB_ID", ""))
            if not asked and not makes_room:
                raise
            why = "which makes room for another job" if makes_room else "on SIGUSR2"
            say(f"{' '.join(str(error).split())[:300] or type(error).__name__}, {why}")
        return _queue_again(queue_again)

    def checkpoint(self) -> Any:
        """What submitit begins anew when the job is queued again: the same, for its work knows where it was."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _work(self) -> Any:
        """The task; begun again, it waits for the claims that its killed forerunner left on another machine."""
        restarted = int(os.environ.get("SLURM_RESTART_COUNT") or 0) > 0
        deadline = time.monotonic() + _WAIT_S
        while True:
            try:
                return self.task()
            except TakenError as error:
                if not restarted or time.monotonic() > deadline:
                    raise
                say(f"waiting: {error}")
            time.sleep(_ASK_EVERY_S)


def _queue_again(by_submitit: Any) -> None:
    """Have submitit queue the job again, and end; returns in the tasks that leave that to the first one.

    Raises:
        NotQueuedAgain: it was too often, or the site does not allow it.
    """
    from submitit.core.utils import UncompletedJobError

    if not callable(by_submitit):
        raise NotQueuedAgain("it stopped on SIGUSR2, outside submitit")
    try:
        by_submitit(signal.SIGUSR2, None)
    except (UncompletedJobError, OSError, subprocess.SubprocessError) as error:
        raise NotQueuedAgain(f"it stopped for want of time and is not queued again ({error})") from error
