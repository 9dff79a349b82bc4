"""Local processes: fresh ones, with the threads that they are given."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from hiero_lib.base.executors import Executor, local_processes


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
