"""What the doctor says of a machine, and what it expects a profile to cost there."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from hiero_lib.config import load_profile
from hiero_lib.doctor import machine
from hiero_lib.doctor.machine import PACKAGES, ChunkTime, describe, expected_costs, measure, report
from tests.helpers.tiny import make_tiny

TIME = ChunkTime(chunk_s=300.0, segments=562, forward_s=0.5, training_s=2.0)


def test_costs_follow_the_segments() -> None:
    profile = load_profile("sample")
    costs = expected_costs(profile, {"all": 5620}, TIME)
    seconds = {cost.notebook: cost.seconds for cost in costs}
    assert seconds["01"] == profile.training.epochs * 10 * 2.0
    assert seconds["05"] == seconds["06"] == 5.0
    assert seconds["02"] is None


@pytest.mark.parametrize(
    ("settings", "segments"),
    [
        ({}, 562),  # 300 s of 30 fps at a stride of 16
        ({"features.stride_frames": 32}, 281),
        ({"features.fps": 10.0}, 187),
        ({"training.chunk_s": 60.0}, 112),
    ],
)
def test_a_chunk_is_the_profiles(settings: dict[str, float], segments: int, tmp_path: Path) -> None:
    make_tiny(tmp_path)
    profile = load_profile(tmp_path / "tiny.yaml", settings)
    chunk = measure(profile)
    assert (chunk.chunk_s, chunk.segments) == (profile.training.chunk_s, segments)
    assert chunk.forward_s > 0
    assert chunk.training_s > 0


def test_the_description_and_its_report(tmp_path: Path) -> None:
    """A data root that does not exist yet counts the disk that it will lie on."""
    profile = load_profile("sample", {"data_root": str(tmp_path / "not/yet/there")})
    description = describe(profile)
    assert set(description["versions"]) == set(PACKAGES)
    assert description["versions"]["torch"] == torch.__version__
    assert description["precision"] == "no (as the profile asks)"
    assert description["disk_free_gb"] > 0
    description |= {"training_memory_gb": 1.23}
    minute = ChunkTime(chunk_s=60.0, segments=112, forward_s=0.25, training_s=1.0)
    costs = expected_costs(profile, {"all": 112 * 4 * 3600}, minute)
    description["busy"] = 0.4 * description["processors"]
    narrow = report(description, minute, costs, width=76)
    assert max(map(len, narrow.splitlines())) <= 76  # a narrow notebook breaks longer lines within words
    lines = report(description, minute, costs, width=200).splitlines()
    assert narrow.split() == " ".join(lines).split()
    assert "memory of training: about 1.2 GB in float32" in lines
    assert "of 60 s of video this profile's backbone takes 0.250 s, 1.000 s in training" in lines[-10]
    assert lines[-9:-7] == [
        "00          -  reading headers and annotations: seconds to minutes",
        "01   5.0 days  30 epochs of all segments, the backbone alone; text, loss and the probe on top",
    ]
    assert lines[-4].startswith("05      1.0 h  ")


def test_one_slow_measurement_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other work on the machine had made 3 minutes of training 47, and then 160."""
    make_tiny(tmp_path)
    took = itertools.cycle([9.0, 9.0, 9.0, 0.75])  # the run that warms up, then three
    monkeypatch.setattr(machine, "_seconds", lambda *given: next(took))
    chunk = measure(load_profile(tmp_path / "tiny.yaml"))
    assert (chunk.forward_s, chunk.training_s) == (0.75, 0.75)


def test_other_work_on_the_machine_is_said() -> None:
    quiet = describe(load_profile("sample")) | {"busy": 2.0, "processors": 2}
    assert "other work" not in report(quiet, TIME, [])
    nothing_there = report(quiet, TIME, expected_costs(load_profile("sample"), {}, TIME))
    assert nothing_there.splitlines()[-2].startswith("expected times are told once the data are there, from a")
    assert "(other work is in it: 10.9 processes want a processor;" in report(quiet | {"busy": 10.9}, TIME, [])
