"""A SLURM of three nodes on this machine: munged, slurmctld and three ``slurmd -N`` on loopback, in one folder.

It has no accounting (``sacct`` says so and fails), as many small clusters have none. Of Debian's packages
``slurm-wlm`` and ``munge``; the daemons are started as root, which is how `slurmd` runs jobs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

NODES = ("node1", "node2", "node3")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")

_CONF = """ClusterName=hiero
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdSpoolDir={folder}/spool.%n
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=1,sched_interval=2,bf_interval=2
ReturnToService=1
SlurmdParameters=config_overrides
MpiDefault=none
KillWait=10
OverTimeLimit=0
InactiveLimit=0
SlurmdTimeout=30
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=60 State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=15
PartitionName=urgent Nodes=ALL MaxTime=60 State=UP PriorityTier=9 PreemptMode=OFF
"""


def missing() -> str | None:
    """Why no SLURM can be started here; None where it can."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None and not Path("/usr/sbin", name).is_file()]
    if absent:
        return f"SLURM is not installed, there is no {', '.join(absent)} (apt-get install slurm-wlm munge)"
    if os.name != "posix" or os.geteuid() != 0:
        return "slurmd runs jobs as root alone"
    return None


@dataclass(frozen=True)
class Cluster:
    """A SLURM that runs.

    Args:
        folder: of its configuration, state and logs.
        environment: in which its commands find it.
    """

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str) -> str:
        """What a command of SLURM's says; CalledProcessError where it fails."""
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True, timeout=60
        ).stdout

    def state(self, job_id: str) -> str:
        """As ``scontrol show job`` has it."""
        shown = self.run("scontrol", "-o", "show", "job", job_id)
        return shown.split("JobState=", 1)[1].split()[0]

    def begin_again(self, job_id: str) -> None:
        """Have a job begin that was queued again: by SLURM's rule it would wait for two minutes, in which the node
        tidies up what it left.
        """
        self.wait_for(job_id, "PENDING")
        time.sleep(4)
        deadline = time.monotonic() + 60
        while self.state(job_id) == "PENDING":
            assert time.monotonic() < deadline, self.run("scontrol", "show", "job", job_id)
            with contextlib.suppress(subprocess.CalledProcessError):  # it has begun
                self.run("scontrol", "update", f"JobId={job_id}", "StartTime=now")
            time.sleep(1)

    def tidy(self) -> None:
        """End all jobs, and bring all nodes back."""
        self.run("scancel", "--user=root")
        deadline = time.monotonic() + 60
        while self.run("squeue", "--noheader"):
            assert time.monotonic() < deadline, self.run("squeue")
            time.sleep(0.3)
        if _idle(self) < len(NODES):
            for name in NODES:
                with contextlib.suppress(subprocess.CalledProcessError):  # it is well
                    self.run("scontrol", "update", f"NodeName={name}", "State=RESUME")
            _wait(lambda: _idle(self) == len(NODES), "nodes again", self.folder)

    def wait_for(self, job_id: str, *states: str, seconds: float = 60.0) -> str:
        """Wait until a job is in one of the states; AssertionError where it does not come to it."""
        deadline = time.monotonic() + seconds
        while (state := self.state(job_id)) not in states:
            assert time.monotonic() < deadline, f"job {job_id} is {state}, not {states}"
            time.sleep(0.2)
        return state


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _program(name: str) -> str:
    return shutil.which(name) or str(Path("/usr/sbin", name))


@contextlib.contextmanager
def slurm(folder: Path) -> Iterator[Cluster]:
    """Start it, and end all of it. ``folder`` needs a short path: a socket's name has 107 bytes at most."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    (folder / "state").mkdir()
    controller, *ports = _free_ports(1 + len(NODES))
    host = socket.gethostname()
    nodes = "\n".join(
        f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=4000 State=UNKNOWN"
        for name, port in zip(NODES, ports)
    )
    conf = folder / "slurm.conf"
    conf.write_text(_CONF.format(host=host, controller=controller, folder=folder, nodes=nodes))
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    environment = os.environ | {"SLURM_CONF": str(conf)}
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> None:
        log = (folder / f"{Path(command[0]).name}.out").open("ab")
        with log:
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))

    try:
        munged = [f"--{name}={folder}/munge.{name.split('-')[0]}" for name in ("socket", "pid-file", "log-file")]
        start(_program("munged"), "-F", "-f", f"--key-file={key}", f"--seed-file={folder}/munge.seed", *munged)
        _wait(lambda: (folder / "munge.socket").exists(), "munged", folder)
        start(_program("slurmctld"), "-D", "-i")
        for name in NODES:
            start(_program("slurmd"), "-D", "-N", name)
        cluster = Cluster(folder, environment)
        _wait(lambda: _idle(cluster) == len(NODES), "nodes", folder)
        yield cluster
    finally:
        with contextlib.suppress(Exception):
            subprocess.run(["scancel", "--user=root"], env=environment, timeout=20, capture_output=True)
            time.sleep(1)
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
        for process in reversed(started):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _idle(cluster: Cluster) -> int:
    with contextlib.suppress(subprocess.CalledProcessError):
        return cluster.run("sinfo", "--noheader", "--Node", "--partition=main", "--format=%t").split().count("idle")
    return 0


def _wait(done: Callable[[], bool], what: str, folder: Path) -> None:
    deadline = time.monotonic() + 40
    while not done():
        if time.monotonic() > deadline:
            logs = "\n".join(f"{path}:\n{path.read_text(errors='replace')[-1500:]}" for path in folder.glob("*.log"))
            raise AssertionError(f"SLURM has not started ({what}):\n{logs}")
        time.sleep(0.2)
