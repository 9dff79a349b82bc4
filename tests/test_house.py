"""The house: one direction of dependencies, no loose modules, a test beside each module, nothing heavy at import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "hiero_lib"
MODULES = sorted(PACKAGE.rglob("*.py"))

# A package may import what stands to its left; packages of one group do not know each other.
ORDER = (
    ("base",),
    ("cluster", "config"),
    ("data", "models"),
    ("methods", "training"),
    ("hierarchy", "results"),
    ("search", "viz"),
    ("front",),
    ("benchmarks", "export"),
    ("explorer",),
    ("sources",),
    ("doctor", "pipelines"),
    ("cli", "notebook"),
    ("__main__",),
)
RANK = {package: rank for rank, group in enumerate(ORDER) for package in group}


def package_of(path: Path) -> str:
    """``config`` for ``hiero_lib/config/settings.py``, ``notebook`` for ``hiero_lib/notebook.py``."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(source: str) -> set[str]:
    """The packages of hiero_lib that a module imports, at its top, in functions or for types."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "hiero_lib":
            names = [f"hiero_lib.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        found |= {name.split(".")[1] for name in names if name.startswith("hiero_lib.")}
    return found & RANK.keys()


def against_the_direction(package: str, source: str) -> list[str]:
    """What a module of ``package`` imports and may not."""
    return sorted(other for other in imports_of(source) if other != package and RANK[other] >= RANK[package])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_dependencies_go_in_one_direction(path: Path) -> None:
    if path == PACKAGE / "__init__.py":
        return  # the public face, which imports lazily whatever it shows
    assert against_the_direction(package_of(path), path.read_text("utf-8")) == []


def test_the_direction_test_sees_every_kind_of_import() -> None:
    lazy = "def f():\n    from hiero_lib.search.index import SearchIndex\n"
    assert against_the_direction("viz", lazy) == ["search"]
    assert against_the_direction("viz", "from hiero_lib import search") == ["search"]
    assert against_the_direction("base", "import hiero_lib.config.settings") == ["config"]
    assert against_the_direction("viz", "from hiero_lib.hierarchy.video import tree") == []


def test_every_package_has_its_place_in_the_order() -> None:
    packages = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert packages | {"notebook", "__main__"} == RANK.keys()


def test_no_module_is_loose() -> None:
    assert sorted(path.name for path in PACKAGE.glob("*.py")) == ["__init__.py", "__main__.py", "notebook.py"]


def test_every_module_has_a_test_of_its_own() -> None:
    modules = [path.relative_to(PACKAGE) for path in MODULES if path.name != "__init__.py"]
    mirrors = [Path("tests") / path.with_name(f"test_{path.stem.strip('_')}.py") for path in modules]
    lacking = [str(path) for path in mirrors if not (ROOT / path).is_file()]
    assert lacking == []
    empty = [str(path) for path in mirrors if "def test_" not in (ROOT / path).read_text("utf-8")]
    assert empty == []


def test_every_test_stands_beside_a_module() -> None:
    """Tests of the whole kit, of the notebooks, in the browser, by chance and of faults have folders of their own."""
    tests = [path.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")]
    of_modules = [
        path
        for path in tests
        if path.parts[0] not in ("whole", "notebooks", "browser", "fuzz", "faults", "test_house.py")
    ]
    modules = {path.relative_to(PACKAGE).with_name(f"test_{path.stem.strip('_')}.py") for path in MODULES}
    assert [str(path) for path in of_modules if path not in modules] == []


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    """``import hiero_lib``, its settings and the parser of its commands are quick on the smallest machine."""
    code = (
        "import sys, hiero_lib, hiero_lib.config, hiero_lib.__main__\n"
        "hiero_lib.__main__._parser()\n"
        "print(*{'torch', 'transformers', 'IPython', 'ipywidgets', 'papermill', 'sklearn'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []


def test_no_module_imports_a_notebook_package_at_its_top() -> None:
    """A figure or a search works where there is neither IPython nor ipywidgets."""
    heavy = {"IPython", "ipywidgets", "anywidget", "papermill", "nbformat", "nbclient", "ipykernel", "jupyter_client"}
    offenders = []
    for path in MODULES:
        for node in ast.parse(path.read_text("utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            offenders += [f"{path.name}: {name}" for name in names if name.split(".")[0] in heavy]
    assert offenders == []
