"""``--slurm`` and ``jobs``, with a SLURM of files: what is sent, what is not, and what is refused."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

import pytest

from hiero_lib.__main__ import main
from hiero_lib.base.errors import ConfigError
from hiero_lib.cli.slurm import add_slurm, command_task, open_launch
from hiero_lib.cluster import launch as launching
from hiero_lib.config import load_profile
from hiero_lib.results.kept_profile import keep_profile
from hiero_lib.results.run import RunFolder
from tests.helpers.fake_slurm import install
from tests.helpers.tiny import make_tiny
from tests.helpers.videos import write_video


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the SLURM of files; the working directory is ``work``."""
    found = install(tmp_path / "slurm")
    monkeypatch.setenv("PATH", f"{tmp_path}/slurm/bin:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setattr(launching, "_ASK_S", (0.2, 0.5))
    monkeypatch.setattr(launching, "_LATE_S", 1.0)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return found


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_slurm(parser, gpus=1)
    parser.set_defaults(command=print)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    "words",
    [
        ["--partition", "x"],
        ["--detach"],
        ["--hours", "1"],
        ["--gpus", "0"],
        ["--slurm-set", "nodes=2"],
        ["--mem", "1G"],
    ],
)
def test_an_option_of_slurm_without_slurm_is_refused(words: list[str]) -> None:
    with pytest.raises(ConfigError, match=f"field '{words[0]}', value .*: only with --slurm"):
        open_launch(parsed(*words), "train")
    assert open_launch(parsed(), "train") is None


def test_where_there_is_no_slurm_nothing_runs_here(
    profile_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "videos").mkdir()
    commands = [
        ["train", "--profile", str(profile_file)],
        ["ablation", "--profile", str(profile_file)],
        ["reproduce", "--profile", str(profile_file)],
        ["reproduce", "--profile", str(profile_file), "--seeds", "1", "2"],
        ["search", "--profile", str(profile_file), "--index"],
        ["extract", "videos", "--profile", "own_video"],
    ]
    for command in commands:
        assert main([*command, "--slurm"]) == 2
        told = capsys.readouterr().err
        assert told.startswith("hiero_lib: field '--slurm': there is no SLURM here: no sbatch on the PATH")
        assert told.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["videos"]


def test_what_is_asked_for(state: Path) -> None:
    words = ["--slurm", "--partition", "p", "--gpus", "4", "--cpus", "8", "--mem", "9G", "--hours", "2"]
    found = open_launch(parsed(*words, "--slurm-set", "nodes=2"), "train", process_per_gpu=True)
    assert found is not None
    assert (found.request.tasks_per_node, found.request.gpus, found.request.more) == (4, 4, {"nodes": 2})
    default = open_launch(parsed("--slurm"), "extract")
    assert default is not None
    assert (default.request.gpus, default.request.hours, default.request.tasks_per_node) == (1, 12.0, 1)


def test_only_training_is_several_processes(state: Path) -> None:
    for option in ("nodes=2", "ntasks-per-node=4"):
        with pytest.raises(ConfigError, match=r"'--slurm-set', value .*: a job of this command is one process"):
            open_launch(parsed("--slurm", "--slurm-set", option), "ablation")


def test_a_command_as_a_task_is_the_same_without_slurm(state: Path) -> None:
    task = command_task("train x", parsed("--slurm", "--partition", "p", "--gpus", "2"), seeds=None)
    assert command_task("train x", parsed("--slurm", "--detach"), seeds=None).key == task.key
    assert command_task("train y", parsed("--slurm"), seeds=None).key != task.key
    assert command_task("train x", parsed("--slurm"), seeds=[1]).key != task.key


