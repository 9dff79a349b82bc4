"""The sample's videos whose threads are known."""

from __future__ import annotations

import torch

from hiero_lib.benchmarks.thread_recovery.files import Truth, read_truths
from hiero_lib.config import Profile
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.segments import VideoSegments
from hiero_lib.methods.levels import read_video


def held_out_videos(profile: Profile, *, device: torch.device) -> tuple[dict[str, VideoSegments], dict[str, Truth]]:
    """Whole videos of the sample that no narration was trained on and whose threads are known, and their truth.

    A video without features is only in the truth.

    Real data have none, nor has a sample made from timelines, which know no threads.
    """
    paths = DataPaths.at(profile.data_root)
    truths = read_truths(paths.truth)
    truth = {one.video_uid: one for one in truths if one.split == "val" and one.levels["thread"]}
    store = FeatureStore(paths.features(profile.features.folder), dim=profile.features.dim)
    videos = {uid: read_video(store, profile, uid, device=device) for uid in truth if uid in store}
    return videos, truth
