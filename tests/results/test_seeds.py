"""Runs that differ in the seed as one: means by hand, and what may not be averaged."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.results.entries import entries
from hiero_lib.results.metric import Metric
from hiero_lib.results.record import load, record, record_notebook
from hiero_lib.results.row import Row
from hiero_lib.results.seeds import over_seeds
from hiero_lib.results.shape import check_results
from hiero_lib.results.tables import markdown
from tests.results.test_record import REAL


def run_of(folder: Path, seed: int, value: float, **changes: Any) -> Path:
    """A run with one seed; the untrained row does not depend on it."""
    training = dataclasses.replace(REAL.training, seed=seed, **changes.pop("training", {}))
    profile = dataclasses.replace(REAL, training=training)
    head = Row("EgoNLQ", "HiERO", "R1", Metric(value / 2, 50), seed=(1, 2), spread=0.01)
    rows = [
        Row("EgoMCQ", "untrained", "intra", Metric(0.5, 100, 2)),
        Row("EgoMCQ", "HiERO", "intra", Metric(value, changes.pop("n", 100), 2, (0.1, 0.9)), thread_graph="released"),
        Row("EgoMCQ", "HiERO (EgoVLP)", "intra", None, published=0.596),
    ]
    record(folder, "egomcq", rows + changes.pop("more", []), profile=profile, seconds=10)
    record(folder, "egonlq", [head], profile=profile, seconds=5)
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> list[dict[str, Any]]:
    return [load(run_of(tmp_path / f"r{seed}", seed, value)) for seed, value in ((1, 0.6), (2, 0.62), (3, 0.67))]


def test_means_and_deviations(runs: list[dict[str, Any]]) -> None:
    mean = over_seeds(runs, "r-seeds")
    check_results(mean, Path("results.json"))
    untrained, hiero, quoted, head = entries(mean)
    assert (hiero.here, hiero.seed, hiero.n, hiero.low) == (pytest.approx(0.63), "1, 2, 3", 100, None)
    assert hiero.spread == pytest.approx(0.03605551275)  # of -0.03, -0.01, 0.04: the root of 0.0026 / 2
    assert (untrained.here, untrained.spread) == (0.5, 0.0)
    assert (quoted.published, quoted.here, quoted.seed) == (0.596, None, "")
    assert (hiero.published, untrained.published) == (0.596, None)
    assert head.here == pytest.approx(0.315)
    assert head.note == "each run's value is a mean over seeds 1, 2"
    assert mean["sections"]["egomcq"]["seconds"] == 30
    assert mean["sections"]["egomcq"]["extra"] == {"mean_over": ["r1", "r2", "r3"], "seeds": [1, 2, 3]}
    assert "63.0 ± 3.6" in markdown([mean])


def test_what_not_all_runs_have_is_said(runs: list[dict[str, Any]], tmp_path: Path) -> None:
    more = [Row("EgoMCQ", "HiERO", "inter", Metric(0.9, 100))]
    odd = load(run_of(tmp_path / "r4", 4, 0.6, n=98, more=more))
    found = {(entry.method, entry.metric): entry for entry in entries(over_seeds([*runs, odd], "m"))}
    assert found["HiERO", "inter"].note == "of 1 of 4 runs"
    assert found["HiERO", "inter"].spread is None
    assert found["HiERO", "intra"].note == "n of the runs: 98, 100"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"seed": 1}, r"r4/results\.json, field 'egomcq\.seed', value 1: two runs have the same seed|two runs have"),
        (
            {"training": {"epochs": 7}},
            r"r4/results\.json, field 'egomcq\.config\.training\.epochs', value 7: .*more than the seed: r1 has",
        ),
    ],
)
def test_what_may_not_be_averaged(
    change: dict[str, Any], problem: str, runs: list[dict[str, Any]], tmp_path: Path
) -> None:
    odd = load(run_of(tmp_path / "r4", **({"seed": 4, "value": 0.6} | change)))
    with pytest.raises(DataError, match=problem):
        over_seeds([*runs, odd], "m")


def test_one_run_an_absent_section_and_a_failed_notebook_are_refused(
    runs: list[dict[str, Any]], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"value \['r1'\]: a mean needs at least two runs"):
        over_seeds(runs[:1], "m")
    lacking = runs[1] | {"sections": {"egomcq": runs[1]["sections"]["egomcq"]}}
    with pytest.raises(DataError, match=r"r2/results\.json, field 'sections\.egonlq': the run lacks a section"):
        over_seeds([runs[0], lacking], "m")
    record_notebook(tmp_path / "r2", "03_x", {"status": "failed", "error": "no", "cell": 1})
    with pytest.raises(DataError, match="the run is not complete: its notebook 03_x failed"):
        over_seeds([runs[0], load(tmp_path / "r2")], "m")
