"""Goal-Step step grounding for people: rows of the results table, tables, answers beside the truth, files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hiero_lib.base.files import file_slug
from hiero_lib.benchmarks.goalstep.score import (
    COHERENT,
    FULL_STEPG,
    RANKS,
    RELEASED_RUNS,
    THRESHOLDS,
    ZERO_SHOT,
    Answers,
)
from hiero_lib.benchmarks.grounding.files import GOALSTEP_CHALLENGE, short_uid, write_predictions
from hiero_lib.methods.method import HIERO, Method
from hiero_lib.results.metric import Metric, mean_metric
from hiero_lib.results.published import published_rows
from hiero_lib.results.row import Row

if TYPE_CHECKING:
    from hiero_lib.benchmarks.goalstep.task import GoalStepTask
    from hiero_lib.viz.grounding import GroundingPanel


GROUNDING = "Goal-Step step grounding"
STEPG = "Goal-Step step grounding, HiERO-StepG"
ABLATION = "HiERO-StepG, its parts (on HiERO's features)"

_PUBLISHED_METRICS = ("R1@0.3", "R5@0.3", "R1@0.5", "R5@0.5")


def grounding_metrics(task: GoalStepTask, answers: Answers, strategy: str) -> dict[str, Metric]:
    """Recall and mIoU of the validation queries, with 95 % intervals."""
    values = _per_query(answers, strategy)
    return {name: _mean(task, answers, strategy, of_queries) for name, of_queries in values.items()}


def goalstep_rows(task: GoalStepTask, answers: Mapping[str, Answers], methods: Mapping[str, Method]) -> list[Row]:
    """Rows of the zero-shot strategy, of HiERO-StepG and of its parts, and what was published."""
    rows: list[Row] = []

    def add(benchmark: str, method: str, strategy: str, label: str | None = None, few: bool = False) -> None:
        graph = methods[method].thread_graph
        for metric, value in grounding_metrics(task, answers[method], strategy).items():
            if few and metric not in (*_PUBLISHED_METRICS, "mIoU"):
                continue
            rows.append(Row(benchmark, label or method, metric, value, thread_graph=graph))

    for name in answers:
        add(GROUNDING, name, ZERO_SHOT)
    for name in answers:
        add(GROUNDING, name, COHERENT, f"{name}, coherent")
    if HIERO in answers:
        if not task.profile.step_grounding.released_runs:
            add(GROUNDING, HIERO, RELEASED_RUNS, f"{HIERO}, runs as released")
        rows += [_difference(task, answers, name) for name in answers if name != HIERO]
    rows += published_rows("step_grounding", GROUNDING)
    for name in answers:
        add(STEPG, name, FULL_STEPG)
    rows += published_rows("stepg", STEPG)
    if HIERO in answers:
        for strategy in answers[HIERO].scores:
            if strategy not in (ZERO_SHOT, RELEASED_RUNS, COHERENT):
                add(ABLATION, HIERO, strategy, strategy, few=True)
    return rows


def _difference(task: GoalStepTask, answers: Mapping[str, Answers], other: str) -> Row:
    """How much more often HiERO's first answer is right than another method's, on the same queries."""
    ours, theirs = (_per_query(answers[name], ZERO_SHOT)["R1@0.3"] for name in (HIERO, other))
    metric = _mean(task, answers[HIERO], ZERO_SHOT, ours - theirs)
    return Row(GROUNDING, f"{HIERO} minus {other}", "R1@0.3", metric, note="points, on the same queries")


def _per_query(answers: Answers, strategy: str) -> dict[str, np.ndarray]:
    """Every measure's share of each query, in the order of the predictions."""
    measures = [f"R{rank}@{threshold}" for threshold in THRESHOLDS for rank in RANKS]
    scores = answers.scores[strategy]
    return {measure: np.array(list(scores.shares(measure).values())) for measure in (*measures, "mIoU")}


def _excluded(task: GoalStepTask, answers: Answers) -> int:
    """Validation queries that are in no score: without text, or without features."""
    return task.splits["val"].report.without_text + sum(answers.report.excluded.values())


def _mean(task: GoalStepTask, answers: Answers, strategy: str, values: np.ndarray) -> Metric:
    """The mean over queries; the interval is over resampled videos, for the queries of a video share its features."""
    config = task.profile.step_grounding
    video_of = {clip.clip_uid: clip.video_uid for clip in task.splits["val"].clips}
    return mean_metric(
        values,
        excluded=_excluded(task, answers),
        resamples=config.bootstrap_resamples,
        seed=config.bootstrap_seed,
        groups=[video_of[key[0]] for key in answers.scores[strategy].per_query],
    )


