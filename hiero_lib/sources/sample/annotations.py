"""Annotations of the held-out videos for the other benchmarks: EgoNLQ, Goal-Step and EgoProceL files."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from hiero_lib.benchmarks.egoprocel.files import TASKS, Task
from hiero_lib.benchmarks.step_localization.files import Step, StepVideo
from hiero_lib.sources.sample.english import UNCOUNTED, past, plural, third_person
from hiero_lib.sources.sample.features import FPS, STRIDE_FRAMES, num_segments
from hiero_lib.sources.sample.story import Beat, Story

_CLIP_S = 480.0  # EgoNLQ's clips last 8 minutes
_QUERIES = 12  # an annotation


def nlq_document(rng: np.random.Generator, stories: Iterable[Story], *, split: str) -> dict[str, Any]:
    """The content of ``nlq_<split>.json``: clips of 8 minutes at most, queries in EgoNLQ's templates.

    An action is asked for only where it occurs once in the clip, so that a query has one answer.
    """
    videos = []
    for story in stories:
        clips: list[dict[str, Any]] = []
        count = max(1, round(story.duration_s / _CLIP_S))
        edges = np.linspace(0.0, story.duration_s, count + 1)
        for start, end in pairwise(edges):
            queries = _nlq_queries(rng, story, float(start), float(end))
            if queries:
                clip = _clip(
                    f"{story.video_uid}-{len(clips)}", float(start), float(end), f"nlq-{story.video_uid}", queries
                )
                clips.append(clip)
        videos.append({"video_uid": story.video_uid, "split": split, "clips": clips})
    return {"version": "1", "description": "made locally: no Ego4D annotation", "videos": videos}


def _nlq_queries(rng: np.random.Generator, story: Story, start: float, end: float) -> list[dict[str, Any]]:
    inside = [beat for beat in story.beats if beat.start_s >= start and beat.end_s <= end]
    counts = Counter(beat.action_key for beat in inside)
    once = [i for i, beat in enumerate(inside) if counts[beat.action_key] == 1 and i > 0]
    queries = []
    for i in sorted(rng.permutation(once)[:_QUERIES]):
        beat, before = inside[i], inside[i - 1]
        template, text = _question(rng, beat, before)
        queries.append(
            {
                "clip_start_sec": round(beat.start_s - start, 6),
                "clip_end_sec": round(beat.end_s - start, 6),
                "video_start_sec": round(beat.start_s, 6),
                "video_end_sec": round(beat.end_s, 6),
                "template": template,
                "query": text,
            }
        )
    return queries


def _question(rng: np.random.Generator, beat: Beat, before: Beat) -> tuple[str, str]:
    """A question that ``beat`` answers: the template's name as EgoNLQ has it, and the text."""
    if not beat.verb or not beat.text.startswith(f"{beat.verb} the {beat.noun}"):  # real texts have any form
        return "Objects: In what location did I see object X ?", f"In what location did this happen: {beat.text}?"
    place = beat.text.removeprefix(f"{beat.verb} the {beat.noun}").strip()
    if beat.verb in ("put", "put down", "place"):
        return "Place: Where did I put X?", f"Where did I put the {beat.noun}?"
    if place.startswith(("into", "in ", "on", "through", "under")):
        return "Objects: What did I put in X?", f"What did I {beat.verb} {place}?"
    kind = rng.integers(4)
    if kind == 0:
        return (
            "Objects: Where is object X before / after event Y?",
            f"Where was the {beat.noun} before I {past(beat.text)}?",
        )
    if kind == 1:
        return "Objects: What X is Y?", f"What did I {beat.verb} after I {past(before.text)}?"
    if kind == 2 and beat.noun not in UNCOUNTED:
        return "Objects: How many X’s? (quantity question)", f"How many {plural(beat.noun)} did I {beat.verb}?"
    return "Objects: In what location did I see object X ?", f"In what location did I {beat.text}?"


def _clip(uid: str, start: float, end: float, annotation: str, queries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "clip_uid": uid,
        "video_start_sec": round(start, 6),
        "video_end_sec": round(end, 6),
        "annotations": [{"language_queries": queries, "annotation_uid": annotation}],
    }


