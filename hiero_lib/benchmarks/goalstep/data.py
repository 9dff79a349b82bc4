"""The features that step grounding reads: projected levels 0 and 2 of a video, or of a group on one timeline."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from hiero_lib.base.errors import ConfigError
from hiero_lib.benchmarks.grounding.zero_shot import VideoFeatures
from hiero_lib.config import Profile
from hiero_lib.data.features import FeatureStore
from hiero_lib.methods.levels import read_video
from hiero_lib.methods.method import Method

COARSE_LEVEL = 2


def video_features(
    store: FeatureStore, profile: Profile, method: Method, video_uids: Sequence[str], *, device: torch.device
) -> VideoFeatures | None:
    """Projected levels of videos that share one timeline, clustering on; None where one has no features.

    Raises:
        ConfigError: the model lacks level 2.
        DataError: features that cannot be used.
    """
    if not all(uid in store for uid in video_uids):
        return None
    levels = method.levels(read_video(store, profile, *video_uids, device=device), cluster=True)
    if len(levels) <= COARSE_LEVEL:
        problem = f"HiERO-StepG reads level {COARSE_LEVEL}, which the model lacks"
        raise ConfigError(problem, file=method.name, field="model.depth", value=len(levels))
    fine, coarse = (method.project(levels[level].x) for level in (0, COARSE_LEVEL))
    return VideoFeatures(fine, coarse, profile.features.stride_s)
