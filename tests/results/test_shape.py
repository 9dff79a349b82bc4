"""A results file of any shape is an error that names the field, for every command that reads one."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hiero_lib.__main__ import main
from hiero_lib.base.errors import DataError
from hiero_lib.config import load_profile
from hiero_lib.results.metric import Metric
from hiero_lib.results.record import load, record, record_notebook
from hiero_lib.results.row import Row
from hiero_lib.results.shape import check_results
from hiero_lib.results.tables import FORMATS

ODD = (None, [], {}, "x", 3, True, 1.5, 10**400, -1e308, float("nan"), [None], {"x": None}, "\ud800", [[1]])


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, Any]:
    interval = Metric(0.9, 120, 3, (0.88, 0.95))
    rows = [Row("EgoMCQ", "HiERO", "inter", interval, published=0.9, seed=(1, 2), spread=0.1)]
    rows.append(Row("EgoMCQ", "EgoVLP", "inter", None, published=0.906, note="as published"))
    record(tmp_path, "egomcq", rows, profile=load_profile("sample"), seconds=1, extra={"missing": ["a"]})
    record_notebook(tmp_path, "02_egomcq", {"status": "failed", "cell": 3, "error": "x", "seconds": 1.0})
    return load(tmp_path)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container within, and each key in it."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def test_a_value_of_another_shape_anywhere_is_an_error_or_makes_every_table(whole: dict[str, Any]) -> None:
    refused = tables = 0
    number = len(list(places(whole)))
    for at in range(number):
        for odd in (*ODD, "gone"):
            changed = copy.deepcopy(whole)
            container, key = list(places(changed))[at]
            if odd == "gone":
                del container[key]
            else:
                container[key] = odd
            try:
                check_results(changed, Path("results.json"))
            except DataError as error:
                refused += "results.json" in str(error)
                continue
            for table in FORMATS.values():
                assert isinstance(table([changed]), str)
            tables += 1
    assert refused > 300
    assert tables > 100
    assert number > 60


@pytest.mark.parametrize("content", [*map(json.dumps, ([], 3, None, "x", {}, {"run": 1})), "NaN", "[" * 100_000])
@pytest.mark.parametrize("command", ["report", "search", "export", "reproduce"])
def test_each_command_says_one_line(
    content: str,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "outputs/sample/results.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    if command == "report":
        assert main(["report", "outputs/sample"]) == 2
    elif command == "reproduce":
        assert main(["reproduce", "--profile", "sample", "--only", "02"]) == 2
    else:
        with pytest.raises(DataError):
            load("outputs/sample")
        return
    said = capsys.readouterr().err
    assert "results.json" in said
    assert said.count("\n") == 1
