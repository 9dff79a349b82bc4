"""Recall of the right span: what counts as right, beside what chance would reach."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from hiero_lib.config import SearchConfig, load_profile
from hiero_lib.methods.method import HIERO, PROBE, Method
from hiero_lib.search.index import SearchIndex
from hiero_lib.search.recall import _by_chance, recall, recall_rows
from hiero_lib.search.table import join, table_of

EYE = torch.eye(6)


def index() -> SearchIndex:
    """Two videos of six spans: at level 0 three of 10 s, at level 1 one of 30 s, each along its own axis."""
    tables = []
    for number, uid in enumerate(("v", "w")):
        level, start = np.array([0, 0, 0, 1]), np.array([0.0, 10.0, 20.0, 0.0])
        vectors = EYE[[3 * number, 3 * number + 1, 3 * number + 2, 3 * number]].numpy()
        end = start + np.where(level == 0, 10.0, 30.0)
        tables.append(
            table_of(uid, vectors, level=level, thread=np.zeros(4), start_s=start, end_s=end, labels=[""] * 4)
        )
    return SearchIndex(join(tables))


def embed(**axes: int):
    return lambda texts: torch.stack([EYE[axes[text]] for text in texts])


def test_an_answer_is_right_where_the_text_was_narrated_in_it() -> None:
    moments = {"inside": [("w", 99.0), ("v", 12.0)], "other video": [("w", 12.0)], "at its end": [("v", 20.0)]}
    axes = {"inside": 1, "other video": 1, "at its end": 1}
    fine, coarse = recall(index(), moments, embed_text=embed(**axes), count=1)
    assert (fine.level, fine.spans, fine.answer_s) == (0, 6, 10.0)
    assert fine.hits.tolist() == [True, False, False]
    assert (coarse.level, coarse.spans, coarse.answer_s) == (1, 2, 30.0)
    moments = {"start": [("v", 10.0)]}
    assert recall(index(), moments, embed_text=embed(start=1), count=1)[0].hits.tolist() == [True]


def test_chance_counts_each_right_span_once() -> None:
    moments = {"two": [("v", 1.0), ("v", 2.0), ("w", 25.0), ("v", -5.0), ("not indexed", 1.0)], "none": [("v", 1e6)]}
    fine, coarse = recall(index(), moments, embed_text=embed(two=0, none=0), count=1)
    assert fine.by_chance == pytest.approx((2 / 6 + 0) / 2)
    assert coarse.by_chance == pytest.approx((1 + 0) / 2)


def test_a_row_says_how_long_answers_are_and_what_chance_reaches() -> None:
    moments = {"here": [("v", 12.0)], "nowhere": [("v", 1e6)]}
    levels = recall(index(), moments, embed_text=embed(here=1, nowhere=1), count=1)
    others = recall(index(), moments, embed_text=embed(here=5, nowhere=5), count=1)
    sample = load_profile("sample")
    profile = dataclasses.replace(sample, search=SearchConfig(count=1))
    methods = {
        name: Method(name, *[None] * 4, graph, "")  # type: ignore[arg-type]
        for name, graph in ((HIERO, "within_threads"), (PROBE, None))
    }
    rows = recall_rows({HIERO: levels, PROBE: others}, methods, profile)
    assert [row.metric for row in rows] == ["recall at 1, level 0", "recall at 1, level 1"] * 3
    made_with = [(row.method, row.thread_graph, row.segment_times) for row in rows[::2]]
    assert made_with == [
        (HIERO, "within_threads", "released"),
        (PROBE, None, None),
        ("HiERO minus linear probe", None, None),
    ]
    assert rows[4].result is not None
    assert rows[4].result.value == 0.5 - others[0].hits.mean()
    assert rows[0].result is not None
    assert (rows[0].result.value, rows[0].result.n) == (0.5, 2)
    assert rows[0].note == "chance 8.3; answers of 10 s out of 6 spans"


def test_without_a_text_there_is_nothing_to_ask() -> None:
    with pytest.raises(ValueError, match="no text"):
        recall(index(), {}, embed_text=embed())


def test_chance_is_that_of_drawing_spans() -> None:
    draws = np.random.default_rng(0)
    simulated = np.mean([np.isin(draws.permutation(20)[:5], [3, 7]).any() for _ in range(20_000)])
    assert _by_chance(2, 20, 5) == pytest.approx(simulated, abs=0.015)
    assert _by_chance(0, 20, 5) == 0
    assert _by_chance(1, 3, 5) == 1
