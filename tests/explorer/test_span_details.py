"""What belongs to a span: its narrations, and the spans most like it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from hiero_lib.data.narrations import Narrations
from hiero_lib.explorer.span_details import span_at, span_details
from hiero_lib.search.index import SearchIndex
from hiero_lib.search.table import join
from hiero_lib.search.update import hierarchy_table
from hiero_lib.viz.rows import level_of
from tests.helpers.made_up import THREE, record

HIERARCHY = record(THREE, channels=6, video_uid="v")
OTHER = record([ids[::-1] for ids in THREE], channels=6, video_uid="w")


def test_the_span_at_a_time_is_the_one_it_lies_in() -> None:
    level = level_of(HIERARCHY, 0)
    for number, span in enumerate(level.spans):
        assert span_at(level, span.start_s) == number
        assert span_at(level, span.end_s - 1e-3) == number
    assert span_at(level, -1.0) == 0
    assert span_at(level, 1e6) == len(level.spans) - 1


def test_narrations_are_those_of_the_span_without_tags() -> None:
    span = level_of(HIERARCHY, 1).spans[1]
    narrations = Narrations(
        [0.0, span.start_s, span.end_s - 0.01, span.end_s], ["#C C a", "#C C b", "#O c", "#C C d"]
    )
    details = span_details(HIERARCHY, level=1, at_s=span.start_s + 0.1, narrations=narrations)
    assert details.narrations == Narrations(narrations.times[1:3], ["b", "c"])


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_spans_most_like_it_come_first_here_and_elsewhere(level: int) -> None:
    index = SearchIndex(join([hierarchy_table(video) for video in (HIERARCHY, OTHER)]))
    details = span_details(HIERARCHY, level=level, at_s=0.5, index=index, most=3)
    threads = level_of(HIERARCHY, level)
    x = torch.nn.functional.normalize(threads.span_x, dim=1).numpy()
    expected = sorted(((float(x[0] @ x[i]), i) for i in range(1, len(x))), reverse=True)[:3]
    assert [span for span, _ in details.here] == [threads.spans[i] for _, i in expected]
    np.testing.assert_allclose([cosine for _, cosine in details.here], [cosine for cosine, _ in expected], atol=1e-6)
    assert {(answer.video_uid, answer.level) for answer in details.elsewhere} == {("w", level)}
    scores = [answer.score for answer in details.elsewhere]
    assert scores == sorted(scores, reverse=True)


def test_an_index_without_the_level_or_other_videos_gives_nothing() -> None:
    alone = SearchIndex(join([hierarchy_table(HIERARCHY)]))
    assert span_details(HIERARCHY, level=0, at_s=0.5, index=alone).elsewhere == ()
    coarse = dataclasses.replace(OTHER, levels=OTHER.levels[2:])
    index = SearchIndex(join([hierarchy_table(coarse)]))
    assert span_details(HIERARCHY, level=0, at_s=0.5, index=index).elsewhere == ()
