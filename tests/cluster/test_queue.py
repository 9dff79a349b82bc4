"""What SLURM says of jobs, with accounting and without."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hiero_lib.cluster import queue
from hiero_lib.cluster.queue import GONE, JobState, SlurmSilent, is_preempted, job_states, partitions


def test_states_as_squeue_has_them(state: Path) -> None:
    (state / "1.state").write_text("PENDING|PartitionTimeLimit|0:00|")
    (state / "2.state").write_text("RUNNING|None|1-02:03:04|n[1-2]")
    found = job_states(["1", "2"])
    assert found == {
        "1": JobState("PENDING", "PartitionTimeLimit", "0:00"),
        "2": JobState("RUNNING", "", "1-02:03:04", "n[1-2]"),
    }
    assert [str(one) for one in found.values()] == ["pending (PartitionTimeLimit)", "running (on n[1-2])"]
    assert [one.ended for one in found.values()] == [False, False]


@pytest.mark.parametrize("ids", [["7"], ["7", "8"]])
def test_a_forgotten_job_has_ended_where_there_is_no_accounting(ids: list[str], state: Path) -> None:
    assert job_states(ids) == dict.fromkeys(ids, JobState(GONE))
    assert job_states(ids)["7"].ended


def test_accounting_remembers_what_squeue_has_forgotten(state: Path) -> None:
    (state / "sacct").write_text("7|CANCELLED by 1000|00:01:00|n2\n8|TIMEOUT|01:00:00|n1\n8.batch|CANCELLED|x|y\n")
    found = job_states(["7", "8", "9"])
    assert [one.state for one in found.values()] == ["CANCELLED", "TIMEOUT", GONE]
    assert found["8"] == JobState("TIMEOUT", "", "01:00:00", "n1")


def test_a_controller_that_is_away_is_no_end_of_a_job(state: Path) -> None:
    (state / "silent").touch()
    with pytest.raises(SlurmSilent, match="Unable to contact slurm controller"):
        job_states(["1"])


def test_a_command_that_hangs_or_is_missing_is_silence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SlurmSilent, match="there is no squeue here"):
        job_states(["1"])
    assert partitions() == []

    def hang(command: object, **options: object) -> None:
        raise subprocess.TimeoutExpired("squeue", 30)

    monkeypatch.setattr(queue.subprocess, "run", hang)
    with pytest.raises(SlurmSilent, match=r"squeue: .*timed out after 30 seconds"):
        job_states(["1"])


def test_many_jobs_are_asked_for_in_pieces(state: Path) -> None:
    for number in range(1, 603):
        (state / f"{number}.state").write_text("RUNNING|None|0:01|n1")
    found = job_states([str(number) for number in range(1, 604)])
    assert len(found) == 603
    assert [job for job, one in found.items() if one.ended] == ["603"]


@pytest.mark.parametrize(("time", "preempted"), [("2026-11-26T17:59:36", True), ("None", False)])
def test_a_job_that_is_pushed_out(time: str, preempted: bool, state: Path) -> None:
    assert not is_preempted("7")  # scontrol does not know it
    (state / "job").write_text(f"JobId=7 JobState=SIGNALING Reason=None PreemptTime={time} Command=a b=c")
    assert is_preempted("7") is preempted


def test_partitions_are_named(state: Path) -> None:
    assert partitions() == ["gpu", "main"]


@pytest.mark.parametrize("word", ["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", GONE])
def test_ends(word: str) -> None:
    assert JobState(word).ended


@pytest.mark.parametrize("word", ["REQUEUED", "REQUEUE_HOLD", "COMPLETING", "CONFIGURING", "SUSPENDED"])
def test_what_is_no_end(word: str) -> None:
    assert not JobState(word).ended