@pytest.mark.slow
def test_an_index_is_made_in_two_jobs_and_not_again(
    profile_file: Path, checkpoint: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["search", "--profile", str(profile_file), "--run", "r", "--checkpoint", str(checkpoint)]
    send = [*call, "--index", "--slurm", "--workers", "2", "--gpus", "0"]
    assert main(send) == 0
    said = capsys.readouterr().out
    assert said.startswith("sent: 2 jobs\n")
    assert said.endswith("the index is complete: 129 spans\n")
    assert len(list(Path("outputs/r/search").glob("*/*.safetensors"))) == 4
    assert main(send) == 0
    assert "all is done: no job is sent" in capsys.readouterr().out
    assert main([*call, "cut the onion"]) == 0
    assert "indexed" not in capsys.readouterr().err
    next(Path("outputs/r/search").glob("*/v1.safetensors")).unlink()
    shutil.rmtree(next(Path("outputs/r/search").glob("*/all")))  # in which v1 would be known
    assert main([*call, "--index"]) == 0
    assert "indexed 1 of 1: v1" in capsys.readouterr().err


@pytest.mark.slow
def test_videos_are_extracted_by_jobs_and_not_again(
    tmp_path: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("videos").mkdir()
    for name in "ab":
        write_video(Path(f"videos/{name}.mp4"), [k / 30 for k in range(20)])
    command = ["extract", "videos", "--profile", "own_video", "--to", "x", "--device", "cpu", "--workers", "8"]
    command += ["--slurm", "--gpus", "0"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert said.startswith("sent: 2 jobs\n")  # no more than videos
    assert "2 written, 0 there already, 0 failed" in said
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "every video has a file of features: no job is sent" in said
    assert "0 written, 2 there already, 0 failed" in said
    assert len(list(state.glob("*.sh"))) == 2


def test_a_training_that_is_done_is_not_sent_and_jobs_tell(
    tmp_path: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = make_tiny(tmp_path / "data", videos=4, features__text_projection=None, training__epochs=1)
    (state / "hold").touch()
    assert main(["jobs"]) == 0
    assert "nothing was sent from here" in capsys.readouterr().out
    train = ["train", "--profile", str(profile), "--slurm", "--gpus", "0", "--detach"]
    assert main([*train, "--seeds", "1", "2"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("sent: 2 jobs\n  1 train outputs/tiny-seed1/train/hiero-")
    assert "`scancel 1 2` ends them" in told
    assert main([*train, "--seeds", "2", "3"]) == 0
    assert "there already: 1 job\n  2 train outputs/tiny-seed2" in capsys.readouterr().out
    assert main(["jobs", "--json"]) == 0
    newest, oldest = json.loads(capsys.readouterr().out)
    assert [job["job"] for job in newest["jobs"]] == ["3"]
    assert [job["reason"] for job in oldest["jobs"]] == ["Resources", "Resources"]
    assert main(["jobs", oldest["launch"]]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "  2 of 2 at work; `scancel 1 2` ends them"
    assert main(["jobs", "nothing"]) == 2
    assert "value 'nothing': no such launch" in capsys.readouterr().err
    (state / "silent").touch()
    assert main(["jobs"]) == 1
    assert "SLURM does not answer" in capsys.readouterr().err
    (state / "silent").unlink()

    own = load_profile(profile, {"training.seed": 9})
    run = Path("outputs/tiny-seed9")
    folder = RunFolder(own, run).model_folder("hiero")
    (folder / "checkpoints/step-00000001").mkdir(parents=True)
    (folder / "metrics.jsonl").write_text('{"step": 1, "epoch": 1.0}\n')
    keep_profile(run, own)
    assert main([*train, "--seeds", "9"]) == 0
    assert "all is done: no job is sent" in capsys.readouterr().out
    assert len(list(state.glob("*.sh"))) == 3


def test_cells_of_the_ablation_are_sent_and_left(
    profile_file: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (state / "hold").touch()
    command = ["ablation", "--profile", str(profile_file), "--run", "r", "--seeds", "1", "--measures", "egomcq"]
    assert main([*command, "--slurm", "--gpus", "0", "--detach"]) == 0
    assert capsys.readouterr().out.startswith("sent: 6 jobs\n  1 no training: ")
    assert (Path("outputs/r/run.json")).is_file()
    assert main([*command, "--slurm", "--gpus", "0", "--detach"]) == 0
    assert capsys.readouterr().out.startswith("there already: 6 jobs\n")


def test_only_the_index_is_sent(profile_file: Path, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "onion", "--profile", str(profile_file), "--slurm"]) == 2
    assert "only the index is made on SLURM: give --index" in capsys.readouterr().err
