"""What jobs do in tests of SLURM: quick, and visible in files."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from hiero_lib.base.locks import exclusive
from hiero_lib.base.signals import Stopped, StopRequest


def count(folder: Path, value: int) -> int:
    """Leaves a line each time it is run."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "runs", "a") as stream:
        print(os.environ.get("SLURM_JOB_ID"), os.environ.get("SLURMD_NODENAME"), file=stream)
    print(f"counted {value}", flush=True)
    return value


def runs_of(folder: Path) -> int:
    """How often `count` was run."""
    return len((folder / "runs").read_text().splitlines()) if (folder / "runs").is_file() else 0


def fail(folder: Path) -> int:
    """Raises."""
    count(folder, 0)
    raise ValueError("no\nluck")


def die(folder: Path) -> int:
    """Is killed, as by the machine when memory is short."""
    count(folder, 0)
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def hold(folder: Path, seconds: float = 600.0) -> int:
    """Works until the file ``go`` is there."""
    count(folder, 0)
    deadline = time.monotonic() + seconds
    while not (folder / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    return runs_of(folder)


def ignore(folder: Path) -> int:
    """Does not end when it is told to."""
    count(folder, 0)
    for number in (signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(600)
    return 0


def with_child(folder: Path) -> int:
    """Waits for a process that it has started, as for a kernel or a worker; the second time it is done."""
    count(folder, 0)
    if runs_of(folder) > 1:
        return runs_of(folder)
    with StopRequest():
        subprocess.run(["sleep", "600"], check=True)
    return 0


def step(folder: Path) -> int:
    """A training: holds its folder, and ends at a good point when it is told to; the second time it is done."""
    with exclusive(folder / "training", "train"), StopRequest() as request:
        count(folder, 0)
        while request.number is None:
            if runs_of(folder) > 1:
                return runs_of(folder)
            time.sleep(0.05)
        (folder / "checkpoint").touch()
        raise Stopped(request.number, "after step 7")
