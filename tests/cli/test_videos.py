"""Commands for videos of one's own: features of a folder, and a page of one."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import torch

from hiero_lib.__main__ import main
from hiero_lib.config import load_profile
from tests.helpers.shared import SHARED, needs
from tests.helpers.videos import write_video

FOOTAGE = SHARED / "footage"


@pytest.mark.slow
def test_a_file_with_sound_variable_rate_and_rotation_becomes_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command as a person gives it, with the offline extractor."""
    steps = np.random.default_rng(1).uniform(1 / 40, 1 / 12, 130)
    times = np.concatenate([[0.0], np.cumsum(steps)]).tolist()
    write_video(tmp_path / "mine.mp4", times, rotation=270, sound=True)
    rows = "".join(f"{0.5 * k:.1f},picks up thing {k}\n" for k in range(10))
    (tmp_path / "mine.csv").write_bytes(f"time,text\n{rows}6,coupe l'été\n".encode("cp1252"))
    monkeypatch.chdir(tmp_path)
    command = ["explore", "mine.mp4", "--narrations", "mine.csv", "--set", "training.epochs=2", "--threads", "3"]
    assert main(command) == 2
    assert "mine.csv, field 'byte" in (said := capsys.readouterr().err)
    assert "--encoding" in said
    assert "may be cp1252" in said
    assert main([*command, "--encoding", "cp1252"]) == 0
    told = capsys.readouterr()
    said = told.out
    assert "threads of a small model trained on this video alone, on its 11 narrations" in said
    assert "11 of 11 narrations, in 1 chunk of video.\nLeft out: nothing." in said
    assert "L_vna (video and narrations) " in said
    assert "EgoClip" not in said
    page = tmp_path / "outputs/explore/mine/mine.html"
    assert told.err.endswith(
        "Open the page in a browser. To search, rename and correct: add --serve to the command\n"
    )
    assert str(page.relative_to(tmp_path)) in said
    assert "picks up thing 3" in page.read_text("utf-8")
    record = json.loads(
        (tmp_path / "outputs/explore/mine/data/raw/features/efficientnet_lite0/mine.json").read_text()
    )
    assert record["segments"] == int(times[-1] * 30 / 16 + 0.5)


@needs(FOOTAGE)
@pytest.mark.parametrize(
    ("name", "segments"), [("ego4d_2s.mp4", 4), ("ego4d_clip.gif", 4), ("kneading_dough.gif", 9)]
)
def test_real_footage_becomes_a_page(
    name: str, segments: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["explore", str(FOOTAGE / name)]) == 0
    assert "threads of the raw features (efficientnet_lite0), nothing was trained" in capsys.readouterr().out
    stem = Path(name).stem
    folder = tmp_path / "outputs/explore" / stem
    assert (folder / f"{stem}.html").stat().st_size > 100_000
    assert len(torch.load(folder / f"data/raw/features/efficientnet_lite0/{stem}.pt")) == segments


def test_a_folder_is_extracted_and_what_failed_is_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos/a.mp4", [k / 30 for k in range(20)])
    monkeypatch.chdir(tmp_path)
    command = ["extract", "videos", "--profile", "own_video", "--to", "x", "--device", "cpu"]
    assert main(command) == 0
    assert capsys.readouterr().out.endswith(f"1 written, 0 there already, 0 failed\nin {tmp_path / 'x'}\n")
    assert torch.load(tmp_path / "x/a.pt").shape == (1, load_profile("own_video").features.dim)
    (tmp_path / "videos/bad.mp4").write_bytes(b"no video")
    assert main(command) == 1
    assert "0 written, 1 there already, 1 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explore", "none.mp4"], "none.mp4: there is no such file"),
        (["explore", "."], "this is a folder. Name one video in it"),
        (["explore", "none.mp4", "--threads", "0"], "value '0': a number of threads, or auto"),
        (["explore", "a.txt", "--extractor", "egovpl"], "value 'egovpl': unknown"),
        (["extract", ".", "--profile", "own_video", "--extractor", "egovpl"], "value 'egovpl': unknown"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "a.mp4").write_text("")
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "a.txt"]


@pytest.mark.parametrize("name", ["my video.mp4", "a#1%41.mp4", "it's.mp4", "a:b.mp4"])
def test_printed_paths_can_be_pasted_and_open(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(tmp_path / name, [k / 30 for k in range(40)])
    monkeypatch.chdir(tmp_path)
    assert main(["explore", name, "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "=20" not in said
    paths = [Path(shlex.split(line)[0]) for line in said.splitlines()[-2:]]
    assert [path.suffix for path in paths] == [".html", ".json"]
    for path in paths:
        assert path.is_file()
        assert Path(unquote(urlsplit(f"file:///{path}").path)).name == path.name  # as a browser takes it


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--formats", "html", "docx"], "value 'docx': no such format"),
        (["--out", "a.mp4/x"], "a.mp4/x: nothing can be written here"),
        (["--checkpoint", "none"], "none"),
    ],
)
def test_what_cannot_be_written_is_told_before_the_work(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_video(tmp_path / "a.mp4", [k / 30 for k in range(40)])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hiero_lib.pipelines.own_video.extract_video", lambda *a, **k: pytest.fail("the work began"))
    assert main(["explore", "a.mp4", "--device", "cpu", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_folder_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(tmp_path / "a.mp4", [k / 30 for k in range(40)])
    monkeypatch.chdir(tmp_path)
    assert main(["extract", ".", "--profile", "own_video", "--to", "a.mp4/x", "--device", "cpu"]) == 2
    assert "a.mp4/x: nothing can be written here" in capsys.readouterr().err
