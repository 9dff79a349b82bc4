"""How far the model agrees with its corrections."""

from __future__ import annotations

import math

import pytest
from sklearn.metrics import adjusted_rand_score

from hiero_lib.hierarchy.agreement import agreement
from hiero_lib.hierarchy.edits import corrected
from hiero_lib.hierarchy.operations import Assign, Mark
from tests.helpers.made_up import THREE, record

VIDEO = record(THREE, channels=6, video_uid="v")


def test_agreement_is_over_the_nodes_that_are_not_marked() -> None:
    assert [one.ari for one in agreement(VIDEO, VIDEO)] == [1.0, 1.0, 1.0]
    edited = corrected(VIDEO, [Assign(0, 0.0, 5.0, None), Mark(0, 10.0, 15.0, True)])
    kept = ~((VIDEO.levels[0].pos >= 10.0) & (VIDEO.levels[0].pos < 15.0))
    (first, *others) = agreement(VIDEO, edited)
    expected = adjusted_rand_score(edited.levels[0].threads[kept], VIDEO.levels[0].threads[kept])
    assert first.ari == pytest.approx(expected)
    assert (first.nodes, first.excluded) == (kept.sum(), (~kept).sum())
    assert [one.ari for one in others] == [1.0, 1.0]
    all_marked = corrected(VIDEO, [Mark(0, VIDEO.start_s, VIDEO.end_s, True)])
    assert math.isnan(agreement(VIDEO, all_marked)[0].ari)


def test_two_videos_are_not_compared() -> None:
    with pytest.raises(ValueError, match="nodes against"):
        agreement(VIDEO, record([level[:-1] for level in THREE], channels=6))
