"""Training from the command line: stopped and gone on with, under torchrun, and the rows of the ablation."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hiero_lib.__main__ import main
from hiero_lib.base.locks import exclusive
from hiero_lib.pipelines import sweep
from hiero_lib.pipelines.sweep import Cell, SweepResult
from hiero_lib.results.kept_profile import kept_profile
from hiero_lib.results.run import RunFolder
from hiero_lib.training import checkpointing, loop
from hiero_lib.training.divergence import TrainingDiverged
from tests.helpers.tiny import make_tiny

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}


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
    (folder,) = (tmp_path / "outputs/tiny/train").glob("hiero-*")
    assert f"best: {folder.relative_to(tmp_path)}/best" in said
    assert main([*train, "--backbone", "probe"]) == 0

    (probe,) = folder.parent.glob("probe-*")
    checkpoints = [folder / "best", probe / "best"]
    scored = [argument for path in checkpoints for argument in ("--checkpoint", str(path))]
    assert main(["egomcq", "--profile", profile, "--run", "r", *scored]) == 0
    assert "| HiERO " in capsys.readouterr().out
    rows = json.loads((tmp_path / "outputs/r/results.json").read_text())["sections"]["egomcq"]["rows"]
    measured = [row["method"] for row in rows if row["result"] is not None]
    assert measured == ["HiERO"] * 2 + ["linear probe"] * 2 + ["HiERO minus linear probe"] * 2
    assert {row["result"]["n"] for row in rows if row["result"] is not None} == {10}

    assert main(["egomcq", "--profile", profile, "--run", "r"]) == 2
    assert "nothing to score" in capsys.readouterr().err
    another = [*train, "--set", "model.hidden_size=16", "--max-steps", "1"]
    assert main([*another, "--folder", str(folder)]) == 2  # another model than the folder holds
    assert "field 'model.hidden_size', value 16" in capsys.readouterr().err
    assert main(another) == 0  # beside it
    assert len(list(folder.parent.glob("hiero-*"))) == 2


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
    started = [sys.executable, *launcher, *command]
    done = subprocess.run(started, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "2 process(es)" in done.stdout
    assert done.stdout.count("2 steps, ") == 1  # only the main process reports
    assert (tmp_path / "two/checkpoints/step-00000002/model.safetensors").is_file()


def test_a_loss_that_is_not_finite_is_one_line_and_status_1(
    profile_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def diverge(*arguments: object, **options: object) -> None:
        raise TrainingDiverged("the loss is nan at step 3")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop, "run_training", diverge)
    assert main(["train", "--profile", str(profile_file)]) == 1
    assert capsys.readouterr().err == "hiero_lib: the loss is nan at step 3\n"
    with pytest.raises(TrainingDiverged):
        main(["--debug", "train", "--profile", str(profile_file)])


def test_the_ablation_tells_what_failed_and_keeps_the_rest(
    profile_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its cells are not run here."""
    names: list[str] = []

    def run_sweep(cells: list[Cell], *, workers: int, on_done, executor: None) -> SweepResult:
        names.extend(cell.name for cell in cells)
        result = SweepResult(failed={cells[-1].name: "ValueError: no luck"})
        on_done(result)
        return result

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweep, "run_sweep", run_sweep)
    command = ["ablation", "--profile", str(profile_file), "--run", "r"]
    assert main([*command, "--seeds", "4", "--measures", "egomcq"]) == 1
    assert all("seed 4" in name or name == "no training" for name in names)
    assert capsys.readouterr().err == f"hiero_lib: {names[-1]}: ValueError: no luck\n"
    section = json.loads((tmp_path / "outputs/r/results.json").read_text())["sections"]["ablation"]
    assert section["extra"]["failed"] == {names[-1]: "ValueError: no luck"}
    assert main([*command, "--measures", "egomcp"]) == 2
    assert "field 'measures', value 'egomcp': known are egomcq" in capsys.readouterr().err


