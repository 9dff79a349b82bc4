"""Cells of work on any executor: each resumable, none lost to the failure of another.

A cell is a picklable call with a folder. Its result is written there when it is there, whole or not at all, beside a
fingerprint of what it was made of; a cell with the same fingerprint is not run again. The executor is anything with
``submit`` that gives something with ``done`` and ``result``: those of ``concurrent.futures``, or a launch on SLURM.
"""

from __future__ import annotations

import functools
import multiprocessing
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError
from hiero_lib.base.executors import Executor, Task, local_processes
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.base.locks import exclusive
from hiero_lib.base.progress import say
from hiero_lib.base.sealed import read_sealed, write_sealed
from hiero_lib.base.signals import Stopped

CELL_FILE = "cell.json"
FORMAT = 1
_POLL_S = 0.1
_END_S = 60.0  # for a step of training and its checkpoint


@dataclass(frozen=True)
class Cell:
    """One cell of a sweep.

    Args:
        name: for people, and different for every cell.
        folder: receives ``cell.json``; what the work itself leaves there is its own affair.
        fingerprint: of everything that decides the result.
        work: picklable, without arguments; returns plain values for JSON.
    """

    name: str
    folder: Path
    fingerprint: str
    work: Callable[[], Mapping[str, Any]]


@dataclass
class SweepResult:
    """By name of the cell: the results of those that are done, and what stopped the others."""

    done: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def result_of(cell: Cell) -> Any:
    """The result that a cell has left, or None where it is to be run.

    Raises:
        DataError: its file is there and is not what was written.
    """
    path = cell.folder / CELL_FILE
    if not path.is_file():
        return None
    try:
        kept = read_sealed(path, format=FORMAT, what="the result of a cell")
    except DataError as error:
        raise _unreadable(error) from error
    if not isinstance(kept.get("fingerprint"), str) or not isinstance(kept.get("result"), dict):
        raise _unreadable(DataError("not the result of a cell", file=path, field="result"))
    return kept["result"] if kept["fingerprint"] == cell.fingerprint else None


def _unreadable(error: DataError) -> DataError:
    hint = f"Delete {CELL_FILE} to measure the cell again; its training stays"
    return DataError(error.problem, file=error.file, field=error.field, value=error.value, hint=hint)


def run_cell(cell: Cell) -> Any:
    """Do a cell's work unless it is done, and keep the result; what the executor is given to run.

    Raises:
        DataError: another process is at work on the cell.
    """
    result = result_of(cell)
    if result is None:
        with exclusive(cell.folder, f"a cell of a sweep, {cell.name}"):
            started = time.monotonic()
            result = dict(cell.work())
            seconds = round(time.monotonic() - started, 3)
            kept = {"fingerprint": cell.fingerprint, "seconds": seconds, "result": result}
            write_sealed(cell.folder / CELL_FILE, kept, format=FORMAT)
    return result


def task_of(cell: Cell) -> Task:
    """A cell as an executor takes it."""
    key = Fingerprint().json([str(cell.folder.resolve()), cell.fingerprint]).digits(32)
    return Task(cell.name, key, functools.partial(run_cell, cell))


def open_cells(cells: Sequence[Cell]) -> list[Cell]:
    """Those that are to be run; one whose file is damaged is not, for it fails as it is."""
    return [cell for cell in cells if not _is_settled(cell)]


def _is_settled(cell: Cell) -> bool:
    try:
        return result_of(cell) is not None
    except DataError:  # a failure of this cell alone
        return True


def run_sweep(
    cells: Sequence[Cell],
    *,
    executor: Executor | None = None,
    workers: int = 1,
    on_done: Callable[[SweepResult], None] | None = None,
    say: Callable[[str], None] = say,
) -> SweepResult:
    """Run the cells that are not done.

    Args:
        cells: of which each is run at most once.
        executor: where; it is left open. None: ``workers`` processes of this machine, and a process that dies
            (which takes all others of its pool along) costs only its own cell.
        workers: number of local processes, which share the processors.
        on_done: called with all that is known after every cell.
        say: receives a line per cell.

    Returns:
        results and failures; the caller decides what a failure is worth.

    Raises:
        ValueError: two cells of one name or folder.
    """
    for what in ("name", "folder"):
        values = [str(getattr(cell, what)) for cell in cells]
        if twice := {value for value in values if values.count(value) > 1}:
            raise ValueError(f"two cells with the {what} {min(twice)!r}")
    tasks = {cell.name: task_of(cell) for cell in open_cells(cells)}
    settled = {cell.name: functools.partial(result_of, cell) for cell in cells if cell.name not in tasks}
    return run_tasks(
        list(tasks.values()), settled=settled, executor=executor, workers=workers, on_done=on_done, say=say
    )


