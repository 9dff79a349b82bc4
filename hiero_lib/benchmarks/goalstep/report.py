"""What a run's methods reached on Goal-Step: rows of the results table, the published figures, prediction files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hiero_lib.base.files import file_slug, write_json
from hiero_lib.benchmarks.goalstep.task import (
    FULL_STEPG,
    RANKS,
    RELEASED_RUNS,
    THRESHOLDS,
    ZERO_SHOT,
    Answers,
    StepTask,
)
from hiero_lib.benchmarks.grounding.files import GOALSTEP_CHALLENGE, write_predictions
from hiero_lib.benchmarks.step_localization.score import LocalizationResult
from hiero_lib.methods.method import HIERO, Method
from hiero_lib.results.record import Metric, Row

GROUNDING = "Goal-Step step grounding"
STEPG = "Goal-Step step grounding, HiERO-StepG"
ABLATION = "HiERO-StepG, its parts (on HiERO's features)"
LOCALIZATION = "Goal-Step step localisation"

# R1@0.3, R5@0.3, R1@0.5, R5@0.5 on the validation set as published (released code); HiERO-StepG: second-hand.
PUBLISHED_GROUNDING = {
    "EgoVLP": (0.1265, 0.2993, 0.0885, 0.2028),
    "HiERO (Omnivore)": (0.1040, 0.2736, 0.0706, 0.1824),
    "HiERO (EgoVLP)": (0.1383, 0.3345, 0.0972, 0.2311),
}
PUBLISHED_STEPG = {"HiERO (LaViLa)": (0.4851, 0.6774, 0.3458, 0.5353)}
_PUBLISHED_METRICS = ("R1@0.3", "R5@0.3", "R1@0.5", "R5@0.5")


def grounding_metrics(task: StepTask, answers: Answers, strategy: str) -> dict[str, Metric]:
    """Recall and mIoU of the validation queries; 95 % intervals from resampled videos, for the queries of one video
    share its features."""
    values, excluded = _per_query(answers, strategy), _excluded(task, answers)
    config = task.profile.step_grounding
    clip_of = _clip_of(answers, strategy)
    return {
        name: _mean(v, clip_of, excluded, config.bootstrap_resamples, config.bootstrap_seed)
        for name, v in values.items()
    }


def grounding_rows(task: StepTask, answers: Mapping[str, Answers], methods: Mapping[str, Method]) -> list[Row]:
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
    if HIERO in answers:
        if not task.profile.step_grounding.released_runs:
            add(GROUNDING, HIERO, RELEASED_RUNS, f"{HIERO}, runs as released")
        rows += [_difference(task, answers, name) for name in answers if name != HIERO]
    rows += _published(GROUNDING, PUBLISHED_GROUNDING)
    for name in answers:
        add(STEPG, name, FULL_STEPG)
    rows += _published(STEPG, PUBLISHED_STEPG, note="on Ego4D Goal-Step, second-hand")
    if HIERO in answers:
        for strategy in answers[HIERO].scores:
            if strategy not in (ZERO_SHOT, RELEASED_RUNS):
                add(ABLATION, HIERO, strategy, strategy, few=True)
    return rows


def _published(
    benchmark: str, figures: Mapping[str, Sequence[float]], *, note: str = "on Ego4D Goal-Step, released code"
) -> list[Row]:
    return [
        Row(benchmark, method, metric, None, published=value, note=note)
        for method, values in figures.items()
        for metric, value in zip(_PUBLISHED_METRICS, values)
    ]


def _difference(task: StepTask, answers: Mapping[str, Answers], other: str) -> Row:
    """How much more often HiERO's first answer is right than another method's, on the same queries."""
    config = task.profile.step_grounding
    ours, theirs = (_per_query(answers[name], ZERO_SHOT)["R1@0.3"] for name in (HIERO, other))
    metric = _mean(
        ours - theirs,
        _clip_of(answers[HIERO], ZERO_SHOT),
        _excluded(task, answers[HIERO]),
        config.bootstrap_resamples,
        config.bootstrap_seed,
    )
    return Row(GROUNDING, f"{HIERO} minus {other}", "R1@0.3", metric, note="points, on the same queries")


def _per_query(answers: Answers, strategy: str) -> dict[str, np.ndarray]:
    """Every measure's share of each query, in the order of the predictions."""
    measures = [f"R{rank}@{threshold}" for threshold in THRESHOLDS for rank in RANKS]
    scores = answers.scores[strategy]
    return {measure: np.array(list(scores.shares(measure).values())) for measure in (*measures, "mIoU")}


