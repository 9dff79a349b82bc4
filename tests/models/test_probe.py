"""The probe: segments as they came."""

import pytest
import torch
from torch_geometric.data import Batch

from hiero_lib.data.segments import VideoSegments
from hiero_lib.models.probe import SegmentProbe


def video(n, first_index=0):
    x = torch.randn(n, 4, generator=torch.Generator().manual_seed(n))
    return VideoSegments.from_features(x, stride_frames=16, fps=30.0, video_uid=f"v{n}", first_index=first_index)


@pytest.mark.parametrize("cluster", [None, True, False])
def test_level_0_is_the_input_and_there_is_no_other(cluster):
    data = Batch.from_data_list([video(5), video(3, first_index=7)])
    (level,) = SegmentProbe()(data, cluster=cluster)
    assert level.level == 0
    for name in ("x", "pos", "indices", "batch"):
        assert torch.equal(getattr(level, name), data[name])
    assert level.batch.tolist() == [0] * 5 + [1] * 3
    assert level.assignments.tolist() == [-1] * 8


def test_a_single_video_is_video_0():
    (level,) = SegmentProbe()(video(4))
    assert level.batch.tolist() == [0] * 4
    assert level.batch.dtype == torch.int64


def test_it_has_nothing_to_train():
    assert not list(SegmentProbe().parameters())
