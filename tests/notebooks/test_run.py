"""The real sequence, from 00 on, at a tiny size: the notebooks run from the sample to the results table."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from hiero_lib.config import load_profile
from hiero_lib.pipelines.reproduce import NOTEBOOKS, REPOSITORY, NotebookFailed, reproduce
from hiero_lib.results.record import record
from hiero_lib.sources.sample import make_sample
from tests.helpers.tiny import add_goalstep, make_checkpoint, make_tiny

TINY = {
    "sample_videos": 10,
    "sample_minutes": [1.0, 2.0],
    "model.hidden_size": 32,
    "model.pos_hidden_channels": 8,
    "model.n_layers": 1,
    "alignment.dim": 32,
    "training.batch_size": 2,
    "training.epochs": 2,
    "training.warmup_epochs": 0.5,
    "egonlq.dim": 8,
    "egonlq.num_heads": 2,
    "egonlq.max_pos_len": 32,
    "egonlq.epochs": 1,
    "egonlq.seeds": [1, 2],
    "egoprocel.bootstrap_resamples": 20,
    "step_grounding.bootstrap_resamples": 20,
    "egonlq.workers": 1,  # no processes beside the kernel
    "video_settings": {"training.epochs": 3},
    "reports": 1,
}


@pytest.mark.slow
def test_the_sequence_runs_and_resumes(tmp_path: Path) -> None:
    said: list[str] = []
    settings = TINY | {"data_root": str(tmp_path / "data")}
    where = {"run": "tiny", "outputs": tmp_path / "outputs", "say": said.append}
    path = reproduce("sample", settings=settings, **where)
    names = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    sequence = [f"[{number}/{len(names)}] {name}" for number, name in enumerate(names, start=1)]
    assert [line.split(":")[0] for line in said if ": done " in line] == sequence

    results = json.loads(path.read_text())
    sections = ["data", "training", "egomcq", "threads", "egonlq", "egonlq_levels", "egoprocel"]
    sections += ["step_grounding", "step_localization", "search", "explorer", "own_video", "compare"]
    assert list(results["sections"]) == sections
    assert {outcome["status"] for outcome in results["notebooks"].values()} == {"done"}
    egomcq = results["sections"]["egomcq"]
    assert egomcq["config"]["model"]["hidden_size"] == 32
    measured = {(row["method"], row["metric"]) for row in egomcq["rows"] if row["result"] is not None}
    assert len(measured) == 10  # three methods and two differences, inter and intra
    assert sum(row["result"] is None for row in egomcq["rows"]) == 10  # published
    threads = {(row["method"], row["metric"]) for row in results["sections"]["threads"]["rows"]}
    assert {("HiERO", f"level {level}") for level in range(3)} < threads

    egonlq = results["sections"]["egonlq"]
    measured = {row["method"] for row in egonlq["rows"] if row["result"] is not None}
    others = {"untrained features", "linear probe"}
    assert measured == {"random spans", "HiERO", *others, *(f"HiERO minus {name}" for name in others)}
    assert len(egonlq["extra"]["heads"]) == 9  # two seeds of each method, one of HiERO's other levels

    egoprocel = results["sections"]["egoprocel"]
    measured = {row["method"] for row in egoprocel["rows"] if row["metric"] == "F1, average" and row["result"]}
    assert {"random clusters", "uniform pieces", "untrained features", "linear probe", "HiERO"} < measured
    assert not any(row["result"]["excluded"] for row in egoprocel["rows"] if row["result"])

    methods = {"untrained features", "linear probe", "HiERO"}
    steps = results["sections"]["step_grounding"]
    assert steps["extra"]["splits"]["test"]["excluded"] == {method: {} for method in methods}
    assert methods < {row["method"] for row in steps["rows"] if row["result"] is not None}
    localized = results["sections"]["step_localization"]["rows"]
    gains = {f"HiERO minus {name}" for name in methods - {"HiERO"}}
    assert {row["method"] for row in localized if row["metric"] == "mAP, average"} == methods | gains

    own = results["sections"]["own_video"]["extra"]
    assert own["how"] == "threads of a small model trained on this video alone, on its 24 narrations"
    assert all(Path(file).is_file() for file in own["files"])

    assert results["sections"]["compare"]["extra"]["runs"] == ["tiny"]
    assert (path.parent / "compare.md").read_text().startswith("# Results of run `tiny`")

    searched = {row["method"] for row in results["sections"]["search"]["rows"]}
    assert searched == methods | gains
    assert results["sections"]["explorer"]["extra"]["videos_searched"] == 10

    run = path.parent
    table = (run / "results.md").read_text()
    assert table.splitlines()[0].endswith("on the generated sample")
    for benchmark in ("EgoMCQ", "EgoNLQ", "EgoProceL", "Goal-Step step grounding", "Goal-Step step localisation"):
        part = table.split(f"\n## {benchmark}\n")[1].split("\n## ")[0]
        assert "| untrained features " in part
        assert "Command: `python -m hiero_lib reproduce --profile sample --run tiny --outputs " in part
    assert len(list((run / "reports").glob("*.html"))) == 1
    assert len(list((run / "predictions").glob("egomcq_*.json"))) == 3
    assert len(list((run / "predictions").glob("egonlq_*_val.json"))) == 6
    assert len(list((run / "predictions").glob("egoprocel_*.json"))) == 2 + 2 * 3  # controls, methods twice
    assert len(list((run / "predictions").glob("step_grounding_*.json"))) == 2 * 3 * 2  # splits, methods, strategies
    assert len(list((run / "predictions").glob("step_localization_*.json"))) == 3
    assert {file.name for file in (run / "figures").glob("*.png")} == {
        "collection.png",
        "first_look.png",
        "training.png",
        "threads.png",
        "egonlq.png",
        "keysteps.png",
        "step_grounding.png",
        "step_localization_1.png",
        "step_localization_2.png",
        "own_video.png",
        "compare.png",
        *(f"{name}.png" for name in ("hierarchy", "lanes", "tree", "similarity", "query")),
    }
    for name in results["notebooks"]:
        notebook = nbformat.read(run / f"{name}.ipynb", as_version=4)
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
        assert "Complete: " in json.dumps(outputs[-1])

    said.clear()
    reproduce("sample", settings=settings, **where)
    assert ["done before" in line for line in said] == [True] * len(names)


@pytest.mark.slow
def test_a_benchmark_without_data_is_passed_over_and_one_with_broken_data_fails(tmp_path: Path) -> None:
    path = make_tiny(tmp_path / "data", features__text_projection=None)
    profile, outputs, said = load_profile(path), tmp_path / "outputs", []
    models = {name: make_checkpoint(tmp_path / name, profile, name) for name in ("probe", "hiero")}
    extra = {name: {"last_checkpoint": str(folder)} for name, folder in models.items()}
    record(outputs / "r", "training", [], profile=profile, seconds=1, extra=extra)
    lacking = {"03": "nlq_train.json", "04": "egoprocel/tiny", "05": "goalstep/val.json"}
    for only, file in lacking.items():
        reproduce(path, run="r", only=only, outputs=outputs, say=said.append)
        assert "done in" in said[-1]
        assert file in said[-1]
        (notebook,) = [nbformat.read(found, as_version=4) for found in (outputs / "r").glob(f"{only}_*.ipynb")]
        assert "Exception" not in json.dumps([cell.source for cell in notebook.cells])
    results = json.loads((outputs / "r/results.json").read_text())
    for section in ("egonlq", "egoprocel", "step_grounding"):
        assert results["sections"][section]["rows"] == []
        assert list(results["sections"][section]["extra"]) == ["missing"]
    assert {outcome["status"] for outcome in results["notebooks"].values()} == {"done"}

    reproduce(path, run="r", only="05", outputs=outputs, say=said.append)
    assert "done before" in said[-1]
    add_goalstep(tmp_path / "data")
    (tmp_path / "data/raw/annotations/goalstep/val.json").write_text('{"videos": []}')
    with pytest.raises(NotebookFailed, match="the file lists no video"):
        reproduce(path, run="r", only="05", outputs=outputs, say=said.append)


@pytest.mark.slow
def test_a_notebook_without_its_forerunner_says_which_to_run(tmp_path: Path) -> None:
    settings = {"data_root": str(tmp_path)}
    with pytest.raises(NotebookFailed, match="run notebook 01 first"):
        reproduce("sample", run="r", only="02", outputs=tmp_path, settings=settings, say=print)


@pytest.mark.slow
def test_a_notebook_opened_alone_trains_beside_the_run_and_says_so(tmp_path: Path) -> None:
    import papermill

    make_sample(tmp_path / "data", num_videos=8, minutes=(1.0, 1.5))
    small = {name: value for name, value in TINY.items() if name.startswith(("model.", "alignment.", "training."))}
    parameters = {"run": "r", "outputs": str(tmp_path), "settings": small | {"data_root": str(tmp_path / "data")}}
    executed = tmp_path / "02.ipynb"
    source = NOTEBOOKS / "02_egomcq.ipynb"
    papermill.execute_notebook(
        source, executed, parameters, cwd=REPOSITORY, kernel_name="python3", progress_bar=False
    )
    assert not (tmp_path / "r" / "results.json").exists()  # the run itself was not measured
    results = json.loads((tmp_path / "r-short-training" / "results.json").read_text())
    assert list(results["sections"]) == ["training", "egomcq", "threads"]
    assert "EgoMCQ on the sample (short training)" in executed.read_text()
