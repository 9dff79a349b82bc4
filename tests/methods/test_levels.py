"""A whole video as segments, and the levels of features that have no hierarchy of their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.config import Profile
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.segments import VideoSegments
from hiero_lib.methods.levels import level_means, read_video

CPU = torch.device("cpu")


def store_of(profile: Profile) -> FeatureStore:
    return FeatureStore(DataPaths.at(profile.data_root).features(profile.features.folder), dim=profile.features.dim)


def test_videos_of_a_group_share_a_timeline(profile: Profile) -> None:
    store = store_of(profile)
    group = read_video(store, profile, "v0", "v1", device=CPU)
    assert group.num_nodes == store.num_segments("v0") + store.num_segments("v1")
    assert group.pos.diff().tolist() == pytest.approx([profile.features.stride_s] * (len(group.pos) - 1), rel=1e-4)
    assert group.video_uid == "v0+v1"
    assert torch.equal(group.x, torch.cat([store.read("v0"), store.read("v1")]).float())
    with pytest.raises(DataError, match="v77"):
        read_video(store, profile, "v77", device=CPU)
    with pytest.raises(ValueError, match="at least one"):
        read_video(store, profile, device=CPU)


@pytest.mark.parametrize("n", [1, 5, 8])
def test_means_lie_on_the_grid_of_the_levels(n: int) -> None:
    x = torch.arange(float(n))[:, None]
    video = VideoSegments.from_features(x, stride_frames=16, fps=30.0)
    for level, found in enumerate(level_means(x, video, levels=3)):
        step = 2**level
        assert found.pos.tolist() == video.pos[::step].tolist()
        expected = [np.mean(range(start, min(n, start + step))) for start in range(0, n, step)]
        assert found.x.squeeze(1).tolist() == pytest.approx(expected)
        assert found.assignments.tolist() == [-1] * len(expected)  # no threads are known
        assert found.level == level
