"""Runs side by side: main measures, what differs, and the spread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.config import load_profile
from hiero_lib.methods.method import HIERO
from hiero_lib.results.compare import (
    differing_settings,
    is_measured,
    read_runs,
    spread_table,
    training_logs,
)
from hiero_lib.results.headlines import headlines
from hiero_lib.results.metric import Metric
from hiero_lib.results.record import load, record
from hiero_lib.results.row import Row


def write(outputs: Path, name: str, value: float, **settings: Any) -> dict[str, Any]:
    profile = load_profile("sample", {key.replace("__", "."): given for key, given in settings.items()})
    rows = [
        Row("EgoMCQ", HIERO, "intra-video accuracy", Metric(value, 10, 0, (value - 0.1, value + 0.1))),
        Row("EgoMCQ", HIERO, "of no headline", Metric(value, 10)),
        Row("EgoMCQ", "uniform pieces", "intra-video accuracy", Metric(0.1, 10)),
        Row("EgoMCQ", "EgoVLP", "intra-video accuracy", None, published=0.572),
    ]
    record(outputs / name, "egomcq", rows, profile=profile, seconds=1)
    log = outputs / name / "metrics.jsonl"
    log.write_text("{}")
    trained = {"hiero": {"metrics_file": str(log)}, "probe": {"metrics_file": str(outputs / "gone")}}
    record(outputs / name, "training", [], profile=profile, seconds=1, extra=trained)
    return load(outputs / name)


def test_headlines_are_the_main_measures_of_the_methods(tmp_path: Path) -> None:
    results = write(tmp_path, "a", 0.5)
    assert [(entry.method, entry.metric, entry.here) for entry in headlines([results])] == [
        (HIERO, "EgoMCQ intra", 0.5)
    ]
    assert is_measured(results)
    assert not is_measured(load(tmp_path / "none"))


def test_runs_are_read_by_name_and_one_without_measures_is_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, name, 0.5)
    assert [results["run"] for results in read_runs(tmp_path, ["b", "a"])] == ["b", "a"]
    with pytest.raises(DataError, match=r"no measures to compare.*Runs in .*: a, b"):
        read_runs(tmp_path, ["a", "c"])
    with pytest.raises(DataError, match="not with itself"):
        read_runs(tmp_path, ["a", "a"])
    with pytest.raises(ConfigError, match="the name of a run"):
        read_runs(tmp_path, ["../a"])


def test_what_differs_is_told_and_where_the_data_lie_is_not(tmp_path: Path) -> None:
    runs = [
        write(tmp_path, "a", 0.5),
        write(tmp_path, "b", 0.7, loss__ft_weight=0.0, training__seed=2, data_root="/elsewhere"),
    ]
    seed = load_profile("sample").training.seed
    assert differing_settings(runs) == (
        ["setting", "a", "b"],
        [["loss.ft_weight", "1.0", "0.0"], ["training.seed", str(seed), "2"]],
    )
    assert differing_settings(runs[:1])[1] == []


def test_the_spread_over_runs(tmp_path: Path) -> None:
    lines = headlines([write(tmp_path, "a", 0.5), write(tmp_path, "b", 0.7)])
    header, rows = spread_table(lines)
    assert header == ["measure", "method", "mean ± deviation", "a", "b"]
    assert rows == [["EgoMCQ intra", HIERO, "60.0 ± 14.1", "50.0", "70.0"]]
    assert spread_table([line for line in lines if line.run == "a"])[1] == []


def test_logs_that_are_there_by_method_and_run(tmp_path: Path) -> None:
    runs = [write(tmp_path, "a", 0.5), write(tmp_path, "b", 0.7)]
    assert training_logs(runs[:1]) == {HIERO: tmp_path / "a/metrics.jsonl"}
    assert list(training_logs(runs)) == ["HiERO, a", "HiERO, b"]
