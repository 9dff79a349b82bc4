"""Plain values of the explorer's panels: numbers of threads, corrections, answers, spans that are alike."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from hiero_lib.base.files import pasted
from hiero_lib.data.media import Media
from hiero_lib.explorer.answers import Answers
from hiero_lib.explorer.opened import OpenVideo
from hiero_lib.explorer.span_details import SpanDetails
from hiero_lib.hierarchy.agreement import agreement
from hiero_lib.hierarchy.division import MOST_THREADS
from hiero_lib.hierarchy.edits import sayings
from hiero_lib.hierarchy.operations import in_words
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.search.index import Answer
from hiero_lib.viz.rows import level_of, thread_name


def counts_value(video: OpenVideo) -> list[dict[str, Any]]:
    """Of each level: how many threads, and how many there may be; levels nest, so no fewer than above.

    ``fixed`` says why there can be no other number; empty where there can.
    """
    fixed = "There are corrections: undo them to divide anew" if video.done or video.refused else ""
    rows: list[dict[str, Any]] = []
    least = 1
    for level in reversed(video.hierarchy.levels):
        count = len(level.seconds())
        bounds = {"count": count, "least": min(least, count), "most": max(MOST_THREADS, count)}
        rows.append({"level": level.level, **bounds, "fixed": fixed})
        least = count
    return rows


def edits_value(video: OpenVideo) -> dict[str, Any]:
    """The corrections in words, where they are kept, and how far the model agrees.

    ``followed``: levels of which something is said, so that the rest can be divided anew.
    """
    lines = [in_words(operation) for operation in video.done]
    levels = [level.level for level in video.base.levels]
    followed = [level for level in levels if lines and sayings(video.base, video.done, level)]
    found = agreement(video.base, video.hierarchy) if lines else []
    agreed = [{"level": one.level, "ari": None if math.isnan(one.ari) else one.ari} for one in found]
    saved = "" if video.file is None else pasted(video.file)
    about = {"redo": bool(video.undone), "saved": saved, "refused": video.refused}
    return {"lines": lines, "agreement": agreed, "followed": followed, **about}


def answer_value(answer: Answer, shown: str, short: dict[str, str]) -> dict[str, Any]:
    """A span of any video; ``shown`` is the uid of the one that is shown, ``short`` gives shorter names."""
    title = f"{answer.thread} {answer.label}" if answer.label else f"thread {answer.thread}"
    times = {"start_s": round(answer.start_s, 3), "end_s": round(answer.end_s, 3)}
    whose = {"uid": answer.video_uid, "name": short.get(answer.video_uid, answer.video_uid)}
    about = {"level": answer.level, "title": title, "score": round(answer.score, 4)}
    return whose | {"here": answer.video_uid == shown} | times | about


def verdict_value(found: Answers) -> dict[str, Any]:
    """Whether anything fits the text, in words."""
    best = found.items[0].score if found.items else 0.0
    if found.good:
        note = f"Best cosine {best:.2f}; 95 of 100 unrelated texts find at most {found.threshold:.2f}."
    else:
        note = f"No good match: {best:.2f} is what unrelated texts find, too (up to {found.threshold:.2f})."
    return {"verdict": "good" if found.good else "none", "note": note, "threshold": found.threshold}


def details_value(found: SpanDetails, hierarchy: VideoHierarchy, short: dict[str, str]) -> dict[str, Any]:
    """A span's place, and those most like it."""
    level = level_of(hierarchy, found.level)
    uid = hierarchy.video_uid
    here = [
        {"uid": uid, "name": "", "here": True, "level": found.level, "start_s": like.start_s, "end_s": like.end_s}
        | {"title": thread_name(level, like.label), "score": round(score, 4)}
        for like, score in found.here
    ]
    place = {"level": found.level, "start_s": round(found.span.start_s, 3), "end_s": round(found.span.end_s, 3)}
    return place | {"like": here + [answer_value(answer, uid, short) for answer in found.elsewhere]}


def written_value(page: Path, note: str) -> dict[str, Any]:
    """A page that was written: its whole path, and the same from the home folder on, as JupyterLab names its root.

    Args:
        note: with which it is told.
    """
    path = page.resolve()
    home = f"~/{path.relative_to(Path.home()).as_posix()}" if path.is_relative_to(Path.home()) else ""
    return {"note": note, "name": path.name, "path": path.as_posix(), "home": home, "url": None}


def media_value(uid: str, media: Media, preview: Path | None) -> dict[str, Any]:
    """What there is of a video; ``ask`` is the size of the file that is played, ``key`` tells it from others."""
    played = preview or media.video
    ask = "" if played is None else f"{played.stat().st_size / 1e6:.0f} MB"
    pictured = bool(media.frames or media.video)
    key = uid if preview is None else f"{uid} {preview.name}"
    return {"key": key, "uid": uid, "url": None, "ask": ask, "note": media.note, "pictures": pictured}
