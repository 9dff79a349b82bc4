"""The features that step grounding reads: two levels of a video, or of a group on one timeline."""

from __future__ import annotations

import pytest
import torch

from hiero_lib.base.errors import ConfigError
from hiero_lib.benchmarks.goalstep.data import COARSE_LEVEL, video_features
from hiero_lib.benchmarks.goalstep.task import GoalStepTask
from hiero_lib.methods.levels import read_video
from hiero_lib.methods.method import HIERO, UNTRAINED, Method

CPU = torch.device("cpu")


def test_features_of_a_group_lie_on_one_timeline(task: GoalStepTask, methods: dict[str, Method]) -> None:
    for method in methods.values():
        both = video_features(task.store, task.profile, method, ("v0", "v1"), device=CPU)
        assert both is not None
        assert (len(both.fine), len(both.coarse)) == (120, 30)
        assert both.stride_s == pytest.approx(16 / 30)
        assert not both.fine.requires_grad
        assert video_features(task.store, task.profile, method, ("v0", "lost"), device=CPU) is None
    untrained = video_features(task.store, task.profile, methods[UNTRAINED], ("v0", "v1"), device=CPU)
    assert untrained is not None
    expected = torch.cat([task.store.read("v0"), task.store.read("v1")]).float()
    torch.testing.assert_close(untrained.fine, expected)
    torch.testing.assert_close(untrained.coarse[0], expected[:4].mean(0))


def test_levels_are_projected_with_clustering_on(task: GoalStepTask, methods: dict[str, Method]) -> None:
    method = methods[HIERO]
    levels = method.levels(read_video(task.store, task.profile, "v2", device=CPU), cluster=True)
    found = video_features(task.store, task.profile, method, ("v2",), device=CPU)
    assert found is not None
    torch.testing.assert_close(found.fine, method.project(levels[0].x))
    torch.testing.assert_close(found.coarse, method.project(levels[COARSE_LEVEL].x))


def test_a_model_without_level_two_is_refused(task: GoalStepTask, methods: dict[str, Method]) -> None:
    shallow = Method(HIERO, lambda video, cluster=True: methods[HIERO].levels(video)[:2], *([None] * 3), None, "")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"field 'model\.depth', value 2"):
        video_features(task.store, task.profile, shallow, ("v0",), device=CPU)
