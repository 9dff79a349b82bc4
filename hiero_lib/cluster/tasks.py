"""One process group out of the tasks that srun started: the variables that torch.distributed reads, from SLURM's."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Mapping

from hiero_lib.base.errors import ConfigError

_PORTS = range(20_000, 32_000)  # below those that Linux gives to programs that ask for any
_SRUN = "Put srun before it: `srun python -m hiero_lib train ...`; for one process alone unset SLURM_NTASKS"
_TORCHRUN = (
    "Start one task a node: `srun --ntasks-per-node=1 torchrun --nnodes=NODES --nproc-per-node=N --rdzv-backend=c10d"
    " --rdzv-endpoint=FIRST_NODE:29500 -m hiero_lib train ...`"
)


def join_group() -> bool:
    """Make this process one of the group of all tasks that its ``srun`` started; whether it is one now.

    Where torchrun or another launcher has told the rank, and where srun started one task, nothing is changed.

    Raises:
        ConfigError: the tasks cannot find each other, or a script of sbatch would train with one process where it
            has several tasks; the hint is a command that works.
    """
    found = variables_of_task(os.environ)
    os.environ.update(found)
    return bool(found)


def variables_of_task(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of `join_group`; none where there is no group to join."""
    if "WORLD_SIZE" in environment or "SLURM_PROCID" not in environment:
        return {}
    count = environment.get("SLURM_STEP_NUM_TASKS")
    if count is None:  # the script of sbatch, which runs once, whatever number of tasks it has to give
        if (tasks := environment.get("SLURM_NTASKS", "1")) == "1":
            return {}
        problem = "the script of a job of several tasks trains with one process"
        raise ConfigError(problem, field="SLURM_NTASKS", value=tasks, hint=_SRUN)
    if count == "1":
        return {}
    values = {name: _whole(environment, name) for name in ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_JOB_ID")}
    step = environment.get("SLURM_STEP_ID", "0")
    number = 97 * values["SLURM_JOB_ID"] + (int(step) if step.isdecimal() else 0)
    return {
        "RANK": str(values["SLURM_PROCID"]),
        "LOCAL_RANK": str(values["SLURM_LOCALID"]),
        "WORLD_SIZE": str(_whole(environment, "SLURM_STEP_NUM_TASKS")),
        "LOCAL_WORLD_SIZE": str(_tasks_here(environment)),
        "MASTER_ADDR": environment.get("MASTER_ADDR") or _first_node(environment),
        "MASTER_PORT": environment.get("MASTER_PORT") or str(_PORTS[number % len(_PORTS)]),
    }


def _tasks_here(environment: Mapping[str, str]) -> int:
    """Tasks of this node, of a list like ``2(x3),1``; 1 where it is not told."""
    counts: list[int] = []
    for count, times in re.findall(r"(\d+)(?:\(x(\d+)\))?", environment.get("SLURM_STEP_TASKS_PER_NODE", "")):
        counts += [int(count)] * int(times or 1)
    node = environment.get("SLURM_NODEID", "")
    return counts[int(node)] if node.isdecimal() and int(node) < len(counts) else 1


def _whole(environment: Mapping[str, str], name: str) -> int:
    value = environment.get(name, "")
    if not (value.isascii() and value.isdecimal()):
        problem = "srun started several tasks, and they cannot be numbered"
        raise ConfigError(problem, field=name, value=value, hint=_TORCHRUN)
    return int(value)


def _first_node(environment: Mapping[str, str]) -> str:
    """A name or address of the node of the first task, which all nodes know."""
    if (environment.get("SLURM_STEP_NUM_NODES") or environment.get("SLURM_NNODES")) == "1":
        return "127.0.0.1"
    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST") or ""
    try:
        first = _scontrol("show", "hostnames", nodes).split()[0]
        if _resolves(first):
            return first
        shown = _scontrol("--oneliner", "show", "node", first)
        address = dict(cell.split("=", 1) for cell in shown.split() if "=" in cell).get("NodeAddr", "")
        if _resolves(address):
            return address
        why = f"{first} is no host that this one knows"
    except (OSError, subprocess.SubprocessError, IndexError) as error:
        why = f"scontrol does not say which hosts they are: {error}"
    problem = f"srun started tasks on several nodes, and they cannot find each other ({why})"
    raise ConfigError(problem, field="SLURM_STEP_NODELIST", value=nodes, hint=_TORCHRUN)


def _scontrol(*words: str) -> str:
    done = subprocess.run(["scontrol", *words], capture_output=True, text=True, check=True, timeout=30)
    return done.stdout


def _resolves(host: str) -> bool:
    try:
        return bool(host) and bool(socket.getaddrinfo(host, None))
    except OSError:
        return False
