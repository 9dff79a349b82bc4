"""JSON of a video's hierarchy, and the JSON Schema that it meets (``hierarchy.schema.json`` beside this file).

The schema documents every field. ``version`` is raised when a reader of the old layout would misread the new one.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import hiero_lib
from hiero_lib.base.files import write_json
from hiero_lib.export.record import VideoRecord, thread_title
from hiero_lib.hierarchy.corrections import operation_value
from hiero_lib.hierarchy.video import tree

VERSION = 2


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of this version."""
    return json.loads(resources.files("hiero_lib.export").joinpath("hierarchy.schema.json").read_text("utf-8"))


def document(record: VideoRecord) -> dict[str, Any]:
    """The hierarchy as plain values."""
    hierarchy = record.hierarchy
    levels = []
    for level in hierarchy.levels:
        threads = [
            {
                "thread": thread,
                "name": level.names.get(thread),
                "title": thread_title(level, thread),
                "parent": level.parents.get(thread),
                "seconds": seconds,
            }
            for thread, seconds in level.seconds().items()
        ]
        spans = [
            {"start_s": span.start_s, "end_s": span.end_s, "thread": span.label, "wrong": row in level.wrong}
            for row, span in enumerate(level.spans)
        ]
        levels.append({"level": level.level, "stride_s": level.stride_s, "threads": threads, "runs": spans})
    return {
        "format": "hiero_lib.hierarchy",
        "version": VERSION,
        "hiero_lib": hiero_lib.__version__,
        "video_uid": hierarchy.video_uid,
        "start_s": hierarchy.start_s,
        "end_s": hierarchy.end_s,
        "method": {
            "name": record.method,
            "fingerprint": record.fingerprint,
            "thread_graph": record.thread_graph,
        },
        "data": record.data_name,
        "is_sample": record.is_sample,
        "levels": levels,
        "tree": [
            {
                "id": node.id,
                "parent": node.parent or None,
                "level": node.level,
                "thread": node.thread if node.parent else None,
                "seconds": node.milliseconds / 1000,
            }
            for node in tree(hierarchy)
        ],
        "corrections": [operation_value(operation) for operation in record.operations],
        "narrations": [{"time_s": time, "text": text} for time, text in record.narrations.without_tags()],
    }


def write_document(record: VideoRecord, path: str | Path) -> None:
    """Write the JSON, atomically."""
    write_json(path, document(record))
