"""How far what the model found agrees with what a person made of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hiero_lib.hierarchy.video import VideoHierarchy


@dataclass(frozen=True)
class LevelAgreement:
    """How far a level of the model agrees with its corrections.

    Attributes:
        ari: adjusted Rand index over the level's nodes, 1 where nothing was changed; NaN where all is excluded.
        nodes: how many were compared; excluded: how many lie in spans that are marked as wrong, of which the right
            thread is not known.
    """

    level: int
    ari: float
    nodes: int
    excluded: int


def agreement(base: VideoHierarchy, edited: VideoHierarchy) -> list[LevelAgreement]:
    """Of each level, the finest first: the base against what was made of it.

    Raises:
        ValueError: the two are of different nodes.
    """
    from sklearn.metrics import adjusted_rand_score

    found = []
    for before, after in zip(base.levels, edited.levels, strict=True):
        if before.pos.shape != after.pos.shape:
            raise ValueError(f"level {before.level}: {len(before.pos)} nodes against {len(after.pos)}")
        kept = ~np.isin(after.span_of_node(), list(after.wrong))
        ari = float(adjusted_rand_score(after.threads[kept], before.threads[kept])) if kept.any() else math.nan
        found.append(LevelAgreement(after.level, ari, int(kept.sum()), int((~kept).sum())))
    return found
