"""The moments that search is asked for: the middles of EgoMCQ's right clips."""

import pytest

from hiero_lib.benchmarks.egomcq.data import Question, Window, moments_of
from hiero_lib.config import load_profile


def test_moments_are_the_middles_of_the_right_clips() -> None:
    windows = tuple(Window(f"v{k}", 10 * k, 5) for k in range(5))
    asked = [Question("0", "a", windows, 2, 1), Question("1", "a", windows, 3, 2), Question("2", "a", windows, 2, 1)]  # type: ignore[arg-type]
    assert moments_of(asked, load_profile("sample").features) == {
        "a": [("v2", pytest.approx(22.5 * 16 / 30)), ("v3", pytest.approx(32.5 * 16 / 30))]
    }
