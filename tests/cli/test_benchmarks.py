"""A command for each benchmark: from the files of a data root and a checkpoint to a run's table and predictions."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from hiero_lib.__main__ import _parser, main
from hiero_lib.benchmarks import BENCHMARKS
from hiero_lib.benchmarks.controls import RANDOM, UNIFORM
from hiero_lib.benchmarks.egonlq.report import BENCHMARK, LEVELS_BENCHMARK
from hiero_lib.config import load_profile
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED
from hiero_lib.results.record import load, record
from tests.benchmarks.conftest import make_data
from tests.helpers.tiny import make_checkpoint


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of every benchmark, and ``hiero`` and ``probe`` with random weights beside them."""
    folder = tmp_path_factory.mktemp("commands")
    make_data(folder / "data")
    for name in ("hiero", "probe"):
        make_checkpoint(folder / name, load_profile(folder / "data" / "tiny.yaml"), name)  # type: ignore[arg-type]
    return folder / "data"


@pytest.fixture
def run(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command in an empty folder; its exit status."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # heads are trained here, not in processes of their own

    def of(name: str, *more: str, checkpoints: tuple[str, ...] = ()) -> int:
        given = [word for one in checkpoints for word in ("--checkpoint", str(root.parent / one))]
        return main([name, "--profile", str(root / "tiny.yaml"), "--run", "r", *given, *more])

    return of


def sections(tmp_path: Path) -> dict[str, Any]:
    return load(tmp_path / "outputs" / "r")["sections"]


def measured(section: dict[str, Any]) -> set[str]:
    """The methods of the rows that are not quoted."""
    return {row["method"] for row in section["rows"] if row["result"] is not None}


def test_every_benchmark_is_a_command_with_the_same_options(capsys: pytest.CaptureFixture[str]) -> None:
    (commands,) = [action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)]
    helps = {action.dest: action.help for action in commands._choices_actions}
    for name, help in BENCHMARKS.items():
        assert helps[name] == help
        options = {option for action in commands.choices[name]._actions for option in action.option_strings}
        assert options == {"-h", "--help", "--profile", "--set", "--run", "--checkpoint"}
        given = _parser().parse_args([name, "--profile", "p", "--checkpoint", "a", "--checkpoint", "b"])
        assert given.checkpoints == [Path("a"), Path("b")]
        assert main([name]) == 2
        assert "give a profile, or a --run that keeps its own" in capsys.readouterr().err