def _clip_of(answers: Answers, strategy: str) -> np.ndarray:
    """``[Q]`` the number of each query's clip."""
    return np.unique([key[0] for key in answers.scores[strategy].per_query], return_inverse=True)[1]


def _excluded(task: StepTask, answers: Answers) -> int:
    """Validation queries that are in no score: without text, or without features."""
    return task.splits["val"].report.without_text + sum(answers.report.excluded.values())


def _mean(values: np.ndarray, clip_of: np.ndarray, excluded: int, resamples: int, seed: int) -> Metric:
    """The mean over queries, with its 95 % interval over resampled clips."""
    sums, counts = np.bincount(clip_of, weights=values), np.bincount(clip_of)
    draws = np.random.default_rng(seed).integers(0, len(sums), (resamples, len(sums)))
    low, high = np.quantile(sums[draws].sum(1) / counts[draws].sum(1), [0.025, 0.975])
    return Metric(float(values.mean()), len(values), excluded, (float(low), float(high)))


def localization_rows(
    task: StepTask, results: Mapping[str, LocalizationResult], methods: Mapping[str, Method]
) -> list[Row]:
    """Mean average precision at each IoU and averaged over them; n counts steps and sub-steps."""
    total = sum(len(video.all_steps()) for video in task.steps or ())
    rows = []
    for name, result in results.items():
        scores, graph = result.scores, methods[name].thread_graph
        named = {f"mAP@{threshold}": value for threshold, value in scores.mean_ap.items()}
        for metric, value in {**named, "mAP, average": scores.average}.items():
            found = Metric(value, scores.n_truth, total - scores.n_truth)
            note = f"{scores.n_labels} categories"
            rows.append(Row(LOCALIZATION, name, metric, found, note=note, thread_graph=graph))
    return rows


def save_answers(answers: Mapping[str, Mapping[str, Answers]], run_folder: str | Path) -> list[Path]:
    """Write the official prediction files of the zero-shot strategy and of HiERO-StepG.

    Args:
        answers: split -> method -> answers.
        run_folder: ``outputs/<run>``; the files are ``predictions/step_grounding_<split>_<method>_<strategy>.json``.
    """
    written = []
    for split, of in answers.items():
        for method, found in of.items():
            for strategy in (ZERO_SHOT, FULL_STEPG):
                name = f"step_grounding_{split}_{file_slug(method)}_{file_slug(strategy)}.json"
                path = Path(run_folder) / "predictions" / name
                if found.report.predicted:  # an official file holds one answer at least
                    write_predictions(path, found.predictions[strategy], challenge=GOALSTEP_CHALLENGE)
                    written.append(path)
    return written


def save_localization(results: Mapping[str, LocalizationResult], run_folder: str | Path) -> list[Path]:
    """Write the steps that each method found to ``predictions/step_localization_<method>.json``.

    In ActivityNet's layout: video -> ``segment`` in seconds, ``label``, ``score``.
    """
    written = []
    for method, result in results.items():
        found: dict[str, list[dict[str, Any]]] = {}
        for span in result.predictions:
            entry = {"segment": [span.start_s, span.end_s], "label": span.label, "score": span.score}
            found.setdefault(span.video_uid, []).append(entry)
        path = Path(run_folder) / "predictions" / f"step_localization_{file_slug(method)}.json"
        write_json(path, {"version": "1.0", "results": found})
        written.append(path)
    return written


def extra(task: StepTask, answers: Mapping[str, Mapping[str, Answers]]) -> dict[str, Any]:
    """What ``results.json`` has beside the rows: by split, what the file held and what was (not) answered.

    ``answers``: split -> method -> answers.
    """
    config = task.profile.step_grounding
    return {
        "released": {"runs": config.released_runs, "groups": config.released_groups},
        "splits": {
            split: {
                "file": task.splits[split].report.summary(),
                "beyond_clip": task.splits[split].report.beyond_clip,
                "answered": {name: found.report.predicted for name, found in of.items()},
                "excluded": {name: found.report.excluded for name, found in of.items()},
            }
            for split, of in answers.items()
        },
    }


def excluded_lines(answers: Mapping[str, Mapping[str, Answers]]) -> list[str]:
    """A line a split and method: how many queries were answered, and why others were not."""
    return [
        f"{split}, {name}: {found.report.summary()}" for split, of in answers.items() for name, found in of.items()
    ]
