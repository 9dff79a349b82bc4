"""From the tasks of srun to one process group, or to a command that works."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from hiero_lib.base.errors import ConfigError
from hiero_lib.cluster.tasks import join_group, variables_of_task

STEP = {
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
    "SLURM_JOB_ID": "41",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "5",
    "SLURM_STEP_NUM_NODES": "3",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
    "SLURM_STEP_NODELIST": "node[1-3]",
}


def test_the_group_of_a_step(state: Path) -> None:
    (state / "hosts").write_text("localhost\nnode2\nnode3\n")
    assert variables_of_task(STEP) == {
        "RANK": "3",
        "LOCAL_RANK": "1",
        "WORLD_SIZE": "5",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(20_000 + 97 * 41),
    }
    assert variables_of_task(STEP | {"SLURM_NODEID": "2"})["LOCAL_WORLD_SIZE"] == "1"
    ports = {variables_of_task(STEP | {"SLURM_STEP_ID": step})["MASTER_PORT"] for step in "012"}
    assert len(ports) == 3
    assert 20_000 <= int(variables_of_task(STEP | {"SLURM_JOB_ID": "99999999"})["MASTER_PORT"]) < 32_000


def test_an_address_where_the_node_is_no_host(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: object) -> list[str]:
        if host != "10.0.0.7":
            raise socket.gaierror("no such host")
        return [host]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    (state / "hosts").write_text("node1\n")
    (state / "address").write_text("10.0.0.7")
    assert variables_of_task(STEP)["MASTER_ADDR"] == "10.0.0.7"
    (state / "address").write_text("node1")
    with pytest.raises(ConfigError, match=r"node1 is no host that this one knows.*srun --ntasks-per-node=1 torchrun"):
        variables_of_task(STEP)


def test_without_scontrol_only_one_node_is_a_group(state: Path) -> None:
    with pytest.raises(ConfigError, match=r"value 'node\[1-3\]'.*scontrol does not say.*torchrun"):
        variables_of_task(STEP)
    assert variables_of_task(STEP | {"SLURM_STEP_NUM_NODES": "1"})["MASTER_ADDR"] == "127.0.0.1"
    assert variables_of_task(STEP | {"MASTER_ADDR": "head"})["MASTER_ADDR"] == "head"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        STEP | {"WORLD_SIZE": "5"},  # torchrun has told
        STEP | {"SLURM_STEP_NUM_TASKS": "1"},  # one task of an allocation of more
        {"SLURM_NTASKS": "4"},  # the shell of salloc
        {"SLURM_NTASKS": "1", "SLURM_PROCID": "0"},  # a script of one task
    ],
)
def test_where_there_is_no_group_nothing_changes(environment: dict[str, str]) -> None:
    assert variables_of_task(environment) == {}


def test_a_script_of_several_tasks_is_told_to_use_srun() -> None:
    with pytest.raises(ConfigError, match=r"'SLURM_NTASKS', value '4'.*Put srun before it"):
        variables_of_task({"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_ID": "1"})


@pytest.mark.parametrize("name", ["SLURM_LOCALID", "SLURM_JOB_ID", "SLURM_STEP_NUM_TASKS"])
def test_a_variable_that_is_no_number_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=f"field '{name}', value 'x'"):
        variables_of_task(STEP | {"SLURM_STEP_NUM_NODES": "1"} | {name: "x"})


def test_joining_sets_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in (STEP | {"SLURM_STEP_NUM_NODES": "1"}).items():
        monkeypatch.setenv(name, value)
    assert join_group()
    assert (os.environ["RANK"], os.environ["WORLD_SIZE"]) == ("3", "5")
    assert not join_group()
