"""Every benchmark is built alike, meets the protocol, and runs from the files of a data root to a run's results."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import hiero_lib.benchmarks
from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.benchmarks import BENCHMARKS, load_benchmark
from hiero_lib.benchmarks.benchmark import Benchmark, Section, Task, record_sections, run_benchmark
from hiero_lib.config import Profile
from hiero_lib.methods.method import HIERO, UNTRAINED, Method
from hiero_lib.results.metric import Metric
from hiero_lib.results.record import RESULTS_FILE, TABLE_FILE, load
from hiero_lib.results.row import Row

CPU = torch.device("cpu")
PACKAGE = Path(hiero_lib.benchmarks.__file__).parent
SHARED = {"grounding"}  # what EgoNLQ and Goal-Step have in common is no benchmark
MODULES = {"__init__.py", "files.py", "data.py", "score.py", "task.py", "report.py"}

# Benchmark -> the sections that it leaves, and some of its files of predictions.
LEAVES = {
    "egomcq": (["egomcq"], ["egomcq_hiero.json"]),
    "thread_recovery": (["threads"], ["threads_hiero.json", "threads_uniform_pieces.json"]),
    "egonlq": (["egonlq", "egonlq_levels"], ["egonlq_hiero_seed3_val.json", "egonlq_hiero_seed5_test.json"]),
    "egoprocel": (["egoprocel"], ["egoprocel_hiero.json", "egoprocel_random_clusters.json"]),
    "goalstep": (
        ["step_grounding"],
        ["step_grounding_val_hiero_zero_shot.json", "step_grounding_test_hiero_hiero_stepg.json"],
    ),
    "step_localization": (["step_localization"], ["step_localization_hiero.json"]),
}


def test_the_benchmarks_are_the_folders() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders - SHARED == BENCHMARKS.keys() == LEAVES.keys()
    assert all(help.strip() for help in BENCHMARKS.values())


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_folder_has_the_same_modules(name: str) -> None:
    assert {path.name for path in (PACKAGE / name).iterdir() if path.name != "__pycache__"} == MODULES


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_meets_the_protocol(name: str, profile: Profile) -> None:
    benchmark = load_benchmark(name)
    assert isinstance(benchmark, Benchmark)
    assert benchmark.title.strip()
    needed = benchmark.needed_files(profile)
    assert needed
    assert all(isinstance(path, Path) and path.exists() for path in needed)
    task = benchmark.open(profile, device=CPU)
    calls = {name: call for name, call in vars(Task).items() if inspect.isfunction(call) and not name.startswith("_")}
    assert calls.keys() == {"summary", "evaluate", "notes", "sections", "save_predictions"}
    for call, wanted in calls.items():
        given = inspect.signature(getattr(task, call)).parameters
        assert [*given] == [*inspect.signature(wanted).parameters][1:], call  # without self
    assert task.summary().strip()


@pytest.mark.parametrize("name", BENCHMARKS)
def test_what_a_benchmark_shows_is_there(name: str) -> None:
    module = importlib.import_module(f"hiero_lib.benchmarks.{name}")
    assert {"BENCHMARK", "needed_files"} <= set(module.__all__)
    assert all(hasattr(module, shown) for shown in module.__all__)
    assert (module.__doc__ or "").strip()


def test_titles_are_different() -> None:
    assert len({load_benchmark(name).title for name in BENCHMARKS}) == len(BENCHMARKS)


def test_the_names_are_known_without_importing_a_benchmark() -> None:
    code = "import sys, hiero_lib.benchmarks as b; print(len(b.BENCHMARKS), *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parents[1]
    )
    count, *modules = done.stdout.split()
    assert int(count) == len(BENCHMARKS)
    assert "torch" not in modules
    assert not [module for module in modules if module.startswith("hiero_lib.benchmarks.")]
    for name in ("grounding", "benchmark", "another"):
        with pytest.raises(KeyError):
            load_benchmark(name)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_and_leaves_its_sections_and_predictions(
    name: str, profile: Profile, methods: dict[str, Method], tmp_path: Path
) -> None:
    benchmark, said = load_benchmark(name), list[str]()
    written = run_benchmark(
        benchmark, profile, lambda: methods, tmp_path, device=CPU, extra={"checkpoints": ["here"]}, say=said.append
    )
    sections, predictions = LEAVES[name]
    kept = load(tmp_path)["sections"]
    assert list(kept) == sections
    for section in kept.values():
        assert section["extra"]["checkpoints"] == ["here"]
        assert section["config"] == json.loads(json.dumps(profile.to_dict()))
        assert section["seconds"] > 0
    measured = {row["method"] for row in kept[sections[0]]["rows"] if row["result"] is not None}
    assert {UNTRAINED, HIERO} <= measured
    assert (tmp_path / TABLE_FILE).is_file()
    assert sorted(written) == sorted((tmp_path / "predictions").iterdir())
    assert set(predictions) <= {path.name for path in written}
    assert all(json.loads(path.read_text()) for path in written)
    assert said[0] == benchmark.open(profile, device=CPU).summary()


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_file_that_is_needed_is_missed_by_name(
    name: str, own: Profile, methods: dict[str, Method], tmp_path: Path
) -> None:
    needed = load_benchmark(name).needed_files(own)[0]
    needed.rename(needed.with_name("away"))
    with pytest.raises(DataError) as error:
        run_benchmark(
            load_benchmark(name), own, lambda: methods, tmp_path / "r", device=CPU, extra={}, say=list[str]().append
        )
    assert error.value.file == needed
    assert not (tmp_path / "r").exists()


class Recorder:
    """A task that answers with made-up results and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def summary(self) -> str:
        return "three items"

    def evaluate(self, methods: Any, *, run_folder: Path) -> str:
        self.asked.append(("evaluate", list(methods), run_folder))
        return "results"

    def notes(self, results: Any) -> list[str]:
        self.asked.append(("notes", results))
        return ["one left out", "one looks wrong"]

    def sections(self, results: Any, methods: Any) -> list[Section]:
        self.asked.append(("sections", results, list(methods)))
        rows = [Row("B", HIERO, "m", Metric(0.5, 3))]
        return [Section("first", rows, {"own": 1, "both": "section"}), Section("second", [])]

    def save_predictions(self, results: Any, methods: Any, run_folder: Path) -> list[Path]:
        self.asked.append(("save", results, list(methods), run_folder))
        return [run_folder / "predictions" / "p.json"]