def grounding_document(groups: Sequence[Sequence[Story]], *, with_times: bool) -> dict[str, Any]:
    """The content of Goal-Step's ``val.json`` (or, without times, ``test.json``): the steps of each video in order.

    A group of several videos is one entry named ``grp-<first video>``, on the timeline of its features put one
    after the other.
    """
    videos = []
    for group in groups:
        uid = ("grp-" if len(group) > 1 else "") + group[0].video_uid
        queries: list[dict[str, Any]] = []
        offset = 0.0
        for story in group:
            for step in story.spans("step"):
                times = {
                    "clip_start_sec": round(offset + step.start_s, 5),
                    "clip_end_sec": round(offset + step.end_s, 5),
                }
                queries.append((times if with_times else {}) | {"query": step.beat.step})
            # The members' features are put one after the other, so whole segments count.
            offset += num_segments(story.duration_s) * STRIDE_FRAMES / FPS
        last = group[-1]
        end = offset - num_segments(last.duration_s) * STRIDE_FRAMES / FPS + last.duration_s
        clip = _clip(uid, 0.0, end, f"goalstep-{uid}", queries)
        videos.append({"video_uid": uid, "clips": [clip]})
    return {"version": "v1", "description": "made locally: no Ego4D annotation", "videos": videos}


def step_videos(stories: Iterable[Story]) -> list[StepVideo]:
    """Steps with their actions as sub-steps, for Goal-Step's own layout; categories are named ``like_this``."""
    videos = []
    for story in stories:
        steps = []
        for span in story.spans("step"):
            substeps = tuple(
                Step(round(b.start_s, 6), round(b.end_s, 6), _category(b.text), third_person(b.text), 1)
                for b in story.beats
                if span.start_s <= b.start_s < span.end_s and b.key("step") == span.key and b.text != b.step
            )
            text = span.beat.step
            steps.append(
                Step(round(span.start_s, 6), round(span.end_s, 6), _category(text), third_person(text), 0, substeps)
            )
        videos.append(StepVideo(story.video_uid, tuple(steps)))
    return videos


def _category(text: str) -> str:
    return text.replace(" ", "_")


def write_groups(path: Path, groups: Iterable[Sequence[Story]]) -> None:
    """Write ``goalstep_video_groups.tsv``: the groups of more than one video."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(["university", "video_group"])
        for group in groups:
            if len(group) > 1:
                writer.writerow(["sample", [story.video_uid for story in group]])


def egoprocel_task(name: str) -> Task | None:
    """The task called ``<dataset>/<task>``, or by its key of keysteps.json; None where there is no such task."""
    return next((task for task in TASKS if name in (f"{task.dataset}/{task.name}", task.json_key)), None)


def write_keysteps(folder: Path, tasks: Mapping[str, Task], stories: Iterable[Story]) -> set[str]:
    """Write EgoProceL's files under ``folder``: a csv a video in its task's folder, and ``videos.csv``.

    Rows: start_s, end_s, "<key-step number>. text", without header. ``videos.csv`` (video, fps, num_frames) stands
    for the videos, which are not there. Nothing is written where no video has key-steps.
    Returns the uids of the videos written.

    Args:
        folder: ``<root>/raw/annotations/egoprocel``.
        tasks: of the videos, by uid; others are left out.
        stories: the videos.
    """
    rates: list[tuple[str, float, int]] = []
    for story in stories:
        spans = [span for span in story.spans("step") if span.beat.keystep]
        if story.video_uid not in tasks or not spans:
            continue
        path = folder / tasks[story.video_uid].annotation_folder / f"{story.video_uid}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            for span in spans:
                label = f"{span.beat.keystep}. {span.beat.step}"
                writer.writerow([round(span.start_s, 3), round(span.end_s, 3), label])
        rates.append((story.video_uid, FPS, num_segments(story.duration_s) * STRIDE_FRAMES))
    if not rates:
        return set()
    with (folder / "videos.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["video", "fps", "num_frames"])
        writer.writerows(rates)
    return {row[0] for row in rates}
