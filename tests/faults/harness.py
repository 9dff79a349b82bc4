"""What happens to a command when the machine lets it down: a call that fails, a file that ends, a kill.

A child is forked for each fault, so that torch is imported once. Faults come three ways:

- the n-th call that opens a file for writing, makes a folder, a link, or renames fails with an error of the system
  (an audit hook of Python's: it sees what goes through Python);
- no file may grow beyond some bytes (``RLIMIT_FSIZE``: the write fails whoever writes, Rust and C++ too), or no more
  than some files may be open (``RLIMIT_NOFILE``);
- SIGKILL after some part of the time that the command takes.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ERRORS = (errno.ENOSPC, errno.EROFS, errno.EIO, errno.EMFILE, errno.EACCES)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit status (negative: the signal), what it said, its seconds, the calls counted."""

    status: int
    said: str
    seconds: float
    calls: int


@dataclass(frozen=True)
class Fault:
    """What goes wrong; nothing where all are None.

    Args:
        call, error: the ``call``-th call that writes fails with ``error``.
        file_bytes: no file may be larger.
        open_files: no more may be open at once.
        kill_after_s: SIGKILL.
    """

    call: int | None = None
    error: int = errno.ENOSPC
    file_bytes: int | None = None
    open_files: int | None = None
    kill_after_s: float | None = None


def run(command: Callable[[], int], folder: Path, fault: Fault | None = None) -> Ended:
    """Run ``command`` in a forked child in ``folder`` under a fault.

    Args:
        command: returns the exit status, as `hiero_lib.__main__.main` does.
        folder: its working directory; only calls on files under it are counted, and fail.
        fault: None: nothing goes wrong.
    """
    fault = fault or Fault()
    report = folder.parent / f".{folder.name}.report"
    report.unlink(missing_ok=True)
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        _child(command, folder, fault, report)
    if fault.kill_after_s is not None:
        _kill_after(child, fault.kill_after_s)
    _, status = os.waitpid(child, 0)
    seconds = time.monotonic() - started
    told = json.loads(report.read_text()) if report.is_file() else {"said": "", "calls": 0}
    report.unlink(missing_ok=True)
    return Ended(os.waitstatus_to_exitcode(status), told["said"], seconds, told["calls"])


def _kill_after(child: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)


def _child(command: Callable[[], int], folder: Path, fault: Fault, report: Path) -> None:
    """The forked child: never returns."""
    status, calls, said = 1, _Calls(folder, fault), folder.parent / f".{folder.name}.said"
    descriptor = os.open(said, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    try:
        os.chdir(folder)
        sys.addaudithook(calls)
        if fault.file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (fault.file_bytes, resource.RLIM_INFINITY))
        if fault.open_files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (fault.open_files, fault.open_files))
        status = command()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        calls.off = True
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        text = os.pread(descriptor, 1 << 20, 0).decode("utf-8", "replace")
        handle = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.write(handle, json.dumps({"said": text, "calls": calls.count}).encode())
        os._exit(status)


class _Calls:
    """The audit hook: counts the calls that write under a folder, and lets one fail."""

    def __init__(self, folder: Path, fault: Fault) -> None:
        self.folder, self.fault, self.count, self.off = str(folder), fault, 0, False

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.off or not self._writes(event, arguments):
            return
        path = os.path.abspath(os.fsdecode(arguments[0]))  # type: ignore[arg-type]
        if not path.startswith(self.folder):
            return
        self.count += 1
        if self.count == self.fault.call:
            self.off = True  # the rest goes well: what is left behind has to be dealt with
            raise OSError(self.fault.error, os.strerror(self.fault.error), path)

    @staticmethod
    def _writes(event: str, arguments: tuple[object, ...]) -> bool:
        if event == "open":
            path, mode, flags = arguments
            writing = bool(isinstance(flags, int) and flags & _WRITES) or (
                isinstance(mode, str) and any(letter in mode for letter in "wax+")
            )
            return isinstance(path, str | bytes) and writing
        return event in ("os.mkdir", "os.rename", "os.symlink", "os.truncate")


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file under its final name: no hidden ones, nothing of hidden folders, no ``.part`` of a download."""
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        unfinished = path.name.endswith((".part", ".part.json"))
        if path.is_file() and not unfinished and not any(part.startswith(".") for part in parts):
            found["/".join(parts)] = path.read_bytes()
    return found


def left_over(folder: Path) -> list[str]:
    """Temporary files and folders, claims and parts that are still there."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(".*") if path.name != ".gitignore")


@contextlib.contextmanager
def copy_of(template: Path, place: Path) -> Iterator[Path]:
    """A fresh copy of a prepared folder, removed afterwards."""
    shutil.copytree(template, place, symlinks=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
