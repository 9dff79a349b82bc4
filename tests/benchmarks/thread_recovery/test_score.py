"""Thread recovery: perfect features score 1, noise scores about 0, levels are compared at their own times."""

import dataclasses

import numpy as np
import pytest
import torch

from hiero_lib.benchmarks.thread_recovery.files import Truth, TruthSpan
from hiero_lib.benchmarks.thread_recovery.score import UNIFORM, ThreadRecovery, recover_threads
from hiero_lib.config import Profile
from hiero_lib.data.segments import VideoSegments
from hiero_lib.hierarchy.video import video_hierarchy
from hiero_lib.methods.levels import level_means
from hiero_lib.methods.method import HIERO, UNTRAINED, Method

STRIDE_S = 16 / 30
THREADS = np.repeat([0, 1, 0, 2, 1, 2], 40)
CENTRES = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
NOISE = torch.randn(240, 8, generator=torch.Generator().manual_seed(0))


def truth(uid="v"):
    spans = [TruthSpan(40 * i * STRIDE_S, 40 * (i + 1) * STRIDE_S, int(THREADS[40 * i]), "x") for i in range(6)]
    halves = [TruthSpan(20 * i * STRIDE_S, 20 * (i + 1) * STRIDE_S, i, "x") for i in range(12)]
    levels = {"thread": tuple(spans), "step": tuple(halves), "action": tuple(halves), "procedure": ()}
    return Truth(uid, "val", "kitchen", 240 * STRIDE_S, levels)


def video(x, uid="v"):
    return VideoSegments.from_features(x, stride_frames=16, fps=30.0, video_uid=uid)


def raw(name=UNTRAINED, *, levels=3):
    def of(segments, *, cluster=True):
        return level_means(segments.x, segments, levels=levels)

    return Method(name, of, lambda x: x, None, None, None, "")  # type: ignore[arg-type]


def recovery_of(videos, profile: Profile, **methods) -> ThreadRecovery:
    return recover_threads(methods or {UNTRAINED: raw()}, videos, {uid: truth(uid) for uid in videos}, profile)


def test_clean_features_recover_threads_that_come_back(profile: Profile) -> None:
    x = CENTRES[THREADS] + 0.05 * NOISE
    found = recovery_of({"v": video(x)}, profile)
    assert found.levels[UNTRAINED][-1].shown["thread"][0] > 0.97
    for level in found.levels[UNTRAINED]:
        assert min(level.coherent + level.plain) > 0.97
        assert level.spans == level.plain_spans == [6]
        assert level.found == [3]
    assert (found.true_threads, found.true_spans["thread"], found.true_spans["step"]) == ([3], [6], [12])
    # equal pieces cannot know that a thread comes back
    assert found.levels[UNIFORM][0].coherent[0] < 0.5


def test_each_video_that_is_done_is_said(profile: Profile, capsys: pytest.CaptureFixture[str]) -> None:
    recovery_of({uid: video(NOISE, uid) for uid in "ab"}, profile)
    assert capsys.readouterr().out.splitlines()[-1].startswith("dividing videos 2/2")


def test_noise_recovers_nothing(profile: Profile) -> None:
    found = recovery_of({"v": video(NOISE)}, profile)
    assert abs(found.levels[UNTRAINED][0].plain[0]) < 0.1


def test_coherence_mends_noisy_threads_and_shortens_no_true_one(profile: Profile) -> None:
    level = recovery_of({"v": video(CENTRES[THREADS] + 1.2 * NOISE)}, profile).levels[UNTRAINED][0]
    assert level.coherent[0] > level.plain[0] + 0.1
    assert level.spans[0] < level.plain_spans[0] / 3


def test_a_level_is_divided_as_it_is_shown(profile: Profile) -> None:
    """The coarsest level of what is shown is the level divided for itself into that many threads."""
    segments = video(CENTRES[THREADS] + 0.5 * NOISE)
    levels = level_means(segments.x, segments, levels=3)
    hierarchy = video_hierarchy(levels, stride_s=STRIDE_S, num_threads=[9, 6, 3], config=profile.hierarchy)
    coarsest = hierarchy.levels[-1]
    pairs = set(zip(coarsest.division(3).tolist(), coarsest.threads.tolist()))
    assert len(pairs) == len(coarsest.seconds())


def test_metrics_are_means_over_videos_and_differences_are_paired(profile: Profile) -> None:
    videos = {"clean": video(CENTRES[THREADS] + 0.05 * NOISE, "clean"), "noisy": video(NOISE, "noisy")}

    def noisier(segments, *, cluster=True):
        return level_means(segments.x + 5 * NOISE.flip(0), segments, levels=3)

    worse = dataclasses.replace(raw(HIERO), levels=noisier)
    found = recovery_of(videos, profile, **{UNTRAINED: raw(), HIERO: worse})
    level = found.levels[UNTRAINED][0]
    assert list(level.threads) == ["clean", "noisy"]
    assert level.coherent[0] > 0.9 > level.coherent[1]
    metric = found.metric(level.coherent)
    assert (metric.value, metric.n) == (pytest.approx(np.mean(level.coherent)), 2)
    assert metric.interval == pytest.approx((min(level.coherent), max(level.coherent)))
    difference = found.difference(UNTRAINED, HIERO, 0)
    assert difference.value == pytest.approx(np.mean(np.array(level.coherent) - found.levels[HIERO][0].coherent))
    assert difference.value > 0
