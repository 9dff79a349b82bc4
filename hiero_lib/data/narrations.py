"""Narrations of a video, from the file to the figure; and the tag that Ego4D's narrators put before each.

An Ego4D narration begins with who acts: ``#C C`` the camera wearer, ``#O`` someone else (Grauman et al., "Ego4D",
CVPR 2022). Models learn from tagged texts; people read and write plain ones.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TAG = re.compile(r"^#\w+\s+(?:C\s+)?")


@dataclass(frozen=True)
class Narrations:
    """Narrations of one video in time order; empty where it has none.

    Attributes:
        times: seconds from the start of the video, rising; two may be at the same time.
        texts: as many, with or without tags.

    Raises:
        ValueError: their numbers differ, a time is not finite, or one is before the one above it.
    """

    times: Sequence[float] = ()
    texts: Sequence[str] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", tuple(map(float, self.times)))
        object.__setattr__(self, "texts", tuple(self.texts))
        if len(self.times) != len(self.texts):
            raise ValueError(f"{len(self.times)} narration times but {len(self.texts)} texts")
        for time in self.times:
            if not math.isfinite(time):
                raise ValueError(f"a narration at {time!r} s, which is no time")
        for before, time in itertools.pairwise(self.times):
            if time < before:
                raise ValueError(f"narrations must rise in time, but {time!r} s comes after {before!r} s")

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[tuple[float, str]]:
        return iter(zip(self.times, self.texts))

    def without_tags(self) -> Narrations:
        """The same for people to read; see `strip_tag`."""
        return Narrations(self.times, [strip_tag(text) for text in self.texts])

    def between(self, start_s: float, end_s: float) -> Narrations:
        """Those at ``start_s <= time < end_s`` seconds."""
        inside = [(time, text) for time, text in self if start_s <= time < end_s]
        return Narrations([time for time, _ in inside], [text for _, text in inside])


NO_NARRATIONS = Narrations()


def add_tag(text: str) -> str:
    """Plain words in the form that models learn from: ``cut the onion`` -> ``#C C cut the onion``.

    A text that begins with a tag keeps it. White space is that of one line.
    """
    line = " ".join(text.split())
    return line if line.startswith("#") else f"#C C {line}"


def strip_tag(text: str) -> str:
    """A narration in plain words: ``#C C cuts the onion`` -> ``cuts the onion``, ``#O a man sits`` -> ``a man sits``.

    White space is that of one line.
    """
    return _TAG.sub("", " ".join(text.split()))
