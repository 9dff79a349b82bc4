"""Ego4D's own ``narration.json`` as rows of ``egoclip.csv``, for any videos: those of validation, too.

Layout: ``{"videos": {uid: {"status", "narration_pass_1": {"narrations": [{"timestamp_sec", "narration_text"}]},
"narration_pass_2": ...}}}``, also seen with the uids at the top. A pass is what one narrator told.

The clip of a narration at t is ``[t - beta / (2 alpha), t + beta / (2 alpha)]``: beta is the mean distance of
consecutive narrations, alpha the mean of all betas (Lin et al., "Egocentric Video-Language Pretraining", NeurIPS
2022, section 3 and Eq. 1; 4.9 s in EgoClip). Beta is taken of each pass: of both passes in one sequence its mean over
EgoClip's clips would be 60 s / 21.9 = 2.7 s (21.9 clips a minute), where the paper's table has 4.9 s.

Of the paper's own selection only ``#unsure`` is applied: which videos and narrations of few words EgoClip leaves out
stands in a supplement that was not at hand.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import atomic_path, read_json
from hiero_lib.data.narrations import strip_tag

COLUMNS = (
    "clip_idx", "video_uid", "video_dur", "narration_source", "narration_ind", "narration_time", "clip_start",
    "clip_end", "clip_text", "tag_verb", "tag_noun",
)  # fmt: skip
_PASS = re.compile(r"narration_pass_\w{1,20}")
_UNSURE = re.compile(r"#\s*unsure", re.IGNORECASE)
_NO_TEXT = re.compile(r"(?:#\w+(?:\s+C)?)?|nan|none|null|n/?a", re.IGNORECASE)  # nothing, or a tag alone
_REDACTED = re.compile(r"\W*redacted\W*", re.IGNORECASE)
_ABOUT = ("date", "version", "description", "metadata")  # beside the uids, where they are at the top
_COMPLETE = "complete"


@dataclass(frozen=True)
class Narrated:
    """A narration that is kept: place in its pass as the file has it, seconds, text on one line, half its clip."""

    video_uid: str
    source: str
    index: int
    time_s: float
    text: str
    half_clip_s: float


@dataclass(frozen=True)
class Ego4dNarrations:
    """What became of a file.

    Attributes:
        rows: in the order of the file's videos and passes, each pass by time.
        videos: with at least one row.
        told: narrations of the chosen videos; ``rows`` and ``dropped`` (by reason) together.
        alpha_s: mean of the betas of all passes of the file, in seconds; None where none has two narrations.
        single: passes with one time only, whose clips have a length of 1 s, as of a pass whose beta is alpha.
    """

    rows: tuple[Narrated, ...]
    videos: int
    told: int
    dropped: dict[str, int]
    alpha_s: float | None
    single: int

    def summary(self) -> str:
        """The counts in a few lines."""
        alpha = "no pass has two narrations" if self.alpha_s is None else f"alpha {self.alpha_s:.4g} s"
        lines = [f"{len(self.rows):,} of {self.told:,} narrations of {self.videos:,} videos ({alpha})"]
        lines += [f"left out: {count:,} {reason}" for reason, count in self.dropped.items() if count]
        if self.single:
            lines.append(f"{self.single:,} passes have one time only: their clips last 1 s")
        return "\n".join(lines)


def read_ego4d_narrations(path: str | Path, *, videos: Collection[str] = ()) -> Ego4dNarrations:
    """Read ``narration.json``.

    Args:
        path: the file.
        videos: uids to take rows of; none: all. Alpha is always that of the whole file.

    Raises:
        DataError: not the layout, a video that is asked for and not there, or not one narration is left; names the
            field and the value.
    """
    path = Path(path)
    found = _videos(read_json(path), path)
    if missing := [uid for uid in videos if uid not in found]:
        shown = ", ".join(missing[:3])
        raise DataError(
            f"{len(missing)} of the videos asked for are not there", file=path, field="videos", value=shown
        )
    chosen, betas, single, told = set(videos or found), [], 0, 0
    dropped: Counter[str] = Counter()
    passes: list[tuple[list[tuple[float, int, str]], str, str, float | None]] = []
    for uid, video in found.items():
        counts: Counter[str] = Counter()
        for source in sorted(filter(_PASS.fullmatch, video), key=lambda name: (len(name), name)):
            entries = _entries(video[source], path, f"{uid}.{source}")
            kept = _kept(entries, str(video.get("status", _COMPLETE)), counts, path, f"{uid}.{source}.narrations")
            told += len(entries) if uid in chosen else 0
            beta = (kept[-1][0] - kept[0][0]) / (len(kept) - 1) if len(kept) > 1 else 0.0
            betas += [beta] if beta > 0 else []
            if kept and uid in chosen:
                passes.append((kept, uid, source, beta or None))
                single += not beta
        if uid in chosen:
            dropped += counts
    alpha = sum(betas) / len(betas) if betas else None
    rows = [
        Narrated(uid, source, index, time, text, 0.5 if beta is None or alpha is None else beta / (2 * alpha))
        for kept, uid, source, beta in passes
        for time, index, text in kept
    ]
    if not rows:
        raise DataError("not one narration is left", file=path, value=dict(dropped))
    return Ego4dNarrations(tuple(rows), len({row.video_uid for row in rows}), told, dict(dropped), alpha, single)


def write_egoclip(found: Ego4dNarrations, path: str | Path) -> None:
    """Write ``egoclip.csv``, tab-separated, atomically.

    What the file does not say is not known: ``video_dur`` is empty, ``tag_verb`` and ``tag_noun`` are empty lists.
    A clip does not begin before its video; where the video ends is not known.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for number, row in enumerate(found.rows):
            clip = (round(max(0.0, row.time_s - row.half_clip_s), 6), round(row.time_s + row.half_clip_s, 6))
            place = (number, row.video_uid, "", row.source, row.index)
            writer.writerow([*place, round(row.time_s, 6), *clip, row.text, "[]", "[]"])


