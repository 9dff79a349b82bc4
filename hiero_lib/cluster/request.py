"""What a job asks of SLURM, as submitit and sbatch take it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from hiero_lib.base.errors import ConfigError

_MEM = re.compile(r"[1-9][0-9]*[KMGT]?B?", re.IGNORECASE)
_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
_SIGNAL_S = 90  # before the time limit, for a step of training and its checkpoint
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_OURS = {
    *("job_name", "map_count", "array_parallelism", "command", "folder", "additional_parameters", "ntasks"),
    *("output", "error", "array", "wrap", "parsable", "time", "signal", "chdir"),
}
_LISTS = {"setup", "teardown", "srun_args"}


@dataclass(frozen=True)
class Request:
    """What each job of a launch asks for; None: what the cluster gives by default.

    Args:
        partition, account, qos: names of the cluster's.
        gpus: of a node; 0: none is asked for. cpus: of a process. mem: of a node, as sbatch takes it (``64G``).
        hours: time limit.
        tasks_per_node: processes of a job on each node.
        more: further options, by the names of sbatch with ``_`` for ``-``; they win over those above.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    gpus: int = 1
    cpus: int | None = None
    mem: str | None = None
    hours: float = 12.0
    tasks_per_node: int = 1
    more: Mapping[str, Any] = field(default_factory=dict)

    def parameters(self, known: set[str]) -> dict[str, Any]:
        """For ``submitit.SlurmExecutor.update_parameters``.

        Args:
            known: the parameters that submitit has; others are handed on to sbatch as they are.

        Raises:
            ConfigError: ``mem`` is no size.
        """
        if self.mem is not None and not _MEM.fullmatch(self.mem):
            raise ConfigError("a size is expected, for example 64G", field="--mem", value=self.mem)
        minutes = max(1, round(60 * self.hours))
        asked: dict[str, Any] = {
            "time": minutes,
            "signal_delay_s": min(_SIGNAL_S, 12 * minutes),
            "partition": self.partition,
            "account": self.account,
            "qos": self.qos,
            "gpus_per_node": self.gpus or None,
            "cpus_per_task": self.cpus,
            "mem": self.mem,
            "ntasks_per_node": self.tasks_per_node,
        }
        cpus = self.more.get("cpus_per_task", self.cpus)
        own = [f"--cpus-per-task={cpus}"] * (cpus is not None)  # from 22.05 on srun does not take sbatch's
        if self.tasks_per_node > 1 or self.more.get("nodes", 1) != 1:
            own.append("--kill-on-bad-exit=1")  # one that dies leaves the others waiting for it
        asked["srun_args"] = [*own, *self.more.get("srun_args", ())] or None
        asked = {name: value for name, value in asked.items() if value is not None}
        asked |= {name: value for name, value in self.more.items() if name in known and name != "srun_args"}
        further = {name: value for name, value in self.more.items() if name not in known}
        if not further.get("no_requeue"):
            further = {"requeue": True} | further
        return asked | {"additional_parameters": further}


def read_options(given: Sequence[str]) -> dict[str, Any]:
    """What ``--slurm-set`` gave, ``KEY=YAML`` each: ``nodes=2``, ``constraint=a100``, ``setup=[module load cuda]``.

    Raises:
        ConfigError: one is not KEY=YAML, is given twice, or is what a launch decides itself.
    """
    options: dict[str, Any] = {}
    for one in given:
        key, equals, text = one.partition("=")
        name = key.strip().lstrip("-").replace("-", "_")
        if not equals or not _NAME.fullmatch(name):
            raise ConfigError("write an option of sbatch as KEY=YAML", field="--slurm-set", value=one)
        if name in _OURS:
            raise ConfigError("a launch decides this itself", field="--slurm-set", value=one)
        if name in options:
            raise ConfigError("given twice", field="--slurm-set", value=one)
        options[name] = _value(name, text, one)
    return options


def _value(name: str, text: str, given: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        problem = f"not readable as YAML ({' '.join(str(error).split())[:120]})"
        raise ConfigError(problem, field="--slurm-set", value=given) from error
    if value is None or value is False:
        raise ConfigError("a value is expected; true for an option without one", field="--slurm-set", value=given)
    if name in _LISTS:
        if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
            raise ConfigError("a list of texts is expected", field="--slurm-set", value=given)
    elif isinstance(value, list | dict):
        raise ConfigError("one value is expected", field="--slurm-set", value=given)
    elif not isinstance(value, str | bool) and not _NUMBER.fullmatch(text.strip()):
        return text.strip()  # a time or a date, which YAML takes for a number of minutes
    if name == "nodes" and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ConfigError("a whole number from 1 is expected", field="--slurm-set", value=given)
    return value