def test_a_script_of_several_tasks_is_told_to_use_srun(
    profile_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop, "run_training", lambda *arguments, **options: sys.exit("trained"))
    train = ["train", "--profile", str(profile_file)]
    for name, value in (("SLURM_NTASKS", "2"), ("SLURM_PROCID", "1"), ("SLURM_JOB_ID", "3")):
        monkeypatch.setenv(name, value)
    assert main(train) == 2
    said = capsys.readouterr().err
    assert "field 'SLURM_NTASKS', value '2': the script of a job of several tasks" in said
    assert "srun python -m hiero_lib train" in said
    assert not (tmp_path / "outputs").exists()
    monkeypatch.setenv("WORLD_SIZE", "2")  # torchrun, or a launcher that tells ranks
    with pytest.raises(SystemExit):
        main(train)
    monkeypatch.delenv("WORLD_SIZE")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")  # one task of an allocation of more
    with pytest.raises(SystemExit):
        main(train)


@pytest.mark.slow
def test_two_seeds_are_two_runs_where_the_notebooks_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = str(make_tiny(tmp_path / "data", features__text_projection=None, training__epochs=1))
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--profile", profile, "--for-run", "r", "--seeds", "4", "5", "--max-steps", "1"]) == 0
    for seed in (4, 5):
        run = tmp_path / f"outputs/r-seed{seed}"
        kept = kept_profile(run)
        assert kept is not None
        assert kept.training.seed == seed
        assert (RunFolder(kept, run).model_folder("hiero") / "checkpoints/step-00000001").is_dir()
    assert main(["train", "--run", "r-seed4"]) == 0  # the run's own profile; to its end
    assert "going on after step 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--run", "r", "--folder", "f"], "field '--folder', value 'f': give a folder or a run"),
        (["--seeds", "1", "--folder", "f"], "field '--folder', value 'f': give a folder or a run"),
        (["--seeds", "1", "1"], "field '--seeds', value [1, 1]: give different seeds"),
        (["--seeds", "1", "--set", "training.seed=2"], "field 'training.seed': give --seeds or this setting"),
    ],
)
def test_options_of_train_that_do_not_go_together(
    more: list[str],
    told: str,
    profile_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--profile", str(profile_file), *more]) == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_second_ablation_of_a_run_is_refused(
    profile_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with exclusive(tmp_path / "outputs/r/ablation", "ablation"):
        assert main(["ablation", "--profile", str(profile_file), "--run", "r"]) == 2
    assert "is at work on it: ablation, process" in capsys.readouterr().err


def test_a_full_disk_is_one_line_and_the_folder_is_free_again(
    profile_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "optimizer.safetensors")

    train = ["train", "--profile", str(profile_file), "--max-steps", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(checkpointing, "save_file", full)
        assert main(train) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("hiero_lib: optimizer.safetensors: No space left on device. Make room")
    (folder,) = (tmp_path / "outputs/tiny/train").glob("hiero-*")
    assert [path.name for path in folder.rglob("*") if path.name.endswith((".tmp", ".lock"))] == []
    assert not list(folder.glob("checkpoints/step-*"))
    assert main(train) == 0


@pytest.mark.slow
def test_without_questions_no_model_is_called_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = make_tiny(tmp_path / "data", features__text_projection=None)
    (questions,) = (tmp_path / "data").rglob("egomcq.json")
    monkeypatch.chdir(tmp_path)
    early = ["--set", "training.validate_every_epochs=3", "--set", "training.epochs=3", "--max-steps", "1"]
    assert main(["train", "--profile", str(profile), "--run", "early", *early]) == 0
    said = capsys.readouterr().out
    assert "no best one, nothing was validated (no epoch came to a validation): commands take the last" in said
    questions.unlink()
    assert main(["train", "--profile", str(profile), "--set", "training.epochs=1"]) == 0
    said = capsys.readouterr().out
    assert f"no best one, nothing was validated (there is no {questions}" in said
    assert "\nbest: " not in said
    (checkpoint,) = (tmp_path / "outputs/tiny/train").glob("hiero-*/checkpoints/step-*")
    assert f"last: {checkpoint.relative_to(tmp_path)}\n" in said
