"""Where work runs: an executor of any kind, and the processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Task:
    """A call with a name, for any executor: it is called without arguments.

    Args:
        name: for people.
        key: of what it does; two tasks with one key would do the same work in the same place.
        work: picklable, without arguments.
    """

    name: str
    key: str
    work: Callable[[], Any]

    def __call__(self) -> Any:
        """Do the work; what it returns."""
        return self.work()


class Future(Protocol):
    """A handle on submitted work: of :mod:`concurrent.futures`, or a job of SLURM's."""

    def done(self) -> bool:
        """Whether the work has ended."""

    def result(self) -> Any:
        """What the work returned, waited for; or what it raised."""


class Executor(Protocol):
    """What runs calls somewhere: any executor of :mod:`concurrent.futures`, or `hiero_lib.cluster.launch.Launch`."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future:
        """Start a picklable call."""


class InThisProcess:
    """An executor that does the work when its result is asked for, one after the other."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future:
        """Note a call."""
        return _Noted(function, arguments)


@dataclass(frozen=True)
class _Noted:
    function: Callable[..., Any]
    arguments: tuple[Any, ...]

    def done(self) -> bool:
        return True

    def result(self) -> Any:
        return self.function(*self.arguments)


def local_processes(workers: int, *, threads: int | None = None) -> ProcessPoolExecutor:
    """Fresh processes of this machine; they are spawned, for a fork of a process with threads may hang.

    They end within a second of the process that started them, however that ends: a killed command leaves nobody at
    work, who would hold its claims.

    Args:
        workers: how many.
        threads: of torch in each; None shares the processors evenly. Never more than torch would take by itself.

    Raises:
        ValueError: a number below 1.
    """
    if threads is None:
        threads = max(1, (os.cpu_count() or 1) // max(1, workers))
    if threads < 1:
        raise ValueError(f"expected at least one thread a process, got {threads}")
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=spawn, initializer=_begin, initargs=(threads, os.getpid()))


def _begin(threads: int, parent: int) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    import torch

    torch.set_num_threads(min(threads, torch.get_num_threads()))


def _end_with(parent: int) -> None:
    """End this process at once when its parent is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
