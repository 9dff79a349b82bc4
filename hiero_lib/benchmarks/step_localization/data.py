"""The steps and sub-steps of videos as labelled spans, and the taxonomy of their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hiero_lib.benchmarks.step_localization.files import StepVideo


@dataclass(frozen=True)
class LabelledSpan:
    """A labelled piece of a video; ``score`` matters for predictions only."""

    video_uid: str
    start_s: float
    end_s: float
    label: str
    score: float = 1.0


def taxonomy(videos: Sequence[StepVideo]) -> list[str]:
    """The step labels that occur, sorted."""
    return sorted({step.category for video in videos for step in video.all_steps()})


def true_spans(videos: Sequence[StepVideo]) -> list[LabelledSpan]:
    """Steps and sub-steps as labelled spans; a span of no length cannot be hit and is left out."""
    return [
        LabelledSpan(video.video_uid, step.start_s, step.end_s, step.category)
        for video in videos
        for step in video.all_steps()
        if step.end_s > step.start_s
    ]
