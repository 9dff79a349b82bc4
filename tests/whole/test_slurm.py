"""A real SLURM of three nodes on this machine, without accounting: what is sent, ends, is lost, and goes on.

It is started where Debian's packages ``slurm-wlm`` and ``munge`` are installed and this process may be root. With
``-s`` each test tells what was seen.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hiero_lib.__main__ import main
from hiero_lib.base.errors import ConfigError
from hiero_lib.base.executors import Task
from hiero_lib.cluster.launch import JobEnded, Launch
from hiero_lib.cluster.request import Request
from tests.helpers import slurm_work
from tests.helpers.slurm import Cluster, missing, slurm
from tests.helpers.tiny import make_tiny

REPOSITORY = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.slow,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="hs", dir="/tmp"))
    try:
        with slurm(folder) as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def here(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory, with the cluster in the environment."""
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    cluster.tidy()


def task(name: str, work: Callable[..., int], *values: Any) -> Task:
    return Task(name, f"key of {name} in {Path.cwd()}", functools.partial(work, Path.cwd() / name, *values))


def launch(said: list[str] | None = None, **asked: Any) -> Launch:
    request = Request(**({"gpus": 0, "hours": 0.2} | asked))
    command = "python -m hiero_lib ablation --slurm"
    return Launch(Path("outputs"), "ablation", request, command=command, say=([] if said is None else said).append)


def saw(text: object) -> None:
    print(f"  saw: {text}")


def until(done: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)


def test_what_is_sent_comes_back_and_is_not_sent_again(here: Path) -> None:
    said: list[str] = []
    one = launch(said)
    jobs = one.submit_all(
        [task("a", slurm_work.count, 1), task("b", slurm_work.count, 2), task("c", slurm_work.fail)]
    )
    assert [job.result() for job in jobs[:2]] == [1, 2]
    with pytest.raises(
        JobEnded, match=r"job \d+ ended: ValueError: no luck; log .*_0_log\.out; go on with: python"
    ) as no:
        jobs[2].result()
    ids = [job.sent.job_id for job in jobs]
    assert said[0] == "sent: 3 jobs"
    assert said[1] == f"  {ids[0]} a: {jobs[0].sent.log}"
    assert said[4] == f"`python -m hiero_lib jobs` says how they do; `scancel {' '.join(ids)}` ends them"
    assert jobs[0].sent.last_line() == "counted 1"
    saw(said)
    saw(no.value)


def test_a_worker_that_is_killed_is_a_line_with_its_job_and_the_command(here: Path) -> None:
    one = launch()
    (job,) = one.submit_all([task("a", slurm_work.die)])
    with pytest.raises(JobEnded, match=r"job \d+ ended: failed \(on node\d\); its last line: counted 0; log") as no:
        job.result()
    assert "go on with: python -m hiero_lib ablation --slurm" in str(no.value)
    saw(no.value)


def test_a_job_that_somebody_cancels(here: Path, cluster: Cluster) -> None:
    one = launch()
    (job,) = one.submit_all([task("a", slurm_work.hold)])
    until(lambda: slurm_work.runs_of(here / "a"))
    cluster.run("scancel", job.sent.job_id)
    with pytest.raises(JobEnded, match=r"ended: cancelled") as no:
        job.result()
    saw(no.value)


def test_a_job_whose_node_is_lost_begins_again_elsewhere(here: Path, cluster: Cluster) -> None:
    said: list[str] = []
    one = launch(said)
    (job,) = one.submit_all([task("a", slurm_work.hold)])
    until(lambda: slurm_work.runs_of(here / "a"))
    node = (here / "a/runs").read_text().split()[1]
    cluster.run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
    cluster.begin_again(job.sent.job_id)
    until(lambda: slurm_work.runs_of(here / "a") == 2)
    (here / "a/go").touch()
    assert job.result() == 2
    nodes = [line.split()[1] for line in (here / "a/runs").read_text().splitlines()]
    assert nodes[1] != nodes[0] == node
    saw(f"began on {nodes[0]}, which went down; began again on {nodes[1]} as the same job {job.sent.job_id}")


def test_a_job_that_is_to_make_room_comes_to_a_good_point_and_is_queued_again(here: Path, cluster: Cluster) -> None:
    one = launch()
    (job,) = one.submit_all([task("a", slurm_work.step)])
    until(lambda: slurm_work.runs_of(here / "a"))
    cluster.run("scancel", "--signal=USR2", job.sent.job_id)
    cluster.begin_again(job.sent.job_id)
    assert (here / "a/checkpoint").exists()
    assert job.result() == 2
    log = job.sent.log.read_text()
    assert "stopped by SIGTERM after step 7, on SIGUSR2" in log
    assert "Requeued job" in log
    saw(f"SIGUSR2; {[line for line in log.splitlines() if 'stopped by' in line or 'Requeued' in line]}; result 2")


