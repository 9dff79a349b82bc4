"""The NLQ-like JSON of EgoNLQ and Goal-Step step grounding, the groups of videos, and the prediction files.

Format: ``{"version", "videos": [{"video_uid", "clips": [{"clip_uid", "video_start_sec", "video_end_sec",
"annotations": [{"annotation_uid", "language_queries": [{"query", "clip_start_sec", "clip_end_sec"}]}]}]}]}``.
Test files lack the times. A query's index counts every entry of its annotation, also those that are left out.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_csv_table, read_json, write_json

NLQ_CHALLENGE = "ego4d_nlq_challenge"
GOALSTEP_CHALLENGE = "ego4d_goalstep_challenge"

# Clip ends and answers are rounded separately; up to 0.1 s of difference is that rounding, not an answer beyond.
_ROUNDING_S = 0.1

QueryKey = tuple[str, str, int]
Predictions = Mapping[QueryKey, Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class GroundingQuery:
    """One question about a clip; times in seconds as the file has them, None in test files."""

    clip_uid: str
    annotation_uid: str
    query_idx: int
    text: str
    start_s: float | None
    end_s: float | None

    @property
    def key(self) -> QueryKey:
        """What identifies the query in a prediction file."""
        return self.clip_uid, self.annotation_uid, self.query_idx


@dataclass(frozen=True)
class GroundingClip:
    """A piece of a video, in seconds of the video's (or its group's) timeline, with its usable queries."""

    video_uid: str
    clip_uid: str
    start_s: float
    end_s: float
    queries: tuple[GroundingQuery, ...]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class GroundingReport:
    """What a file held, and what was left out."""

    videos: int
    clips: int
    queries: int  # all entries
    without_text: int  # excluded: null or empty
    zero_length: int  # kept: start equals end; the trained head leaves them out
    beyond_clip: int  # kept: the answer ends after its clip or starts before it; the official measure scores them

    def summary(self) -> str:
        """One line for the log and the results."""
        return (
            f"{self.queries} queries in {self.clips} clips of {self.videos} videos; "
            f"excluded: {self.without_text} without text; "
            f"kept: {self.beyond_clip} that reach beyond their clip, {self.zero_length} of zero length"
        )


def read_grounding(path: str | Path) -> tuple[list[GroundingClip], GroundingReport]:
    """Read and check an NLQ-like file.

    Raises:
        DataError: not the format, a start after its end, a time that is no finite number, an annotation of a clip
            that occurs twice, or two clips of the same name; names the file, the field and the value.
    """
    document = _object(read_json(path), path, "(top level)")
    videos = _list(document, "videos", path, "videos")
    if not videos:
        raise DataError("the file lists no video", file=path, field="videos")
    clips: list[GroundingClip] = []
    seen: set[tuple[str, str]] = set()
    places: dict[str, tuple[str, float, float]] = {}
    total = 0
    for v, video in enumerate(videos):
        at = f"videos[{v}]"
        video_uid = _text(_object(video, path, at), "video_uid", path, at)
        for c, raw in enumerate(_list(video, "clips", path, at)):
            clip, entries = _read_clip(
                _object(raw, path, f"{at}.clips[{c}]"), video_uid, path, f"{at}.clips[{c}]", seen
            )
            place = clip.video_uid, clip.start_s, clip.end_s
            if places.setdefault(clip.clip_uid, place) != place:
                raise DataError(
                    "two clips of the same name", file=path, field=f"{at}.clips[{c}].clip_uid", value=clip.clip_uid
                )
            clips.append(clip)
            total += entries
    timed = [(clip, q, q.start_s, q.end_s) for clip in clips for q in clip.queries]
    report = GroundingReport(
        videos=len(videos),
        clips=len(clips),
        queries=total,
        without_text=total - len(timed),
        zero_length=sum(end is not None and end == start for _, _, start, end in timed),
        beyond_clip=sum(_beyond(clip, start, end) for clip, _, start, end in timed),
    )
    return clips, report


def _beyond(clip: GroundingClip, start_s: float | None, end_s: float | None) -> bool:
    if start_s is None or end_s is None:
        return False
    return start_s < -_ROUNDING_S or end_s > clip.duration_s + _ROUNDING_S


def _read_clip(
    raw: dict[str, Any], video_uid: str, path: str | Path, at: str, seen: set[tuple[str, str]]
) -> tuple[GroundingClip, int]:
    """One clip and the number of its entries, those without text included."""
    clip_uid = _text(raw, "clip_uid", path, at)
    start_s, end_s = (_seconds(raw, name, path, at) for name in ("video_start_sec", "video_end_sec"))
    if start_s is None or end_s is None or not 0 <= start_s < end_s:
        raise DataError(
            "a clip must start at 0 or later, and end after it starts",
            file=path,
            field=f"{at}.video_end_sec",
            value=(start_s, end_s),
        )
    queries: list[GroundingQuery] = []
    entries = 0
    for a, annotation in enumerate(_list(raw, "annotations", path, at)):
        here = f"{at}.annotations[{a}]"
        annotation_uid = _text(_object(annotation, path, here), "annotation_uid", path, here)
        if (clip_uid, annotation_uid) in seen:
            raise DataError(
                "this annotation of the clip occurs twice",
                file=path,
                field=f"{here}.annotation_uid",
                value=(clip_uid, annotation_uid),
            )
        seen.add((clip_uid, annotation_uid))
        for index, query in enumerate(_list(annotation, "language_queries", path, here)):
            entries += 1
            field = f"{here}.language_queries[{index}]"
            text = _object(query, path, field).get("query")
            if text is not None and not isinstance(text, str):
                raise DataError("a query is a text", file=path, field=f"{field}.query", value=text)
            start, end = (_seconds(query, name, path, field) for name in ("clip_start_sec", "clip_end_sec"))
            if (start is None) != (end is None):
                raise DataError("only one of start and end is given", file=path, field=field, value=(start, end))
            if start is not None and end is not None and start > end:
                raise DataError("the answer starts after its end", file=path, field=field, value=(start, end))
            if text and text.strip():
                queries.append(GroundingQuery(clip_uid, annotation_uid, index, text.strip(), start, end))
    return GroundingClip(video_uid, clip_uid, start_s, end_s, tuple(queries)), entries


def truth_of(clips: Sequence[GroundingClip]) -> dict[QueryKey, tuple[float, float]]:
    """The answers of the queries that have one, by key; empty for a test file."""
    return {
        q.key: (q.start_s, q.end_s) for c in clips for q in c.queries if q.start_s is not None and q.end_s is not None
    }


def read_video_groups(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Groups of videos that share one timeline, by their first member.

    The file (``goalstep_video_groups.tsv``) is tab-separated with columns ``university`` and ``video_group``,
    the latter a list of uids written as text.

    Raises:
        DataError: a column is missing, a row is no list of uids, or two groups start with the same video.
    """
    groups: dict[str, tuple[str, ...]] = {}
    columns, rows = read_csv_table(path, delimiter="\t")
    if "video_group" not in columns:
        raise DataError("the column is missing", file=path, field="video_group", value=columns)
    for line, row in rows:
        text = row["video_group"]
        try:
            members = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            members = None
        if not isinstance(members, list) or not members or not all(isinstance(m, str) and m for m in members):
            raise DataError("not a list of uids", file=path, field=f"line {line} video_group", value=text)
        if members[0] in groups:
            raise DataError("two groups start with this video", file=path, field="video_group", value=members[0])
        groups[members[0]] = tuple(members)
    return groups


