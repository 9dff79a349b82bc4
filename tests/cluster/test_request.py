"""What is asked of SLURM: submitit's parameters, sbatch's options, and what a user mistypes."""

from __future__ import annotations

from typing import Any

import pytest
from submitit.slurm.slurm import SlurmExecutor, _make_sbatch_string

from hiero_lib.base.errors import ConfigError
from hiero_lib.cluster.request import Request, read_options

KNOWN = SlurmExecutor._valid_parameters()


def script(request: Request) -> list[str]:
    """The lines of the script that sbatch is given."""
    return _make_sbatch_string(command="true", folder="/x", **request.parameters(KNOWN)).splitlines()


def test_every_option_stands_in_the_script() -> None:
    more = {"nodes": 2, "constraint": "a100", "nice": 100, "setup": ["module load cuda"], "contiguous": True}
    lines = script(Request("gpu", "lab", "long", gpus=4, cpus=8, mem="64G", hours=1.5, tasks_per_node=4, more=more))
    assert {
        *("#SBATCH --partition=gpu", "#SBATCH --account=lab", "#SBATCH --qos=long", "#SBATCH --gpus-per-node=4"),
        *("#SBATCH --cpus-per-task=8", "#SBATCH --mem=64G", "#SBATCH --time=90", "#SBATCH --ntasks-per-node=4"),
        *("#SBATCH --nodes=2", "#SBATCH --constraint=a100", "#SBATCH --nice=100", "#SBATCH --contiguous"),
        *("#SBATCH --requeue", "#SBATCH --signal=USR2@90", "module load cuda"),
    } <= set(lines)
    command = next(line for line in lines if line.startswith("srun"))
    assert "--cpus-per-task=8 --kill-on-bad-exit=1" in command


def test_what_is_not_given_is_the_clusters() -> None:
    lines = script(Request(gpus=0))
    assert not [
        line for line in lines if any(word in line for word in ("partition", "gpu", "mem", "cpus", "kill-on"))
    ]
    assert "#SBATCH --time=720" in lines


def test_a_short_job_is_told_later_than_at_its_start() -> None:
    assert "#SBATCH --signal=USR2@12" in script(Request(hours=1 / 60))


def test_a_given_option_wins() -> None:
    lines = script(Request("gpu", more={"partition": "main", "srun_args": ["--label"], "no_requeue": True}))
    assert {"#SBATCH --partition=main", "#SBATCH --no-requeue"} <= set(lines)
    assert "#SBATCH --requeue" not in lines
    assert "--label" in next(line for line in lines if line.startswith("srun"))


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("nodes=2", {"nodes": 2}),
        ("--gpus-per-task=1", {"gpus_per_task": 1}),
        ("begin=16:00", {"begin": "16:00"}),  # 960 for YAML
        ("begin=2026-11-27T10:00:00", {"begin": "2026-11-27T10:00:00"}),
        ("exclusive=true", {"exclusive": True}),
        ("constraint='a100&nvlink'", {"constraint": "a100&nvlink"}),
        ("setup=[module load cuda, ulimit -n 4096]", {"setup": ["module load cuda", "ulimit -n 4096"]}),
        ("comment=a=b", {"comment": "a=b"}),
    ],
)
def test_options_are_yaml(given: str, value: dict[str, Any]) -> None:
    assert read_options([given]) == value


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["nodes"], "write an option of sbatch as KEY=YAML"),
        (["=2"], "write an option of sbatch as KEY=YAML"),
        (["a b=2"], "write an option of sbatch as KEY=YAML"),
        (["nodes=2", "nodes=3"], "given twice"),
        (["time=1:00"], "a launch decides this itself"),
        (["job-name=x"], "a launch decides this itself"),
        (["constraint={"], "not readable as YAML"),
        (["constraint="], "a value is expected"),
        (["exclusive=false"], "a value is expected"),
        (["constraint=[a, b]"], "one value is expected"),
        (["setup=module load cuda"], "a list of texts is expected"),
        (["nodes=2-4"], "a whole number from 1 is expected"),
        (["nodes=0"], "a whole number from 1 is expected"),
    ],
)
def test_a_mistake_is_named(given: list[str], problem: str) -> None:
    with pytest.raises(ConfigError, match=rf"'--slurm-set', value .*{problem}"):
        read_options(given)


@pytest.mark.parametrize("mem", ["0", "64 G", "much", "-1G"])
def test_mem_is_a_size(mem: str) -> None:
    with pytest.raises(ConfigError, match=r"field '--mem', value .*for example 64G"):
        Request(mem=mem).parameters(KNOWN)
