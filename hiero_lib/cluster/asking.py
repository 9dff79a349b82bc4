"""How launches do, for people and for machines: states from SLURM, results and logs from their folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hiero_lib.cluster.launches import Sending, Sent, cancel_command
from hiero_lib.cluster.queue import JobState, SlurmSilent, job_states

DONE, FAILED = "DONE", "FAILED"  # it ended by itself and left a result, or an error


def states_of(launches: Sequence[Sending]) -> tuple[dict[str, JobState], str | None]:
    """By job id; and why SLURM could not be asked, where it could not: ``UNKNOWN`` is then what left no result."""
    jobs = [job for launch in launches for job in launch.jobs]
    states = {job.job_id: JobState(DONE if said == "success" else FAILED) for job in jobs if (said := job.outcome())}
    open_jobs = [job.job_id for job in jobs if job.job_id not in states]
    if not open_jobs:
        return states, None
    try:
        return states | job_states(open_jobs), None
    except SlurmSilent as error:
        return states | dict.fromkeys(open_jobs, JobState("UNKNOWN")), str(error)


def is_at_work(launch: Sending, states: dict[str, JobState]) -> bool:
    """Whether a job of it has not ended."""
    return any(_at_work(states[job.job_id]) for job in launch.jobs)


def lines_of(launch: Sending, states: dict[str, JobState]) -> list[str]:
    """A launch for people: a line for itself, two for each job, and what to do next."""
    lines = [f"{launch.name}, {launch.created}: {launch.command}"]
    for job in launch.jobs:
        state = states[job.job_id]
        since = f", {state.elapsed}" if state.elapsed else ""
        lines.append(f"  {job.job_id} {job.name}: {state}{since}; log {job.log}")
        if said := job.last_line():
            lines.append(f"      {said}")
    at_work = [job for job in launch.jobs if _at_work(states[job.job_id])]
    lost = [job for job in launch.jobs if not _at_work(states[job.job_id]) and states[job.job_id].state != DONE]
    if at_work:
        lines.append(f"  {len(at_work)} of {len(launch.jobs)} at work; `{cancel_command(at_work)}` ends them")
    if lost and states[lost[0].job_id].state != "UNKNOWN":
        lines.append(f"  {len(lost)} ended without a result; the same command goes on")
    return lines


def record_of(launch: Sending, states: dict[str, JobState]) -> dict[str, Any]:
    """A launch for machines: plain values."""
    return {
        "launch": launch.name,
        "created": launch.created,
        "command": launch.command,
        "jobs": [_job_record(job, states[job.job_id]) for job in launch.jobs],
    }


def _job_record(job: Sent, state: JobState) -> dict[str, Any]:
    return {
        "job": job.job_id,
        "name": job.name,
        "state": state.state,
        "reason": state.reason,
        "elapsed": state.elapsed,
        "nodes": state.nodes,
        "log": str(job.log),
        "last_line": job.last_line(),
    }


def _at_work(state: JobState) -> bool:
    return state.state not in (DONE, "UNKNOWN") and not state.ended
