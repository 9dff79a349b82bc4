"""What is said before a training starts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hiero_lib.__main__ import main
from hiero_lib.config import load_profile
from hiero_lib.doctor import forecast as forecasts
from hiero_lib.doctor.forecast import Forecast, forecast
from hiero_lib.training.loop import run_training
from tests.helpers.tiny import make_tiny


def lines_of(profile_file: Path, folder: Path, settings: dict[str, object] | None = None) -> list[Forecast]:
    return forecast(load_profile(profile_file, settings), lambda backbone: folder / backbone)


def test_what_is_left_is_counted_down(tmp_path: Path) -> None:
    file, run = make_tiny(tmp_path / "data"), tmp_path / "run"
    profile = load_profile(file)
    state = torch.get_rng_state()
    data, texts, probe, hiero, *places = lines_of(file, run)
    assert torch.equal(torch.get_rng_state(), state)  # of a training that follows
    assert not run.exists()
    assert data.after_an_end.startswith("nothing is fetched")
    assert texts.what.startswith("narrations, encoded once: ")
    missing, _, of = texts.what.split(": ")[1].split()[:3]
    assert missing == of != "0"
    assert texts.after_an_end.startswith(f"at most {missing} texts are encoded again")
    steps = profile.training.epochs * (9 // profile.training.batch_size)
    assert probe.what == f"training probe: {steps} of {steps} steps are left"
    assert hiero.what == f"training hiero: {steps} of {steps} steps are left"
    assert "s a step" in hiero.time
    assert [place.what.split(" lie in ")[0] for place in places] == ["data", "caches", "checkpoints"]
    assert {place.after_an_end for place in places} == {"they stay"}

    run_training(profile, run / "hiero", max_steps=1)
    _, texts, probe, hiero, *_ = lines_of(file, run)
    assert texts.what == f"narrations, encoded once: 0 of {of} different texts are left"
    assert texts.after_an_end == "nothing is encoded again"
    assert probe.what == f"training probe: {steps} of {steps} steps are left"
    assert hiero.what == f"training hiero: {steps - 1} of {steps} steps are left"
    run_training(profile, run / "hiero")
    hiero = lines_of(file, run)[3]
    assert (hiero.what, hiero.after_an_end) == (f"training hiero: 0 of {steps} steps are left", "it is done")


def test_an_end_costs_an_epoch_or_the_steps_between_checkpoints(tmp_path: Path) -> None:
    file = make_tiny(tmp_path / "data")  # 2 steps an epoch
    hiero = lines_of(file, tmp_path / "run", {"training.checkpoint_every_steps": 500})[3]
    assert "at most 2 steps are taken again" in hiero.after_an_end
    hiero = lines_of(file, tmp_path / "run", {"training.checkpoint_every_steps": 1})[3]
    assert "at most 1 steps are taken again" in hiero.after_an_end


def test_text_that_is_not_kept_is_not_promised(tmp_path: Path) -> None:
    file = make_tiny(tmp_path / "data")
    texts = lines_of(file, tmp_path / "run", {"text.cache": False})[1]
    assert texts.row() == ("narrations", "-", "in each step", "nothing is kept of them")


def test_real_data_that_are_not_there_are_named(tmp_path: Path) -> None:
    settings = {"data_root": str(tmp_path)}
    profile = load_profile("egovlp_quickstart", settings)
    data, texts, training, *_ = forecast(profile, lambda backbone: tmp_path / backbone)
    for item in ("egoclip", "egomcq", "features-egovlp", "text-egovlp"):
        assert f" {item}," in data.what.replace(" (notebook 00", ","), item
    command = f"python -m hiero_lib download --profile egovlp_quickstart --set data_root={tmp_path}"
    assert data.what.endswith(f"or {command})")
    assert "features-egovlp-fp16" not in data.what
    assert "unknown size" in data.size
    assert texts.what == "narrations, encoded once"
    assert training.after_an_end.startswith("cannot start yet: ")
    assert training.time == "-"


def test_on_colab_what_goes_with_the_machine_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasts, "_COLAB", tmp_path)
    monkeypatch.setattr(forecasts, "_DRIVE", tmp_path / "drive")
    file = make_tiny(tmp_path / "drive" / "data")
    monkeypatch.setenv("HIERO_CACHE", str(tmp_path / "cache"))
    *_, data, caches, checkpoints = lines_of(file, tmp_path / "outputs")
    assert data.after_an_end == "they stay, on the Drive"
    assert caches.after_an_end.startswith("GONE with Colab's machine")
    assert checkpoints.after_an_end.startswith("GONE with Colab's machine")


def test_the_command_says_it_and_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = make_tiny(tmp_path / "data")
    assert main(["train", "--profile", str(file), "--folder", str(tmp_path / "out"), "--forecast"]) == 0
    said = capsys.readouterr().out
    assert "training hiero: " in said
    assert "training probe" not in said
    assert not (tmp_path / "out").exists()