def group_members(
    video_uid: str, groups: Mapping[str, tuple[str, ...]], *, released: bool = False
) -> tuple[str, ...] | None:
    """The videos whose features, one after the other, are those of ``video_uid``; None for an unknown group.

    Args:
        video_uid: a uid as annotations have it; ``grp-<first member>`` means a whole group.
        groups: what ``read_video_groups`` gave.
        released: as the authors' code: any first member of a group is read as the whole group, prefix or not
            (2 plain uids of the official validation file and 6 of the test file; their groups have one member,
            so on those files both readings come to the same).
    """
    if video_uid.startswith("grp-"):
        members = groups.get(video_uid.removeprefix("grp-"))
        # The released code falls back to the single video where the table lacks the group.
        return members or ((video_uid.removeprefix("grp-"),) if released else None)
    return groups.get(video_uid, (video_uid,)) if released else (video_uid,)


def short_uid(video_uid: str) -> str:
    """The first 8 digits of a uid, ``grp-`` before them where it stands for a group."""
    return video_uid[: 12 if video_uid.startswith("grp-") else 8]


def write_predictions(path: str | Path, predictions: Predictions, *, challenge: str) -> None:
    """Write the challenge's official file, atomically.

    Format: ``{"version": "1.0", "challenge", "results": [{"clip_uid", "annotation_uid", "query_idx",
    "predicted_times": [[start, end], ...]}]}``, seconds, best first.

    Raises:
        DataError: a span that is not finite or ends before it starts, a query without an answer, nothing to write.
    """
    results = [
        {
            "clip_uid": clip_uid,
            "annotation_uid": annotation_uid,
            "query_idx": query_idx,
            "predicted_times": [[float(start), float(end)] for start, end in spans],
        }
        for (clip_uid, annotation_uid, query_idx), spans in predictions.items()
    ]
    document = {"version": "1.0", "challenge": challenge, "results": results}
    parse_predictions(document, file=path)
    write_json(path, document)