def save_answers(answers: Mapping[str, Mapping[str, Answers]], run_folder: str | Path) -> list[Path]:
    """Write the official prediction files of the zero-shot strategy and of HiERO-StepG.

    Args:
        answers: split -> method -> answers.
        run_folder: ``outputs/<run>``; the files are ``predictions/step_grounding_<split>_<method>_<strategy>.json``.
    """
    written = []
    for split, of in answers.items():
        for method, given in of.items():
            for strategy in (ZERO_SHOT, FULL_STEPG):
                name = f"step_grounding_{split}_{file_slug(method)}_{file_slug(strategy)}.json"
                path = Path(run_folder) / "predictions" / name
                if given.report.predicted:  # an official file holds one answer at least
                    write_predictions(path, given.predictions[strategy], challenge=GOALSTEP_CHALLENGE)
                    written.append(path)
    return written


def extra(task: GoalStepTask, answers: Mapping[str, Mapping[str, Answers]]) -> dict[str, Any]:
    """What ``results.json`` has beside the rows: by split, what the file held and what was (not) answered.

    ``answers``: split -> method -> answers.
    """
    config = task.profile.step_grounding
    return {
        "released": {"runs": config.released_runs, "groups": config.released_groups},
        "stepg": {
            "released": {"runs": config.stepg.released_runs, "times": config.stepg.released_times},
            "coarse_features": config.stepg.coarse_features,
        },
        "splits": {
            split: {
                "file": task.splits[split].report.summary(),
                "beyond_clip": task.splits[split].report.beyond_clip,
                "answered": {name: given.report.predicted for name, given in of.items()},
                "excluded": {name: given.report.excluded for name, given in of.items()},
            }
            for split, of in answers.items()
        },
    }


def excluded_lines(answers: Mapping[str, Mapping[str, Answers]]) -> list[str]:
    """A line a split and method: how many queries were answered, and why others were not."""
    return [
        f"{split}, {name}: {given.report.summary()}" for split, of in answers.items() for name, given in of.items()
    ]


def query_table(task: GoalStepTask, *, count: int) -> tuple[list[str], list[list[str]]]:
    """Header and rows: some validation queries with their answers, evenly spread over the file."""
    queries = [(clip, query) for clip in task.splits["val"].clips for query in clip.queries]
    chosen = dict.fromkeys(np.linspace(0, len(queries) - 1, min(count, len(queries))).round().astype(int).tolist())
    rows = [
        [
            query.text,
            f"{short_uid(clip.video_uid)}, {clip.duration_s:.0f} s",
            f"{query.start_s:.1f} to {query.end_s:.1f} s",
        ]
        for clip, query in (queries[at] for at in chosen)
    ]
    return ["step", "video", "when"], rows


def ablation_table(answers: Mapping[str, Answers]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: R1@0.3 / R5@0.3 / mIoU in hundredths of each strategy (rows) and method (columns)."""
    strategies = list(next(iter(answers.values())).scores)

    def cell(given: Answers, strategy: str) -> str:
        scores = given.scores[strategy]
        values = (scores.recall[1, 0.3], scores.recall[5, 0.3], scores.mean_iou)
        return "\u00a0/ ".join(f"{100 * value:.1f}" for value in values)

    rows = [[strategy, *(cell(given, strategy) for given in answers.values())] for strategy in strategies]
    return ["strategy", *answers], rows


def example_panels(task: GoalStepTask, answers: Mapping[str, Answers], *, count: int) -> list[GroundingPanel]:
    """Steps of all qualities: evenly spread from the best to the worst answered, by the IoU of the last method's
    first zero-shot answer. Below its zero-shot answers stand those of HiERO-StepG on the same features."""
    from hiero_lib.viz.grounding import GroundingPanel

    judge = list(answers)[-1]
    scored = answers[judge].scores[ZERO_SHOT].per_query
    order = sorted(scored, key=lambda key: -max(scored[key][:1], default=0.0))
    queries = {query.key: (clip, query) for clip in task.splits["val"].clips for query in clip.queries}
    panels = []
    for at in np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int):
        clip, query = queries[order[at]]
        spans = {name: given.predictions[ZERO_SHOT][query.key] for name, given in answers.items()}
        spans[FULL_STEPG] = answers[judge].predictions[FULL_STEPG][query.key]
        truth = None if query.start_s is None or query.end_s is None else (query.start_s, query.end_s)
        panels.append(GroundingPanel(f"{query.text} ({short_uid(clip.video_uid)})", clip.end_s, truth, spans))
    return panels
