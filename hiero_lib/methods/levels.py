"""A whole video as segments, and its levels where a method has no hierarchy of its own."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from hiero_lib.config import FeatureConfig, Profile
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.segments import VideoSegments
from hiero_lib.models.hiero import HierarchyLevel


def level_means(x: Tensor, video: VideoSegments, *, levels: int) -> list[HierarchyLevel]:
    """Features without a hierarchy of their own, on HiERO's grid: means over the 2^level segments of a node.

    Shapes: x ``[N, C]``; of level d ``[ceil(N / 2^d), C]``, at the position of the first of its segments, as HiERO's
    levels have it.
    """
    means = []
    for level in range(levels):
        node = torch.arange(len(x), device=x.device) // 2**level
        size = torch.bincount(node)
        total = x.new_zeros((len(size), x.shape[1])).index_add_(0, node, x)
        indices = torch.arange(len(size), device=x.device)
        pos = video.pos[:: 2**level]
        batch, no_threads = torch.zeros_like(indices), torch.full_like(indices, -1)
        means.append(HierarchyLevel(level, total / size[:, None], pos, indices, batch, no_threads))
    return means


def read_video(store: FeatureStore, profile: Profile, *video_uids: str, device: torch.device) -> VideoSegments:
    """A whole video; or several, one after the other on one timeline, as Goal-Step's groups are.

    Raises:
        DataError: a video has no features, or they cannot be used; ``ValueError`` without a video.
    """
    if not video_uids:
        raise ValueError("at least one video is needed")
    x = torch.cat([store.read(uid) for uid in video_uids])
    return VideoSegments.from_features(
        x,
        stride_frames=profile.features.stride_frames,
        fps=profile.features.fps,
        video_uid="+".join(video_uids),
    ).to(device)


def read_feature_file(
    path: str | Path, features: FeatureConfig, *, device: str | torch.device = "cpu"
) -> VideoSegments:
    """A whole video from its file of features.

    Args:
        path: ``.pt`` or ``.safetensors`` with one ``[N, F]`` tensor.
        features: F, stride and frame rate.
        device: where to put it.

    Raises:
        DataError: the file cannot be used; the message names it.
    """
    path = Path(path)
    x = FeatureStore(path.parent, dim=features.dim).read(path.stem)
    video = VideoSegments.from_features(
        x, stride_frames=features.stride_frames, fps=features.fps, video_uid=path.stem
    )
    return video.to(str(device))
