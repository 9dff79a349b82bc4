"""EgoMCQ's right answers as moments of videos, for search: when was each text narrated?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from hiero_lib.benchmarks.egomcq.files import Question
from hiero_lib.config import FeatureConfig


def moments_of(questions: Iterable[Question], features: FeatureConfig) -> dict[str, list[tuple[str, float]]]:
    """Text of a question -> (video, seconds) of its right clips; a clip's window has the same middle as the clip.

    A text that was asked for several times has several moments, each once.
    """
    moments: dict[str, dict[tuple[str, float], None]] = defaultdict(dict)
    for question in questions:
        window = question.windows[question.answer]
        middle_s = (window.first_index + window.num_segments / 2) * features.stride_s
        moments[question.query][window.video_uid, middle_s] = None
    return {text: list(places) for text, places in moments.items()}
