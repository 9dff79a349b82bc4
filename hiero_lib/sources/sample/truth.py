"""Writing the truth beside a sample; its layout is told where it is read, in ``benchmarks.thread_recovery.files``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hiero_lib.base.files import write_json
from hiero_lib.benchmarks.thread_recovery.files import LEVELS, VERSION, Level
from hiero_lib.sources.sample.story import Story


def label_ids(stories: Iterable[Story]) -> dict[Level, dict[tuple[str, ...], int]]:
    """Numbers of the labels of each level, in alphabetical order over all videos."""
    keys: dict[Level, set[tuple[str, ...]]] = {level: set() for level in LEVELS}
    for story in stories:
        for beat in story.beats:
            for level in LEVELS:
                key = beat.key(level)
                if key is not None:
                    keys[level].add(key)
    return {level: {key: i for i, key in enumerate(sorted(labels))} for level, labels in keys.items()}


def write_truth(
    path: Path,
    story: Story,
    ids: Mapping[Level, Mapping[tuple[str, ...], int]],
    *,
    split: str,
    num_segments: int,
    stride_s: float,
) -> None:
    """Write one video's truth."""
    levels: dict[str, Sequence[dict[str, object]]] = {}
    for level in LEVELS:
        rows = []
        for span in story.spans(level):
            row: dict[str, object] = {
                "start_s": round(span.start_s, 6),
                "end_s": round(span.end_s, 6),
                "id": ids[level][span.key],
                "text": span.key[-1],
            }
            if level == "action":
                row |= {"verb": span.beat.verb, "noun": span.beat.noun}
            if level == "step":
                row["keystep"] = span.beat.keystep
            rows.append(row)
        levels[level] = rows
    document = {
        "version": VERSION,
        "video_uid": story.video_uid,
        "split": split,
        "scenario": story.scenario,
        "duration_s": round(story.duration_s, 6),
        "num_segments": num_segments,
        "stride_s": stride_s,
        "levels": levels,
    }
    write_json(path, document)
