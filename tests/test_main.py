"""The command line: fast to ask, one line for a mistake, the same from torchrun."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from hiero_lib.__main__ import main
from tests.helpers.tiny import make_tiny

REPOSITORY = Path(__file__).parent.parent
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}


def run_python(*arguments: str, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True)


def imported_by(code: str) -> set[str]:
    """Top-level names of the modules that are there after ``code``."""
    done = run_python("-c", f"{code}; import sys; print(*{{name.split('.')[0] for name in sys.modules}})")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def seconds_of(code: str) -> float:
    """CPU seconds of a fresh process that runs ``code``; less noisy than time on the wall."""
    measure = f"import os; {code}; t = os.times(); print(t.user + t.system)"
    return float(run_python("-c", measure).stdout)


@pytest.mark.parametrize(
    "module", ["hiero_lib", "hiero_lib.config", "hiero_lib.results.record", "hiero_lib.__main__"]
)
def test_import_brings_neither_transformers_nor_a_notebook_package(module: str) -> None:
    unwanted = {"transformers", "papermill", "nbclient", "nbformat", "jupyter_client", "IPython", "ipywidgets"}
    unwanted |= {"ipykernel", "plotly", "matplotlib", "sklearn", "polars", "accelerate", "torch_geometric"}
    assert imported_by(f"import {module}") & unwanted == set()
    assert "torch" not in imported_by(f"import {module}")


def test_import_adds_less_than_300_ms_to_torch() -> None:
    """Side by side: the median difference of five pairs, since other work on the machine moves single ones."""
    pairs = [seconds_of("import torch, hiero_lib, hiero_lib.config") - seconds_of("import torch") for _ in range(5)]
    assert statistics.median(pairs) < 0.3, pairs


def test_help_names_the_commands_without_loading_torch() -> None:
    done = run_python("-m", "hiero_lib", "--help")
    assert done.returncode == 0
    for command in ("sample", "train", "egomcq", "reproduce", "ablation", "report"):
        assert command in done.stdout
    assert "torch" not in imported_by("from hiero_lib.__main__ import _parser; _parser()")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--profile", "sampel"], "value 'sampel': there is no such profile"),
        (["train", "--profile", "sample", "--set", "training.epoch=2"], "field 'training.epoch'"),
        (["train", "--profile", "sample", "--set", "training.epochs"], "write a setting as NAME=VALUE"),
        (["train", "--profile", "sample", "--set", "data_root=/nowhere"], "/nowhere"),
        (["egomcq", "--profile", "sample", "--set", "data_root=/nowhere"], "/nowhere"),
        (["extract", ".", "--profile", "own_video"], "there is no video in this folder"),
        (["extract", "/nowhere", "--profile", "own_video"], "/nowhere: there is no such folder"),
        (["sample", "--videos", "1"], "field 'num_videos', value 1"),
        (["reproduce", "--profile", "sample", "--only", "99"], "no such notebook"),
        (["reproduce", "--profile", "sample", "--set", "training.epoch=2"], "field 'training.epoch'"),
        (
            ["reproduce", "--profile", "sample", "--set", "sample_video=2"],
            "Parameters of the notebooks: .*sample_videos",
        ),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert re.search(message, said), said
    assert said.startswith("hiero_lib: ")
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_where_a_mistake_was_found() -> None:
    done = run_python("-m", "hiero_lib", "--debug", "train", "--profile", "sampel")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_failed_notebook_is_status_1_with_its_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["reproduce", "--profile", "sample", "--only", "02", "--set", f"data_root={tmp_path}"]
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert "notebook 02_egomcq failed in cell In [5]" in said.err
    assert "Traceback" not in said.err
    assert json.loads((tmp_path / "outputs/sample/results.json").read_text())["notebooks"]["02_egomcq"]["cell"] == 5


@pytest.mark.slow
def test_train_goes_on_and_egomcq_scores_what_it_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = str(make_tiny(tmp_path / "data", features__text_projection=None))
    monkeypatch.chdir(tmp_path)
    train = ["train", "--profile", profile, "--set", "training.epochs=2"]
    assert main([*train, "--max-steps", "2"]) == 0
    assert "2 steps, " in capsys.readouterr().out
    assert main(train) == 0
    said = capsys.readouterr().out
    assert "going on after step 2" in said
    folder = tmp_path / "outputs" / "tiny" / "train" / "hiero"
    assert f"best: {folder.relative_to(tmp_path)}/best" in said
    assert main([*train, "--backbone", "probe"]) == 0

    checkpoints = [folder / "best", folder.with_name("probe") / "best"]
    scored = [argument for path in checkpoints for argument in ("--checkpoint", str(path))]
    assert main(["egomcq", "--profile", profile, "--run", "r", *scored]) == 0
    assert "| HiERO " in capsys.readouterr().out
    rows = json.loads((tmp_path / "outputs/r/results.json").read_text())["sections"]["egomcq"]["rows"]
    measured = [row["method"] for row in rows if row["result"] is not None]
    assert measured == ["HiERO"] * 2 + ["linear probe"] * 2 + ["HiERO minus linear probe"] * 2
    assert {row["result"]["n"] for row in rows if row["result"] is not None} == {10}

    assert main(["egomcq", "--profile", profile, "--run", "r"]) == 2
    assert "nothing to score" in capsys.readouterr().err
    assert main([*train, "--set", "model.hidden_size=16"]) == 2  # another model than the folder holds
    assert "field 'model.hidden_size', value 16" in capsys.readouterr().err


@pytest.mark.slow
def test_torchrun_starts_the_same_command_on_two_processes(tmp_path: Path) -> None:
    profile = make_tiny(tmp_path / "data", features__text_projection=None)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "hiero_lib"]
    command = [
        "train",
        "--profile",
        str(profile),
        "--folder",
        "two",
        "--max-steps",
        "2",
        "--set",
        "training.epochs=3",
    ]
    done = run_python(*launcher, *command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "2 process(es)" in done.stdout
    assert done.stdout.count("2 steps, ") == 1  # only the main process reports
    assert (tmp_path / "two/checkpoints/step-00000002/model.safetensors").is_file()
