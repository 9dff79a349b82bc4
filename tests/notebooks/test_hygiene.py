"""The notebooks keep the fixed order of cells, agree with each other and carry no leftovers of a run."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

import hiero_lib
from hiero_lib.pipelines.reproduce import NOTEBOOKS, notebook_parameters
from tests.tools import badges

REPOSITORY = NOTEBOOKS.parent
PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"

each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list[NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def badge(path: Path, repository: str) -> str:
    """The badge's Markdown."""
    where = f"{repository}/blob/v{hiero_lib.__version__}/notebooks/{path.name}"
    return f"[![Open in Colab]({BADGE})](https://colab.research.google.com/github/{where})"


def test_the_sequence_is_numbered_without_a_gap() -> None:
    assert len(PATHS) >= 3
    assert [path.name[:3] for path in PATHS] == [f"{number:02d}_" for number in range(len(PATHS))]


@each_notebook
def test_no_leftovers_of_a_run(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    for cell in code_cells(path):
        assert cell.outputs == []
        assert cell.execution_count is None
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags", "jupyter", "cellView"}, cell.id
        # What sets up, and is not read: JupyterLab's way to collapse it, Jupyter Book's and Colab's.
        collapsed = {"jupyter": {"source_hidden": True}, "tags": ["hide-input"], "cellView": "form"}
        assert cell.source.startswith("# @title ") == (cell.id in {"bootstrap", "imports"}), cell.id
        assert (cell.metadata == collapsed) == (cell.id in {"bootstrap", "imports"}), cell.id


@each_notebook
def test_cell_ids_are_stable_names(path: Path) -> None:
    ids = [cell.id for cell in read(path).cells]
    assert len(set(ids)) == len(ids)
    assert [name for name in ids if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", name)] == []


@each_notebook
def test_the_fixed_order_of_cells(path: Path) -> None:
    """style.md: title, bootstrap, imports, parameters, derived values, steps, what was written, closing check."""
    cells = read(path).cells
    title, bootstrap, imports, parameters, derived = cells[:5]
    assert title.cell_type == "markdown"
    assert title.source.startswith("# ")
    for promise in ("You will see", "It costs", " s", " MB"):  # what it shows; time, memory, disk
        assert promise in title.source, promise
    assert [cell.cell_type for cell in cells[1:5]] == ["code"] * 4
    assert bootstrap.source == code_cells(PATHS[0])[0].source
    assert all(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.parse(imports.source).body)
    assert parameters.metadata.tags == ["parameters"]
    assert "open_run(profile, run=run, outputs=outputs, settings=settings)" in derived.source
    for cell in code_cells(path)[2:]:
        nodes = list(ast.walk(ast.parse(cell.source)))
        assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes), cell.id
        assert not any(isinstance(node, ast.Try | ast.FunctionDef | ast.ClassDef) for node in nodes), cell.id
        assert len(cell.source.splitlines()) <= 25, cell.id
    assert "show_written(" in code_cells(path)[-2].source
    assert "check_results(current, " in code_cells(path)[-1].source
    assert cells[-1].cell_type == "code"
    for before, cell in itertools.pairwise(cells[4:]):  # a step is introduced in words
        assert "markdown" in (before.cell_type, cell.cell_type), cell.id


@each_notebook
def test_each_asks_a_question_and_says_what_to_look_at_and_what_to_change(path: Path) -> None:
    title, *texts = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]
    assert re.search(r"^\*\*The question:\*\* .+\?$", title, flags=re.MULTILINE)
    assert any(re.search(r"\*\*[Ll]ook (at|here)", text) for text in texts)
    assert texts[-1].startswith("**Change one thing:**")
    assert not any(re.match(r"# ", text) for text in texts)  # one title
    assert not re.search(r"\w@\w", re.sub(r"`[^`]*`", "", "".join(texts)))  # R1@0.3 becomes a link to a mail address


@each_notebook
def test_parameters_are_literals_with_a_comment_each(path: Path) -> None:
    source = code_cells(path)[2].source
    assert list(notebook_parameters(path))[:4] == ["profile", "run", "outputs", "settings"]
    for line in source.splitlines():
        assert line.startswith("#") or re.search(r"  # \w", line), line
    assigned = [node for node in ast.parse(source).body if isinstance(node, ast.Assign)]
    assert len(assigned) == len(notebook_parameters(path))
    assert not any(isinstance(node, ast.Tuple) for node in ast.walk(ast.parse(source)))  # papermill: to a string


def test_one_address_and_one_version_everywhere() -> None:
    """`python -m tests.tools.badges` writes them."""
    named = {path.name: badges.places(path.read_text("utf-8")) for path in badges.texts()}
    assert list(named) == ["README.md", *(path.name for path in PATHS)]
    ((repository, version),) = set.union(*named.values())
    assert version == f"v{hiero_lib.__version__}"
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    for path in PATHS:
        assert badge(path, repository) in read(path).cells[0].source
        assert badge(path, repository) in readme
        assert f'HIERO_REPOSITORY = "{repository}"' in code_cells(path)[0].source


def test_another_address_changes_every_place_and_nothing_else() -> None:
    for path in badges.texts():
        before = path.read_text("utf-8")
        ((repository, version),) = badges.places(before)
        after = badges.addressed(before, "you/x-y.z", "v9.9.9")
        assert badges.places(after) == {("you/x-y.z", "v9.9.9")}
        assert repository not in after
        assert badges.addressed(after, repository, version) == before


def test_the_readme_has_both_commands_and_no_broken_link() -> None:
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    for name in ("run", "test"):
        command = re.search(rf"<!-- command: {name} -->\n```bash\n([^\n]+)\n```", readme)
        assert command is not None
        assert "-c constraints.txt" in command[1]
    links = re.findall(r"\]\((?!https?:|#)([^)]+)\)", readme)
    assert [link for link in links if not (REPOSITORY / link).exists()] == []
