"""Narrations in Ego4D's manner: ``#C C picks up the knife``, irregular in time, and EgoClip's table of them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hiero_lib.sources.sample.english import UNCOUNTED, third_person
from hiero_lib.sources.sample.story import Beat, Story

EGOCLIP_COLUMNS = (
    "clip_idx",
    "video_uid",
    "video_dur",
    "narration_source",
    "narration_ind",
    "narration_time",
    "clip_start",
    "clip_end",
    "clip_text",
    "tag_verb",
    "tag_noun",
)

_SYNONYMS = {
    "pick up": ("pick up", "pick", "take", "lift", "grab"),
    "put down": ("put down", "put", "place", "drop"),
    "move": ("move", "shift", "push"),
    "adjust": ("adjust", "arrange", "align"),
    "cut": ("cut", "slice", "chop"),
    "rinse": ("rinse", "wash", "clean"),
    "scrub": ("scrub", "wash", "clean"),
    "wipe": ("wipe", "clean"),
    "stir": ("stir", "mix"),
    "rub": ("rub", "brush"),
    "throw": ("throw", "drop"),
    "tighten": ("tighten", "fasten", "turn"),
    "put": ("put", "place"),
    "turn": ("turn", "rotate", "flip"),
}
_HANDS = ("with the right hand", "with the left hand", "with both hands")
_OTHERS = (
    "#O man X walks around",
    "#O woman Y talks to C",
    "#O man X looks at C",
    "#O person Y moves a hand",
    "#O woman X picks a cup",
)


@dataclass(frozen=True)
class Narration:
    """A sentence at a time. ``beat`` is what it tells of; None where it tells of somebody else."""

    video_uid: str
    time_s: float
    text: str
    beat: Beat | None
    second_pass: bool = False
    unsure: bool = False

    @property
    def seconds_off(self) -> float:
        """How far the time lies outside the action, 0 within it (and where it tells of somebody else)."""
        if self.beat is None:
            return 0.0
        return max(0.0, self.beat.start_s - self.time_s, self.time_s - self.beat.end_s)


def narrate(rng: np.random.Generator, story: Story) -> list[Narration]:
    """Narrations of a story in time order: some actions get none, some two, the time is only about right."""
    narrations: list[Narration] = []

    def add(beat: Beat, low: float, high: float, second_pass: bool) -> None:
        length = beat.end_s - beat.start_s
        time = beat.start_s + rng.uniform(low, high) * length + 0.3 * rng.standard_normal()
        unsure = bool(rng.random() < 0.02)
        text = _sentence(rng, beat, unsure)
        narrations.append(Narration(story.video_uid, _clip(time, story), text, beat, second_pass, unsure))

    for beat in story.beats:
        if rng.random() < 0.85:
            add(beat, 0.05, 0.6, False)
        if rng.random() < 0.06:
            add(beat, 0.4, 0.9, True)
        if rng.random() < 0.02:
            text = _OTHERS[rng.integers(len(_OTHERS))]
            narrations.append(
                Narration(story.video_uid, _clip(rng.uniform(beat.start_s, beat.end_s), story), text, None)
            )
    return sorted(narrations, key=lambda n: n.time_s)


def _clip(time: float, story: Story) -> float:
    return float(np.clip(time, 0.0, story.duration_s))


def _sentence(rng: np.random.Generator, beat: Beat, unsure: bool) -> str:
    names = _SYNONYMS.get(beat.verb, (beat.verb,))
    verb = names[0] if rng.random() < 0.6 else names[rng.integers(len(names))]
    article = ("the ", "the ", "the ", "a ", "")[rng.integers(5)]
    if article == "a ":
        article = "" if beat.noun in UNCOUNTED else "an " if beat.noun[0] in "aeiou" else "a "
    noun = "#unsure" if unsure else article + beat.noun
    complement = beat.text.removeprefix(f"{beat.verb} the {beat.noun}").strip()
    if complement and rng.random() < 0.35:
        complement = ""
    elif not complement and rng.random() < 0.15:
        complement = _HANDS[rng.integers(len(_HANDS))]
    words = " ".join(filter(None, (third_person(verb), noun, complement)))
    if rng.random() < 0.015:
        at = int(rng.integers(1, len(words) - 1))
        words = words[:at] + words[at + 1] + words[at] + words[at + 2 :]
    return f"#C C {words}" + ("." if rng.random() < 0.05 else "")


def clip_windows(narrations: Mapping[str, Sequence[Narration]]) -> dict[str, float]:
    """Half the length in seconds of a video's clips, by EgoVLP's rule: its mean gap over twice the mean of all gaps.

    (EgoVLP, equation 1: a clip is the narration's time +- beta_i / (2 alpha), beta_i the mean time between the
    narrations of video i, alpha the mean of all beta.)
    """
    gaps = {
        uid: float(np.mean(np.diff([n.time_s for n in rows]))) if len(rows) > 1 else 0.0
        for uid, rows in narrations.items()
    }
    mean = float(np.mean([g for g in gaps.values() if g > 0])) if any(gaps.values()) else 1.0
    return {uid: (gap or mean) / (2 * mean) for uid, gap in gaps.items()}


def write_egoclip(
    path: Path,
    narrations: Mapping[str, Sequence[Narration]],
    durations: Mapping[str, float],
    half_clips: Mapping[str, float],
) -> int:
    """Write ``egoclip.csv`` (tab-separated, all of EgoVLP's columns); the number of rows.

    Verb and noun classes are lists as text (``[12]``), numbered in alphabetical order over the file; empty where
    a narration has none.
    """
    beats = [n.beat for rows in narrations.values() for n in rows if n.beat is not None]
    verbs = {verb: i for i, verb in enumerate(sorted({b.verb for b in beats if b.verb}))}
    nouns = {noun: i for i, noun in enumerate(sorted({b.noun for b in beats if b.noun}))}
    index = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(EGOCLIP_COLUMNS)
        for uid, rows in narrations.items():
            counts = {False: 0, True: 0}
            for n in rows:
                beat = n.beat
                writer.writerow(
                    [
                        index,
                        uid,
                        round(durations[uid], 6),
                        f"narration_pass_{1 + n.second_pass}",
                        counts[n.second_pass],
                        round(n.time_s, 6),
                        round(max(0.0, n.time_s - half_clips[uid]), 6),
                        round(min(durations[uid], n.time_s + half_clips[uid]), 6),
                        n.text,
                        [verbs[beat.verb]] if beat is not None and beat.verb else [],
                        [nouns[beat.noun]] if beat is not None and beat.noun else [],
                    ]
                )
                counts[n.second_pass] += 1
                index += 1
    return index
