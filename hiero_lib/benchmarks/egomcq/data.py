"""EgoMCQ with the features that go with it: questions whose clips are windows of segments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from hiero_lib.benchmarks.egomcq.files import N_CHOICES, read_questions
from hiero_lib.config import FeatureConfig
from hiero_lib.data.features import FeatureStore, row_at
from hiero_lib.data.segments import VideoSegments


@dataclass(frozen=True)
class Window:
    """Rows ``[first_index, first_index + num_segments)`` of a video's features: a clip and its context."""

    video_uid: str
    first_index: int
    num_segments: int


@dataclass(frozen=True)
class Question:
    """A query, its five windows, and which is right; ``type`` 1 is inter-video, 2 intra-video."""

    question_id: str
    query: str
    windows: tuple[Window, Window, Window, Window, Window]
    answer: int
    type: Literal[1, 2]


@dataclass(frozen=True)
class EgoMCQReport:
    """Questions in the file, and why some cannot be asked.

    Attributes:
        total: questions of the file, ``kept + without_features + clip_beyond_video``.
        without_features: a clip's video has no feature file.
        clip_beyond_video: a clip begins after the last segment of its video's features. The reference compares an
            empty slice or a row of zeros there.
    """

    total: int
    without_features: int
    clip_beyond_video: int
    kept: int

    @property
    def excluded(self) -> int:
        """Questions that are not asked."""
        return self.without_features + self.clip_beyond_video

    def summary(self) -> str:
        """The counts in a line, for a log or a notebook."""
        return (
            f"EgoMCQ: {self.kept:,} of {self.total:,} questions; left out: {self.without_features:,} without "
            f"features, {self.clip_beyond_video:,} with a clip beyond its video's features."
        )


def load_questions(
    path: str | Path,
    store: FeatureStore,
    features: FeatureConfig,
    *,
    context_window: int = 4,
) -> tuple[list[Question], EgoMCQReport]:
    """The questions that can be asked with the features of ``store``, in the order of the file.

    Args:
        path: ``egomcq.json``.
        store: the features; only headers are read.
        features: stride (frames) and fps.
        context_window: segments added on both sides, see :func:`clip_window`.

    Raises:
        DataError: an entry is not as the module says; the message names file, question, field and value. Also a
            broken feature file.
    """
    entries = read_questions(path)
    lengths = dict.fromkeys(store.video_uids, 0)
    questions, without_features, beyond = [], 0, 0
    for entry in entries:
        if any(video_uid not in lengths for video_uid, _, _ in entry.clips):
            without_features += 1
            continue
        windows = []
        for video_uid, start_s, end_s in entry.clips:
            lengths[video_uid] = lengths[video_uid] or store.num_segments(video_uid)
            window = clip_window(start_s, end_s, lengths[video_uid], features, context_window=context_window)
            if window is not None:
                windows.append(Window(video_uid, *window))
        if len(windows) < N_CHOICES:
            beyond += 1
            continue
        five = cast(tuple[Window, Window, Window, Window, Window], tuple(windows))
        questions.append(Question(entry.question_id, entry.query, five, entry.answer, entry.type))
    return questions, EgoMCQReport(len(entries), without_features, beyond, len(questions))


def clip_window(
    start_s: float, end_s: float, num_segments: int, features: FeatureConfig, *, context_window: int
) -> tuple[int, int] | None:
    """First row and number of rows of a clip with its context; None where the clip begins beyond the features.

    The clip is rows ``[s, e)`` with ``s = row_at(start)`` and ``e = row_at(end)`` (the reference's ceil is a floor,
    see :func:`hiero_lib.data.features.row_at`), at least one row and none after the last. It is widened by the same
    ``w = min(s, N - e, context_window)`` on both sides, so that its middle stays the middle. A clip that begins
    before the video is taken from the start (the reference would count from the end).
    """
    s = max(0, row_at(start_s, features))
    if s >= num_segments:
        return None
    e = min(max(row_at(end_s, features), s + 1), num_segments)
    w = min(s, num_segments - e, context_window)
    return s - w, e - s + 2 * w


def read_windows(windows: Sequence[Window], store: FeatureStore, features: FeatureConfig) -> list[VideoSegments]:
    """The windows' segments, those of a video out of one read; ``pos`` starts at a window's first row, as released.

    Args:
        windows: sorted by video.
        store: the features; features: their stride and fps.
    """
    by_video: dict[str, list[Window]] = {}
    for window in windows:
        by_video.setdefault(window.video_uid, []).append(window)
    segments = []
    for uid, of_video in by_video.items():
        first = min(window.first_index for window in of_video)
        rows = store.read(uid, first, max(window.first_index + window.num_segments for window in of_video))
        for window in of_video:
            start = window.first_index - first
            segments.append(
                VideoSegments.from_features(
                    rows[start : start + window.num_segments],
                    stride_frames=features.stride_frames,
                    fps=features.fps,
                    video_uid=uid,
                    first_index=window.first_index,
                    shift_pos=False,
                )
            )
    return segments


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
