"""The command line: fast to ask, one line for a mistake, the same from torchrun."""

from __future__ import annotations

import errno
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

import hiero_lib
from hiero_lib.__main__ import main
from hiero_lib.base.signals import Stopped
from hiero_lib.cli import data

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
    alone = run_python("-m", "hiero_lib")
    assert (alone.returncode, alone.stderr) == (2, done.stdout)


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


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "stopped by SIGINT; the same command goes on"),
        (Stopped(signal.SIGTERM), 143, "stopped by SIGTERM; the same command goes on"),
        (Stopped(signal.SIGTERM, "after step 7"), 143, "stopped by SIGTERM after step 7\n"),
        (OSError(errno.ENOSPC, "No space left on device", "/data/x.pt"), 1, "/data/x.pt: No space left .* Make room"),
        (PermissionError(errno.EACCES, "Permission denied", "/data"), 1, "/data: Permission denied. Write to a"),
        (OSError(errno.EROFS, "Read-only file system", "a", None, "b"), 1, "a -> b: Read-only file system"),
        (OSError(errno.EMFILE, "Too many open files"), 1, "Too many open files. .*ulimit -n 4096"),
        (OSError(errno.EIO, "Input/output error", "a", None, "b"), 1, "a -> b: Input/output error\n"),
        (OSError("no number,\ntwo lines"), 1, "no number, two lines\n"),
        (MemoryError(), 1, "out of memory"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_whatever_ends_a_command_is_one_line(
    error: BaseException,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(options: object) -> int:
        raise error

    monkeypatch.setattr(data, "_doctor", fail)
    before = signal.getsignal(signal.SIGTERM)
    assert main(["doctor", "--profile", "sample"]) == status
    assert signal.getsignal(signal.SIGTERM) is before
    line = capsys.readouterr().err
    assert line.startswith("hiero_lib: ")
    assert re.search(said, line), line
    assert line.count("\n") == 1
    with pytest.raises(type(error)):
        main(["--debug", "doctor", "--profile", "sample"])


def test_what_nobody_has_foreseen_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(options: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(data, "_doctor", fail)
    with pytest.raises(ZeroDivisionError):
        main(["doctor", "--profile", "sample"])


@pytest.mark.parametrize(
    ("number", "status", "said"), [(signal.SIGINT, 130, "SIGINT"), (signal.SIGTERM, 143, "SIGTERM")]
)
def test_a_signal_is_one_line(number: signal.Signals, status: int, said: str, tmp_path: Path) -> None:
    """A real process, stopped in the midst of making a sample."""
    command = [sys.executable, "-m", "hiero_lib", "sample", "--root", str(tmp_path / "data"), "--videos", "200"]
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        while not any(tmp_path.rglob("*.pt")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        _, line = process.communicate(timeout=60)
    assert process.returncode == status
    assert said in line
    assert line.count("\n") == 1
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".tmp")]


def test_a_full_disk_under_what_is_printed_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hiero_lib", "download", "--list", "--profile", "egovlp"],
            cwd=REPOSITORY,
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m hiero_lib download --list --profile egovlp | head -1"
    done = subprocess.run(["bash", "-c", command], cwd=REPOSITORY, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.stderr == ""


def test_a_name_that_the_console_lacks_is_printed_all_the_same() -> None:
    """Japanese on a Windows console's code page, and a file name that is not UTF-8."""
    for name in ("料理.mp4", "bad\udcff.mp4"):
        done = subprocess.run(
            [sys.executable, "-m", "hiero_lib", "explore", name],
            cwd=REPOSITORY,
            env=ENVIRONMENT | {"PYTHONIOENCODING": "cp1252"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith("hiero_lib: ")
        assert "\\u" in done.stderr
        assert done.stderr.count("\n") == 1


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"hiero_lib {hiero_lib.__version__}\n"
