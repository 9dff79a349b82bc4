"""EgoMCQ: a query text and five clips, one of them right, as windows of segment features.

``egomcq.json``: ``{"0": {"answer": 0..4, "types": 1 | 2, "query": {"clip_text", ...}, "choices": {"0": {"video_uid",
"clip_start", "clip_end", ...}, ..., "4": {...}}}, ...}``, times in seconds; type 1 is inter-video, 2 intra-video.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_json
from hiero_lib.config import FeatureConfig
from hiero_lib.data.features import FeatureStore, row_at
from hiero_lib.data.segments import VideoSegments

N_CHOICES = 5


@dataclass(frozen=True)
class Window:
    """Rows ``[first_index, first_index + num_segments)`` of a video's features: a clip and its context."""

    video_uid: str
    first_index: int
    num_segments: int

    def read(self, store: FeatureStore, features: FeatureConfig) -> VideoSegments:
        """The window's segments; their ``pos`` starts at its first row, as in the reference."""
        return VideoSegments.from_features(
            store.read(self.video_uid, self.first_index, self.first_index + self.num_segments),
            stride_frames=features.stride_frames,
            fps=features.fps,
            video_uid=self.video_uid,
            first_index=self.first_index,
            shift_pos=False,
        )


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
    raw = read_json(path)
    if not isinstance(raw, dict) or not raw:
        raise DataError("a mapping of questions is expected", file=path, field="(top)", value=type(raw).__name__)
    lengths = dict.fromkeys(store.video_uids, 0)
    questions, without_features, beyond = [], 0, 0
    for question_id, entry in raw.items():
        query, clips, answer, type_ = _parse(Path(path), question_id, entry)
        if any(video_uid not in lengths for video_uid, _, _ in clips):
            without_features += 1
            continue
        windows = []
        for video_uid, start_s, end_s in clips:
            lengths[video_uid] = lengths[video_uid] or store.num_segments(video_uid)
            window = clip_window(start_s, end_s, lengths[video_uid], features, context_window=context_window)
            if window is not None:
                windows.append(Window(video_uid, *window))
        if len(windows) < N_CHOICES:
            beyond += 1
            continue
        five = cast(tuple[Window, Window, Window, Window, Window], tuple(windows))
        questions.append(Question(question_id, query, five, answer, type_))
    return questions, EgoMCQReport(len(raw), without_features, beyond, len(questions))


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


def _parse(
    file: Path, question_id: str, entry: Any
) -> tuple[str, list[tuple[str, float, float]], int, Literal[1, 2]]:
    """Query, five clips (video, start s, end s), answer and type of an entry, or a DataError."""
    where = f"question {question_id}"
    query = _get(file, where, _get(file, where, entry, "query", Mapping), "clip_text", str)
    if not query.strip():
        raise DataError("the query has no text", file=file, field=f"{where}: query: clip_text", value=query)
    answer = _get(file, where, entry, "answer", int)
    if not 0 <= answer < N_CHOICES:
        raise DataError("the answer is one of 0 to 4", file=file, field=f"{where}: answer", value=answer)
    type_ = _get(file, where, entry, "types", int)
    if type_ not in (1, 2):
        raise DataError("1 (inter) or 2 (intra) is expected", file=file, field=f"{where}: types", value=type_)
    choices = _get(file, where, entry, "choices", Mapping)
    if sorted(choices) != [str(i) for i in range(N_CHOICES)]:
        raise DataError(
            "five choices, 0 to 4, are expected", file=file, field=f"{where}: choices", value=list(choices)
        )
    clips = []
    for number in range(N_CHOICES):
        place = f"{where}, choice {number}"
        choice = _get(file, where, choices, str(number), Mapping)
        video_uid = _get(file, place, choice, "video_uid", str)
        start_s = float(_get(file, place, choice, "clip_start", (int, float)))
        end_s = float(_get(file, place, choice, "clip_end", (int, float)))
        for name, value in (("clip_start", start_s), ("clip_end", end_s)):
            if not math.isfinite(value):
                raise DataError("the time is not finite", file=file, field=f"{place}: {name}", value=value)
        if end_s < start_s:
            raise DataError(
                "the clip ends before it begins", file=file, field=f"{place}: clip_end", value=(start_s, end_s)
            )
        clips.append((video_uid, start_s, end_s))
    return query, clips, answer, cast(Literal[1, 2], type_)


def _get(file: Path, where: str, mapping: Any, key: str, kind: Any) -> Any:
    """``mapping[key]``, which must be there and of ``kind``."""
    if not isinstance(mapping, Mapping) or key not in mapping:
        raise DataError("missing", file=file, field=f"{where}: {key}", value=mapping)
    value = mapping[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        expected = getattr(kind, "__name__", "number").replace("Mapping", "mapping")
        raise DataError(f"expected {expected}", file=file, field=f"{where}: {key}", value=value)
    return value
