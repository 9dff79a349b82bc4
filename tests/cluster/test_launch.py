"""Tasks as jobs: sent once, waited for without sacct, and in words when they are lost."""

from __future__ import annotations

import functools
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.executors import Task
from hiero_lib.base.signals import Stopped
from hiero_lib.cluster import launch as module
from hiero_lib.cluster.launch import JobEnded, Launch, waiting
from hiero_lib.cluster.request import Request
from hiero_lib.pipelines.sweep import run_tasks
from tests.helpers.slurm_work import count, die, fail, runs_of


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_S", 0.05)
    monkeypatch.setattr(module, "_ASK_S", (0.1, 0.2))
    monkeypatch.setattr(module, "_LATE_S", 0.5)


def task(name: str, work: Any, *values: Any) -> Task:
    return Task(name, f"key {name}", functools.partial(work, Path.cwd() / name, *values))


def launch(said: list[str] | None = None) -> Launch:
    say = ([] if said is None else said).append
    return Launch(Path("outputs"), "ablation", Request(gpus=0), command="hiero ablation --slurm", say=say)


def test_results_and_failures_come_back_in_one_report(state: Path) -> None:
    said: list[str] = []
    tasks = [task("a", count, 1), task("b", fail), task("c", die)]
    found = run_tasks(tasks, executor=launch(said), say=said.append)
    assert found.done == {"a": 1}
    log = Path.cwd() / "outputs/.slurm"
    assert found.failed["b"].startswith(f"JobEnded: job 2 ended: ValueError: no luck; log {log}/ablation-")
    assert found.failed["c"].startswith("JobEnded: job 3 ended: failed (on n1); its last line: counted 0; log")
    assert found.failed["c"].endswith("; go on with: hiero ablation --slurm")
    assert said[0] == "sent: 1 job"
    assert runs_of(Path("a")) == 1


def test_tasks_sent_together_are_told_together(state: Path) -> None:
    said: list[str] = []
    one = launch(said)
    jobs = one.submit_all([task("a", count, 1), task("b", count, 2)])
    assert said[0] == "sent: 2 jobs"
    assert said[-1] == "`python -m hiero_lib jobs` says how they do; `scancel 1 2` ends them"
    assert [job.result() for job in jobs] == [1, 2]
    assert one.submit(task("a", count, 1)) is jobs[0]
    assert one.alive() == []


def test_a_job_that_is_there_is_waited_for_and_one_that_was_lost_is_sent_again(state: Path) -> None:
    (state / "hold").touch()
    (first,) = launch().submit_all([task("a", count, 1)])
    (second,) = launch(said := []).submit_all([task("a", count, 1)])
    assert (second.sent, second.ours) == (first.sent, False)
    assert said[0] == "there already: 1 job"
    (state / "1.state").unlink()  # SLURM has forgotten it, and it left nothing
    (state / "hold").unlink()
    (third,) = launch().submit_all([task("a", count, 1)])
    assert third.sent.job_id == "2"
    with pytest.raises(JobEnded, match="job 1 ended: without a result, SLURM no longer knows it; log"):
        first.result()
    assert third.result() == 1
    (fourth,) = launch().submit_all([task("a", count, 1)])  # whether it is done is not the launch's to know
    assert fourth.sent.job_id == "3"


def test_a_job_that_comes_back_from_the_end_has_not_ended(state: Path) -> None:
    (state / "hold").touch()
    (job,) = launch().submit_all([task("a", count, 1)])
    (state / "1.state").write_text("FAILED|None|0:01|n1")
    assert not job.done()
    time.sleep(0.2)
    (state / "1.state").write_text("PENDING|BeginTime|0:00|")  # it was queued again
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        assert not job.done()
        time.sleep(0.05)


