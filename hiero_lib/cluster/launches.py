"""What was sent to SLURM, on disk: ``outputs/.slurm/LAUNCH/launch.json`` beside the logs and results of its jobs.

The file is sealed (`hiero_lib.base.sealed`) and written again after every job that is sent, so that a launcher that
dies loses none. submitit's files lie beside it, of a job 41 ``41_submitted.pkl``, ``41_0_log.out`` and, when it has
ended by itself, ``41_0_result.pkl``. The folder must be one that all nodes see.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hiero_lib.base.errors import DataError
from hiero_lib.base.progress import say_aside
from hiero_lib.base.sealed import read_sealed, write_sealed

FOLDER, LAUNCH_FILE, FORMAT = ".slurm", "launch.json", 1
_TAIL_BYTES = 1 << 14


class _Plain(pickle.Unpickler):
    """Reads texts and numbers alone."""

    def find_class(self, module: str, name: str) -> object:
        raise pickle.UnpicklingError(f"{module}.{name}")


@dataclass(frozen=True)
class Sent:
    """A job that was sent.

    Args:
        name, key: of its task (`hiero_lib.base.executors.Task`).
        job_id: SLURM's; folder: of its launch.
    """

    name: str
    key: str
    job_id: str
    folder: Path

    @property
    def log(self) -> Path:
        """What its first process printed, of all its attempts."""
        return self.folder / f"{self.job_id}_0_log.out"

    @property
    def result(self) -> Path:
        """What it returned or raised; there when it has ended by itself."""
        return self.folder / f"{self.job_id}_0_result.pkl"

    def outcome(self) -> str | None:
        """``success`` or ``error``, as its result says; None without one. Nothing in the file is executed."""
        try:
            with self.result.open("rb") as stream:
                found = _Plain(stream).load()
        except OSError:
            return None
        except Exception:  # objects, which no error holds; or whatever pickle raises on a torn file
            return "success"
        return found[0] if isinstance(found, tuple) and found and isinstance(found[0], str) else "success"

    def last_line(self) -> str:
        """The last line of its log that says something; empty without one."""
        try:
            with self.log.open("rb") as stream:
                stream.seek(max(0, os.fstat(stream.fileno()).st_size - _TAIL_BYTES))
                text = stream.read().decode("utf-8", "replace")
        except OSError:
            return ""
        lines = [
            line.strip()
            for line in text.splitlines()
            if line.strip() and not line.startswith(("submitit ", "srun: "))
        ]
        return "".join(c if c.isprintable() else " " for c in lines[-1])[:200] if lines else ""


@dataclass(frozen=True)
class Sending:
    """A launch: the command that sent jobs, when (UTC), and which."""

    folder: Path
    command: str
    created: str
    jobs: tuple[Sent, ...] = ()

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.folder.name

    def write(self) -> None:
        """Put it on disk."""
        jobs = [{"name": job.name, "key": job.key, "job": job.job_id} for job in self.jobs]
        content = {"command": self.command, "created": self.created, "jobs": jobs}
        write_sealed(self.folder / LAUNCH_FILE, content, format=FORMAT)


def read_launch(folder: Path) -> Sending:
    """What `Sending.write` wrote.

    Raises:
        DataError: it is missing or damaged.
    """
    file = folder / LAUNCH_FILE
    content = read_sealed(file, format=FORMAT, what="a launch")
    jobs = content.get("jobs")
    texts = [content.get("command"), content.get("created")]
    if not isinstance(jobs, list) or not all(isinstance(job, dict) for job in jobs):
        raise DataError("not a launch", file=file, field="jobs", value=str(jobs)[:80])
    texts += [job.get(name) for job in jobs for name in ("name", "key", "job")]
    if not all(isinstance(text, str) for text in texts):
        raise DataError("not a launch: texts are expected", file=file, field="jobs")
    sent = tuple(Sent(job["name"], job["key"], job["job"], folder) for job in jobs)
    return Sending(folder, content["command"], content["created"], sent)


def new_launch(outputs: Path, command: str, what: str) -> Sending:
    """A launch without jobs in a folder of its own, ``outputs/.slurm/WHAT-TIME``."""
    now, above = time.gmtime(), (outputs / FOLDER).resolve()
    above.mkdir(parents=True, exist_ok=True)
    name = f"{what}-{time.strftime('%Y%m%d-%H%M%S', now)}"
    for number in range(1, 100):
        folder = above / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        launch = Sending(folder, command, time.strftime("%Y-%m-%dT%H:%M:%SZ", now))
        launch.write()
        return launch
    raise DataError("a hundred launches in one second", file=above)


def launches(outputs: Path, *, say: Callable[[str], None] = say_aside) -> list[Sending]:
    """All launches, the newest first; ``say`` receives a line for each that cannot be read, which is left out."""
    above, found = (outputs / FOLDER).resolve(), list[Sending]()
    for file in above.glob(f"*/{LAUNCH_FILE}"):
        try:
            found.append(read_launch(file.parent))
        except DataError as error:
            say(f"left out: {error}")
    return sorted(found, key=lambda launch: (launch.created, launch.name), reverse=True)


def cancel_command(jobs: Sequence[Sent]) -> str:
    """What ends these jobs."""
    return " ".join(["scancel", *(job.job_id for job in jobs)])
