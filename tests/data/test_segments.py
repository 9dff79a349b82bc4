"""The segment record, alone and in batches."""

import torch
from torch_geometric.data import Batch

from hiero_lib.data.segments import VideoSegments


def test_positions_are_centres_of_segments_in_seconds():
    x = torch.randn(3, 4).half()
    video = VideoSegments.from_features(x, stride_frames=16, fps=30.0, video_uid="v", first_index=10)
    torch.testing.assert_close(video.pos, torch.tensor([10.5, 11.5, 12.5]) * 16 / 30)
    assert video.indices.tolist() == [0, 1, 2]
    assert video.x.dtype == torch.float32
    window = VideoSegments.from_features(x, stride_frames=16, fps=30.0, first_index=10, shift_pos=False)
    torch.testing.assert_close(window.pos, torch.tensor([0.5, 1.5, 2.5]) * 16 / 30)


def test_a_batch_keeps_each_videos_numbers():
    videos = [
        VideoSegments.from_features(torch.randn(n, 2), stride_frames=16, fps=30.0, video_uid=uid, first_index=first)
        for n, uid, first in ((3, "a", 0), (2, "b", 562))
    ]
    batch = Batch.from_data_list(videos)
    assert batch.first_index.tolist() == [0, 562]
    assert batch.indices.tolist() == [0, 1, 2, 0, 1]
    assert batch.video_uid == ["a", "b"]
