"""Notebook 00 as a person meets it: a real JupyterLab in a real Chromium, "Run All Cells", to the closing check."""

from __future__ import annotations

from pathlib import Path

import papermill
import pytest

from hiero_lib.pipelines.reproduce import NOTEBOOKS
from tests.helpers.lab import open_notebook, picture_of_all, run_all_cells


@pytest.mark.browser
def test_notebook_00_runs_to_its_closing_check(tmp_path: Path) -> None:
    settings = {"data_root": str(tmp_path / "data")}
    parameters = {"outputs": str(tmp_path / "outputs"), "settings": settings}
    parameters |= {"sample_videos": 6, "sample_minutes": [1.0, 3.0]}
    notebook = tmp_path / "00_setup.ipynb"
    papermill.execute_notebook(NOTEBOOKS / notebook.name, notebook, parameters, prepare_only=True, progress_bar=False)
    with open_notebook(notebook, tmp_path) as page:
        assert run_all_cells(page, timeout_s=120) == []
        picture_of_all(page, tmp_path / "00_setup.png")
    assert (tmp_path / "outputs" / "sample" / "results.json").is_file()
    assert (tmp_path / "00_setup.png").stat().st_size > 20_000
