"""The methods that a run compares, and what each of them makes of a whole video.

Untrained features, the linear probe and HiERO answer the same calls, so that a benchmark, a figure or a search index
is written once: features of every level, their projection into the text space, and texts in that space.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from hiero_lib.config import ThreadGraph
from hiero_lib.data.segments import VideoSegments
from hiero_lib.methods.scorers import EmbedText, Scorer
from hiero_lib.models.alignment import AlignedModel
from hiero_lib.models.hiero import HierarchyLevel

UNTRAINED, PROBE, HIERO = "untrained features", "linear probe", "HiERO"


class Levels(Protocol):
    """Levels 0 to depth - 1 of one whole video; assignments are -1 where the method finds no threads."""

    def __call__(self, video: VideoSegments, *, cluster: bool = True) -> list[HierarchyLevel]:
        """``cluster``: find threads and reason along them, where the method can."""


@dataclass(frozen=True)
class Method:
    """One way of representing videos and texts; models are in eval mode, and nothing here keeps gradients.

    Attributes:
        name: as the results table has it.
        levels: features of every level of a video that is on the method's device.
        project: a level's ``x [n, C]`` -> ``[n, D]`` in the text space.
        embed_text: texts -> ``[M, D]`` in the same space.
        scorer: the same for batches of short windows, without clustering, as EgoMCQ asks.
            None where the features have no text space (Omnivore's, untrained): then ``embed_text`` raises DataError.
        thread_graph: the variant of the thread edges; None without a graph.
        fingerprint: hash of the weights, for the names of caches.
        model: None for untrained features.
    """

    name: str
    levels: Levels
    project: Callable[[Tensor], Tensor]
    embed_text: EmbedText
    scorer: Scorer | None
    thread_graph: ThreadGraph | None
    fingerprint: str
    model: AlignedModel | None = None

    @property
    def text_space(self) -> bool:
        """Whether texts can be compared with its features."""
        return self.scorer is not None
