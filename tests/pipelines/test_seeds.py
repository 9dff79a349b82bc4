"""The notebook sequence with several seeds: a run each, gone on with, and their means."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from hiero_lib.base.errors import ConfigError
from hiero_lib.pipelines import reproduce as module
from hiero_lib.pipelines.seeds import record_means, seed_runs
from hiero_lib.results.record import load
from hiero_lib.results.run import RunFolder
from tests.pipelines.test_reproduce import KERNEL, PARAMETERS, PROFILE

RECORDS = """
from hiero_lib.config import load_profile
from hiero_lib.results.metric import Metric
from hiero_lib.results.record import record
from hiero_lib.results.row import Row
own = load_profile(profile, settings)
rows = [Row("EgoMCQ", "HiERO", "intra", Metric(own.training.seed / 10, 9))]
record(f"{outputs}/{run}", "egomcq", rows, profile=own, seconds=1)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A profile, and a sequence of one notebook."""
    (tmp_path / "tiny.yaml").write_text(PROFILE)
    tagged = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
    notebook.cells = [tagged, nbformat.v4.new_code_cell(RECORDS)]
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "notebooks/00_a.ipynb")
    for function in (module.reproduce, module.unfinished):
        monkeypatch.setitem(function.__kwdefaults__, "notebooks_folder", tmp_path / "notebooks")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_for_each_seed_and_their_means(folder: Path) -> None:
    runs = seed_runs(
        folder / "tiny.yaml", {1: "r-seed1", 2: "r-seed2"}, only=None, settings={}, outputs=Path("outputs")
    )
    assert [run.unfinished() for run in runs] == [["00_a"], ["00_a"]]
    assert not (folder / "outputs").exists()
    tasks = [run.task() for run in runs]
    assert [task.name for task in tasks] == ["seed 1", "seed 2"]
    assert tasks[0].key != tasks[1].key
    assert tasks[0]() == folder / "outputs/r-seed1/results.json"
    assert [run.unfinished() for run in runs] == [[], ["00_a"]]
    tasks[1]()
    results = record_means(runs, "r-seeds")
    assert results == Path("outputs/r-seeds/results.json")
    (row,) = load(folder / "outputs/r-seeds")["sections"]["egomcq"]["rows"]
    assert (row["result"]["value"], row["seed"]) == (pytest.approx(0.15), [1, 2])
    assert row["spread"] == pytest.approx(0.1 / 2**0.5)
    assert "15.0 ± 7.1" in results.with_name("results.md").read_text()
    assert load(folder / "outputs/r-seeds")["run"] == "r-seeds"


def test_what_reproduce_refuses_is_refused_before_anything_is_sent(folder: Path) -> None:
    (run,) = seed_runs(
        folder / "tiny.yaml", {1: "r"}, only=None, settings={"training.epoch": 2}, outputs=Path("outputs")
    )
    with pytest.raises(ConfigError, match=r"training\.epoch"):
        run.unfinished()


def test_the_models_of_a_seed_lie_where_train_puts_them(folder: Path) -> None:
    """``train --for-run r --seeds 1`` under torchrun feeds the notebooks of ``reproduce --run r --seeds 1``."""
    profile = module.load_profile(folder / "tiny.yaml", {"training.seed": 1})
    (run,) = seed_runs(folder / "tiny.yaml", {1: "r-seed1"}, only=None, settings={}, outputs=Path("outputs"))
    of_train = RunFolder(profile, Path("outputs/r-seed1")).model_folder("hiero").resolve()
    assert of_train.parent == run.folder / "train"
