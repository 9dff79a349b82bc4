"""What SLURM says of jobs: of squeue, which every cluster has; of sacct where squeue has forgotten them.

A cluster without accounting (its sacct fails) forgets a job minutes after its end. Such a job is `GONE`: it has
ended, and how is not known. Whoever asks also looks for the job's result, which says more.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

GONE = "GONE"
_AT_WORK = {
    *("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING"),
    *("REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT", "STAGE_OUT"),
}
_TIMEOUT_S = 30.0
_AT_ONCE = 500  # job ids of one command


class SlurmSilent(RuntimeError):
    """SLURM does not answer: its controller is away or busy, or its commands are not here."""


@dataclass(frozen=True)
class JobState:
    """How a job does.

    Args:
        state: SLURM's word, for example ``RUNNING``; `GONE` where it no longer knows the job.
        reason: why it waits, for example ``Resources``; empty where it does not.
        elapsed: since it began, ``[days-]hours:minutes:seconds``; nodes: where it runs or ran.
    """

    state: str
    reason: str = ""
    elapsed: str = ""
    nodes: str = ""

    @property
    def ended(self) -> bool:
        """Whether it will not run any more."""
        return self.state not in _AT_WORK

    def __str__(self) -> str:
        if self.state == GONE:
            return "without a result, SLURM no longer knows it"
        words = self.state.lower().replace("_", " ")
        more = [self.reason] * bool(self.reason) + [f"on {self.nodes}"] * bool(self.nodes)
        return f"{words} ({', '.join(more)})" if more else words


def job_states(job_ids: Sequence[str]) -> dict[str, JobState]:
    """How each job does.

    Raises:
        SlurmSilent: squeue has no answer now.
    """
    found: dict[str, JobState] = {}
    for at in range(0, len(job_ids), _AT_ONCE):
        some = job_ids[at : at + _AT_ONCE]
        found |= _of_squeue(some)
        if forgotten := [job_id for job_id in some if job_id not in found]:
            found |= dict.fromkeys(forgotten, JobState(GONE)) | _of_sacct(forgotten)
    return found


def is_preempted(job_id: str) -> bool:
    """Whether SLURM is taking a job's nodes for another one; False where it does not say."""
    try:
        done = _run("scontrol", "--oneliner", "show", "job", job_id)
    except SlurmSilent:
        return False
    shown = dict(word.split("=", 1) for word in done.stdout.split() if "=" in word)
    return shown.get("PreemptTime", "None") not in ("None", "N/A", "Unknown")


def partitions() -> list[str]:
    """The names of the partitions; none where they cannot be asked."""
    try:
        done = _run("sinfo", "--noheader", "--format=%R")
    except SlurmSilent:
        return []
    return sorted(set(done.stdout.split()))


def _of_squeue(job_ids: Sequence[str]) -> dict[str, JobState]:
    jobs = ",".join(job_ids)
    done = _run("squeue", "--noheader", "--states=all", "--format=%i|%T|%r|%M|%N", f"--jobs={jobs}")
    if done.returncode and "invalid job id" not in done.stderr.lower():  # so it says of one that it has forgotten
        raise SlurmSilent(_said(done))
    states = {}
    for line in done.stdout.splitlines():
        job_id, state, reason, elapsed, nodes = (cell.strip() for cell in [*line.split("|"), "", "", "", ""][:5])
        if job_id in job_ids:
            waits = state == "PENDING" and reason != "None"
            states[job_id] = JobState(state, reason if waits else "", elapsed, nodes)
    return states


def _of_sacct(job_ids: Sequence[str]) -> dict[str, JobState]:
    """What accounting knows of jobs; nothing where there is none."""
    what = ("--format=JobID,State,Elapsed,NodeList", f"--jobs={','.join(job_ids)}")
    try:
        done = _run("sacct", "--noheader", "--parsable2", "--allocations", *what)
    except SlurmSilent:
        return {}
    states = {}
    for line in done.stdout.splitlines() if not done.returncode else ():
        job_id, state, elapsed, nodes = [*line.split("|"), "", "", ""][:4]
        if job_id in job_ids and state:
            states[job_id] = JobState(state.split()[0], "", elapsed, nodes)  # "CANCELLED by 1000"
    return states


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S)
    except FileNotFoundError:
        raise SlurmSilent(f"there is no {command[0]} here") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SlurmSilent(f"{command[0]}: {error}") from error


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stderr or done.stdout).split())[:300] or f"{done.args[0]} ended with {done.returncode}"
