"""Thread recovery: perfect features score 1, noise scores about 0, levels are compared at their own times."""

import numpy as np
import torch

from hiero_lib.benchmarks.thread_recovery.score import UNIFORM, find_threads, recover_threads
from hiero_lib.data.segments import VideoSegments
from hiero_lib.methods.levels import level_means

THREADS = np.repeat([0, 1, 0, 2, 1, 2], 40)


def truth(pos):
    return THREADS[np.clip((pos / (16 / 30)).astype(int), 0, len(THREADS) - 1)]


def video(x):
    return VideoSegments.from_features(x, stride_frames=16, fps=30.0, video_uid="v")


def recovery_of(x):
    return recover_threads({"raw": lambda v: level_means(v.x, v, levels=3)}, {"v": video(x)}, {"v": truth}).metrics()


def test_clean_features_recover_threads_that_come_back():
    centres = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    metrics = recovery_of(centres[THREADS])
    assert all(metrics["raw", level].value > 0.97 for level in range(3))
    # equal pieces cannot know that a thread comes back
    assert metrics[UNIFORM, 0].value < 0.5


def test_noise_recovers_nothing():
    metrics = recovery_of(torch.randn(240, 8, generator=torch.Generator().manual_seed(0)))
    assert abs(metrics["raw", 0].value) < 0.1


def test_threads_of_a_level_are_as_many_as_are_asked_for_and_found_without_noise():
    centres = torch.randn(3, 8, generator=torch.Generator().manual_seed(1))
    found = find_threads(centres[THREADS], 3)
    assert found.shape == THREADS.shape
    pairs = set(zip(found.tolist(), THREADS.tolist()))
    assert len(pairs) == 3


def test_metrics_are_means_over_videos():
    centres = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(240, 8, generator=torch.Generator().manual_seed(0))
    videos = {"clean": video(centres[THREADS]), "noisy": video(noise)}
    found = recover_threads({"raw": lambda v: level_means(v.x, v, levels=1)}, videos, dict.fromkeys(videos, truth))
    metric = found.metrics()["raw", 0]
    assert list(found.threads["raw"][0]) == ["clean", "noisy"]
    assert found.scores["raw"][0][0] > 0.97 > 0.1 > found.scores["raw"][0][1]
    assert (metric.value, metric.n) == (found.scores["raw"][0].mean(), 2)
    assert metric.interval == (found.scores["raw"][0].min(), found.scores["raw"][0].max())