def parse_predictions(
    document: Any, *, file: str | Path | None = None, clips: Sequence[GroundingClip] | None = None
) -> dict[QueryKey, list[tuple[float, float]]]:
    """Check an official prediction file against its format and, with ``clips``, against its annotations.

    Raises:
        DataError: version, challenge, a key or a span is not as the official scripts want it, a query is
            answered twice, or (with ``clips``) is not one of the annotations.
    """
    document = _object(document, file, "(top level)")
    if document.get("version") != "1.0":
        raise DataError("expected version '1.0'", file=file, field="version", value=document.get("version"))
    if document.get("challenge") not in (NLQ_CHALLENGE, GOALSTEP_CHALLENGE):
        raise DataError("unknown challenge", file=file, field="challenge", value=document.get("challenge"))
    known = None if clips is None else {q.key for c in clips for q in c.queries}
    predictions: dict[QueryKey, list[tuple[float, float]]] = {}
    for r, raw in enumerate(_list(document, "results", file, "results")):
        at = f"results[{r}]"
        entry = _object(raw, file, at)
        index = entry.get("query_idx")
        if not isinstance(index, int) or isinstance(index, bool) or index < 0:
            raise DataError("expected a whole number from 0", file=file, field=f"{at}.query_idx", value=index)
        key = _text(entry, "clip_uid", file, at), _text(entry, "annotation_uid", file, at), index
        if key in predictions:
            raise DataError("the query is answered twice", file=file, field=at, value=key)
        if known is not None and key not in known:
            raise DataError("no such query in the annotations", file=file, field=at, value=key)
        spans: list[tuple[float, float]] = []
        for span in _list(entry, "predicted_times", file, at):
            pair = isinstance(span, list | tuple) and len(span) == 2 and all(_is_number(t) for t in span)
            if not pair or span[0] > span[1]:
                raise DataError(
                    "expected [start, end] in seconds", file=file, field=f"{at}.predicted_times", value=span
                )
            spans.append((float(span[0]), float(span[1])))
        if not spans:
            raise DataError("a query needs at least one answer", file=file, field=f"{at}.predicted_times", value=[])
        predictions[key] = spans
    if not predictions:
        raise DataError("there is no prediction", file=file, field="results")
    return predictions


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _object(value: Any, path: str | Path | None, at: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError("expected an object", file=path, field=at, value=value)
    return value


def _list(value: dict[str, Any], name: str, path: str | Path | None, at: str) -> list[Any]:
    entry = value.get(name)
    if not isinstance(entry, list):
        raise DataError("expected a list", file=path, field=at if at == name else f"{at}.{name}", value=entry)
    return entry


def _text(value: dict[str, Any], name: str, path: str | Path | None, at: str) -> str:
    text = value.get(name)
    if not isinstance(text, str) or not text:
        raise DataError("expected a text", file=path, field=f"{at}.{name}", value=text)
    return text


def _seconds(value: dict[str, Any], name: str, path: str | Path, at: str) -> float | None:
    seconds = value.get(name)
    if seconds is None:
        return None
    if not _is_number(seconds):
        raise DataError("expected a finite number of seconds", file=path, field=f"{at}.{name}", value=seconds)
    return float(seconds)
