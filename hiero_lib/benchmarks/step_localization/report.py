"""Step localisation for people: rows of the results table, files, labels beside the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hiero_lib.base.files import file_slug, write_json
from hiero_lib.benchmarks.step_localization.data import LabelledSpan
from hiero_lib.benchmarks.step_localization.files import StepVideo, step_text
from hiero_lib.benchmarks.step_localization.score import LocalizationResult
from hiero_lib.config import LocalizationConfig
from hiero_lib.hierarchy.spans import Span
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method
from hiero_lib.results.metric import Metric, mean_metric
from hiero_lib.results.row import Row

if TYPE_CHECKING:
    from hiero_lib.viz.timeline import TimelineRow

BENCHMARK = "Goal-Step step localisation"

# Seconds between the moments at which a picture asks for the best label; of pictures alone, no score reads it.
_PICTURE_STEP_S = 1.0


def example_videos(
    videos: Sequence[StepVideo], results: Mapping[str, LocalizationResult], *, count: int
) -> list[StepVideo]:
    """Some videos with features and steps: evenly spread from the shortest to the longest."""
    missing = set(next(iter(results.values())).without_features)
    shown = [video for video in videos if video.steps and video.video_uid not in missing]
    shown.sort(key=lambda video: max(step.end_s for step in video.steps))
    places = (np.arange(min(count, len(shown))) + 0.5) / min(count, len(shown)) * len(shown)
    return [shown[int(place)] for place in places]


def localized_rows(video: StepVideo, results: Mapping[str, LocalizationResult]) -> list[TimelineRow]:
    """The true steps of a video above what each method says at each moment.

    A predicted label has the colour of the video's step that it names, or that it names a sub-step of; one of no
    step of this video is grey.
    """
    from hiero_lib.viz.timeline import TimelineRow

    number: dict[str, int] = {}
    for step in video.steps:
        number.setdefault(step.category, len(number))
    names = {at: step_text(category) for category, at in number.items()} | {-1: "a step of other videos"}
    step_of = dict(number)
    for step in video.steps:
        for inner in StepVideo(video.video_uid, step.substeps).all_steps():
            step_of.setdefault(inner.category, number[step.category])
    truth = [Span(s.start_s, s.end_s, number[s.category]) for s in video.steps]
    rows = [TimelineRow("truth", truth, names, kind="step")]
    for name, result in results.items():
        pieces = best_labels(result.predictions, video.video_uid)
        spans = [Span(p.start_s, p.end_s, step_of.get(p.label, -1)) for p in pieces]
        rows.append(TimelineRow(name, spans, names, kind="step"))
    return rows


def best_labels(predictions: Sequence[LabelledSpan], video_uid: str) -> list[LabelledSpan]:
    """One label at a time, for a picture: at each moment that of the best-scored span."""
    spans = [span for span in predictions if span.video_uid == video_uid]
    end_s = max((span.end_s for span in spans), default=0.0)
    labels: list[LabelledSpan] = []
    for moment in np.arange(0.0, end_s, _PICTURE_STEP_S).tolist():
        over = [span for span in spans if span.start_s <= moment + _PICTURE_STEP_S / 2 < span.end_s]
        if not over:
            continue
        best = max(over, key=lambda span: span.score)
        stop = min(moment + _PICTURE_STEP_S, end_s)
        if labels and labels[-1].label == best.label and labels[-1].end_s == moment:
            labels[-1] = LabelledSpan(
                video_uid, labels[-1].start_s, stop, best.label, max(labels[-1].score, best.score)
            )
        else:
            labels.append(LabelledSpan(video_uid, moment, stop, best.label, best.score))
    return labels


def localization_rows(
    videos: Sequence[StepVideo],
    results: Mapping[str, LocalizationResult],
    methods: Mapping[str, Method],
    config: LocalizationConfig,
) -> list[Row]:
    """Mean average precision at each IoU and averaged over them; n counts steps and sub-steps. Then HiERO's distance
    from the others, whose n counts categories."""
    total = sum(len(video.all_steps()) for video in videos)
    rows = []
    for name, result in results.items():
        scores, graph = result.scores, methods[name].thread_graph
        named = {f"mAP@{threshold}": value for threshold, value in scores.mean_ap.items()}
        for metric, value in {**named, "mAP, average": scores.average}.items():
            precision = Metric(value, scores.n_truth, total - scores.n_truth)
            note = f"{scores.n_labels} categories"
            rows.append(Row(BENCHMARK, name, metric, precision, note=note, thread_graph=graph))
    for other in (name for name in (UNTRAINED, PROBE) if HIERO in results and name in results):
        gain = np.array(results[HIERO].scores.by_label) - np.array(results[other].scores.by_label)
        resamples, seed = config.bootstrap_resamples, config.bootstrap_seed
        above = mean_metric(gain, excluded=0, resamples=resamples, seed=seed)
        note = "points, on the same categories"
        rows.append(Row(BENCHMARK, f"{HIERO} minus {other}", "mAP, average", above, note=note))
    return rows


def extra(results: Mapping[str, LocalizationResult]) -> dict[str, Any]:
    """What ``results.json`` has beside the rows: videos left out, and how many spans were scored and were not.

    Spans of labels that the truth of these videos lacks are left out of the measure, as official.
    """
    return {
        "videos without features": list(next(iter(results.values())).without_features),
        "spans": {name: result.scores.n_predictions for name, result in results.items()},
        "spans of unknown labels": {name: result.scores.unknown_labels for name, result in results.items()},
    }


def save_localization(results: Mapping[str, LocalizationResult], run_folder: str | Path) -> list[Path]:
    """Write the steps that each method found to ``predictions/step_localization_<method>.json``.

    In ActivityNet's layout: video -> ``segment`` in seconds, ``label``, ``score``.
    """
    written = []
    for method, result in results.items():
        by_video: dict[str, list[dict[str, Any]]] = {}
        for span in result.predictions:
            entry = {"segment": [span.start_s, span.end_s], "label": span.label, "score": span.score}
            by_video.setdefault(span.video_uid, []).append(entry)
        path = Path(run_folder) / "predictions" / f"step_localization_{file_slug(method)}.json"
        write_json(path, {"version": "1.0", "results": by_video})
        written.append(path)
    return written