def run_tasks(
    tasks: Sequence[Task],
    *,
    settled: Mapping[str, Callable[[], Any]] | None = None,
    executor: Executor | None = None,
    workers: int = 1,
    on_done: Callable[[SweepResult], None] | None = None,
    say: Callable[[str], None] = say,
) -> SweepResult:
    """Run tasks with different names; one that fails keeps no other from being run.

    Args:
        tasks: to run.
        settled: name -> what a task that is not to be run gives, or raises.
        executor, workers, on_done, say: as `run_sweep`.

    Returns:
        results and failures of both.
    """
    result, settled = SweepResult(), settled or {}

    def finished(name: str, outcome: Callable[[], Any]) -> None:
        try:
            result.done[name] = outcome()
        except Exception as error:
            result.failed[name] = _one_line(error)
        number = len(result.done) + len(result.failed)
        end = f"failed: {result.failed[name]}" if name in result.failed else "done"
        say(f"[{number}/{len(tasks) + len(settled)}] {name}: {end}")
        if on_done is not None:
            on_done(result)

    for name, outcome in settled.items():
        finished(name, outcome)
    if executor is not None:
        _run_on(executor, tasks, finished)
    elif tasks:
        broken: list[Task] = []
        with local_processes(min(workers, len(tasks))) as pool:
            _run_on(pool, tasks, finished, broken)
        for task in broken:
            with local_processes(1) as pool:
                _run_on(pool, [task], finished)
    return result


def _end_workers(futures: Sequence[Any], stop: KeyboardInterrupt) -> None:
    """End the local processes when each has come to a good point, before it begins the cell that waits for it.

    Ctrl-C has reached them all, SIGTERM this process alone.
    """
    children = multiprocessing.active_children()
    if isinstance(stop, Stopped) and stop.number == signal.SIGTERM:
        for child in children:
            child.terminate()
    deadline = time.monotonic() + _END_S
    while sum(future.done() for future in futures) < min(len(children), len(futures)):
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_S)
    for child in children:
        child.kill()


def _run_on(
    executor: Executor,
    tasks: Sequence[Task],
    finished: Callable[[str, Callable[[], Any]], None],
    broken: list[Task] | None = None,
) -> None:
    """Submit the tasks and tell of each when it has ended; those that a dying process took along go to ``broken``."""
    pending: dict[str, tuple[Task, Any]] = {}
    try:
        for task in tasks:
            try:
                pending[task.name] = task, executor.submit(task)
            except BrokenExecutor as error:  # the pool died while it was filled
                pending[task.name] = task, _Failed(error)
        while pending:
            for name, (task, future) in list(pending.items()):
                if not future.done():
                    continue
                del pending[name]
                if broken is not None and _is_broken(future):
                    broken.append(task)
                else:
                    finished(name, future.result)
            time.sleep(_POLL_S if pending else 0)
    except KeyboardInterrupt as stop:
        if isinstance(executor, ProcessPoolExecutor):
            _end_workers([future for _, future in pending.values()], stop)
            pending.clear()  # they are broken now; one that is cancelled too confuses the pool
        raise
    finally:
        for _, future in pending.values():  # interrupted: what has not begun does not begin
            getattr(future, "cancel", bool)()


@dataclass(frozen=True)
class _Failed:
    """A future of what could not be submitted."""

    error: BaseException

    def done(self) -> bool:
        return True

    def result(self) -> Any:
        raise self.error


def _is_broken(future: Any) -> bool:
    try:
        future.result()
    except BrokenExecutor:
        return True
    except Exception:
        return False
    return False


def _one_line(error: BaseException) -> str:
    if isinstance(error, BrokenExecutor):
        return "its process died (out of memory?)"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
