"""What the notebooks share: a set-up that changes nothing it need not, and a check that fails loudly."""

from __future__ import annotations

import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from IPython.display import Markdown

from hiero_lib import notebook
from hiero_lib.base.errors import ConfigError, DownloadError, EndOfNotebook
from hiero_lib.config import load_profile
from hiero_lib.notebook import check_results, install_missing, open_run, require_data, show_written
from hiero_lib.results.kept_profile import kept_profile
from hiero_lib.results.metric import Metric
from hiero_lib.results.record import load, record
from hiero_lib.results.row import Row
from hiero_lib.results.run import IncompleteResults, RunFolder
from hiero_lib.viz.palette import THEMES


@pytest.fixture
def pip_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], str]]:
    """Arguments of each call of pip, with the constraints that it was given; nothing is installed."""
    calls: list[tuple[list[str], str]] = []

    def fake(command: list[str], **_: object) -> None:
        calls.append((command, Path(command[command.index("-c") + 1]).read_text()))

    monkeypatch.setattr(subprocess, "run", fake)
    return calls


def test_nothing_is_installed_where_everything_is_there(pip_calls: list[tuple[list[str], str]]) -> None:
    assert install_missing() == []
    assert pip_calls == []


def test_only_what_is_missing_is_installed_and_torch_is_kept(
    tmp_path: Path, pip_calls: list[tuple[list[str], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    versions = {"torch": str(torch.__version__), "numpy": "2.0"}
    monkeypatch.setattr(notebook, "version_of", versions.get)
    path = tmp_path / "requirements.txt"
    path.write_text("# comment\ntorch>=2.6\nnumpy>=99  # too old is left alone\n\npapermill>=2.6\njupyterlab>=4\n")
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    assert install_missing(path) == ["papermill>=2.6", "jupyterlab>=4"]
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab-20260801")
    assert install_missing(path) == ["papermill>=2.6"]
    command, constraints = pip_calls[-1]
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert command[-1] == "papermill>=2.6"
    assert constraints == f"torch=={torch.__version__}\n"


def test_the_module_itself_needs_only_the_standard_library() -> None:
    """On a bare Colab it is imported before anything is installed."""
    code = "import sys; sys.path.insert(0, '.'); import hiero_lib.notebook; print(*sys.modules)"
    root = Path(notebook.__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    imported = {name.split(".")[0] for name in done.stdout.split()}
    assert imported - sys.stdlib_module_names - {"__main__", "hiero_lib"} == set()


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> RunFolder:
    return open_run("sample", run="r", outputs=tmp_path, settings={"training.epochs": 1})


def test_open_run_says_what_it_works_on(run: RunFolder, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run.folder == tmp_path / "r"
    assert run.folder.is_dir()
    assert run.profile == load_profile("sample", {"training.epochs": 1})
    kept = kept_profile(run.folder)
    assert kept is not None
    assert kept.training.epochs == 1
    with pytest.raises(ConfigError, match="the run is of the profile sample, not of egovlp"):
        open_run("egovlp", run="r", outputs=tmp_path)
    open_run("sample", run="r", outputs=tmp_path)
    said = capsys.readouterr().out
    assert "generated: no number is a result on the real benchmark" in said
    assert str(run.folder) in said


def test_a_folder_on_drive_mounts_it_on_colab_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted: list[str] = []
    fake = types.SimpleNamespace(mount=mounted.append)
    monkeypatch.setitem(sys.modules, "google.colab", types.SimpleNamespace(drive=fake))
    open_run("sample", run="r", outputs=tmp_path)
    assert mounted == []
    notebook._mount_drive("outputs", "/content/drive/MyDrive/hiero/ego4d")
    assert mounted == ["/content/drive"]
    monkeypatch.setitem(sys.modules, "google.colab", None)
    notebook._mount_drive("/content/drive/MyDrive")


def test_only_what_is_named_is_fetched_and_a_failure_stops_the_notebook(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def fake(items: list, root: Path, **_: object) -> list:
        asked.extend(item.id for item in items)
        return [types.SimpleNamespace(item=item, status="failed", details="quota. By hand: ...") for item in items]

    monkeypatch.setattr("hiero_lib.sources.download.fetch.download", fake)
    notebook.download_data(run, [])
    assert asked == []
    with pytest.raises(DownloadError, match=r"1 of 1 could not be fetched:\negoclip: quota\. By hand"):
        notebook.download_data(run, ["egoclip"])


def test_the_closing_check_passes_only_on_what_is_there(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(IncompleteResults, match="no section 'egomcq'"):
        check_results(run, "egomcq")
    rows = [Row("EgoMCQ", "HiERO", "inter", Metric(0.5, 9)), Row("EgoMCQ", "EgoVLP", "inter", None, published=0.9)]
    record(run.folder, "egomcq", rows, profile=run.profile, seconds=1, extra={"checkpoint": "here", "empty": ""})
    check_results(run, "egomcq", rows=[("HiERO", "inter")], extra=["checkpoint"])
    assert "Complete: " in capsys.readouterr().out
    with pytest.raises(IncompleteResults, match=r"lacks HiERO: intra, EgoVLP: inter, extra\.empty, extra\.other"):
        check_results(
            run, "egomcq", rows=[("HiERO", "intra"), ("EgoVLP", "inter")], extra=["checkpoint", "empty", "other"]
        )


def test_absent_data_end_a_notebook_and_are_recorded(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    (run.folder / "there").touch()
    require_data(run, "egonlq", [run.folder / "there"])
    assert not (run.folder / "results.json").exists()
    with pytest.raises(EndOfNotebook, match=r"Missing: .*/absent$") as caught:
        require_data(run, "egonlq", [run.folder / "there", run.folder / "absent"])
    assert caught.value._render_traceback_() == [str(caught.value)]
    assert load(run.folder)["sections"]["egonlq"]["extra"] == {"missing": [str(run.folder / "absent")]}
    assert f"no data: there is no {run.folder / 'absent'}" in (run.folder / "results.md").read_text()
    check_results(run, "egonlq", rows=[("HiERO", "R1@0.3")], extra=["heads"])
    assert "No data: " in capsys.readouterr().out
    record(run.folder, "egonlq", [], profile=run.profile, seconds=1, extra={"missing": ["absent"], "heads": []})
    with pytest.raises(IncompleteResults, match=r"lacks HiERO: R1@0\.3"):
        check_results(run, "egonlq", rows=[("HiERO", "R1@0.3")])


def test_the_closing_check_is_not_content_with_an_older_run(run: RunFolder) -> None:
    record(run.folder, "egomcq", [], profile=run.profile, seconds=1)
    later = RunFolder(run.profile, run.folder, started=time.time() + 5)
    with pytest.raises(IncompleteResults, match="before this notebook ran"):
        check_results(later, "egomcq")


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a notebook's cell displays; markdown as its text."""
    shown: list[Any] = []

    def display(what: Any) -> None:
        shown.append(what.data if isinstance(what, Markdown) else what)

    monkeypatch.setattr("IPython.display.display", display)
    return shown


def test_what_was_written_is_a_line_a_folder_with_its_size_and_a_link(
    run: RunFolder, displayed: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (run.folder / "run.json").write_bytes(b"x" * 3500)  # of its own size: how large a real one is depends on the data
    for number in range(20):
        folder = run.folder / "figures" / f"{number}"
        folder.mkdir(parents=True)
        (folder / "x.bin").write_bytes(b"x" * 100)
    (run.folder / "logs").mkdir()
    (run.folder / "logs" / "x").write_bytes(b"x")
    (run.folder / "figures" / "a &b.png").write_bytes(b"x" * 400)
    (run.folder / ".running").mkdir()
    (run.folder / ".running" / "02.ipynb").write_bytes(b"x")  # reproduce's own, while the notebook runs
    show_written(run)
    monkeypatch.setenv("HIERO_COMMAND", "reproduce")  # the notebook that is looked at is the copy in the run's folder
    show_written(run)
    show_written(RunFolder(run.profile, run.folder, started=time.time() + 5))
    monkeypatch.setenv("COLAB_RELEASE_TAG", "x")
    show_written(run)
    by_hand, in_batch, nothing, on_colab = (text.splitlines()[2:] for text in displayed)
    assert on_colab[1].endswith("| a &amp;b.png |")
    assert in_batch == [
        "| `run.json` | 4 kB |  |",
        "| `figures/`, 21 files | 2 kB | [a &amp;b.png](figures/a%20%26b.png) |",
        "| `logs/`, 1 file | 1 B |  |",
    ]
    link = by_hand[1].split("](")[1].split(")")[0]
    assert (Path("notebooks") / unquote(link)).resolve() == run.folder / "figures" / "a &b.png"
    assert nothing == []


def test_results_are_figures_with_the_table_folded_below(run: RunFolder, displayed: list[Any]) -> None:
    long = "B (an index in hundredths, over n videos)"
    rows = [Row(long, "HiERO", metric, Metric(0.5, 3, 0, (0.4, 0.6))) for metric in ("mAP@0.1", "R1@0.3")]
    rows += [Row(long, "HiERO minus linear probe", "R1@0.3", Metric(0.1, 3)), Row(long, "P", "R1@0.3", None, 0.2)]
    record(run.folder, "b", rows, profile=run.profile, seconds=1)
    notebook.show_results(run, "b", metrics=["R1@0.3"])
    methods, differences, table = displayed
    assert [note.text for note in methods.layout.annotations] == ["R1@0.3, in hundredths"]
    assert methods.layout.title.text == "B (an index) on the generated sample"
    assert differences.layout.title.text == "B (an index) on the generated sample, differences"
    notebook.show_results(run, "b", metrics=["R1@0.3"], theme="dark")
    assert displayed[3].layout.paper_bgcolor == THEMES["dark"].background != methods.layout.paper_bgcolor
    assert table.startswith("<details><summary>")
    assert "# Results of run" not in table
    assert "mAP&#64;0.1" in table
    assert "R1@0.3" not in table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<img src=x onerror=alert(1)>.mp4", "&lt;img src=x onerror=alert(1)&gt;.mp4"),
        ("![x](http://tracker)", "!&#91;x](http://tracker)"),
        ("a | b\nc", "a \\| b c"),
        ("a`b", "a&#96;b"),
        ("$x$ & y", "&#36;x&#36; &amp; y"),
        ("`run/<a>.pt`, 3 files", "`run/<a>.pt`, 3 files"),
        ("R1@0.3", "R1&#64;0.3"),
        ("mAP@0.1, a `b@c.d`", "mAP&#64;0.1, a `b@c.d`"),
        (0.123456, "0.1235"),
    ],
)
def test_a_cell_of_a_table_is_text(text: object, shown: str) -> None:
    assert notebook._cell(text) == shown


def test_models_of_the_run_or_a_short_training_or_what_to_do(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = RunFolder(run.profile, tmp_path / "short")
    monkeypatch.setattr("hiero_lib.pipelines.short_training.train_short", lambda _: stand_in)
    monkeypatch.setattr("hiero_lib.doctor.advice.training_advice", lambda *_: "run notebook 01: 3 h")
    assert notebook.with_models(run) is stand_in
    real = RunFolder(load_profile("egovlp"), run.folder)
    with pytest.raises(IncompleteResults, match="run notebook 01: 3 h"):
        notebook.with_models(real)
    monkeypatch.setenv("HIERO_COMMAND", "reproduce")  # in a batch nothing stands in for anything
    assert notebook.with_models(run) is run
    monkeypatch.delenv("HIERO_COMMAND")
    record(run.folder, "training", [], profile=run.profile, seconds=1)
    assert notebook.with_models(run) is run
