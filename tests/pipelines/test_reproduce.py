"""The notebook sequence: checked before it runs, resumed where it stopped, honest about what failed."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.locks import exclusive
from hiero_lib.base.signals import Stopped
from hiero_lib.pipelines.reproduce import NotebookFailed, notebook_parameters, reproduce

PROFILE = """
data_root: data/tiny
is_sample: true
features: {folder: egovlp, dim: 8}
text: {encoder: minilm, source: "package:x", dim: 4}
model: {input_size: 8}
"""
PARAMETERS = 'profile = "tiny"\nrun = "tiny"\noutputs = "outputs"\nsettings = {}  # of the profile\n'
KERNEL = {"name": "python3", "language": "python", "display_name": "Python 3"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(PROFILE)
    (tmp_path / "notebooks").mkdir()
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Callable[..., Path]:
    def _write(name: str, code: str, parameters: str = PARAMETERS) -> Path:
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
        tagged = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
        notebook.cells = [nbformat.v4.new_markdown_cell("# Title"), tagged, nbformat.v4.new_code_cell(code)]
        path = folder / "notebooks" / f"{name}.ipynb"
        nbformat.write(notebook, path)
        return path

    return _write


@pytest.fixture
def run(folder: Path) -> Callable[..., list[str]]:
    """Reproduces the fake sequence and returns the lines that it said."""

    def _run(**keywords: object) -> list[str]:
        said: list[str] = []
        reproduce(
            folder / "tiny.yaml",
            run="r",
            notebooks_folder=folder / "notebooks",
            outputs=folder / "outputs",
            say=said.append,
            **keywords,  # type: ignore[arg-type]
        )
        started = [line for line in said if " log: " in line]
        assert len(started) == sum(": done in " in line or "failed" in line for line in said) or not said
        return [line for line in said if line not in started]

    return _run


def count_runs(folder: Path, name: str) -> str:
    """Code of a cell that leaves one line each time it is run."""
    return f"with open({str(folder / name)!r}, 'a') as stream:\n    print('ran', file=stream)"


def runs_of(folder: Path, name: str) -> int:
    path = folder / name
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_the_time_of_all_notebooks_is_told_before_the_first(
    write: Callable[..., Path], run: Callable[..., list[str]]
) -> None:
    write("00_a", "'**It costs** about 20 s on two CPU cores'")
    write("01_b", "'**It costs** about 2 minutes on two CPU cores'")
    assert run()[0] == "2 notebooks, about 2.3 min in all on two cores"
    assert " in all" not in "".join(run())  # nothing is left


def test_runs_in_order_with_this_interpreter_and_resumes_at_the_first_not_done(
    folder: Path, write: Callable[..., Path], run: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_PATH", str(folder))  # a broken kernel of the same name must not be taken
    broken = folder / "kernels" / "python3" / "kernel.json"
    broken.parent.mkdir(parents=True)
    broken.write_text(json.dumps({"argv": ["/nowhere/python"], "display_name": "broken", "language": "python"}))
    write(
        "01_b",
        "print('before', run, settings)\n"
        + count_runs(folder, "b")
        + "\nassert open('GATE')".replace("GATE", str(folder / "gate")),
    )
    told = "import os, sys\nprint(sys.executable)\nprint(os.environ['HIERO_COMMAND'])\n"
    write("00_a", told + count_runs(folder, "a"))
    write("02_c", count_runs(folder, "c"))
    write("scratch", "raise AssertionError('not part of the sequence')")

    with pytest.raises(NotebookFailed, match=r"01_b failed in cell In \[3\] .*FileNotFoundError") as caught:
        run()
    assert str(folder / "outputs" / "r" / "01_b.ipynb") in str(caught.value)
    command = f"--profile {folder}/tiny.yaml --run r --outputs {folder}/outputs"
    assert f"python -m hiero_lib reproduce {command}\n" in (folder / "outputs/r/logs/00_a.log").read_text()
    results = json.loads((folder / "outputs" / "r" / "results.json").read_text())
    assert results["notebooks"]["00_a"]["status"] == "done"
    assert results["notebooks"]["01_b"] | {"seconds": 0} == {
        "status": "failed",
        "cell": 3,
        "error": caught.value.error,
        "seconds": 0,
        "sections": [],
    }
    half_executed = (folder / "outputs" / "r" / "01_b.ipynb").read_text()
    assert "before r" in half_executed
    assert "before r" in (folder / "outputs" / "r" / "logs" / "01_b.log").read_text()
    assert (runs_of(folder, "a"), runs_of(folder, "b"), runs_of(folder, "c")) == (1, 1, 0)

    (folder / "gate").touch()
    said = run()
    assert "done before" in said[0]
    assert said[1].startswith("[2/3] 01_b: done in ")
    assert len(said) == 3
    assert (runs_of(folder, "a"), runs_of(folder, "b"), runs_of(folder, "c")) == (1, 2, 1)
    results = json.loads((folder / "outputs" / "r" / "results.json").read_text())
    assert {outcome["status"] for outcome in results["notebooks"].values()} == {"done"}


def test_changed_parameters_run_again_from_the_notebook_that_they_concern(
    folder: Path, write: Callable[..., Path], run: Callable[..., list[str]]
) -> None:
    section = "import json, pathlib\npath = pathlib.Path(outputs) / run / 'results.json'\n"
    write("00_a", count_runs(folder, "a"))
    write("01_b", count_runs(folder, "b"), PARAMETERS + "size = 3\n")
    write(
        "02_c",
        count_runs(folder, "c") + f"\n{section}results = json.loads(path.read_text())\n"
        "results['sections']['old'] = {'is_sample': True, 'rows': [], 'config': {'name': 'p'}, 'seed': 1,"
        " 'seconds': 1, 'finished': '', 'environment': {'versions': {}, 'device': '', 'threads': 1, 'commit': ''}}\n"
        "path.write_text(json.dumps(results))",
    )
    run()
    assert "old" in json.loads((folder / "outputs" / "r" / "results.json").read_text())["sections"]
    write("01_b", "assert size == 5", PARAMETERS + "size = 3\n")
    with pytest.raises(NotebookFailed):  # what 02 had written of the former size must be gone
        run(settings={"size": "4"})
    assert json.loads((folder / "outputs" / "r" / "results.json").read_text())["sections"] == {}
    said = run(settings={"size": "5"})
    assert ["done before" in line for line in said] == [True, False, False]
    assert (runs_of(folder, "a"), runs_of(folder, "c")) == (1, 2)
    assert run(only="02", settings={"training.epochs": 2})[0].startswith("[1/1] 02_c: done in ")
    assert (runs_of(folder, "a"), runs_of(folder, "c")) == (1, 3)


def test_a_profile_that_was_edited_runs_again(
    folder: Path, write: Callable[..., Path], run: Callable[..., list[str]]
) -> None:
    write("00_a", count_runs(folder, "a"))
    run()
    (folder / "tiny.yaml").write_text(f"# the same, with a remark\n{PROFILE}")
    assert "done before" in run()[0]
    (folder / "tiny.yaml").write_text(f"{PROFILE}training: {{epochs: 2}}\n")
    assert "done before" not in run()[0]
    assert runs_of(folder, "a") == 2


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"settings": {"sizes": 4}}, "sizes"),
        ({"settings": {"training.epoch": 4}}, r"training\.epoch"),
        ({"settings": {"training.epochs": "many"}}, r"training\.epochs.*'many'"),
        ({"settings": {"size": "wide"}}, "field 'size', value 'wide': expected int"),
        ({"settings": {"size": True}}, "expected int"),
        ({"settings": {"run": "other"}}, "its own option"),
        ({"only": "05"}, "no such notebook"),
    ],
)
def test_what_is_unknown_is_refused_before_anything_runs(
    keywords: dict[str, object],
    message: str,
    folder: Path,
    write: Callable[..., Path],
    run: Callable[..., list[str]],
) -> None:
    write("00_a", count_runs(folder, "a"))
    write("01_b", "", PARAMETERS + "size = 3\n")
    with pytest.raises(DataError, match=message):
        run(**keywords)
    assert not (folder / "outputs").exists()


def test_a_notebook_must_have_the_standard_parameters(
    write: Callable[..., Path], run: Callable[..., list[str]]
) -> None:
    write("00_a", "", 'profile = "p"\nrun = "r"\noutputs = "o"\n')
    with pytest.raises(DataError, match=r"00_a\.ipynb.*field 'settings'"):
        run()


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b"])
def test_a_run_name_stays_below_outputs(name: str, folder: Path, write: Callable[..., Path]) -> None:
    write("00_a", "")
    where = {"notebooks_folder": folder / "notebooks", "outputs": folder / "outputs"}
    if name == "":  # no name: the profile's
        reproduce(folder / "tiny.yaml", run=name, say=lambda line: None, **where)
        assert (folder / "outputs" / "tiny" / "00_a.ipynb").is_file()
    else:
        with pytest.raises(ConfigError, match="the name of a run"):
            reproduce(folder / "tiny.yaml", run=name, **where)


def test_parameters_are_literals(write: Callable[..., Path]) -> None:
    path = write("00_a", "", PARAMETERS + "rates = [0.1, 0.2]  # a list\nname = None\n")
    expected = {"profile": "tiny", "run": "tiny", "outputs": "outputs", "settings": {}, "rates": [0.1, 0.2]}
    assert notebook_parameters(path) == {**expected, "name": None}
    with pytest.raises(DataError, match=r"field 'size', value .*len\(.*: a parameter must be a literal"):
        notebook_parameters(write("01_b", "", PARAMETERS + "size = len('abc')\n"))


def test_a_notebook_that_was_cut_off_or_not_run_to_its_end_is_not_done(
    folder: Path, write: Callable[..., Path], run: Callable[..., list[str]]
) -> None:
    write("00_a", count_runs(folder, "a"))
    run()
    executed = folder / "outputs/r/00_a.ipynb"
    whole = executed.read_bytes()
    executed.write_bytes(whole + b"\n")  # saved by somebody who looked at it
    assert "done before" in run()[0]

    half = json.loads(whole)
    half["cells"][-1]["execution_count"] = None
    failed = json.loads(whole)
    error = {"output_type": "error", "ename": "E", "evalue": "", "traceback": []}
    failed["cells"][-1]["outputs"] = [error]
    broken = [b"", whole[: len(whole) // 2], b"{}", b"[]", json.dumps(half).encode(), json.dumps(failed).encode()]
    for number, content in enumerate(broken, start=1):
        executed.write_bytes(content)
        said = run()
        assert said[0].startswith(f"00_a runs again: {executed} "), content[:40]
        assert runs_of(folder, "a") == 1 + number
        assert "done before" in run()[0]


@pytest.mark.parametrize("content", ["", "[]", "3", "null", "{}", '{"format": 1}', '{"fingerprint": 3}', "cut"])
def test_a_marker_of_another_shape_is_an_error_that_names_it(
    content: str, folder: Path, write: Callable[..., Path], run: Callable[..., list[str]]
) -> None:
    write("00_a", "")
    run()
    marker = folder / "outputs/r/done/00_a.json"
    marker.write_text(content if content != "cut" else marker.read_text()[:-20])
    with pytest.raises(DataError, match=r"done/00_a\.json.*Delete it to run the notebook again"):
        run()
    marker.unlink()
    assert "done in" in run()[0]


def test_a_run_is_worked_on_by_one_process(
    folder: Path, write: Callable[..., Path], run: Callable[..., list[str]]
) -> None:
    write("00_a", count_runs(folder, "a"))
    with exclusive(folder / "outputs" / "r", "reproduce"), pytest.raises(DataError, match="is at work on it"):
        run()
    assert runs_of(folder, "a") == 0
    run()
    assert not (folder / "outputs/r/.running").exists()


def test_data_are_found_from_the_folder_where_the_command_was_typed(
    folder: Path, write: Callable[..., Path], run: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notebooks run in the repository: a relative data_root must not become another folder there."""
    write("00_a", "import pathlib\npathlib.Path(outputs, 'seen').write_text(settings['data_root'])")
    monkeypatch.chdir(folder)
    run()
    assert (folder / "outputs" / "seen").read_text() == str(folder / "data" / "tiny")


@pytest.mark.parametrize(("raised", "told"), [(KeyboardInterrupt(), "SIGINT"), (Stopped(signal.SIGTERM), "SIGTERM")])
def test_a_run_that_is_stopped_says_so_in_its_results(
    raised: BaseException,
    told: str,
    write: Callable[..., Path],
    run: Callable[..., list[str]],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not "KeyboardInterrupt:", as if a cell had gone wrong."""

    def stop(*given: object, **more: object) -> None:
        raise raised

    write("00_one", "1")
    monkeypatch.setattr("hiero_lib.pipelines.reproduce.execute", stop)
    with pytest.raises(KeyboardInterrupt):
        run()
    results = json.loads((folder / "outputs/r/results.json").read_text())
    assert results["notebooks"]["00_one"]["error"] == f"stopped by {told}; the same command goes on"
