"""EgoNLQ for people: chance, means and spreads over the seeds, levels side by side, queries to look at."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hiero_lib.benchmarks.egonlq import report
from hiero_lib.benchmarks.egonlq.report import (
    MEASURES,
    egonlq_rows,
    example_panels,
    head_records,
    level_rows,
    level_table,
    per_query,
    query_table,
    random_scores,
)
from hiero_lib.benchmarks.egonlq.score import FED, EgoNLQResult, Head, measures
from hiero_lib.benchmarks.egonlq.task import EgoNLQTask
from hiero_lib.benchmarks.grounding.metrics import grounding_scores
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method
from hiero_lib.results.metric import mean_metric


def test_rows_have_the_mean_the_spread_and_what_was_published(
    task: EgoNLQTask, methods: dict[str, Method], trained: dict[Head, EgoNLQResult]
) -> None:
    rows = egonlq_rows(task, trained, methods)
    measured = {(row.method, row.metric): row for row in rows if row.result is not None}
    gain = f"{HIERO} minus {UNTRAINED}"
    named = ("random spans", *FED, gain, f"{HIERO} minus {PROBE}")
    assert list(measured) == [(method, measure) for method in named for measure in MEASURES]
    chance = measured["random spans", "R5@0.3"].result
    assert chance is not None
    assert 0.2 < chance.value < 0.7  # spans of 4 s in 30 s: each is a hit with a probability of about 0.15
    assert (chance.n, chance.excluded, measured["random spans", "mIoU"].thread_graph) == (12, 0, None)
    values = [trained[Head(HIERO, 0, seed)].scores.recall[1, 0.3] for seed in (3, 5)]
    row = measured[HIERO, "R1@0.3"]
    assert row.result is not None
    assert row.result.value == pytest.approx(sum(values) / 2)
    assert row.spread == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
    assert (row.result.n, row.result.excluded, row.seed, row.thread_graph) == (12, 0, (3, 5), "within_threads")
    assert measured[UNTRAINED, "mIoU"].thread_graph is None
    for measure in MEASURES:
        ours, theirs, between = (measured[name, measure].result for name in (HIERO, UNTRAINED, gain))
        assert ours is not None
        assert theirs is not None
        assert between is not None
        assert between.value == pytest.approx(ours.value - theirs.value)
        assert between.interval is not None
        assert between.interval[0] - 1e-9 <= between.value <= between.interval[1] + 1e-9
    quoted = {(row.method, row.metric): row.published for row in rows if row.result is None}
    assert len(quoted) == 20
    assert quoted["HiERO (EgoVLP)", "R1@0.3"] == 0.1141
    assert quoted["LaViLa", "R5@0.5"] == 0.1544


def test_intervals_draw_the_queries_of_a_video_together(
    task: EgoNLQTask, methods: dict[str, Method], trained: dict[Head, EgoNLQResult]
) -> None:
    rows = {(row.method, row.metric): row.result for row in egonlq_rows(task, trained, methods)}
    results = [result for head, result in trained.items() if (head.method, head.level) == (HIERO, 0)]
    values = per_query([result.scores for result in results], "mIoU")
    video_of = {query.key: clip.video_uid for clip in task.clips["val"] for query in clip.queries}
    videos = [video_of[key] for key in sorted(results[0].scores.per_query)]
    assert 1 < len(set(videos)) < len(videos)
    config = task.profile.egonlq
    draws = {"resamples": config.bootstrap_resamples, "seed": config.bootstrap_seed}
    expected = mean_metric(values, excluded=0, groups=videos, **draws)
    assert rows[HIERO, "mIoU"] == expected
    assert expected.interval != mean_metric(values, excluded=0, **draws).interval


def test_levels_are_compared_on_the_same_seeds(
    task: EgoNLQTask, methods: dict[str, Method], trained: dict[Head, EgoNLQResult]
) -> None:
    rows = level_rows(task, trained, methods)
    names = ["HiERO, level 0", "HiERO, level 1", "HiERO, level 2", "HiERO, all levels"]
    assert list(dict.fromkeys(row.method for row in rows)) == names
    assert {(row.seed, row.spread) for row in rows} == {((3,), None)}
    header, lines = level_table(task, trained)
    assert [line[0] for line in lines] == names
    for line in lines:
        shown = dict(zip(header, line, strict=True))
        for row in rows:
            if row.method == shown["features"]:
                assert row.result is not None
                assert shown.get(row.metric, "R3") in (f"{100 * row.result.value:.1f}", row.metric[:2])


def overlap(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Temporal IoU."""
    shared = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    return shared / (a[1] - a[0] + b[1] - b[0] - shared)


def test_queries_to_look_at(task: EgoNLQTask, trained: dict[Head, EgoNLQResult]) -> None:
    panels = example_panels(task, trained, count=3)
    assert [list(panel.answers) for panel in panels] == [list(FED)] * 3
    assert all(panel.truth is not None and panel.duration_s == 30.0 for panel in panels)
    assert len(query_table(task, count=5)) == 5
    iou = per_query([trained[Head(HIERO, task.profile.egonlq.level, 3)].scores], "mIoU")
    every = example_panels(task, trained, count=len(iou))
    shown = [overlap(panel.truth, panel.answers[HIERO][0]) for panel in every]
    assert shown == pytest.approx(sorted(iou, reverse=True))  # what is shown first is what HiERO answers best
    (record, *_) = head_records(trained)
    assert (record["method"], record["seed"], record["epochs"]) == (UNTRAINED, 3, 2)
    assert record["left_out_of_training"] == {"without features": 0, "of zero length": 0, "outside their clip": 0}
    json.dumps(record)


def test_shares_of_a_query_are_means_over_the_seeds(trained: dict[Head, EgoNLQResult]) -> None:
    both = [trained[Head(HIERO, 0, seed)].scores for seed in (3, 5)]
    for measure in MEASURES:
        shares = per_query(both, measure)
        expected = [np.mean([scores.shares(measure)[key] for scores in both]) for key in sorted(both[0].per_query)]
        assert shares.tolist() == expected
        assert shares.mean() == pytest.approx(np.mean([measures(scores)[measure] for scores in both]))


def test_chance_is_drawn_inside_the_clips_as_long_as_training_answers_and_alike_each_time(
    task: EgoNLQTask, trained: dict[Head, EgoNLQResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[float, float]] = []

    def spy(truth, answers):
        drawn.extend(span for spans in answers.values() for span in spans)
        return grounding_scores(truth, answers)

    monkeypatch.setattr(report, "grounding_scores", spy)
    draws = random_scores(task, trained)
    assert len(drawn) == 20 * 12 * 5  # draws, queries, answers
    assert all(start >= 0.0 and end <= 30.0 for start, end in drawn)
    assert {round(end - start, 6) for start, end in drawn} == {4.0}
    starts = np.array([start for start, _ in drawn])
    assert 12.0 < starts.mean() < 14.0  # anywhere from 0 to 26 s
    assert [scores.per_query for scores in draws] == [scores.per_query for scores in random_scores(task, trained)]
    assert len({scores.mean_iou for scores in draws}) > 10


def test_methods_that_fed_no_head_have_no_rows(task: EgoNLQTask, trained: dict[Head, EgoNLQResult]) -> None:
    raw = {head: result for head, result in trained.items() if head.method == UNTRAINED}
    measured = {row.method for row in egonlq_rows(task, raw) if row.result is not None}
    assert measured == {"random spans", UNTRAINED}
    assert level_rows(task, raw) == []