def _videos(document: Any, path: Path) -> dict[str, Mapping[str, Any]]:
    """The videos by uid, in either layout."""
    videos = document.get("videos", document) if isinstance(document, dict) else None
    if not isinstance(videos, dict) or not videos:
        raise DataError("not Ego4D's narration.json: videos by their uid are expected", file=path, field="videos")
    found: dict[str, Mapping[str, Any]] = {}
    for uid, video in videos.items():
        if videos is document and uid in _ABOUT:
            continue
        if not isinstance(video, dict) or not uid.strip() or any(mark in uid for mark in "\t\r\n"):
            raise DataError("not Ego4D's narration.json: a video is expected", file=path, field=uid[:80] or "''")
        if any(map(_surrogate, uid)):
            raise DataError("half a character (a surrogate)", file=path, field="videos", value=uid[:80])
        found[uid] = video
    if not any(_PASS.fullmatch(name) for video in found.values() for name in video):
        raise DataError("not Ego4D's narration.json: no video has narration_pass_1", file=path, field="videos")
    return found


def _entries(told: Any, path: Path, at: str) -> list[Any]:
    entries = told.get("narrations", []) if isinstance(told, dict) else None
    if not isinstance(entries, list):
        raise DataError("a list of narrations is expected", file=path, field=f"{at}.narrations")
    return entries


def _kept(entries: list[Any], status: str, counts: Counter[str], path: Path, at: str) -> list[tuple[float, int, str]]:
    """Time, place and text of a pass's usable narrations, by time; the others are counted by reason."""
    kept, seen = [], set()
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise DataError("an object is expected", file=path, field=f"{at}[{index}]", value=str(entry)[:80])
        text, time = entry.get("narration_text"), _time(entry.get("timestamp_sec"))
        if text is not None and (not isinstance(text, str) or any(map(_surrogate, text))):
            field = f"{at}[{index}].narration_text"
            raise DataError("a text is expected", file=path, field=field, value=repr(text)[:80])
        line = " ".join((text or "").split())
        if status.strip().lower() != _COMPLETE:
            counts[f"of videos that are not complete ({status[:40]})"] += 1
        elif _REDACTED.fullmatch(strip_tag(line)):
            counts["redacted"] += 1
        elif _UNSURE.search(line):
            counts["with #unsure"] += 1
        elif _NO_TEXT.fullmatch(line):
            counts["without text"] += 1
        elif time is None:
            counts["at no finite time from 0"] += 1
        elif (time, line) in seen:
            counts["told twice in one pass"] += 1
        else:
            seen.add((time, line))
            kept.append((time, index, line))
    return sorted(kept)


def _time(value: Any) -> float | None:
    """Seconds; None where it is no time."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        return None
    return float(value) if math.isfinite(value) else None


def _surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"
