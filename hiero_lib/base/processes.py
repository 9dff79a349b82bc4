"""Which process this is, and whether another one that left its name in a file still runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process of some machine.

    Args:
        machine: 12 hexadecimal digits, of the host's name, its boot and the space of process numbers (a container
            has its own), so that a number is never looked up where it means another process.
        pid: its number there.
        started: when it began, in ticks since the boot (Linux); 0 where this is not known.
    """

    machine: str
    pid: int
    started: int

    def runs(self) -> bool | None:
        """Whether it runs; None where that cannot be told from here."""
        if self.machine != this_machine():
            return None
        started = _started(self.pid)
        if started is None:
            return False
        if not started or not self.started:  # the number may be another process's by now
            return None
        return started == self.started


def this_process() -> Process:
    """The process that asks."""
    return Process(this_machine(), os.getpid(), _started(os.getpid()) or 0)


def this_machine() -> str:
    """See :class:`Process`."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):  # no Linux: its name is all that is known of it
        parts += [Path("/proc/sys/kernel/random/boot_id").read_text("ascii"), os.readlink("/proc/self/ns/pid")]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _started(pid: int) -> int | None:
    """Ticks of the start of a process of this machine; 0: it runs, and no more is known; None: it is gone."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (OSError, ValueError):  # no Linux, gone, or another user's that is hidden
        import psutil

        return 0 if 0 < pid < 2**31 and psutil.pid_exists(pid) else None
    return None if state in (b"Z", b"X") else int(fields[18])
