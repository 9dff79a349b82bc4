"""The kit on a device that is not the CPU, without having one: results, rules, and what a GPU is asked (`BUDGET`)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hiero_lib.benchmarks import BENCHMARKS

ROOT = Path(__file__).parents[2]

BUDGET = {  # part: (launches, waits) at most; what is saved is taken off here, and nothing is added
    "batch to the device": (14, 0),
    "forward": (439, 2),  # eigh of two levels: torch has none that does not read whether it converged
    "of which threads": (282, 0),
    "losses": (87, 0),
    "backward": (370, 0),
    "training step": (896, 2),
    "whole video with threads": (471, 6),
    "EgoMCQ's windows": (180, 5),  # positions come to the CPU, the plan goes back
    "EgoNLQ's step": (1576, 1),  # the loss of an epoch is read at its end
}


def work(name: str) -> str:
    """What `tests.helpers.pretend_work` says; it must end well."""
    pytest.importorskip("torch.utils.backend_registration")
    command = [sys.executable, "-W", "ignore", "-m", "tests.helpers.pretend_work", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    if "cannot import name '_setup_privateuseone_for_python_backend'" in done.stderr:
        pytest.skip("this torch has no backends in Python: 2.13 has")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_a_training_step_waits_and_launches_no_more_than_before() -> None:
    found = {name: (launches, waits) for name, launches, waits in map(json.loads, work("budget").splitlines())}
    assert found.keys() == BUDGET.keys()
    over = {
        name: f"{found[name]}, at most {most}"
        for name, most in BUDGET.items()
        if any(number > limit for number, limit in zip(found[name], most))
    }
    assert not over


def test_forward_losses_and_gradients_are_those_of_the_cpu() -> None:
    assert work("step").count("as on the CPU") == 9


def test_a_training_that_is_kept_goes_on_bitwise() -> None:
    assert "resumed bitwise" in work("resume")


def test_float16_with_a_scaler_and_bfloat16_learn_as_float32_does() -> None:
    assert json.loads(work("lower")).keys() == {"float32", "bfloat16", "float16"}


@pytest.mark.parametrize("rules", ["benchmarks", "mps"])
def test_every_benchmark_gives_the_figures_of_the_cpu(rules: str) -> None:
    said = work(rules)
    assert all(f"{name}: " in said for name in BENCHMARKS)
    assert said.count("figures as on the CPU") == len(BENCHMARKS)
