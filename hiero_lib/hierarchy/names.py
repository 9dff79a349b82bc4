"""A few words for each thread: what is narrated during it, or the nearest phrases of a vocabulary.

A name should tell a thread from the others of its level, so texts are ranked by how much closer they are to the
thread than to the average thread, and no two threads of a level have the same name.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hiero_lib.data.narrations import strip_tag
from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy

_NOT_NARRATED = 10.0  # more than cosines can make up for


def with_names(
    hierarchy: VideoHierarchy, texts: Sequence[str], embedded: Tensor, *, times: Sequence[float] | None = None
) -> VideoHierarchy:
    """The same video with names for the threads of every level.

    A thread's features (the mean of its nodes in the text space) are compared with the texts by cosine, less the
    mean cosine over the threads of the level; the names of a level are the one-to-one matching with the largest sum.

    Args:
        hierarchy: made with the ``project`` of the method whose ``embed_text`` gave the texts' features.
        texts: narrations of the video, or phrases of a vocabulary; a text given twice counts once for each level.
        embedded: ``[len(texts), D]`` their features.
        times: seconds of the narrations. A thread during which something is narrated takes its name from that.
            None for a vocabulary: any text may name any thread.

    Returns:
        names without the narrations' tags; a level of more threads than there are texts leaves some without.

    Raises:
        ValueError: numbers of texts, features and times differ.
    """
    if len(texts) != len(embedded) or (times is not None and len(times) != len(texts)):
        and_times = "" if times is None else f" and {len(times)} times"
        raise ValueError(f"{len(texts)} texts but {len(embedded)} features{and_times}")
    phrases = [phrase(text) for text in texts]
    kept = [i for i, text in enumerate(phrases) if text]  # a narration may be all tag or full stop
    phrases, embedded = [phrases[i] for i in kept], embedded[kept]
    times = None if times is None else [times[i] for i in kept]
    levels = [
        dataclasses.replace(level, names=_names(level, phrases, embedded, times) if phrases else {})
        for level in hierarchy.levels
    ]
    return dataclasses.replace(hierarchy, levels=tuple(levels))


def phrase(text: str) -> str:
    """An Ego4D narration as a name: ``#C C washes #unsure.`` -> ``washes something``.

    Without its tag, its ``C`` and the full stop; Ego4D writes ``#unsure`` for a word that the narrator did not know.
    """
    return re.sub(r"#unsure\b", "something", strip_tag(text)).rstrip(" .")


def _names(
    level: LevelThreads, phrases: Sequence[str], embedded: Tensor, times: Sequence[float] | None
) -> Mapping[int, str]:
    from scipy.optimize import linear_sum_assignment

    threads, row = np.unique(level.threads, return_inverse=True)
    nodes = F.normalize(level.text_x, dim=1)
    means = torch.zeros(len(threads), nodes.shape[1]).index_add_(0, torch.from_numpy(row.reshape(-1)), nodes)
    cosine = F.normalize(means, dim=1) @ F.normalize(embedded.detach().float().cpu(), dim=1).T
    score = (cosine - cosine.mean(0)).double().numpy()
    if times is not None and len(times):
        starts = [span.start_s for span in level.spans]
        at = np.clip(np.searchsorted(starts, np.asarray(times), side="right") - 1, 0, None)
        during = np.array([span.label for span in level.spans])[at]
        narrated = threads[:, None] == during
        score -= np.where(narrated | ~narrated.any(1, keepdims=True), 0.0, _NOT_NARRATED)
    unique, first = np.unique(phrases, return_inverse=True)
    best = np.full((len(threads), len(unique)), -np.inf)
    for column, phrase_number in enumerate(first.reshape(-1)):
        best[:, phrase_number] = np.maximum(best[:, phrase_number], score[:, column])
    rows, columns = linear_sum_assignment(best, maximize=True)
    return {int(threads[r]): str(unique[c]) for r, c in zip(rows, columns)}
