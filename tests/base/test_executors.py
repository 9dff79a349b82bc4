"""Local processes: fresh ones, with the threads that they are given."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from hiero_lib.base.executors import Executor, InThisProcess, Task, local_processes


def submitted(executor: Executor) -> tuple[int, int]:
    """Process and threads of torch of a call on an executor."""
    return executor.submit(os.getpid).result(), executor.submit(torch.get_num_threads).result()


def test_processes_are_others_with_the_threads_asked_for() -> None:
    with local_processes(1, threads=1) as pool:
        process, threads = submitted(pool)
    assert process != os.getpid()
    assert threads == 1
    with ThreadPoolExecutor(1) as pool:
        assert submitted(pool)[0] == os.getpid()


def test_processors_are_shared_evenly_and_torch_gets_no_more_than_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # the children's own
    shares = []
    for cores, workers in ((8, 8), (64, 2)):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        with local_processes(workers) as pool:
            shares.append(pool.submit(torch.get_num_threads).result())
    assert shares == [1, 2]


def test_no_process_and_no_thread_are_refused() -> None:
    with pytest.raises(ValueError, match="thread a process, got 0"):
        local_processes(1, threads=0)
    with pytest.raises(ValueError, match="max_workers"):
        local_processes(0)


STARTS_AND_SAYS = """
import os, sys, time
sys.path.insert(0, {root!r})
from hiero_lib.base.executors import local_processes
if __name__ == "__main__":
    pool = local_processes(1)
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 60).result()
"""


def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    """SIGKILL, of which nobody can be told."""
    script = tmp_path / "starts.py"
    script.write_text(STARTS_AND_SAYS.format(root=str(Path(__file__).parents[2])))
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.kill()
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            os.kill(child, 0)
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return
        if state == "Z":
            return
        time.sleep(0.1)
    raise AssertionError("the child goes on")


def test_a_task_is_a_call_for_any_executor() -> None:
    task = Task("a", "key", os.getpid)
    with local_processes(1) as pool:
        assert pool.submit(task).result() not in (task(), None)
    assert InThisProcess().submit(task).result() == os.getpid()


def test_in_this_process_work_is_done_when_it_is_asked_for() -> None:
    done: list[int] = []
    future = InThisProcess().submit(done.append, 3)
    assert future.done()
    assert done == []
    future.result()
    assert done == [3]
