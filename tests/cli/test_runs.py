"""Commands over runs: a failed notebook, one table of several, answers to a text, files of a video."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from hiero_lib.__main__ import main
from hiero_lib.config import load_profile
from hiero_lib.methods.method import HIERO
from hiero_lib.results.metric import Metric
from hiero_lib.results.record import load, record
from hiero_lib.results.row import Row
from hiero_lib.results.tables import csv_text, markdown


def test_a_failed_notebook_is_status_1_with_its_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["reproduce", "--profile", "sample", "--only", "02", "--set", f"data_root={tmp_path}"]
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert "notebook 02_egomcq failed in cell In [5]" in said.err
    assert "Traceback" not in said.err
    assert json.loads((tmp_path / "outputs/sample/results.json").read_text())["notebooks"]["02_egomcq"]["cell"] == 5


def test_a_run_that_is_done_is_told_in_its_main_measures_with_where_to_look(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, rows = Path("outputs/my run"), [Row("EgoMCQ", HIERO, "intra-video accuracy", Metric(0.5, 100))]
    results = record(folder, "egomcq", rows, profile=load_profile("sample"), seconds=1)
    monkeypatch.setattr("hiero_lib.pipelines.reproduce.reproduce", lambda *_, **__: results)
    assert main(["reproduce", "--profile", "sample", "--run", "my run"]) == 0
    said = capsys.readouterr().out
    assert "Results of run `my run` on the generated sample\n\nin percent     HiERO\nEgoMCQ intra   50.0\n" in said
    assert f"Written: {folder}\nresults.md has every number" in said
    assert "serve" not in said  # nothing was trained
    record(folder, "training", [], profile=load_profile("sample"), seconds=1)
    assert main(["reproduce", "--profile", "sample", "--run", "my run"]) == 0
    assert capsys.readouterr().out.endswith("Look around in it: python -m hiero_lib serve --run 'my run'\n")


def run_of(folder: Path, value: float) -> Path:
    rows = [Row("EgoMCQ", HIERO, "intra", Metric(value, 100))]
    record(folder, "egomcq", rows, profile=load_profile("sample"), seconds=1)
    return folder


def test_report_prints_or_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = run_of(tmp_path / "a", 0.5), run_of(tmp_path / "b", 0.6)
    assert main(["report", str(first), str(second)]) == 0
    assert capsys.readouterr().out == markdown([load(first), load(second)])
    assert main(["report", str(first), "--format", "csv", "--out", str(tmp_path / "new" / "t.csv")]) == 0
    assert (tmp_path / "new" / "t.csv").read_text() == csv_text([load(first)])
    same_name = run_of(tmp_path / "other" / "a", 0.7)
    capsys.readouterr()
    assert main(["report", str(first), str(same_name), "--format", "csv"]) == 0
    runs = {row["run"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert runs == {str(first), str(same_name)}
    assert main(["report", str(tmp_path / "none")]) == 2
    assert "none/results.json: there is no such file" in capsys.readouterr().err


def test_report_knows_runs_by_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = run_of(tmp_path / "outputs" / "mine", 0.5)
    (folder / "run.json").write_text("{}")
    assert main(["report", "mine"]) == 0
    assert capsys.readouterr().out == markdown([load(folder)])
    for given in ("mime", "outputs/mime"):
        assert main(["report", given]) == 2
        assert "has mine (did you mean mine?)" in capsys.readouterr().err


def test_search_prints_a_table(
    profile_file: Path,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    call = ["search", "--profile", str(profile_file), "--run", "r", "--checkpoint", str(checkpoint)]
    assert main([*call, "cut the onion", "--count", "3", "--level", "1"]) == 0
    said = capsys.readouterr()
    header, *answers, timing = said.out.splitlines()
    assert header.split() == ["score", "video", "from", "to", "level", "thread"]
    assert len(answers) == 3
    assert [line.split()[4] for line in answers] == ["1"] * 3
    scores = [float(line.split()[0]) for line in answers]
    assert scores == sorted(scores, reverse=True)
    assert timing.startswith("HiERO: ")
    assert timing.endswith(" ms (all spans compared)")
    assert "indexed 4 of 4" in said.err
    assert main([*call, "cut the onion", "--video", "v9"]) == 2
    assert "'v9' is not in the index" in capsys.readouterr().err
    assert main([*call, "--recall", "--workers", "2"]) == 2
    assert "--recall works alone" in capsys.readouterr().err
    assert main([*call]) == 2
    assert "give a text to search for" in capsys.readouterr().err
    broken = profile_file.parent / "raw/features/tiny/v2.pt"
    whole = broken.read_bytes()
    broken.write_bytes(b"PK")
    assert main([*call, "cut the onion"]) == 1  # the others are searched
    broken.write_bytes(whole)
    said = capsys.readouterr()
    assert "1 videos could not be searched:\nv2: " in said.err
    assert {line.split()[1] for line in said.out.splitlines()[1:-1]} <= {"v0", "v1", "v3"}


def test_export_writes_what_is_asked_for(
    profile_file: Path,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    call = ["export", "v1", "--profile", str(profile_file), "--run", "r", "--checkpoint", str(checkpoint)]
    assert main([*call, "--formats", "json", "vtt", "--threads", "6", "4", "auto"]) == 0
    names = ["v1.json", "v1.level0.vtt", "v1.level1.vtt", "v1.level2.vtt"]
    assert capsys.readouterr().out.splitlines() == [f"outputs/r/exports/{name}" for name in names]
    levels = json.loads((tmp_path / "outputs/r/exports/v1.json").read_text())["levels"]
    finest, middle, coarsest = (len(level["threads"]) for level in levels)
    assert max(coarsest, 6) >= finest >= middle >= coarsest >= 1  # they nest
    assert main([*call, "--formats", "csv", "--out", "there", "--threads", "2"]) == 0
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["v1.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["v"], "value 'v': the video has no feature file. Did you mean v0?"),
        (["v9"], "value 'v9': the video has no feature file. There are v0, v1, v2 and 1 more"),
        (["v0", "--formats", "mp4"], "value 'mp4': no such format"),
        (["v0", "--threads", "0"], "value '0': a number of threads, or auto"),
        (["v0", "--threads", "3", "2"], "a number of threads for each of 3 levels"),
        (["v0"], "there is no such run"),
    ],
)
def test_a_mistake_in_exporting_is_one_line(
    arguments: list[str],
    message: str,
    profile_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", *arguments, "--profile", str(profile_file)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
