"""Are the sample's activity threads found again? Only the sample has a truth to compare with.

What is scored is what is shown: a level is divided by `hiero_lib.hierarchy`, as for the explorer, the search and the
export, and compared with the truth by the adjusted Rand index (0 is chance, 1 is identity):

- each level for itself, into as many threads as the truth has: coherent, as the profile says, and plain;
- the nested hierarchy as it is shown by default, level by level, against the true threads, steps and actions;
- how many threads a level is found to have, beside the largest gap between eigenvalues (von Luxburg, 2007).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hiero_lib.base.progress import Progress
from hiero_lib.benchmarks.controls import UNIFORM, uniform_pieces
from hiero_lib.benchmarks.number_found import largest_gap
from hiero_lib.benchmarks.thread_recovery.files import Level, Truth
from hiero_lib.config import HierarchyConfig, Profile
from hiero_lib.data.segments import VideoSegments
from hiero_lib.hierarchy.collection import divided_video
from hiero_lib.hierarchy.division import LevelDivision
from hiero_lib.hierarchy.spans import stretches
from hiero_lib.hierarchy.video import LevelThreads
from hiero_lib.methods.method import Method
from hiero_lib.results.metric import Metric, mean_metric

SCALES: tuple[Level, ...] = ("thread", "step", "action")


@dataclass
class LevelScores:
    """One level of one method, over the videos.

    Attributes:
        coherent, plain: ``[V]`` adjusted Rand index with as many threads as the truth has, by the profile's
            coherence and without any.
        spans, plain_spans: ``[V]`` stretches of one thread that these fall into.
        shown: scale -> ``[V]`` adjusted Rand index of the hierarchy that is shown by default.
        shown_spans: ``[V]`` its stretches.
        found, gap: ``[V]`` how many threads are found where none is told how many, and by the eigenvalues' gap.
        threads: video -> (``pos [n]``, ``threads [n]``) of ``coherent``, for pictures.
    """

    coherent: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    spans: list[int] = field(default_factory=list)
    plain_spans: list[int] = field(default_factory=list)
    shown: dict[Level, list[float]] = field(default_factory=lambda: {scale: [] for scale in SCALES})
    shown_spans: list[int] = field(default_factory=list)
    found: list[int] = field(default_factory=list)
    gap: list[int] = field(default_factory=list)
    threads: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


@dataclass(frozen=True)
class ThreadRecovery:
    """Scores per method and level.

    Attributes:
        levels: method -> its levels; of ``uniform pieces`` only ``coherent``, ``spans`` and ``threads`` are there.
        true_spans: scale -> ``[V]`` stretches of the truth; true_threads: ``[V]`` its number of threads.
        resamples, seed: of the bootstrap over videos.
    """

    levels: Mapping[str, list[LevelScores]]
    true_spans: Mapping[Level, list[int]]
    true_threads: list[int]
    resamples: int = 2000
    seed: int = 0

    def metric(self, values: list[float] | NDArray[np.floating]) -> Metric:
        """Mean over videos, with its 95 % interval (bootstrap over videos)."""
        return mean_metric(np.asarray(values), excluded=0, resamples=self.resamples, seed=self.seed)

    def difference(self, one: str, other: str, level: int) -> Metric:
        """How far ``one`` lies above ``other`` on the same videos (paired)."""
        mine, theirs = (np.asarray(self.levels[name][level].coherent) for name in (one, other))
        return self.metric(mine - theirs)


def recover_threads(
    methods: Mapping[str, Method], videos: Mapping[str, VideoSegments], truth: Mapping[str, Truth], profile: Profile
) -> ThreadRecovery:
    """Divide each method's levels of each video and compare with the truth.

    Args:
        methods: by the names of the results table.
        videos: uid -> the whole video, on the device of the methods.
        truth: of at least these videos.
        profile: its sections ``hierarchy`` and ``thread_recovery`` say how.

    Returns:
        the scores, with a row ``uniform pieces`` that shows what contiguity alone is worth.
    """
    config = profile.thread_recovery
    levels: dict[str, list[LevelScores]] = {name: [] for name in [*methods, UNIFORM]}
    spans: dict[Level, list[int]] = {scale: [] for scale in SCALES}
    counts = []
    progress = Progress("dividing videos", total=len(videos))
    for uid, video in videos.items():
        for scale in SCALES:
            spans[scale].append(_stretches(truth[uid].labels(scale, video.pos.cpu().numpy())))
        counts.append(len(np.unique(truth[uid].labels("thread", video.pos.cpu().numpy()))))
        for name, method in methods.items():
            hierarchy = divided_video(method, video, profile)
            for row, level in enumerate(hierarchy.levels):
                scores = _of(levels[name], row)
                _score_shown(scores, level, truth[uid])
                _score_alone(scores, uid, level, truth[uid], profile.hierarchy)
                if name == next(iter(methods)):
                    _score_uniform(_of(levels[UNIFORM], row), uid, level, truth[uid])
        progress.show(len(counts))
    progress.close()
    return ThreadRecovery(levels, spans, counts, config.bootstrap_resamples, config.bootstrap_seed)


def _of(levels: list[LevelScores], row: int) -> LevelScores:
    while len(levels) <= row:
        levels.append(LevelScores())
    return levels[row]


def _score_shown(scores: LevelScores, level: LevelThreads, truth: Truth) -> None:
    for scale in SCALES:
        scores.shown[scale].append(_rand_index(truth.labels(scale, level.pos), level.threads))
    scores.shown_spans.append(len(level.spans))


def _score_alone(scores: LevelScores, uid: str, level: LevelThreads, truth: Truth, config: HierarchyConfig) -> None:
    true = truth.labels("thread", level.pos)
    count = len(np.unique(true))
    division = level.division
    assert isinstance(division, LevelDivision)  # which the profile's section makes
    found, plain = division(count), division.at_coherence(0.0)(count)
    scores.coherent.append(_rand_index(true, found))
    scores.plain.append(_rand_index(true, plain))
    scores.spans.append(_stretches(found))
    scores.plain_spans.append(_stretches(plain))
    scores.found.append(len(np.unique(division("auto"))))
    scores.gap.append(largest_gap(level.x, temperature=config.temperature))
    scores.threads[uid] = level.pos, found


def _score_uniform(scores: LevelScores, uid: str, level: LevelThreads, truth: Truth) -> None:
    true = truth.labels("thread", level.pos)
    found = uniform_pieces(level.x, len(np.unique(true)), 1.0).numpy()
    scores.coherent.append(_rand_index(true, found))
    scores.spans.append(_stretches(found))
    scores.threads[uid] = level.pos, found


def _rand_index(true: np.ndarray, found: np.ndarray) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(true, found))


def _stretches(labels: np.ndarray) -> int:
    return len(stretches(labels))
