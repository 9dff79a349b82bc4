"""Step grounding for people: rows of every method and part, official files, tables and pictures."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from hiero_lib.benchmarks.goalstep.report import (
    ABLATION,
    GROUNDING,
    STEPG,
    ablation_table,
    example_panels,
    excluded_lines,
    extra,
    goalstep_rows,
    grounding_metrics,
    query_table,
    save_answers,
)
from hiero_lib.benchmarks.goalstep.score import (
    COHERENT,
    FULL_STEPG,
    RELEASED_RUNS,
    ZERO_SHOT,
    Answers,
    StepGroundingReport,
)
from hiero_lib.benchmarks.goalstep.task import GoalStepTask
from hiero_lib.benchmarks.grounding.files import parse_predictions
from hiero_lib.methods.method import HIERO, UNTRAINED, Method
from hiero_lib.results.metric import mean_metric


def test_both_splits_are_answered_in_the_official_format(
    task: GoalStepTask, answers: dict[str, dict[str, Answers]], tmp_path: Path
) -> None:
    written = save_answers(answers, tmp_path)
    assert len(written) == 2 * 3 * 2  # splits, methods, strategies
    for path in written:
        split = "test" if "_test_" in path.name else "val"
        document = json.loads(path.read_text())
        assert set(document) == {"version", "challenge", "results"}
        assert (document["version"], document["challenge"]) == ("1.0", "ego4d_goalstep_challenge")
        for result in document["results"]:
            assert list(result) == ["clip_uid", "annotation_uid", "query_idx", "predicted_times"]
        clips = task.splits[split].clips
        read = parse_predictions(document, clips=clips)
        assert set(read) == {query.key for clip in clips for query in clip.queries}
        assert all(1 <= len(spans) <= 5 for spans in read.values())
    assert answers["test"][HIERO].scores == {}


def test_rows_of_every_method_strategy_and_part(
    task: GoalStepTask, answers: dict[str, dict[str, Answers]], methods: dict[str, Method]
) -> None:
    rows = goalstep_rows(task, answers["val"], methods)
    found = {(row.benchmark, row.method, row.metric): row for row in rows}
    measures = {f"R{rank}@{iou}" for rank in (1, 3, 5) for iou in (0.3, 0.5)} | {"mIoU"}
    for method in methods:
        for benchmark in (GROUNDING, STEPG):
            assert {metric for b, m, metric in found if (b, m) == (benchmark, method)} == measures
    scores = answers["val"][HIERO].scores
    measured = found[GROUNDING, HIERO, "R5@0.3"].result
    assert measured is not None
    assert measured.value == pytest.approx(scores[ZERO_SHOT].recall[5, 0.3])
    assert (measured.n, measured.excluded) == (5, 0)
    assert measured.interval is not None
    assert measured.interval[0] <= measured.value <= measured.interval[1]
    stepg = found[STEPG, HIERO, "mIoU"].result
    assert stepg is not None
    assert stepg.value == pytest.approx(scores[FULL_STEPG].mean_iou)
    assert found[STEPG, HIERO, "mIoU"].thread_graph == "within_threads"
    parts = {method for benchmark, method, _ in found if benchmark == ABLATION}
    assert len(parts) == 6
    assert FULL_STEPG in parts
    assert (GROUNDING, "HiERO, runs as released", "mIoU") in found
    difference = found[GROUNDING, f"{HIERO} minus {UNTRAINED}", "R1@0.3"].result
    assert difference is not None
    expected = scores[ZERO_SHOT].recall[1, 0.3] - answers["val"][UNTRAINED].scores[ZERO_SHOT].recall[1, 0.3]
    assert difference.value == pytest.approx(expected)
    assert found[GROUNDING, "HiERO (EgoVLP)", "R1@0.3"].published == 0.1383
    assert found[STEPG, "HiERO (LaViLa)", "R5@0.5"].published == 0.5353


def test_tables_and_pictures(
    task: GoalStepTask, answers: dict[str, dict[str, Answers]], methods: dict[str, Method]
) -> None:
    _, shown = query_table(task, count=3)
    assert [row[2] for row in shown] == ["0.0 to 20.0 s", "40.0 to 60.0 s", "12.0 to 37.0 s"]
    header, rows = ablation_table(answers["val"])
    assert header == ["strategy", *methods]
    assert [row[0] for row in rows][:4] == [ZERO_SHOT, RELEASED_RUNS, COHERENT, FULL_STEPG]
    panels = example_panels(task, answers["val"], count=9)
    assert len(panels) == 5
    assert list(panels[0].answers) == [*methods, FULL_STEPG]
    first = [answers["val"][HIERO].scores[ZERO_SHOT].per_query[key][0] for key in task_keys(task)]
    assert panels[0].answers[HIERO][0] == answers["val"][HIERO].predictions[ZERO_SHOT][best_key(task, first)][0]


def task_keys(task: GoalStepTask) -> list:
    return [query.key for clip in task.splits["val"].clips for query in clip.queries]


def best_key(task: GoalStepTask, ious: list[float]):
    return task_keys(task)[int(np.argmax(ious))]


def test_intervals_are_over_clips_whose_queries_share_their_features(
    task: GoalStepTask, answers: dict[str, dict[str, Answers]]
) -> None:
    found = answers["val"][HIERO]
    scores, config = found.scores[ZERO_SHOT], task.profile.step_grounding
    values = np.array(list(scores.shares("mIoU").values()))
    expected = mean_metric(
        values,
        excluded=0,
        resamples=config.bootstrap_resamples,
        seed=config.bootstrap_seed,
        groups=["grp-v0"] * 3 + ["v2"] * 2,
    )
    assert grounding_metrics(task, found, ZERO_SHOT)["mIoU"] == expected


def test_what_is_excluded_is_counted_in_every_row(
    task: GoalStepTask, answers: dict[str, dict[str, Answers]], methods: dict[str, Method]
) -> None:
    report = StepGroundingReport(5, {"without features": 2, "in a group that is not in the table": 1})
    found = {name: dataclasses.replace(of, report=report) for name, of in answers["val"].items()}
    rows = goalstep_rows(task, found, methods)
    assert {row.result.excluded for row in rows if row.result is not None} == {3}
    kept = extra(task, {"val": found})["splits"]["val"]
    assert kept["excluded"][HIERO] == report.excluded
    assert kept["answered"][HIERO] == 5
    assert excluded_lines({"val": {HIERO: found[HIERO]}}) == [f"val, HiERO: {report.summary()}"]


def test_results_say_which_reading_of_the_method_was_used(
    task: GoalStepTask, answers: dict[str, dict[str, Answers]]
) -> None:
    kept = extra(task, answers)
    assert kept["released"] == {"runs": False, "groups": False}
    assert kept["stepg"] == {"released": {"runs": True, "times": False}, "coarse_features": "level2"}


def test_without_hiero_there_are_neither_parts_nor_differences(
    task: GoalStepTask, answers: dict[str, dict[str, Answers]], methods: dict[str, Method]
) -> None:
    rows = goalstep_rows(task, {UNTRAINED: answers["val"][UNTRAINED]}, methods)
    assert {row.method for row in rows if row.result is not None} == {UNTRAINED, f"{UNTRAINED}, coherent"}
    assert {row.benchmark for row in rows} == {GROUNDING, STEPG}


def test_a_split_without_an_answer_has_no_file(answers: dict[str, dict[str, Answers]], tmp_path: Path) -> None:
    nothing = dataclasses.replace(answers["test"][HIERO], report=StepGroundingReport(0, {"without features": 2}))
    assert save_answers({"test": {HIERO: nothing}}, tmp_path) == []
    assert list(tmp_path.iterdir()) == []
