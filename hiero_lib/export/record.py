"""What is exported of one video."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from hiero_lib.config import ThreadGraph
from hiero_lib.data.narrations import NO_NARRATIONS, Narrations
from hiero_lib.hierarchy.operations import Operation
from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Query:
    """A text, and its features ``[D]`` in the text space of the hierarchy."""

    text: str
    embedded: Tensor


@dataclass(frozen=True)
class VideoRecord:
    """A video's hierarchy and where it comes from.

    Attributes:
        hierarchy: with names for its threads, where there are any.
        method: whose features were clustered, as results tables name it.
        data_name: whose data it is, for titles ("the generated sample").
        is_sample: made locally, not a real video.
        fingerprint: of the method's weights.
        thread_graph: the variant of the thread edges; None without a graph.
        narrations: of the video; may be empty.
        queries: texts for the page's similarity panel.
        operations: a person's corrections, which are made in ``hierarchy`` already.
        pictures, aligned: for the page, as `hiero_lib.front` takes them: frames of the video, and a second video that
            is aligned with it.
    """

    hierarchy: VideoHierarchy
    method: str
    data_name: str
    is_sample: bool
    fingerprint: str = ""
    thread_graph: ThreadGraph | None = None
    narrations: Narrations = NO_NARRATIONS
    queries: tuple[Query, ...] = ()
    operations: tuple[Operation, ...] = ()
    pictures: Mapping[str, Any] | None = None
    aligned: Mapping[str, Any] | None = None

    @property
    def video_uid(self) -> str:
        """The video's name."""
        return self.hierarchy.video_uid

    @property
    def title(self) -> str:
        """For figures and pages."""
        return f"{self.video_uid}: {self.method} on {self.data_name}"

    def printable(self) -> VideoHierarchy:
        """The hierarchy with names that fit on a line of any format."""
        levels = [
            dataclasses.replace(level, names={thread: one_line(name) for thread, name in level.names.items()})
            for level in self.hierarchy.levels
        ]
        return dataclasses.replace(self.hierarchy, levels=tuple(levels))


def thread_title(level: LevelThreads, thread: int) -> str:
    """A thread's name, or its number where it has none, on one line that any text format can hold."""
    return one_line(level.names.get(thread, "")) or (f"thread {thread}" if thread >= 0 else "no thread")


def one_line(text: str) -> str:
    """Text without line breaks and without characters that XML and WebVTT cannot hold."""
    return " ".join(_NOT_XML.sub(" ", text).split())


def milliseconds(seconds: float) -> int:
    """Whole milliseconds, which is what spans hold."""
    return round(seconds * 1000)


def nested_spans(levels: Sequence[LevelThreads]) -> list[list[tuple[int, int, int]]]:
    """``(start_ms, end_ms, thread)`` of each level, cut at every border of a coarser one, coarsest level first.

    For formats in which a span lies in one span of the level above.
    """
    nested: list[list[tuple[int, int, int]]] = []
    borders: set[int] = set()
    for level in sorted(levels, key=lambda level: -level.level):
        pieces = []
        edges = sorted(borders)
        for span in level.spans:
            start, end = milliseconds(span.start_s), milliseconds(span.end_s)
            cuts = [start, *(edge for edge in edges if start < edge < end), end]
            pieces += [(a, b, span.label) for a, b in itertools.pairwise(cuts) if a < b]
        nested.append(pieces)
        borders |= {edge for start, end, _ in pieces for edge in (start, end)}
    return nested
