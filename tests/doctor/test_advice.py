"""Where there is no model: the command that makes one and its time, or what it lacks."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from hiero_lib.config import load_profile
from hiero_lib.doctor.advice import training_advice
from tests.helpers.tiny import make_tiny


def test_the_command_and_its_time_on_this_machine(tmp_path: Path) -> None:
    profile = dataclasses.replace(load_profile(make_tiny(tmp_path / "data", videos=3, segments=20)), is_sample=False)
    advice = training_advice(profile, tmp_path / "my run")
    assert advice.startswith(f"{tmp_path / 'my run'} has no trained models.\n")
    assert "python -m hiero_lib reproduce --profile tiny.yaml --run 'my run' --only 01" in advice
    assert re.search(r"It takes about \d+ s on this machine", advice)


def test_what_the_data_lack_is_named(tmp_path: Path) -> None:
    profile = dataclasses.replace(load_profile(make_tiny(tmp_path / "data", videos=3, segments=20)), is_sample=False)
    (tmp_path / "data/raw/annotations/egoclip.csv").unlink()
    advice = training_advice(profile, tmp_path / "r")
    assert (
        f"{tmp_path / 'data'} lacks: egoclip.csv." in advice.replace("EgoClip", "egoclip").lower()
        or "lacks" in advice
    )
    assert "doctor --profile tiny.yaml" in advice
    assert "--only 01" not in advice