def test_a_job_that_the_site_does_not_queue_again_is_named(here: Path, cluster: Cluster) -> None:
    one = launch(more={"no_requeue": True})
    (job,) = one.submit_all([task("a", slurm_work.step)])
    until(lambda: slurm_work.runs_of(here / "a"))
    cluster.run("scancel", "--signal=USR2", job.sent.job_id)
    with pytest.raises(JobEnded, match=r"stopped for want of time and is not queued again .*; go on with: ") as no:
        job.result()
    assert (here / "a/checkpoint").exists()
    saw(no.value)


def test_a_signal_reaches_what_a_job_has_started(here: Path, cluster: Cluster) -> None:
    one = launch()
    (job,) = one.submit_all([task("a", slurm_work.with_child)])
    until(lambda: slurm_work.runs_of(here / "a"))
    cluster.run("scancel", "--signal=USR2", job.sent.job_id)
    cluster.begin_again(job.sent.job_id)
    assert job.result() == 2
    saw([line for line in job.sent.log.read_text().splitlines() if "SIGUSR2" in line])


def test_a_job_that_another_pushes_out_begins_again(here: Path, cluster: Cluster) -> None:
    one = launch(more={"nodes": 3, "exclusive": True, "srun_args": ["--nodes=1", "--ntasks=1"]})
    (job,) = one.submit_all([task("a", slurm_work.step)])
    until(lambda: slurm_work.runs_of(here / "a"))
    urgent = ["sbatch", "--parsable", "--partition=urgent", "--nodes=3", "--exclusive", "--output=/dev/null"]
    other = cluster.run(*urgent, "--wrap=sleep 5").strip()
    cluster.wait_for(other, "COMPLETED", seconds=120)
    assert (here / "a/checkpoint").exists()
    cluster.begin_again(job.sent.job_id)
    assert job.result() == 2
    (told,) = (line for line in job.sent.log.read_text().splitlines() if "makes room for another job" in line)
    saw(f"job {other} pushed {job.sent.job_id} out: {told}; it was queued again and ended: 2")


def test_a_job_that_is_out_of_time_is_queued_again_or_named(here: Path, cluster: Cluster) -> None:
    """The limit is a minute, which SLURM keeps to within half of one; one task ends when it is told, one does not."""
    one = launch(hours=1 / 60)
    good, bad = one.submit_all([task("a", slurm_work.step), task("b", slurm_work.ignore)])
    until(lambda: (here / "a/checkpoint").exists(), 150)
    cluster.begin_again(good.sent.job_id)
    assert good.result() == 2
    with pytest.raises(JobEnded, match=r"ended: timeout \(on node\d\); .* go on with: python -m hiero_lib") as no:
        bad.result()
    saw(f"a: out of time, checkpoint, queued again, done; b: {no.value}")


def test_two_launchers_on_one_folder_share_the_jobs(here: Path) -> None:
    first, second = launch(), launch(said := [])
    (one,) = first.submit_all([task("a", slurm_work.hold)])
    two, more = second.submit_all([task("a", slurm_work.hold), task("b", slurm_work.count, 3)])
    assert (two.sent, two.ours, more.ours) == (one.sent, False, True)
    assert "there already: 1 job" in said
    until(lambda: slurm_work.runs_of(here / "a"))
    (here / "a/go").touch()
    assert (one.result(), two.result(), more.result()) == (1, 1, 3)
    assert slurm_work.runs_of(here / "a") == 1
    saw(said)


def test_an_unknown_partition_is_one_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = str(make_tiny(here / "data", features__text_projection=None))
    capsys.readouterr()
    assert main(["train", "--profile", profile, "--slurm", "--gpus", "0", "--partition", "nope"]) == 2
    told = capsys.readouterr().err
    assert told == (
        "hiero_lib: field '--partition', value 'nope': invalid partition specified: nope; Batch job submission"
        " failed: Invalid partition name specified. Known: main, urgent\n"
    )
    assert list((here / "outputs/.slurm").glob("*/*")) == []
    assert main(["train", "--profile", profile, "--slurm"]) == 2  # of a GPU that no node has
    more = capsys.readouterr().err
    assert "--gpus 0 asks for none" in more
    with pytest.raises(ConfigError, match="SLURM refuses the job: Batch job submission failed: Invalid feature"):
        launch(more={"constraint": "a100"}).submit(task("a", slurm_work.count, 1))
    saw(told + more)


