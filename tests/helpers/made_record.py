"""A record with everything that an export must survive: hostile texts, spans that do not nest, narrations at once."""

from __future__ import annotations

import dataclasses

import torch

from hiero_lib.data.narrations import Narrations
from hiero_lib.export.record import Query, VideoRecord
from hiero_lib.hierarchy.video import VideoHierarchy, video_hierarchy
from hiero_lib.models.hiero import HierarchyLevel

STRIDE_S = 16 / 30
HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    'cuts "a, b" --> c & d',
    "two\nlines\x00\x0b\u2028and more",
    "=1+1",
    "ä 漢字 🍳",
]


def made_hierarchy(
    num_segments: int = 90, *, num_threads: int = 4, longest: int = 12, uid: str = "v"
) -> VideoHierarchy:
    """Three levels whose threads are drawn level by level, so that nothing nests by itself."""
    generator = torch.Generator().manual_seed(0)
    levels = []
    for level in range(3):
        n = -(-num_segments // 2**level)
        lengths = torch.randint(1, longest, (n,), generator=generator)
        threads = torch.randint(num_threads, (n,), generator=generator).repeat_interleave(lengths)[:n]
        x = torch.nn.functional.one_hot(threads, num_threads) + 0.3 * torch.randn(n, num_threads, generator=generator)
        row = torch.arange(n)
        pos = (row * 2**level + 0.5) * STRIDE_S
        levels.append(
            HierarchyLevel(level, torch.cat([threads[:, None], x], 1), pos, row, 0 * row, torch.full_like(row, -1))
        )
    hierarchy = video_hierarchy(
        levels,
        stride_s=STRIDE_S,
        video_uid=uid,
        project=lambda x: x[:, 1:],
        num_threads=num_threads,
        divider=lambda x, node_s: lambda count, within=None: x[:, 0].long().numpy(),
    )
    named = [
        dataclasses.replace(
            level, names={t: HOSTILE[i] for i, t in enumerate(sorted(level.seconds())[:-1]) if i < len(HOSTILE)}
        )
        for level in hierarchy.levels
    ]
    return dataclasses.replace(hierarchy, levels=tuple(named))


def made_record(
    num_segments: int = 90, *, narrations: int = 12, uid: str = "v", queries: int = 2, **options
) -> VideoRecord:
    """The hierarchy with narrations (two at one moment, and some nearer than a second) and queries."""
    hierarchy = made_hierarchy(num_segments, uid=uid, **options)
    times = torch.linspace(0.2, hierarchy.end_s - 0.4, narrations).round(decimals=3).tolist()
    times[1:3] = [times[0], times[0] + 0.5]
    texts = [f"#C C {HOSTILE[i % len(HOSTILE)]}" for i in range(narrations)]
    dim = hierarchy.levels[0].text_x.shape[1]
    texts_asked = [HOSTILE[0], "the second", *(f"number {i}" for i in range(2, queries))]
    asked = tuple(Query(text, torch.eye(dim)[i % dim]) for i, text in enumerate(texts_asked))
    return VideoRecord(
        hierarchy,
        method="HiERO",
        data_name="the generated sample",
        is_sample=True,
        fingerprint="f",
        thread_graph="within_threads",
        narrations=Narrations(times, texts),
        queries=asked,
    )
