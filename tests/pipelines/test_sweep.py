"""Cells on executors: resumed, reported, and not lost to each other."""

from __future__ import annotations

import functools
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_json
from hiero_lib.base.locks import exclusive
from hiero_lib.base.signals import Stopped, StopRequest, sigterm_raises
from hiero_lib.pipelines.sweep import Cell, SweepResult, result_of, run_sweep


def count(folder: Path, value: int) -> dict[str, int]:
    """Leaves a line each time it is run."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "runs", "a") as stream:
        stream.write("ran\n")
    return {"value": value}


def fail(folder: Path) -> dict[str, int]:
    raise ValueError("no\nluck")


def die(folder: Path) -> dict[str, int]:
    count(folder, 0)
    os._exit(9)


def cell(folder: Path, name: str, work: Any, *values: Any, fingerprint: str = "f") -> Cell:
    return Cell(name, folder / name, fingerprint, functools.partial(work, folder / name, *values))


def runs_of(folder: Path, name: str) -> int:
    return len((folder / name / "runs").read_text().splitlines())


class InProcess:
    """Not of concurrent.futures: the least that an executor is."""

    def submit(self, function: Any, /, *arguments: Any) -> Any:
        class Future:
            def done(self) -> bool:
                return True

            def result(self) -> Any:
                return function(*arguments)

        return Future()


def test_a_failure_is_reported_and_loses_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    cells = [cell(tmp_path, "a", count, 1), cell(tmp_path, "b", fail), cell(tmp_path, "c", count, 3)]
    known: list[int] = []

    def on_done(found: SweepResult) -> None:
        known.append(len(found.done) + len(found.failed))

    found = run_sweep(cells, executor=InProcess(), say=said.append, on_done=on_done)
    assert found.done == {"a": {"value": 1}, "c": {"value": 3}}
    assert found.failed == {"b": "ValueError: no luck"}
    assert said == ["[1/3] a: done", "[2/3] b: failed: ValueError: no luck", "[3/3] c: done"]
    assert known == [1, 2, 3]
    assert not (tmp_path / "b" / "cell.json").exists()


def test_what_is_done_is_not_done_again_unless_it_would_be_something_else(tmp_path: Path) -> None:
    cells = [cell(tmp_path, "a", count, 1), cell(tmp_path, "b", count, 2)]
    with ThreadPoolExecutor(1) as pool:
        run_sweep(cells[:1], executor=pool, say=[].append)
        found = run_sweep(cells, executor=pool, say=[].append)
    assert found.done == {"a": {"value": 1}, "b": {"value": 2}}
    assert (runs_of(tmp_path, "a"), runs_of(tmp_path, "b")) == (1, 1)
    changed = [cell(tmp_path, "a", count, 7, fingerprint="g"), cells[1]]
    assert run_sweep(changed, executor=InProcess(), say=[].append).done["a"] == {"value": 7}
    assert (runs_of(tmp_path, "a"), runs_of(tmp_path, "b")) == (2, 1)
    assert read_json(tmp_path / "a" / "cell.json")["fingerprint"] == "g"


def test_a_process_that_dies_takes_no_other_cell_along(tmp_path: Path) -> None:
    cells = [cell(tmp_path, "a", die), cell(tmp_path, "b", count, 2), cell(tmp_path, "c", count, 3)]
    found = run_sweep(cells, workers=1, say=[].append)
    assert found.done == {"b": {"value": 2}, "c": {"value": 3}}
    assert found.failed == {"a": "its process died (out of memory?)"}
    mended = [cell(tmp_path, "a", count, 1), *cells[1:]]
    assert run_sweep(mended, executor=InProcess(), say=[].append).done["a"] == {"value": 1}
    assert (runs_of(tmp_path, "b"), runs_of(tmp_path, "c")) == (1, 1)


def test_two_cells_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two cells with the name 'a'"):
        run_sweep([cell(tmp_path, "a", count, 1)] * 2, executor=InProcess())


@pytest.mark.parametrize(("content", "message"), [("{", "not readable as JSON"), ("[]", "not the result of a cell")])
def test_a_foreign_cell_file_is_named(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "cell.json").write_text(content)
    with pytest.raises(DataError, match=rf"a/cell\.json.*{message}"):
        result_of(cell(tmp_path, "a", count, 1))


def test_a_cell_of_any_shape_is_a_failure_of_that_cell_alone(tmp_path: Path) -> None:
    shapes = ["", "[]", "3", "null", "{}", '{"format": 1}', '{"fingerprint": "f", "result": {"value": 9}}']
    cells = [cell(tmp_path, f"c{number}", count, number) for number in range(len(shapes) + 2)]
    run_sweep(cells, executor=InProcess(), say=lambda line: None)
    for one, shape in zip(cells, shapes):
        (one.folder / "cell.json").write_text(shape)
    changed = cells[-2].folder / "cell.json"
    changed.write_text(changed.read_text().replace(f'"value": {len(shapes)}', '"value": 1'))
    result = run_sweep(cells, executor=InProcess(), say=lambda line: None)
    assert result.done == {cells[-1].name: {"value": len(shapes) + 1}}
    for one in cells[:-1]:
        assert result.failed[one.name].startswith("DataError: ") or "OtherFormat" in result.failed[one.name]
        assert f"{one.name}/cell.json" in result.failed[one.name]
        assert "Delete cell.json to measure the cell again" in result.failed[one.name]
        assert runs_of(tmp_path, one.name) == 1


def test_a_cell_is_worked_on_by_one_process(tmp_path: Path) -> None:
    cells = [cell(tmp_path, "a", count, 1), cell(tmp_path, "b", count, 2)]
    with exclusive(tmp_path / "a", "another ablation"):
        result = run_sweep(cells, executor=InProcess(), say=lambda line: None)
    assert result.done == {"b": {"value": 2}}
    assert "is at work on it: another ablation, process" in result.failed["a"]


def test_what_json_has_not_fails_its_cell(tmp_path: Path) -> None:
    cells = [cell(tmp_path, "a", count, float("nan")), cell(tmp_path, "b", count, 2)]
    result = run_sweep(cells, executor=InProcess(), say=lambda line: None)
    assert "value nan: JSON has neither NaN nor infinity" in result.failed["a"]
    assert result.done == {"b": {"value": 2}}


def wait_for_ever(folder: Path) -> dict[str, int]:
    count(folder, 0)
    with StopRequest() as request:
        while request.number is None:
            time.sleep(0.01)
    (folder / "checkpoint").touch()
    raise Stopped(request.number)


def test_sigterm_ends_the_cells_that_run_at_a_good_point_and_begins_no_other(tmp_path: Path) -> None:
    cells = [cell(tmp_path, name, wait_for_ever) for name in "abc"]

    def stop() -> None:
        while not (tmp_path / "a/runs").is_file():
            time.sleep(0.01)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(Stopped), sigterm_raises():
        run_sweep(cells, say=lambda line: None)
    thread.join()
    assert (tmp_path / "a/checkpoint").exists()
    assert not (tmp_path / "c/runs").exists()