def test_it_is_left_and_asked_and_goes_on(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A training of two processes for each of two seeds, left; then waited for by the same command."""
    profile = str(make_tiny(here / "data", features__text_projection=None, training__epochs=2))
    command = ["train", "--profile", profile, "--seeds", "1", "2", "--slurm", "--gpus", "0", "--hours", "0.2"]
    command += ["--slurm-set", "nodes=2", "--slurm-set", "comment=a test"]
    capsys.readouterr()
    assert main([*command, "--detach"]) == 0
    left = capsys.readouterr().out
    assert left.startswith("sent: 2 jobs\n")
    assert main(["jobs", "--json"]) == 0
    (asked,) = json.loads(capsys.readouterr().out)
    assert [job["state"] in ("PENDING", "RUNNING", "CONFIGURING") for job in asked["jobs"]] == [True, True]
    assert main(["jobs"]) == 0
    saw(capsys.readouterr().out)
    assert main(command) == 0
    waited = capsys.readouterr().out
    assert "there already: 2 jobs" in waited
    assert "sent:" not in waited
    assert main(["jobs"]) == 0
    assert capsys.readouterr().out.count(": done; log ") == 2
    assert len(list(here.glob("outputs/tiny-seed[12]/train/hiero-*/best"))) == 2
    assert "2 process(es)" in next(here.glob("outputs/.slurm/*/*_0_log.out")).read_text()
    assert main(command) == 0
    again = capsys.readouterr().out
    assert "all is done: no job is sent" in again
    saw(waited + again)


def test_ctrl_c_names_the_jobs(here: Path, cluster: Cluster) -> None:
    profile = str(make_tiny(here / "data", features__text_projection=None, training__epochs=10_000))
    command = [sys.executable, "-m", "hiero_lib", "train", "--profile", profile, "--slurm", "--gpus", "0"]
    command += ["--hours", "0.2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        until(lambda: list(here.glob("outputs/.slurm/*/*_submitted.pkl")))
        job_id = next(here.glob("outputs/.slurm/*/*_submitted.pkl")).name.split("_")[0]
        cluster.wait_for(job_id, "RUNNING")
        started.send_signal(signal.SIGINT)
        _, told = started.communicate(timeout=60)
    assert started.returncode == 130
    assert told == (
        f"hiero_lib: stopped by SIGINT while the jobs {job_id} go on: `scancel {job_id}` ends them,"
        " the same command waits for them again\n"
    )
    log = next(here.glob("outputs/.slurm/*/")) / f"{job_id}_0_log.out"
    until(lambda: "training " in log.read_text() if log.is_file() else False)
    cluster.run("scancel", job_id)
    cluster.wait_for(job_id, "CANCELLED")
    checkpoints = [path.name for path in here.glob("outputs/tiny/train/hiero-*/checkpoints/step-*")]
    assert "the same command goes on from" in log.read_text()
    assert checkpoints
    saw(f"{told}scancel: SIGTERM left {checkpoints}: {log.read_text().splitlines()[-1]}")


def test_a_training_of_two_processes_is_queued_again_and_goes_on(here: Path, cluster: Cluster) -> None:
    settings = {"training__epochs": 10_000, "training__checkpoint_every_steps": 10_000}
    profile = str(make_tiny(here / "data", features__text_projection=None, **settings))
    command = ["train", "--profile", profile, "--slurm", "--gpus", "0", "--hours", "0.2", "--slurm-set", "nodes=2"]
    assert main([*command, "--detach"]) == 0
    log = next(here.glob("outputs/.slurm/*/")) / "0_log.out"
    (job_id,) = (path.name.split("_")[0] for path in log.parent.glob("*_submitted.pkl"))
    log = log.with_name(f"{job_id}_0_log.out")
    until(lambda: log.is_file() and "training " in log.read_text())
    cluster.run("scancel", "--signal=USR2", job_id)
    cluster.begin_again(job_id)
    until(lambda: "going on after step" in log.read_text())
    told = [line for line in log.read_text().splitlines() if "on SIGUSR2" in line or "going on after" in line]
    assert "stopped by SIGTERM after step" in told[0]
    saw(told)


def test_tasks_of_srun_train_as_one_group(here: Path, cluster: Cluster) -> None:
    profile = str(make_tiny(here / "data", features__text_projection=None))
    train = [sys.executable, "-m", "hiero_lib", "train", "--profile", profile, "--max-steps", "2"]
    done = subprocess.run(["srun", "-N2", "-n4", *train], capture_output=True, text=True, env=os.environ, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "4 process(es)" in done.stdout
    assert done.stdout.count("2 steps, ") == 1
    assert len(list(here.glob("outputs/tiny/train/hiero-*/checkpoints/step-00000002"))) == 1
    saw(done.stdout.splitlines()[0])
    wrap = " ".join(train)
    job = cluster.run("sbatch", "-n2", "--parsable", "--wait", f"--output={here}/batch.txt", f"--wrap={wrap} || true")
    told = (here / "batch.txt").read_text()
    assert "the script of a job of several tasks trains with one process. Put srun before it" in told
    saw(f"sbatch without srun, job {job.strip()}: {told}")
