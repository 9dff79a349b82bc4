"""What was sent, on disk: written after every job, read as untrusted, and looked at without executing anything."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.base.sealed import write_sealed
from hiero_lib.cluster.launches import FORMAT, Sending, Sent, cancel_command, launches, new_launch, read_launch


def sent(launch: Sending, job_id: str) -> Sent:
    return Sent(f"name {job_id}", f"key {job_id}", job_id, launch.folder)


def test_a_launch_is_read_as_it_was_written(tmp_path: Path) -> None:
    launch = new_launch(tmp_path, "hiero train --slurm", "train")
    launch = dataclasses.replace(launch, jobs=(sent(launch, "1"), sent(launch, "2")))
    launch.write()
    assert read_launch(launch.folder) == launch
    assert launch.folder.parent == tmp_path / ".slurm"
    assert launch.name.startswith("train-2")
    assert cancel_command(launch.jobs) == "scancel 1 2"


def test_launches_of_one_second_have_folders_of_their_own_and_the_newest_is_first(tmp_path: Path) -> None:
    made = [new_launch(tmp_path, "c", "train") for _ in range(3)]
    assert len({launch.folder for launch in made}) == 3
    old = dataclasses.replace(made[1], created="2020-01-01T00:00:00Z")
    old.write()
    found = launches(tmp_path, say=[].append)
    assert found[-1] == old
    assert len(found) == 3


@pytest.mark.parametrize("jobs", [None, [3], [{"name": "a", "key": "b"}], [{"name": "a", "key": "b", "job": 3}]])
def test_a_launch_of_another_shape_is_named_and_left_out(jobs: object, tmp_path: Path) -> None:
    launch = new_launch(tmp_path, "c", "train")
    write_sealed(launch.folder / "launch.json", {"command": "c", "created": "t", "jobs": jobs}, format=FORMAT)
    with pytest.raises(DataError, match=r"launch\.json, field 'jobs'.*not a launch"):
        read_launch(launch.folder)
    said: list[str] = []
    assert launches(tmp_path, say=said.append) == []
    assert len(said) == 1


def test_a_changed_launch_is_found(tmp_path: Path) -> None:
    file = new_launch(tmp_path, "c", "train").folder / "launch.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"command": "another"}))
    with pytest.raises(DataError, match="damaged"):
        read_launch(file.parent)


def test_an_outcome_is_read_without_executing_it(tmp_path: Path) -> None:
    job = Sent("a", "k", "1", tmp_path)
    assert job.outcome() is None
    job.result.write_bytes(pickle.dumps(("error", "Traceback: no luck")))
    assert job.outcome() == "error"
    job.result.write_bytes(pickle.dumps(("success", 3)))
    assert job.outcome() == "success"
    job.result.write_bytes(b"cposix\nsystem\n(S'touch %s/ran'\ntR." % str(tmp_path).encode())
    assert job.outcome() == "success"
    assert not (tmp_path / "ran").exists()


def test_the_last_line_that_says_something(tmp_path: Path) -> None:
    job = Sent("a", "k", "1", tmp_path)
    assert job.last_line() == ""
    job.log.write_bytes(b"first\ntraining 3/9\x1b[2K: loss 4.1\n\nsubmitit INFO (2026) - Job has not timed out\n  \n")
    assert job.last_line() == "training 3/9 [2K: loss 4.1"
    job.log.write_bytes(b"x" * 100_000 + b"\n\xff\n")
    assert job.last_line() == "\ufffd"
