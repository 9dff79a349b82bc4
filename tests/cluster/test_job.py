"""A job in its process: the signals of SLURM's, and the forerunner whose claims are still there."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hiero_lib.base.executors import Task
from hiero_lib.base.locks import TakenError
from hiero_lib.base.signals import Stopped, StopRequest
from hiero_lib.cluster import job as module
from hiero_lib.cluster.job import Job, NotQueuedAgain


@pytest.fixture
def by_submitit() -> Iterator[Callable[[Any], list[int]]]:
    """Puts a handler of SIGUSR2 in the place of submitit's, and gives the signals that it got."""
    before = signal.getsignal(signal.SIGUSR2)

    def put(then: Any) -> list[int]:
        got: list[int] = []

        def handler(number: int, frame: object) -> None:
            got.append(number)
            if isinstance(then, BaseException):
                raise then

        signal.signal(signal.SIGUSR2, handler)
        return got

    yield put
    signal.signal(signal.SIGUSR2, before)


def train(number: int, times: int = 1) -> str:
    """Is told to stop, and comes to a good point."""
    with StopRequest() as request:
        for _ in range(times):
            os.kill(os.getpid(), number)
        assert request.number == signal.SIGTERM
    raise Stopped(request.number, "after step 7")


def job(work: Callable[[], Any]) -> Job:
    return Job(Task("a", "k", work))


def test_a_result(by_submitit: Any) -> None:
    by_submitit(None)
    assert job(lambda: 3)() == 3


@pytest.mark.parametrize("times", [1, 2])
def test_sigusr2_stops_at_a_good_point_then_submitit_queues_it_again(
    times: int, by_submitit: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    got = by_submitit(SystemExit(255))
    with pytest.raises(SystemExit):
        job(functools.partial(train, signal.SIGUSR2, times))()
    assert got == [signal.SIGUSR2]
    assert capsys.readouterr().out == "stopped by SIGTERM after step 7, on SIGUSR2\n"


def test_the_tasks_beside_the_first_end_without_a_word(by_submitit: Any) -> None:
    by_submitit(None)  # submitit's handler returns there
    assert job(functools.partial(train, signal.SIGUSR2))() is None


def test_an_error_that_the_signal_brings_is_no_failure(by_submitit: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """SLURM sends it to all processes of a step: a kernel or a worker dies of it."""

    def work() -> None:
        with StopRequest():
            os.kill(os.getpid(), signal.SIGUSR2)
        raise RuntimeError("DataLoader worker (pid 7)\nis killed by signal: User defined signal 2")

    by_submitit(SystemExit(255))
    with pytest.raises(SystemExit):
        job(work)()
    assert "is killed by signal: User defined signal 2, on SIGUSR2" in capsys.readouterr().out

    def fail() -> None:
        raise RuntimeError("no luck")

    with pytest.raises(RuntimeError, match="no luck"):
        job(fail)()


def test_sigterm_for_another_job_is_queued_again(
    by_submitit: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "is_preempted", lambda job_id: True)
    got = by_submitit(SystemExit(255))
    with pytest.raises(SystemExit):
        job(functools.partial(train, signal.SIGTERM))()
    assert got == [signal.SIGUSR2]
    assert "stopped by SIGTERM after step 7, which makes room for another job" in capsys.readouterr().out


def test_sigterm_alone_is_somebody_elses_end(by_submitit: Any) -> None:
    got = by_submitit(None)
    with pytest.raises(Stopped):
        job(functools.partial(train, signal.SIGTERM))()
    assert got == []


def test_what_is_not_queued_again_is_said(by_submitit: Any) -> None:
    from submitit.core.utils import UncompletedJobError

    for error in (
        UncompletedJobError("Job not requeued because: timed-out too many times."),
        subprocess.CalledProcessError(1, ["scontrol", "requeue", "7"]),
    ):
        by_submitit(error)
        with pytest.raises(NotQueuedAgain, match=r"is not queued again \((Job not requeued|Command .*scontrol)"):
            job(functools.partial(train, signal.SIGUSR2))()
    signal.signal(signal.SIGUSR2, signal.SIG_DFL)
    with pytest.raises(NotQueuedAgain, match="outside submitit"):
        job(functools.partial(train, signal.SIGUSR2))()


def test_what_submitit_begins_anew_is_the_same() -> None:
    one = job(print)
    assert one.checkpoint().function is one


def test_a_job_that_began_again_waits_for_its_forerunners_claim(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[int] = []

    def work() -> int:
        calls.append(1)
        if len(calls) < 3:
            raise TakenError("another process is at work on it", file=Path("x"))
        return len(calls)

    monkeypatch.setattr(module, "_ASK_EVERY_S", 0.0)
    with pytest.raises(TakenError):
        job(work)()
    calls.clear()
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert job(work)() == 3
    assert capsys.readouterr().out.count("waiting: x: another process is at work on it") == 2
