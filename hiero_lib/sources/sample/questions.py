"""EgoMCQ in its two official types: a sentence and five clips, of five videos or of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hiero_lib.sources.sample.narrations import Narration

INTER, INTRA = 1, 2
CHOICES = 5
SECONDS_OFF = 1.0  # how far outside its action a narration may lie
_INTRA_SPAN_S = 120.0  # the five clips of one video follow each other within this time


def make_questions(
    rng: np.random.Generator,
    narrations: Mapping[str, Sequence[Narration]],
    durations: Mapping[str, float],
    half_clips: Mapping[str, float],
    *,
    per_type: int,
) -> dict[str, dict[str, Any]]:
    """The content of ``egomcq.json``.

    Every narration is asked once a type, unless it is the second of an action, has an ``#unsure`` or lies more than a
    second outside the action that it tells of. No wrong clip shows the action (verb and noun) of the right one, and
    no two clips of a question show the same. Inter-video questions need five videos; there are none with fewer.

    Args:
        rng: where chance comes from.
        narrations: of the held-out videos, in time order.
        durations: seconds, by video.
        half_clips: half a clip's length in seconds, by video.
        per_type: how many of each type, as far as the narrations go.
    """
    usable = {uid: [n for n in rows if _can_be_asked(n)] for uid, rows in narrations.items()}
    usable = {uid: rows for uid, rows in usable.items() if rows}
    drawn = [
        *((INTER, clips, answer) for clips, answer in _inter(rng, usable, per_type)),
        *((INTRA, clips, answer) for clips, answer in _intra(rng, usable, per_type)),
    ]

    def clip(n: Narration) -> dict[str, Any]:
        half = half_clips[n.video_uid]
        return {
            "video_uid": n.video_uid,
            "clip_start": round(max(0.0, n.time_s - half), 6),
            "clip_end": round(min(durations[n.video_uid], n.time_s + half), 6),
            "clip_text": n.text,
        }

    return {
        str(index): {
            "answer": answer,
            "types": kind,
            "query": clip(clips[answer]),
            "choices": {str(c): clip(n) for c, n in enumerate(clips)},
        }
        for index, (kind, clips, answer) in enumerate(drawn)
    }


def _can_be_asked(n: Narration) -> bool:
    return n.beat is not None and not n.unsure and not n.second_pass and n.seconds_off <= SECONDS_OFF


def _key(narration: Narration) -> tuple[str, str]:
    assert narration.beat is not None  # others were left out by make_questions
    return narration.beat.action_key


def _inter(
    rng: np.random.Generator, usable: Mapping[str, Sequence[Narration]], count: int
) -> list[tuple[list[Narration], int]]:
    """Clips of five videos each, the right one at a random place.

    Of thousands of videos five at random hardly ever show the same procedure; here they would often. So videos of
    other procedures than those already there go first, and others only where these do not suffice.
    """
    uids = list(usable)
    if len(uids) < CHOICES:
        return []
    procedures = {uid: {n.beat.procedure for n in rows if n.beat} - {""} for uid, rows in usable.items()}
    questions: list[tuple[list[Narration], int]] = []
    for query in _shuffled(rng, [n for rows in usable.values() for n in rows]):
        if len(questions) == count:
            break
        clips, actions = [query], {_key(query)}
        different: list[str] = []
        alike: list[str] = []
        shown = set(procedures[query.video_uid])
        for uid in _shuffled(rng, [u for u in uids if u != query.video_uid]):
            (alike if procedures[uid] & shown else different).append(uid)
            shown |= procedures[uid]
        for uid in [*different, *alike]:
            rows = usable[uid]
            other = rows[int(rng.integers(len(rows)))]
            if _key(other) not in actions:
                clips.append(other)
                actions.add(_key(other))
            if len(clips) == CHOICES:
                questions.append(_placed(rng, clips))
                break
    return questions


def _intra(
    rng: np.random.Generator, usable: Mapping[str, Sequence[Narration]], count: int
) -> list[tuple[list[Narration], int]]:
    """Five clips that follow each other in one video; a clip whose action was there already is passed over."""
    questions: list[tuple[list[Narration], int]] = []
    starts = [(uid, i) for uid, rows in usable.items() for i in range(len(rows))]
    asked: set[tuple[str, int]] = set()
    for uid, start in _shuffled(rng, starts):
        if len(questions) == count:
            break
        clips: list[tuple[int, Narration]] = []
        actions: set[tuple[str, str]] = set()
        for index in range(start, len(usable[uid])):
            narration = usable[uid][index]
            if narration.time_s - usable[uid][start].time_s > _INTRA_SPAN_S or len(clips) == CHOICES:
                break
            if _key(narration) not in actions:
                clips.append((index, narration))
                actions.add(_key(narration))
        if len(clips) < CHOICES:
            continue
        answer, _ = clips[int(rng.integers(CHOICES))]
        if (uid, answer) not in asked:
            asked.add((uid, answer))
            first = [n for i, n in clips if i == answer]
            questions.append(_placed(rng, first + [n for i, n in clips if i != answer]))
    return questions


def _placed(rng: np.random.Generator, clips: list[Narration]) -> tuple[list[Narration], int]:
    """Five clips, the right one first, in random order, and where the right one went."""
    order = rng.permutation(CHOICES)
    return [clips[i] for i in order], int(np.flatnonzero(order == 0)[0])


def _shuffled(rng: np.random.Generator, items: Sequence[Any]) -> list[Any]:
    return [items[i] for i in rng.permutation(len(items))]
