"""The set-up cell finds the kit as Colab has it: cloned into the working folder, and there after a restart."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from hiero_lib.pipelines.reproduce import NOTEBOOKS, REPOSITORY

CELLS = {
    path.stem: next(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.id == "bootstrap")
    for path in sorted(NOTEBOOKS.glob("*.ipynb"))
}
WHERE = "\nimport hiero_lib.notebook; print(Path.cwd(), hiero_lib.notebook.__file__)"


@pytest.fixture
def published(tmp_path: Path) -> dict[str, str]:
    """The environment in which the cell's address leads to a local repository with what it needs of the kit."""
    origin = tmp_path / "published" / "OWNER" / "hiero_lib"
    shutil.copytree(REPOSITORY / "hiero_lib" / "base", origin / "hiero_lib" / "base")
    for name in ("__init__.py", "notebook.py"):
        shutil.copy(REPOSITORY / "hiero_lib" / name, origin / "hiero_lib" / name)
    author = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "kit"], ["tag", "v0.1.0"]):
        subprocess.run(["git", *command], cwd=origin, check=True)
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and not name.startswith("GIT_")}
    return kept | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{tmp_path}/published/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
    }


def run_cell(cell: str, folder: Path, environment: dict[str, str]) -> list[str]:
    """Run the cell in a fresh interpreter without installed packages; the working directory and the module's file."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-S", "-c", cell + WHERE]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_restart_and_every_other_notebook_use_the_clone(tmp_path: Path, published: dict[str, str]) -> None:
    content = tmp_path / "content"
    clone = content / "hiero_lib"
    expected = [str(clone), str(clone / "hiero_lib" / "notebook.py")]
    assert run_cell(CELLS["00_setup"], content, published) == expected  # clones
    shutil.rmtree(tmp_path / "published")  # none clones again
    found = {name: run_cell(cell, content, published) for name, cell in CELLS.items()}
    assert found == dict.fromkeys(CELLS, expected)


def test_the_cell_twice_in_one_kernel(tmp_path: Path, published: dict[str, str]) -> None:
    content = tmp_path / "content"
    twice = f"{CELLS['00_setup']}\n{CELLS['00_setup']}"
    assert run_cell(twice, content, published)[0] == str(content / "hiero_lib")


def test_an_empty_folder_of_that_name_is_no_kit(tmp_path: Path, published: dict[str, str]) -> None:
    clone = tmp_path / "content" / "hiero_lib"
    clone.mkdir(parents=True)
    assert run_cell(CELLS["00_setup"], clone.parent, published)[0] == str(clone)


def test_a_clone_is_found_from_its_own_folders(tmp_path: Path, published: dict[str, str]) -> None:
    clone = tmp_path / "content" / "hiero_lib"
    run_cell(CELLS["00_setup"], clone.parent, published)
    for folder in (clone, clone / "notebooks", clone / "hiero_lib"):
        assert run_cell(CELLS["06_hierarchy_explorer"], folder, published)[0] == str(clone), folder
