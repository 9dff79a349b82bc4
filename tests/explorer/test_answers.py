"""Answers are spans of what is open, and of the index where nothing is."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from hiero_lib.explorer.answers import Finder
from hiero_lib.hierarchy.edits import corrected
from hiero_lib.hierarchy.operations import Assign
from hiero_lib.search.index import SearchIndex
from hiero_lib.search.table import join
from hiero_lib.search.update import hierarchy_table
from tests.helpers.made_up import THREE, record

V, W = (record(THREE, channels=6, video_uid=uid) for uid in "vw")
INDEX = SearchIndex(join([hierarchy_table(V), hierarchy_table(W)]))


def far_away(texts):
    """Texts that no span is near."""
    return torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]]).repeat(len(texts), 1)


def places(answers, uid):
    return {(one.level, one.start_s, one.end_s) for one in answers.items if one.video_uid == uid}


def spans(hierarchy):
    return {(level.level, span.start_s, span.end_s) for level in hierarchy.levels for span in level.spans}


def test_of_a_corrected_video_the_corrected_spans_answer() -> None:
    edited = corrected(V, [Assign(0, 1.0, 2.5, None)])
    finder = Finder(far_away, INDEX, max_overlap=None)
    query = V.levels[0].span_x[0].numpy()
    fit = finder.calibrated(edited)
    found = finder.find(query, edited, {}, count=200, fit=fit)
    assert places(found, "v") == spans(edited)
    assert places(found, "w") == spans(W)
    other = corrected(W, [Assign(0, 1.0, 2.5, None)])
    assert places(finder.find(query, edited, {"w": other}, count=200, fit=fit), "w") == spans(other)
    scores = [one.score for one in found.items]
    assert scores == sorted(scores, reverse=True)


def test_some_answers_are_of_the_video_that_is_shown() -> None:
    finder = Finder(far_away, INDEX, max_overlap=None)
    nearer = dataclasses.replace(V, levels=tuple(dataclasses.replace(x, span_x=-x.span_x) for x in V.levels))
    query = W.levels[0].span_x[0].numpy()
    found = finder.find(query, nearer, {}, count=6, fit=finder.calibrated(nearer))
    assert len(found.items) == 6
    assert sum(one.video_uid == "v" for one in found.items) >= 3


def test_a_text_that_is_no_nearer_than_unrelated_ones_has_no_good_match() -> None:
    finder = Finder(far_away, None, max_overlap=None)
    fit = finder.calibrated(V)
    good = finder.find(V.levels[0].span_x[0].numpy(), V, {}, count=3, fit=fit)
    assert good.good
    assert good.items[0].score > good.threshold
    bad = finder.find(np.array([0, 0, 0, 0, 0, 1.0]), V, {}, count=3, fit=fit)
    assert not bad.good