def bare(name: str) -> Method:
    """A method without a text space."""
    return Method(name, *[None] * 5, "")  # type: ignore[arg-type]


def spoken(name: str) -> Method:
    return Method(name, None, None, None, object(), None, "")  # type: ignore[arg-type]


def test_a_task_is_asked_in_order_with_its_own_results_and_the_methods_that_can_be_scored(
    profile: Profile, tmp_path: Path
) -> None:
    task, opened, said = Recorder(), [], list[str]()
    benchmark = Benchmark("B", lambda _: [], lambda *a, **k: opened.append((a, k)) or task, needs_text=True)
    methods = {UNTRAINED: bare(UNTRAINED), HIERO: spoken(HIERO)}
    written = run_benchmark(
        benchmark, profile, lambda: methods, tmp_path, device=CPU, extra={"both": "run", "given": 2}, say=said.append
    )
    assert opened == [((profile,), {"device": CPU})]
    assert said == ["three items", f"not scored on B: {UNTRAINED}", "one left out", "one looks wrong"]
    assert {call[0] for call in task.asked} == {"evaluate", "notes", "save", "sections"}
    assert task.asked[0] == ("evaluate", [HIERO], tmp_path)
    assert all(call[1] == "results" for call in task.asked[1:])
    assert ("save", "results", [HIERO], tmp_path) in task.asked
    assert written == [tmp_path / "predictions" / "p.json"]
    kept = load(tmp_path)["sections"]
    assert [kept[name]["extra"] for name in ("first", "second")] == [
        {"own": 1, "both": "section", "given": 2},
        {"both": "run", "given": 2},
    ]


def test_methods_without_a_text_space_are_scored_where_none_is_needed(profile: Profile, tmp_path: Path) -> None:
    methods = {UNTRAINED: bare(UNTRAINED), HIERO: spoken(HIERO)}
    free = Benchmark("B", lambda _: [], lambda *a, **k: Recorder())
    assert list(free.scorable(methods)) == [UNTRAINED, HIERO]
    strict = Benchmark("B", lambda _: [], lambda *a, **k: Recorder(), needs_text=True)
    assert list(strict.scorable(methods)) == [HIERO]
    with pytest.raises(ConfigError, match=r"B has nothing to score.*--checkpoint"):
        run_benchmark(strict, profile, lambda: {UNTRAINED: bare(UNTRAINED)}, tmp_path / "r", device=CPU, extra={})
    assert not (tmp_path / "r").exists()
    with pytest.raises(ConfigError, match="nothing to score"):
        free.scorable({})


def test_which_benchmarks_need_texts() -> None:
    assert {name for name in BENCHMARKS if load_benchmark(name).needs_text} == {
        "egomcq",
        "goalstep",
        "step_localization",
    }


def test_sections_are_recorded_beside_those_that_are_there(profile: Profile, tmp_path: Path) -> None:
    row = Row("B", HIERO, "m", Metric(0.5, 3))
    record_sections(tmp_path, [Section("a", [row], {"x": 1})], profile=profile, seconds=2, extra={})
    record_sections(tmp_path, [Section("b", [row])], profile=profile, seconds=3, extra={"y": 2})
    kept = load(tmp_path)["sections"]
    assert {name: (section["extra"], section["seconds"]) for name, section in kept.items()} == {
        "a": ({"x": 1}, 2),
        "b": ({"y": 2}, 3),
    }
    record_sections(tmp_path, [], profile=profile, seconds=1, extra={})
    assert load(tmp_path)["sections"] == kept
    assert (tmp_path / RESULTS_FILE).is_file()
