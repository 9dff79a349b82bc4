"""The lines of the tables: what is compared with what, and how a value was made."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED
from hiero_lib.results.entries import PUBLISHED, REAL, SAMPLE, all_entries, by_benchmark, command_line, entries
from hiero_lib.results.metric import Metric
from hiero_lib.results.record import load, record
from hiero_lib.results.row import Row
from tests.results import test_record
from tests.results.test_tables import MEASURED, QUOTED


def recorded(
    folder: Path, rows: list[Row] | None = None, *, real: bool = True, features: str = "egovlp"
) -> dict[str, Any]:
    """``results.json`` of a run with one section, ``egomcq``."""
    profile = test_record.REAL if real else test_record.SAMPLE
    profile = dataclasses.replace(profile, features=dataclasses.replace(profile.features, folder=features))
    record(folder, "egomcq", MEASURED + QUOTED if rows is None else rows, profile=profile, seconds=1)
    return load(folder)


def test_a_measured_line_has_the_figure_of_the_same_method_on_the_same_features_beside_it(tmp_path: Path) -> None:
    untrained, probe, hiero, *quoted = entries(recorded(tmp_path / "r"))
    assert [(entry.method, entry.published, entry.comparable) for entry in (untrained, probe, hiero)] == [
        (UNTRAINED, 0.572, True),
        (PROBE, None, False),
        (HIERO, 0.596, True),
    ]
    assert hiero.difference == pytest.approx(0.583 - 0.596)
    assert probe.difference is None
    assert (hiero.run, hiero.section, hiero.data, hiero.low, hiero.high) == ("r", "egomcq", REAL, 0.5, 0.65)
    assert (hiero.thread_graph, hiero.seed, untrained.seed) == ("released", "7", str(test_record.REAL.training.seed))
    assert [(entry.data, entry.here, entry.n, entry.seed, entry.command) for entry in quoted] == [
        (PUBLISHED, None, None, "", "")
    ] * 3
    assert [entry.published for entry in quoted] == [0.572, 0.596, 0.644]


def test_other_features_are_not_compared(tmp_path: Path) -> None:
    found = entries(recorded(tmp_path, features="mine"))
    assert [entry.difference for entry in found] == [None] * 6


def test_on_the_sample_nothing_is_compared_and_what_could_be_is_known(tmp_path: Path) -> None:
    found = entries(recorded(tmp_path, real=False))
    assert [entry.data for entry in found] == [SAMPLE] * 3 + [PUBLISHED] * 3
    assert all(entry.difference is None for entry in found)
    assert [(entry.published, entry.comparable) for entry in found[:3]] == [(None, True), (None, False), (None, True)]


def test_a_figure_that_a_row_brings_along_is_its_own(tmp_path: Path) -> None:
    rows = [Row("EgoMCQ", HIERO, "intra", Metric(0.6, 9), published=0.5, seed=(1, 2), spread=0.02), *QUOTED]
    first = entries(recorded(tmp_path, rows))[0]
    assert (first.published, first.seed, first.spread) == (0.5, "1, 2", 0.02)
    assert first.difference == pytest.approx(0.1)


def test_a_results_file_without_the_newer_fields_is_read(tmp_path: Path) -> None:
    new = recorded(tmp_path)
    old = copy.deepcopy(new)
    for row in old["sections"]["egomcq"]["rows"]:
        for field in ("thread_graph", "seed", "spread"):
            del row[field]
    changed = {"thread_graph": "", "seed": str(test_record.REAL.training.seed), "spread": None}
    expected = [dataclasses.replace(entry, **changed) if entry.data == REAL else entry for entry in entries(new)]
    assert entries(old) == expected


def test_what_several_runs_quote_alike_stands_there_once(tmp_path: Path) -> None:
    runs = [recorded(tmp_path / "a"), recorded(tmp_path / "b", real=False)]
    found = all_entries(runs)
    assert [entry.run for entry in found] == ["a"] * 6 + ["b"] * 3
    more = recorded(tmp_path / "c", [dataclasses.replace(QUOTED[0], metric="inter")])
    assert len(all_entries([*runs, more])) == len(found) + 1


def test_tables_go_by_benchmark_with_what_was_measured_first(tmp_path: Path) -> None:
    rows = [QUOTED[0], MEASURED[0], Row("Threads", HIERO, "level 0", Metric(0.5, 3)), MEASURED[1]]
    grouped = by_benchmark(entries(recorded(tmp_path, rows)))
    assert {name: [entry.method for entry in found] for name, found in grouped.items()} == {
        "EgoMCQ": [UNTRAINED, PROBE, "EgoVLP"],
        "Threads": [HIERO],
    }


@pytest.mark.parametrize(
    ("command", "typed"),
    [
        (["__main__.py", "egomcq", "--set", "a=b c"], "python -m hiero_lib egomcq --set 'a=b c'"),
        (["ipykernel_launcher.py", "-f", "x.json"], "a notebook, by hand"),
        (["python", "-m", "hiero_lib", "reproduce"], "python -m hiero_lib reproduce"),
        ([], "unknown"),
    ],
)
def test_the_command_as_one_types_it(command: list[str], typed: str) -> None:
    assert command_line({"environment": {"command": command}}) == typed
