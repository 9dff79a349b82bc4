"""Cells of work on any executor: each resumable, none lost to the failure of another.

A cell is a picklable call with a folder. Its result is written there when it is there, whole or not at all, beside a
fingerprint of what it was made of; a cell with the same fingerprint is not run again. The executor is anything with
``submit`` that gives something with ``done`` and ``result``: those of ``concurrent.futures``, or submitit's on SLURM.
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
from hiero_lib.base.executors import Executor, local_processes
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
    result = SweepResult()

    def finished(cell: Cell, outcome: Callable[[], Any]) -> None:
        try:
            result.done[cell.name] = outcome()
        except Exception as error:
            result.failed[cell.name] = _one_line(error)
        number = len(result.done) + len(result.failed)
        end = f"failed: {result.failed[cell.name]}" if cell.name in result.failed else "done"
        say(f"[{number}/{len(cells)}] {cell.name}: {end}")
        if on_done is not None:
            on_done(result)

    waiting = []
    for cell in cells:
        try:
            is_done = result_of(cell) is not None
        except DataError:  # a failure of this cell alone
            is_done = True
        if is_done:
            finished(cell, functools.partial(result_of, cell))
        else:
            waiting.append(cell)
    if executor is not None:
        _run_on(executor, waiting, finished)
    elif waiting:
        broken: list[Cell] = []
        with local_processes(min(workers, len(waiting))) as pool:
            _run_on(pool, waiting, finished, broken)
        for cell in broken:
            with local_processes(1) as pool:
                _run_on(pool, [cell], finished)
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
    cells: Sequence[Cell],
    finished: Callable[[Cell, Callable[[], Any]], None],
    broken: list[Cell] | None = None,
) -> None:
    """Submit the cells and tell of each when it has ended; those that a dying process took along go to ``broken``."""
    pending: dict[str, tuple[Cell, Any]] = {}
    try:
        for cell in cells:
            try:
                pending[cell.name] = cell, executor.submit(run_cell, cell)
            except BrokenExecutor as error:  # the pool died while it was filled
                pending[cell.name] = cell, _Failed(error)
        while pending:
            for name, (cell, future) in list(pending.items()):
                if not future.done():
                    continue
                del pending[name]
                if broken is not None and _is_broken(future):
                    broken.append(cell)
                else:
                    finished(cell, future.result)
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
