"""Raw features of the sample are like real ones, as far as these are known; and it shows when they are not."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from hiero_lib.__main__ import main
from hiero_lib.sources.sample import statistics
from hiero_lib.sources.sample.features import Strengths
from hiero_lib.sources.sample.statistics import TARGETS, RawStatistics, missed, statistics_of_seeds, statistics_table

GOOD = RawStatistics(0.9, 0.6, 0.5, 0.9, 0.6, 0.6)


def test_three_seeds_meet_their_targets() -> None:
    found = statistics_of_seeds([0, 1, 2])
    assert missed(found) == [], statistics_table([0, 1, 2], found)


def test_with_the_noise_of_before_they_do_not() -> None:
    found = statistics_of_seeds([0], strengths=dataclasses.replace(Strengths(), noise=3.2))
    assert {"neighbours", "ten_seconds"} <= set(missed(found))


def test_cosines_are_means_over_pairs() -> None:
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    rows = torch.nn.functional.normalize(x, dim=1)
    cosine = rows @ rows.T
    near, far, every = statistics._cosines(x)
    assert near == pytest.approx(float(cosine.diagonal(1).mean()), abs=1e-6)
    assert far == pytest.approx(float(cosine.diagonal(19).mean()), abs=1e-6)  # 10 s are 18.75 segments
    assert every == pytest.approx(float((cosine.sum() - 40) / (40 * 39)), abs=1e-6)


def test_means_over_the_seeds_are_held_to_the_targets() -> None:
    assert missed([GOOD]) == []
    off = dataclasses.replace(GOOD, inter=0.84, place=0.9)
    assert missed([off]) == ["inter", "place"]
    assert missed([off, dataclasses.replace(GOOD, inter=0.93)]) == []  # 0.885 and 0.75


def test_the_command_says_what_they_are_like(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(statistics, "statistics_of_seeds", lambda seeds: [GOOD for _ in seeds])
    assert main(["sample", "--statistics", "4", "7"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("| seed 4 | seed 7 |")
    assert len(said) == 2 + len(TARGETS)
    monkeypatch.setattr(statistics, "statistics_of_seeds", lambda seeds: [dataclasses.replace(GOOD, intra=0.9)])
    assert main(["sample", "--statistics", "4"]) == 1
    assert capsys.readouterr().out.endswith("outside their targets: intra\n")
