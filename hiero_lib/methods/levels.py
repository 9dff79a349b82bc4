"""A whole video as segments, and its levels where a method has no hierarchy of its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from hiero_lib.config import FeatureConfig, Profile, SegmentTimes
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.segments import VideoSegments
from hiero_lib.methods.method import Method
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


RELEASED_FACTOR = 4
"""Of the released segment times (the stride in seconds times 2^2, level 2 being what EgoProceL is scored on)."""


def whole_video_levels(method: Method, video: VideoSegments, *, times: SegmentTimes) -> list[HierarchyLevel]:
    """A method's levels of a whole video, threads found, ``pos`` in seconds whatever the times put in.

    With the released times segments of 16 frames at 30 fps lie 2.1 s apart, beyond the radius of 1 s, so that no
    temporal edge is left at any level, and the decoder reasons along threads alone. All published figures of
    EgoProceL were made so (METHOD.md, "Where the released code departs").
    """
    if times == "paper":
        return method.levels(video)
    spread = video.clone()
    spread.pos = spread.pos * RELEASED_FACTOR
    return [dataclasses.replace(level, pos=level.pos / RELEASED_FACTOR) for level in method.levels(spread)]


def times_of(method: Method, profile: Profile) -> SegmentTimes | None:
    """The segment times that `whole_video_levels` gives a method's graph; None where it has none."""
    return None if method.thread_graph is None else profile.hierarchy.segment_times


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
        path: ``.pt``, ``.safetensors``, ``.npy``, ``.h5`` or ``.hdf5`` with one ``[N, F]`` tensor.
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
