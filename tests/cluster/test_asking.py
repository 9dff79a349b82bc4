"""How launches do, in lines and in plain values."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import pytest

from hiero_lib.cluster.asking import is_at_work, lines_of, record_of, states_of
from hiero_lib.cluster.launches import Sending, Sent, new_launch


@pytest.fixture
def launch(state: Path) -> Sending:
    """Job 1 is done, 2 failed, 3 runs, 4 waits, 5 is forgotten."""
    made = new_launch(Path("outputs"), "hiero ablation --slurm", "ablation")
    jobs = tuple(Sent(f"cell {number}", f"k{number}", str(number), made.folder) for number in range(1, 6))
    jobs[0].result.write_bytes(pickle.dumps(("success", 1)))
    jobs[1].result.write_bytes(pickle.dumps(("error", "no luck")))
    jobs[1].log.write_text("ValueError: no luck\n")
    (state / "3.state").write_text("RUNNING|None|0:09|n2")
    (state / "4.state").write_text("PENDING|Priority|0:00|")
    return dataclasses.replace(made, jobs=jobs)


def test_lines(launch: Sending) -> None:
    states, silent = states_of([launch])
    assert silent is None
    assert lines_of(launch, states) == [
        f"{launch.name}, {launch.created}: hiero ablation --slurm",
        f"  1 cell 1: done; log {launch.folder}/1_0_log.out",
        f"  2 cell 2: failed; log {launch.folder}/2_0_log.out",
        "      ValueError: no luck",
        f"  3 cell 3: running (on n2), 0:09; log {launch.folder}/3_0_log.out",
        f"  4 cell 4: pending (Priority), 0:00; log {launch.folder}/4_0_log.out",
        f"  5 cell 5: without a result, SLURM no longer knows it; log {launch.folder}/5_0_log.out",
        "  2 of 5 at work; `scancel 3 4` ends them",
        "  2 ended without a result; the same command goes on",
    ]
    assert is_at_work(launch, states)


def test_plain_values(launch: Sending) -> None:
    record = record_of(launch, states_of([launch])[0])
    assert [job["state"] for job in record["jobs"]] == ["DONE", "FAILED", "RUNNING", "PENDING", "GONE"]
    assert record["jobs"][1]["last_line"] == "ValueError: no luck"
    assert record["launch"] == launch.name


def test_where_slurm_is_silent_what_left_a_result_is_known(launch: Sending, state: Path) -> None:
    (state / "silent").touch()
    states, silent = states_of([launch])
    assert silent is not None
    assert "Unable to contact" in silent
    assert [one.state for one in states.values()] == ["DONE", "FAILED", "UNKNOWN", "UNKNOWN", "UNKNOWN"]
    assert not is_at_work(launch, states)
    assert states_of([dataclasses.replace(launch, jobs=launch.jobs[:2])])[1] is None