def test_silence_is_waited_out_and_told_once(state: Path) -> None:
    (state / "hold").touch()
    (state / "silent").touch()
    one = launch(said := [])
    (job,) = one.submit_all([task("a", count, 1)])
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        assert not job.done()
        time.sleep(0.05)
    silent = [line for line in said if line.startswith("SLURM does not answer, waiting: ")]
    assert len(silent) == 1
    with pytest.raises(ConfigError, match="SLURM does not answer"):  # another launcher cannot know what is there
        launch().submit_all([task("a", count, 1)])


def test_why_a_job_waits_is_told(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (state / "hold").touch()
    one = launch(said := [])
    (job,) = one.submit_all([task("a", count, 1)])
    assert not job.done()
    time.sleep(0.2)
    (state / "1.state").write_text("PENDING|PartitionTimeLimit|0:00|")
    assert not job.done()
    assert said[-2:] == ["jobs: 1 pending (Resources), 0 ended", "jobs: 1 pending (PartitionTimeLimit), 0 ended"]
    monkeypatch.setattr(module, "_SAY_S", 0.0)
    job.sent.log.write_text("training 3/9, 4 s left\n")
    time.sleep(0.2)
    assert not job.done()
    assert said[-1] == "jobs: 1 pending (PartitionTimeLimit), 0 ended; 1: training 3/9, 4 s left"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (
            "sbatch: error: invalid partition specified: x\nsbatch: error: Batch failed: Invalid partition",
            r"'--partition', value 'x': invalid partition specified: x; Batch failed: Invalid .* Known: gpu, main$",
        ),
        ("sbatch: error: Invalid account", r"'--slurm': SLURM refuses the job: Invalid account$"),
        ("", r"'--slurm': SLURM refuses the job: sbatch failed without a word$"),
    ],
)
def test_a_refusal_is_one_line_and_leaves_no_launch(words: str, problem: str, state: Path) -> None:
    (state / "refuse").write_text(words)
    one = Launch(Path("outputs"), "train", Request("x", gpus=0), say=[].append)
    with pytest.raises(ConfigError, match=problem):
        one.submit(task("a", count, 1))
    assert list(Path("outputs/.slurm").iterdir()) == []


def test_ctrl_c_leaves_the_jobs_and_names_them(state: Path) -> None:
    (state / "hold").touch()
    one = launch()
    with pytest.raises(Stopped) as stopped, waiting(one):  # noqa: PT012
        one.submit_all([task("a", count, 1), task("b", count, 2)])
        raise KeyboardInterrupt
    assert stopped.value.exit_status == 130
    assert str(stopped.value) == (
        "stopped by SIGINT while the jobs 1 2 go on: `scancel 1 2` ends them, the same command waits for them again"
    )
    with pytest.raises(Stopped) as ended, waiting(launch()):
        raise Stopped(signal.SIGTERM)
    assert ended.value.done == ""


def test_ctrl_c_while_a_job_is_sent_loses_none(state: Path) -> None:
    (state / "hold").touch()
    (state / "interrupt").touch()
    with pytest.raises(Stopped, match="while the jobs 1 go on: `scancel 1`"), waiting(one := launch()):
        one.submit_all([task("a", count, 1), task("b", count, 2)])
    (state / "interrupt").unlink()
    first, second = launch().submit_all([task("a", count, 1), task("b", count, 2)])
    assert (first.sent.job_id, first.ours, second.sent.job_id, second.ours) == ("1", False, "2", True)


def test_without_slurm_or_submitit_nothing_runs(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "submitit", None)
        with pytest.raises(DataError, match=r"'--slurm': SLURM needs submitit. pip install submitit"):
            launch()
    for name in ("squeue", "srun", "sbatch"):
        (tmp_path / "slurm/bin" / name).unlink()
        monkeypatch.setenv("PATH", str(tmp_path / "slurm/bin"))
        with pytest.raises(ConfigError, match=f"there is no SLURM here: no {name} on the PATH"):
            launch()
    assert not os.path.exists("outputs")


def test_only_a_task_is_sent(state: Path) -> None:
    with pytest.raises(TypeError, match="a Task without arguments is expected"):
        launch().submit(print, 3)
