"""The command line: fast to ask, one line for a mistake, the same from torchrun."""

from __future__ import annotations

import errno
import os
import re
import signal
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from hiero_lib.__main__ import main
from hiero_lib.cli import arguments

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


REFUSED = [
    (OSError(errno.ENOSPC, "No space left on device", "w.bin"), "w.bin: No space left on device. Make room"),
    (OSError(errno.EROFS, "Read-only file system", "r/w.bin"), "r/w.bin: Read-only file system. Write to another"),
    (PermissionError(errno.EACCES, "Permission denied", "w"), "w: Permission denied. Write to a folder of your own"),
    (OSError(errno.EMFILE, "Too many open files", "a"), "a: Too many open files. Allow more open files"),
    (OSError(errno.EIO, "Input/output error", "a", None, "b"), "a -> b: Input/output error"),
    (OSError("odd\nwords"), "odd words"),
]


@pytest.mark.parametrize(("error", "message"), REFUSED, ids=[message[:20] for _, message in REFUSED])
def test_what_the_machine_refuses_is_one_line_and_status_1(
    error: OSError, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(options: object) -> None:
        raise error

    monkeypatch.setattr(arguments, "open_profile", refuse)
    assert main(["train", "--profile", "sample"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"hiero_lib: {message}")
    assert said.count("\n") == 1
    with pytest.raises(OSError):  # noqa: PT011, this very one
        main(["--debug", "train", "--profile", "sample"])


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_one_line_and_its_status(
    number: int, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(arguments, "open_profile", lambda options: os.kill(os.getpid(), number))
    assert main(["train", "--profile", "sample"]) == status
    said = capsys.readouterr().err
    assert said.startswith(f"hiero_lib: stopped by {signal.Signals(number).name}; the same command again")
    assert said.count("\n") == 1
