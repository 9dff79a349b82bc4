"""A hierarchy whose threads are given, for tests of what is made of one."""

import torch

from hiero_lib.hierarchy.video import VideoHierarchy, video_hierarchy
from hiero_lib.models.hiero import HierarchyLevel

STRIDE_S = 16 / 30


def levels_of(labels, *, stride_s: float = STRIDE_S, channels: int = 2, network=None) -> list[HierarchyLevel]:
    """One level a list of labels; the first channel carries the labels, so that `by_feature` finds them."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for level, ids in enumerate(labels):
        n = len(ids)
        pos = (torch.arange(n) * 2**level + 0.5) * stride_s
        x = torch.cat([torch.tensor(ids).float()[:, None], torch.arange(n).float()[:, None]], dim=1)
        x = torch.cat([x, torch.randn(n, channels - 2, generator=generator)], dim=1)
        row = torch.arange(n)
        threads = torch.full_like(row, -1) if network is None else torch.tensor(network[level])
        found.append(HierarchyLevel(level, x, pos, row, torch.zeros_like(row), threads))
    return found


def by_feature(x, node_s):
    """A divider that reads the labels, nested or not; a number of threads takes them modulo that."""
    return lambda count, within=None: (x[:, 0].long() % (1000 if count == "auto" else count)).numpy()


def record(labels, *, channels: int = 2, network=None, **options) -> VideoHierarchy:
    """The hierarchy of the given labels."""
    levels = levels_of(labels, channels=channels, network=network)
    return video_hierarchy(levels, stride_s=STRIDE_S, num_threads=[1000] * len(levels), divider=by_feature, **options)


# Three levels of 40, 20 and 10 nodes, whose threads cross one another's borders and come back.
THREE = [
    [0] * 7 + [1] * 5 + [2] * 3 + [0] * 9 + [3] * 8 + [1] * 8,
    [0] * 4 + [1] * 4 + [0] * 5 + [2] * 7,
    [0] * 4 + [1] * 3 + [0] * 3,
]
