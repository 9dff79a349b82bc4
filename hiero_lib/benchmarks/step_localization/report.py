"""Goal-Step for people: some of the steps, the parts of HiERO-StepG side by side, predictions beside the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hiero_lib.benchmarks.goalstep.task import FULL_STEPG, ZERO_SHOT, Answers, StepTask
from hiero_lib.benchmarks.grounding.metrics import LabelledSpan
from hiero_lib.benchmarks.step_localization.files import StepVideo, step_text
from hiero_lib.benchmarks.step_localization.score import LocalizationResult
from hiero_lib.hierarchy.spans import Span

if TYPE_CHECKING:
    from hiero_lib.viz.grounding import GroundingPanel
    from hiero_lib.viz.timeline import TimelineRow


def short_uid(video_uid: str) -> str:
    """The first 8 digits of a uid, ``grp-`` before them where it stands for a group."""
    return video_uid[: 12 if video_uid.startswith("grp-") else 8]


def query_table(task: StepTask, *, count: int) -> tuple[list[str], list[list[str]]]:
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

    def cell(found: Answers, strategy: str) -> str:
        scores = found.scores[strategy]
        return " / ".join(f"{100 * v:.1f}" for v in (scores.recall[1, 0.3], scores.recall[5, 0.3], scores.mean_iou))

    rows = [[strategy, *(cell(found, strategy) for found in answers.values())] for strategy in strategies]
    return ["strategy", *answers], rows


def example_panels(task: StepTask, answers: Mapping[str, Answers], *, count: int) -> list[GroundingPanel]:
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
        spans = {name: found.predictions[ZERO_SHOT][query.key] for name, found in answers.items()}
        spans[FULL_STEPG] = answers[judge].predictions[FULL_STEPG][query.key]
        truth = None if query.start_s is None or query.end_s is None else (query.start_s, query.end_s)
        panels.append(GroundingPanel(f"{query.text} ({short_uid(clip.video_uid)})", clip.end_s, truth, spans))
    return panels


def example_videos(task: StepTask, results: Mapping[str, LocalizationResult], *, count: int) -> list[StepVideo]:
    """Some videos with features and steps: evenly spread from the shortest to the longest."""
    missing = set(next(iter(results.values())).without_features)
    videos = [video for video in task.steps or () if video.steps and video.video_uid not in missing]
    videos.sort(key=lambda video: max(step.end_s for step in video.steps))
    places = (np.arange(min(count, len(videos))) + 0.5) / min(count, len(videos)) * len(videos)
    return [videos[int(place)] for place in places]


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
    rows = [TimelineRow("truth", [Span(s.start_s, s.end_s, number[s.category]) for s in video.steps], names)]
    for name, result in results.items():
        pieces = best_labels(result.predictions, video.video_uid)
        runs = [Span(p.start_s, p.end_s, step_of.get(p.label, -1)) for p in pieces]
        rows.append(TimelineRow(name, runs, names))
    return rows


def best_labels(predictions: Sequence[LabelledSpan], video_uid: str, *, step_s: float = 1.0) -> list[LabelledSpan]:
    """One label at a time, for a picture: at each moment that of the best-scored span."""
    spans = [span for span in predictions if span.video_uid == video_uid]
    end_s = max((span.end_s for span in spans), default=0.0)
    found: list[LabelledSpan] = []
    for moment in np.arange(0.0, end_s, step_s).tolist():
        over = [span for span in spans if span.start_s <= moment + step_s / 2 < span.end_s]
        if not over:
            continue
        best = max(over, key=lambda span: span.score)
        stop = min(moment + step_s, end_s)
        if found and found[-1].label == best.label and found[-1].end_s == moment:
            found[-1] = LabelledSpan(video_uid, found[-1].start_s, stop, best.label, max(found[-1].score, best.score))
        else:
            found.append(LabelledSpan(video_uid, moment, stop, best.label, best.score))
    return found
