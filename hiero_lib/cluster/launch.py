"""A launch: tasks become jobs of SLURM's, which this process waits for, or leaves.

Jobs are sent through submitit, and asked for by `hiero_lib.cluster.queue`: submitit's own asking goes to sacct
alone, and where there is no accounting it takes a lost job for one that waits. What a job left counts before what
SLURM says.
A task whose job is still there, from whichever launch below the same ``outputs``, is not sent again but waited for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import pickle
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.executors import Task
from hiero_lib.base.locks import exclusive
from hiero_lib.base.progress import say
from hiero_lib.base.signals import Stopped, StopRequest
from hiero_lib.cluster.job import Job
from hiero_lib.cluster.launches import FOLDER, Sending, Sent, cancel_command, launches, new_launch
from hiero_lib.cluster.queue import JobState, SlurmSilent, job_states, partitions
from hiero_lib.cluster.request import Request

_LOOK_S = 1.0  # at what jobs left
_ASK_S = (2.0, 15.0)  # between two questions to SLURM, at first and later
_SAY_S = 60.0  # between two lines where nothing changes
_LATE_S = 10.0  # for a result to come over a network file system, or a job that failed to be queued again
_BEGINNINGS = 10  # of a job whose time was up
_SUBMIT_WAIT_S = 300.0  # for another launcher that is sending


class JobEnded(RuntimeError):
    """A job that left no result, or an error."""


class Launch:
    """Sends tasks and waits for them; an executor (`hiero_lib.base.executors.Executor`) of `Task`s.

    Args:
        outputs: below which launches lie; all nodes must see it.
        what: one word for the command; request: what each job asks for.
        command: as the user gave it, for the messages.
        say: receives what was sent, and how the jobs do.

    Raises:
        ConfigError: there is no SLURM here, or an option is wrong.
        DataError: submitit is not installed.
    """

    def __init__(
        self,
        outputs: Path,
        what: str,
        request: Request,
        *,
        command: str | None = None,
        say: Callable[[str], None] = say,
    ) -> None:
        check_slurm()
        self.outputs, self.what, self.request, self.say = outputs, what, request, say
        self.command = command or shlex.join(["python", "-m", "hiero_lib", *sys.argv[1:]])
        self._held: dict[str, LaunchedJob] = {}
        self._sending: Sending | None = None
        self._executor: Any = None
        self._looked = self._asked = self._said = -1e9
        self._began, self._last, self._silent = time.monotonic(), "", ""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> LaunchedJob:
        """The job of a task; it is sent where there is none yet.

        Raises:
            ConfigError: SLURM refuses it.
            TypeError: it is no `Task`.
        """
        if not isinstance(function, Task) or arguments:
            raise TypeError(f"a Task without arguments is expected, not {function!r}")
        if function.key not in self._held:
            self.submit_all([function])
        return self._held[function.key]

    def submit_all(self, tasks: Sequence[Task]) -> list[LaunchedJob]:
        """Send tasks, but those whose job is there already, and say which jobs they have.

        Launchers below one ``outputs`` do it in turn, so that no task is sent twice.

        Raises:
            ConfigError: SLURM refuses one; those before it stay.
            Stopped: by a signal, when the job that was being sent is noted.
        """
        with exclusive(self.outputs / FOLDER, f"sending {self.what}", wait_s=_SUBMIT_WAIT_S):
            before = self._alive()
            try:
                for task in tasks:
                    if task.key not in self._held:
                        old = before.get(task.key)
                        self._held[task.key] = LaunchedJob(self, old or self._send(task), ours=old is None)
            finally:
                self.tell()
        return [self._held[task.key] for task in tasks]

    @property
    def jobs(self) -> list[LaunchedJob]:
        """In the order in which they were sent or found."""
        return list(self._held.values())

    def tell(self) -> None:
        """Say which jobs there are, where their logs lie, and how they are asked for and ended."""
        new = [job.sent for job in self.jobs if job.ours]
        old = [job.sent for job in self.jobs if not job.ours]
        for jobs, what in ((new, "sent"), (old, "there already")):
            if jobs:
                self.say(f"{what}: {len(jobs)} job{'s' * (len(jobs) > 1)}")
            for job in jobs:
                self.say(f"  {job.job_id} {job.name}: {job.log}")
        if self.jobs:
            self.say(f"`python -m hiero_lib jobs` says how they do; `{cancel_command([*new, *old])}` ends them")

    def alive(self) -> list[Sent]:
        """Jobs that have not ended, as far as it is known."""
        return [job.sent for job in self.jobs if job.state is None or not job.state.ended]

    def look(self) -> None:
        """See what the jobs have left, ask SLURM now and then, and say how they do."""
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return
        self._looked = now
        waiting = [job for job in self.jobs if not job.ended]
        for job in waiting:
            job.see_result()
        waiting = [job for job in waiting if not job.ended]
        pause = min(_ASK_S[1], max(_ASK_S[0], (now - self._began) / 10))
        if waiting and now - self._asked >= pause:
            self._asked = now
            try:
                states = job_states([job.sent.job_id for job in waiting])
            except SlurmSilent as error:
                self._silent = f"SLURM does not answer, waiting: {error}"
            else:
                self._silent = ""
                for job in waiting:
                    job.see(states[job.sent.job_id])
        self._say_now_and_then(self._silent or self._how(), now)

    def _how(self) -> str:
        ended = sum(job.ended for job in self.jobs)
        states: dict[str, int] = {}
        for job in self.jobs:
            if not job.ended and job.state is not None:
                key = f"{job.state.state.lower()}{f' ({job.state.reason})' if job.state.reason else ''}"
                states[key] = states.get(key, 0) + 1
        counts = [f"{count} {state}" for state, count in sorted(states.items())] + [f"{ended} ended"]
        return f"jobs: {', '.join(counts)}"

    def _say_now_and_then(self, line: str, now: float) -> None:
        if line == self._last and now - self._said < _SAY_S:
            return
        changed, self._last, self._said = line != self._last, line, now
        if not changed:  # a sign of life: how far one of them is
            running = [job.sent for job in self.jobs if not job.ended]
            line += "".join(f"; {job.job_id}: {job.last_line()}" for job in running[:3] if job.last_line())
        self.say(line)

    def _alive(self) -> dict[str, Sent]:
        """Jobs that other launches have sent and that have not ended, by the key of their task."""
        sent = [job for launch in launches(self.outputs, say=self.say) for job in launch.jobs]
        sent = [job for job in sent if not job.result.is_file()]
        try:
            states = job_states([job.job_id for job in sent]) if sent else {}
        except SlurmSilent as error:
            raise ConfigError(f"SLURM does not answer ({error})", field="--slurm", hint="Try again") from error
        return {job.key: job for job in reversed(sent) if not states[job.job_id].ended}

    def _send(self, task: Task) -> Sent:
        if self._sending is None:
            self._sending = new_launch(self.outputs, self.command, self.what)
        if self._executor is None:
            self._executor = _executor(self._sending.folder, self.request)
        said = io.StringIO()
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        self._executor.update_parameters(job_name=f"hiero {task.name}"[:120])
        with StopRequest() as request:  # a job that is sent is noted
            try:
                with contextlib.redirect_stderr(said):
                    job_id = str(self._executor.submit(Job(task)).job_id)
            except (FailedJobError, FailedSubmissionError) as error:
                if not self._sending.jobs:
                    shutil.rmtree(self._sending.folder, ignore_errors=True)
                if request.number is not None:  # Ctrl-C has reached sbatch too
                    raise Stopped(request.number) from None
                raise _refused(str(error) or said.getvalue(), self.request) from error
            sent = Sent(task.name, task.key, job_id, self._sending.folder)
            self._sending = dataclasses.replace(self._sending, jobs=(*self._sending.jobs, sent))
            self._sending.write()
        if request.number is not None:
            self._held[task.key] = LaunchedJob(self, sent, ours=True)
            raise Stopped(request.number)
        return sent

    def leave(self) -> str:
        """What to do with jobs that go on without this process."""
        jobs = self.alive()
        named, ends = " ".join(job.job_id for job in jobs), cancel_command(jobs)
        return f"while the jobs {named} go on: `{ends}` ends them, the same command waits for them again"


class LaunchedJob:
    """A job that is waited for; a `hiero_lib.base.executors.Future`."""

    def __init__(self, launch: Launch, sent: Sent, *, ours: bool) -> None:
        self.launch, self.sent, self.ours = launch, sent, ours
        self.state: JobState | None = None
        self.ended = False
        self._ended_at: float | None = None

    def see_result(self) -> None:
        """Whether it has left a result."""
        if self.sent.result.is_file():
            self.ended, self.state = True, JobState("COMPLETED")

    def see(self, state: JobState) -> None:
        """What SLURM says; a result may come later than the news of the end."""
        self.state = state
        if not state.ended:
            self._ended_at = None
            return
        self._ended_at = self._ended_at or time.monotonic()
        self.ended = time.monotonic() - self._ended_at >= _LATE_S

    def done(self) -> bool:
        """Whether it has ended, in whichever way."""
        self.launch.look()
        return self.ended

    def result(self) -> Any:
        """What its task returned.

        Raises:
            JobEnded: its task raised, it was cancelled, killed, timed out or lost; names the job, its log, and the
                command that goes on.
        """
        while not self.done():
            time.sleep(_LOOK_S)
        self.see_result()
        if not self.sent.result.is_file():
            said = self.sent.last_line()
            raise self._ended(f"{self.state}{f'; its last line: {said}' if said else ''}")
        try:
            with self.sent.result.open("rb") as stream:  # written by this kit's job, in a folder of the user's own
                outcome, value = pickle.load(stream)
        except Exception as error:  # pickle raises what its parts raise
            raise self._ended(f"its result cannot be read ({type(error).__name__})") from error
        if outcome != "success":
            raise self._ended(_error_of(str(value)))
        return value

    def _ended(self, how: str) -> JobEnded:
        again = f"go on with: {self.launch.command}"
        return JobEnded(f"job {self.sent.job_id} ended: {how}; log {self.sent.log}; {again}")


def _error_of(trace: str) -> str:
    """What stands below a traceback, in one line."""
    lines = trace.rstrip().splitlines()
    indented = [at for at, line in enumerate(lines) if line[:1].isspace()]
    return " ".join(" ".join(lines[indented[-1] + 1 if indented else 0 :]).split())[:500] or "an error without words"


@contextlib.contextmanager
def waiting(launch: Launch) -> Iterator[Launch]:
    """In the block Ctrl-C and SIGTERM leave the jobs alone, and say which they are and how they are ended.

    Raises:
        Stopped: by a signal.
    """
    try:
        yield launch
    except KeyboardInterrupt as stop:
        if not launch.alive():
            raise
        number = stop.number if isinstance(stop, Stopped) else signal.SIGINT
        raise Stopped(number, launch.leave()) from None


def check_slurm() -> None:
    """Whether jobs can be sent from here.

    Raises:
        ConfigError: SLURM's commands are not on the PATH.
        DataError: submitit is not installed.
    """
    for program in ("sbatch", "srun", "squeue"):
        if shutil.which(program) is None:
            hint = "Give the command on a login node of the cluster, or without --slurm to work on this machine"
            raise ConfigError(f"there is no SLURM here: no {program} on the PATH", field="--slurm", hint=hint)
    try:
        import submitit  # noqa: F401
    except ImportError as error:
        raise DataError("SLURM needs submitit", field="--slurm", hint="pip install submitit") from error


def _executor(folder: Path, request: Request) -> Any:
    from submitit.slurm.slurm import SlurmExecutor

    executor = SlurmExecutor(folder, max_num_timeout=_BEGINNINGS)
    known = SlurmExecutor._valid_parameters()
    try:
        executor.update_parameters(stderr_to_stdout=True, **request.parameters(known))
    except (ValueError, TypeError) as error:
        raise ConfigError(" ".join(str(error).split())[:300], field="--slurm-set") from error
    return executor


def _refused(said: str, request: Request) -> ConfigError:
    """sbatch's refusal in one line."""
    lines = [line.split("error:", 1)[-1].strip() for line in said.splitlines() if line.strip()]
    problem = "; ".join(dict.fromkeys(lines))[:300] or "sbatch failed without a word"
    if "partition" in problem.lower():
        known = ", ".join(partitions())
        hint = f"Known: {known}" if known else None
        return ConfigError(problem, field="--partition", value=request.partition, hint=hint)
    hint = "--gpus 0 asks for none" if "gres" in problem.lower() and request.gpus else None
    return ConfigError(f"SLURM refuses the job: {problem}", field="--slurm", hint=hint)