def test_egomcq(run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("egomcq", checkpoints=("hiero", "probe")) == 0
    said = capsys.readouterr().out
    assert "EgoMCQ: 20 of 20 questions" in said
    assert "HiERO minus linear probe" in said
    section = sections(tmp_path)["egomcq"]
    assert measured(section) == {UNTRAINED, HIERO, PROBE, f"{HIERO} minus {PROBE}", f"{HIERO} minus {UNTRAINED}"}
    assert [Path(path).name for path in section["extra"]["checkpoints"]] == ["hiero", "probe"]
    listed = said.split("Predictions:\n")[1].split()
    assert [Path(path).name for path in listed] == [
        "egomcq_untrained_features.json",
        "egomcq_hiero.json",
        "egomcq_linear_probe.json",
    ]
    assert all((tmp_path / path).is_file() for path in listed)


def test_without_a_checkpoint_the_models_of_the_run_are_scored(
    run: Any, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that what a run has in its results is not replaced by less."""
    assert run("egomcq") == 0
    assert "models of the run: none is trained: the untrained features alone" in capsys.readouterr().err
    trained = {name: {"last_checkpoint": str(root.parent / name)} for name in ("probe", "hiero")}
    record(tmp_path / "outputs/r", "training", [], profile=load_profile(root / "tiny.yaml"), seconds=1, extra=trained)
    assert run("egomcq") == 0
    assert "models of the run: probe, hiero" in capsys.readouterr().err
    section = sections(tmp_path)["egomcq"]
    assert {UNTRAINED, HIERO, PROBE} < measured(section)
    assert section["extra"]["checkpoints"] == [str(root.parent / name) for name in ("probe", "hiero")]
    assert run("egomcq", checkpoints=("hiero",)) == 0
    assert PROBE not in measured(sections(tmp_path)["egomcq"])


def test_thread_recovery(run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("thread_recovery", checkpoints=("hiero",)) == 0
    assert "thread recovery: 3 held-out videos with known threads" in capsys.readouterr().out
    assert measured(sections(tmp_path)["threads"]) == {UNTRAINED, HIERO, UNIFORM, f"{HIERO} minus {UNTRAINED}"}
    assert len(list((tmp_path / "outputs/r/predictions").iterdir())) == 3


def test_egonlq_scores_raw_features_alone_or_beside_a_checkpoint(
    run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = ("--set", "egonlq.epochs=1", "--set", "egonlq.seeds=[3]")
    assert run("egonlq", *quick) == 0
    assert "| untrained features | R1@0.3" in capsys.readouterr().out
    assert run("egonlq", *quick, checkpoints=("hiero",)) == 0
    said = capsys.readouterr().out
    assert "val: 12 queries in 3 clips of 3 videos" in said
    assert "| HiERO minus untrained features | R1@0.3" in said
    assert "| HiERO, all levels | R1@0.3" in said
    assert said.count("egonlq_hiero_seed3_test.json") == 1
    assert {name: {row["benchmark"] for row in kept["rows"]} for name, kept in sections(tmp_path).items()} == {
        "egonlq": {BENCHMARK},
        "egonlq_levels": {LEVELS_BENCHMARK},
    }
    assert run("egonlq", *quick, "--set", f"data_root={tmp_path}") == 2


def test_egoprocel(run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("egoprocel", "--set", "features.text_projection=null", checkpoints=("hiero",)) == 0
    said = capsys.readouterr().out
    assert "4 labelled videos of 3 tasks in 3 datasets" in said
    assert "4 videos scored, 0 left out" in said
    section = sections(tmp_path)["egoprocel"]
    plain = {UNTRAINED, HIERO, f"{HIERO} minus {UNTRAINED}"}
    assert measured(section) == {RANDOM, UNIFORM, *plain, *(f"{name}, coherent" for name in plain)}
    assert section["extra"]["tasks"]["MECCANO/MECCANO"][HIERO]["F1"] > 0
    assert len(list((tmp_path / "outputs/r/predictions").iterdir())) == 6
    assert run("egoprocel", "--set", "egoprocel.labels=/nowhere.json") == 2
    assert "there are no key-step labels" in capsys.readouterr().err


def test_goalstep(run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("goalstep", checkpoints=("hiero",)) == 0
    said = capsys.readouterr().out
    assert "5 queries in 2 clips of 2 videos" in said
    assert "test, HiERO: 2 queries answered; excluded: none" in said
    kept = sections(tmp_path)
    assert list(kept) == ["step_grounding"]
    assert kept["step_grounding"]["extra"]["splits"]["test"]["answered"] == {UNTRAINED: 2, HIERO: 2}
    assert len(list((tmp_path / "outputs/r/predictions").iterdir())) == 2 * 2 * 2


def test_step_localization_is_recorded_beside_step_grounding(
    run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("goalstep", checkpoints=("hiero",)) == 0
    assert run("step_localization", checkpoints=("hiero",)) == 0
    assert "6 steps of 3 categories in 2 videos" in capsys.readouterr().out
    kept = sections(tmp_path)
    assert list(kept) == ["step_grounding", "step_localization"]
    assert measured(kept["step_localization"]) == {UNTRAINED, HIERO, f"{HIERO} minus {UNTRAINED}"}
    assert len(list((tmp_path / "outputs/r/predictions").iterdir())) == 2 * 2 * 2 + 2


@pytest.mark.parametrize("name", ["egomcq", "goalstep", "step_localization"])
def test_without_a_text_space_there_is_nothing_to_score(
    name: str, run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(name, "--set", "features.text_projection=null") == 2
    said = capsys.readouterr().err
    assert "nothing to score" in said
    assert "name a --checkpoint" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_mistake_leaves_no_run(name: str, run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--checkpoint", str(tmp_path / "lost.pth")) == 2
    said = capsys.readouterr().err
    assert "lost.pth" in said
    assert said.count("\n") == 1
    assert run(name, "--set", "model.unknown=1") == 2
    assert "model.unknown" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_called_after_its_profile_where_no_name_is_given(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["egomcq", "--profile", str(root / "tiny.yaml")]) == 0
    assert json.loads((tmp_path / "outputs/tiny/results.json").read_text())["run"] == "tiny"
    assert (tmp_path / "outputs/tiny/results.md").read_text() in capsys.readouterr().out
