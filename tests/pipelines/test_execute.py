"""One notebook run by papermill: its copy, its log, and how its errors are told."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from hiero_lib.pipelines.execute import NotebookFailed, execute
from tests.pipelines.test_reproduce import KERNEL


def notebook(folder: Path, code: str) -> Path:
    made = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
    made.cells = [
        nbformat.v4.new_code_cell("word = 'nothing'", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(code),
    ]
    path = folder / "00_a.ipynb"
    nbformat.write(made, path)
    return path


def test_the_copy_and_the_log(tmp_path: Path) -> None:
    source = notebook(tmp_path, "print('said', word)")
    (tmp_path / "run").mkdir()
    execute(source, {"word": "hello"}, tmp_path / "run", log=tmp_path / "logs" / "a.log", command="c")
    assert (tmp_path / "logs" / "a.log").read_text().strip() == "said hello"
    assert "said hello" in (tmp_path / "run" / "00_a.ipynb").read_text()
    assert not (tmp_path / "run" / ".running").exists()


def test_an_error_names_its_cell_and_the_half_executed_copy(tmp_path: Path) -> None:
    source = notebook(tmp_path, "raise RuntimeError('broken')")
    (tmp_path / "run").mkdir()
    with pytest.raises(NotebookFailed, match=r"00_a failed in cell In \[3\].*RuntimeError: broken") as failed:
        execute(source, {"word": "x"}, tmp_path / "run", log=tmp_path / "a.log", command="c")
    assert str(tmp_path / "run" / "00_a.ipynb") in str(failed.value)
    assert (tmp_path / "run" / "00_a.ipynb").is_file()
