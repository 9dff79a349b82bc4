"""Commands for data: the sample is made, a download's failure counted, and the doctor's verdict is the status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from hiero_lib.__main__ import main
from hiero_lib.base.files import read_json
from hiero_lib.data.paths import DataPaths
from tests.helpers.tiny import make_tiny


def test_a_sample_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["sample", "--root", str(tmp_path / "s"), "--videos", "6", "--minutes", "1", "1", "--dim", "8"]
    assert main(command) == 0
    assert "6 videos (1 to train on, 5 held out)" in capsys.readouterr().out
    settings = read_json(DataPaths(tmp_path / "s").provenance)["settings"]
    assert (settings["num_videos"], settings["minutes"], settings["dim"]) == (6, [1.0, 1.0], 8)
    assert main(command) == 0
    assert "already there, left as it is" in capsys.readouterr().out
    assert main([*command, "--seed", "1"]) == 2
    assert "another sample is here" in capsys.readouterr().err


def test_a_sample_of_ones_own_timelines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"v{v},{5 * r},{5 * r + 4},take the cup {r}" for v in range(4) for r in range(6)]
    (tmp_path / "t.csv").write_text("\n".join(["video,start,end,text", *rows]))
    command = ["sample", "--root", str(tmp_path / "s"), "--dim", "8", "--timelines", str(tmp_path / "t.csv")]
    assert main([*command, "--held-out", "0.5"]) == 0
    assert "4 videos" in capsys.readouterr().out
    assert read_json(DataPaths(tmp_path / "s").provenance)["settings"]["held_out"] == 0.5


def test_narrations_of_ego4d_become_egoclips_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = [
        {"timestamp_sec": t, "narration_text": text} for t, text in ((1.0, "#C C cuts"), (3.0, ""), (5, "#C C x"))
    ]
    videos = {uid: {"status": "complete", "narration_pass_1": {"narrations": told}} for uid in ("a", "b", "c")}
    (tmp_path / "narration.json").write_text(json.dumps({"videos": videos}))
    (tmp_path / "val.txt").write_text("a\nb\n")
    command = ["narrations", str(tmp_path / "narration.json"), "--videos", str(tmp_path / "val.txt")]
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "4 of 6 narrations of 2 videos (alpha 4 s)",
        "left out: 2 without text",
    ]
    lines = (tmp_path / "narration.csv").read_text().splitlines()
    assert lines[1] == "0\ta\t\tnarration_pass_1\t0\t1.0\t0.5\t1.5\t#C C cuts\t[]\t[]"
    assert main(command) == 0  # the same again
    (tmp_path / "narration.csv").write_text("mine")
    assert main(command) == 2
    assert "another file is there already" in capsys.readouterr().err
    assert (tmp_path / "narration.csv").read_text() == "mine"
    assert main([*command[:2], "--videos", "z", "--to", str(tmp_path / "z.csv")]) == 2
    assert not (tmp_path / "z.csv").exists()


def test_a_download_lists_and_fails_with_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = "files: {f: {what: w, licence: l, target: a, take: x, mirrors: [{ego4d: --datasets x}]}}"
    (tmp_path / "m.yaml").write_text(manifest, encoding="utf-8")
    command = ["download", "all", "--profile", "egovlp", "--set", f"data_root={tmp_path / 'data'}"]
    assert main([*command, "--manifest", str(tmp_path / "m.yaml"), "--list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].strip() == "w [l]"
    assert not (tmp_path / "data").exists()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([*command, "--manifest", str(tmp_path / "m.yaml")]) == 1
    said = capsys.readouterr().out
    assert "f: failed, the ego4d command is not installed" in said
    assert f"0 of 1 are in {tmp_path / 'data'}" in said


def test_what_can_be_downloaded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["download", "--list", "--profile", "egovlp"]) == 0
    assert "features-egovlp-fp16" in capsys.readouterr().out
    assert main(["download", "--profile", "sample"]) == 2
    assert "the sample is made, not fetched" in capsys.readouterr().err
    assert main(["download", "nonsense", "--profile", "egovlp"]) == 2


def test_the_doctor_speaks_to_people_and_to_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = str(make_tiny(tmp_path, features__text_projection=None))
    assert main(["doctor", "train", "--profile", profile]) == 0
    said = capsys.readouterr().out
    for expected in (
        "good  segment features",
        "torch-geometric ",
        "mixed precision: no (as the profile asks)",
        "from a measurement just",
    ):
        assert expected in said
    assert main(["doctor", "egonlq", "--json", "--profile", profile]) == 1
    diagnosis = json.loads(capsys.readouterr().out)
    assert diagnosis["healthy"] is False
    assert diagnosis["abilities"][0]["lacks"] == ["EgoNLQ questions, training", "EgoNLQ questions, validation"]
    assert diagnosis["machine"]["versions"]["torch"] == torch.__version__
    assert diagnosis["machine"]["precision"].startswith("no ")
    assert diagnosis["machine"]["chunk"]["forward_s"] > 0
    costs = {cost["notebook"]: cost["seconds"] for cost in diagnosis["costs"]}
    assert costs["01"] > 0
    assert costs["04"] is None
