"""Windows: segment i is centred at (i + 0.5) * stride / fps, and what a window takes is what it should."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from hiero_lib.config import load_profile
from hiero_lib.data.segments import VideoSegments
from hiero_lib.sources.extraction.decode import GridFrame, pyav_frames
from hiero_lib.sources.extraction.windows import Windows, clips


def grid(num_frames: int, *, converted: list[int] | None = None, start: int = 0) -> Iterator[GridFrame]:
    """Frames of 1 x 1 pixels that show their own number."""

    def image(number: int) -> np.ndarray:
        if converted is not None:
            converted.append(number)
        return np.full((1, 1, 3), number, np.int64)

    for k in range(start, num_frames):
        yield GridFrame(k, k / 30, lambda k=k: image(k))


def numbers(clip: np.ndarray) -> list[int]:
    return clip[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("profile", ["egovlp", "omnivore", "lavila", "own_video"])
def test_the_middle_of_a_window_is_the_segments_position(profile: str) -> None:
    features = load_profile(profile).features
    windows = Windows.of(features, features.window_frames)
    pos = VideoSegments.from_features(torch.zeros(40, 1), stride_frames=features.stride_frames, fps=features.fps).pos
    for segment in range(40):
        frames = windows.frames(segment)
        assert len(frames) == features.window_frames
        middle_s = (frames[0] + frames[-1] + 1) / 2 / features.fps  # frame k covers [k, k + 1) / fps
        assert middle_s == pytest.approx(pos[segment].item(), abs=1e-5)


def test_sampled_frames_are_the_middles_of_equal_parts() -> None:
    assert Windows(16, 16, 4).offsets == [1, 5, 9, 13]  # as EgoVLP takes them
    assert Windows(16, 16, 1).offsets == [7]
    assert Windows(16, 16, 2).offsets == [3, 11]
    assert Windows(16, 32, 32).offsets == list(range(32))
    assert Windows(16, 8, 32).offsets == list(range(8))
    assert Windows(16, 32, 32).frames(0)[:10] == [*range(-8, 2)]


@pytest.mark.parametrize("windows", [Windows(16, 16, 4), Windows(16, 32, 32), Windows(10, 7, 3), Windows(3, 20, 5)])
@pytest.mark.parametrize("num_frames", [1, 2, 7, 8, 24, 33, 100])
def test_clips_against_a_slow_version(windows: Windows, num_frames: int) -> None:
    found = [numbers(clip) for clip in clips(grid(num_frames), windows)]
    expected = []
    for segment in range(1000):
        centre = (segment + 0.5) * windows.stride
        if segment and centre > num_frames:
            break
        expected.append([min(max(k, 0), num_frames - 1) for k in windows.frames(segment)])
    assert found == expected
    assert len(found) == windows.count(num_frames)


@pytest.mark.parametrize("windows", [Windows(16, 16, 4), Windows(16, 32, 32), Windows(3, 20, 5)])
def test_clips_from_the_middle_are_the_same(windows: Windows) -> None:
    whole = [numbers(clip) for clip in clips(grid(100), windows)]
    for start in range(len(whole) + 1):
        frames = grid(100, start=windows.first_frame(start))
        assert [numbers(clip) for clip in clips(frames, windows, start=start)] == whole[start:]


def test_only_frames_that_are_taken_are_converted() -> None:
    converted: list[int] = []
    assert len(list(clips(grid(160, converted=converted), Windows(16, 16, 2)))) == 10
    assert converted == [16 * i + k for i in range(10) for k in (3, 11)]
    assert list(clips(iter(()), Windows(16, 16, 2))) == []


def test_a_real_video(steady: Path) -> None:
    """240 frames at 30 fps: 15 segments, whose frames are those around their position."""
    windows = Windows(16, 16, 4)
    times = [[], []]
    for frame in pyav_frames(steady, fps=30):
        times[0].append(frame.index)
        times[1].append(frame.time_s)
    assert windows.count(len(times[0])) == 15
    for segment in range(15):
        taken = [times[1][k] for k in windows.frames(segment)]
        centre = (segment + 0.5) * 16 / 30
        assert all(centre - 8 / 30 <= time < centre + 8 / 30 for time in taken)
        assert all(b - a == pytest.approx(4 / 30, abs=1e-4) for a, b in itertools.pairwise(taken))
