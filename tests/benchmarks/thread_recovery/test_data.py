"""Which videos of a sample thread recovery is measured on."""

from __future__ import annotations

from pathlib import Path

import torch

from hiero_lib.benchmarks.thread_recovery.data import held_out_videos
from hiero_lib.config import Profile, load_profile
from tests.benchmarks.conftest import write_truth
from tests.helpers.tiny import make_tiny

CPU = torch.device("cpu")


def test_only_held_out_videos_with_threads_can_be_compared(tmp_path: Path) -> None:
    """Real data have no truth, and a sample of timelines one without threads."""
    profile = load_profile(make_tiny(tmp_path / "data"))
    assert held_out_videos(profile, device=CPU) == ({}, {})
    write_truth(tmp_path / "data", "v0")
    write_truth(tmp_path / "data", "v1", threads=False)
    write_truth(tmp_path / "data", "v2", split="train")
    videos, truths = held_out_videos(profile, device=CPU)
    assert list(videos) == list(truths) == ["v0"]


def test_videos_come_whole_with_their_truth(profile: Profile) -> None:
    videos, truths = held_out_videos(profile, device=CPU)
    assert list(videos) == list(truths) == ["v0", "v1", "v2"]
    for uid, video in videos.items():
        assert (video.x.shape, video.video_uid) == ((60, 12), uid)
        labels = truths[uid].labels("thread", video.pos)
        assert (
            labels.tolist() == [3] * 19 + [8] * 18 + [3] * 23
        )  # turns end at 10 and 20 s, after 18.75 and 37.5 segments
