"""``python -m tests.tools.aligned outputs/sample``: how often the alignment of two videos is right.

Of a finished run of the sample, whose truth has the same number for the same step in every video. Every two videos of
the held-out ones (``--all``: of all) that share a procedure are aligned at each level by HiERO's features, and every
second of the one is asked what its counterpart is: "told" is the share of seconds that have one, "step" and "thread"
the share of those whose counterpart is mostly of the same step or thread, "found" the seconds told rightly out of
those whose step occurs in the other video at all. Of videos that share no step every counterpart is one too many:
"unrelated". Beside it warping as Sakoe and Chiba have it, which matches everything (``everything``), and the same
with the pairs below the threshold struck out afterwards (``struck out``); and the true steps, aligned by the same
routine: steps may change their order, which no warping follows, so that less than all can be found.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from hiero_lib.benchmarks.thread_recovery.files import Truth, read_truths
from hiero_lib.config import load_profile
from hiero_lib.data.paths import DataPaths
from hiero_lib.hierarchy.alignment import align, unlike, warp
from hiero_lib.hierarchy.collection import divided_video, open_collection
from hiero_lib.hierarchy.video import LevelThreads, VideoHierarchy
from hiero_lib.methods.levels import read_video
from hiero_lib.pipelines.finished_run import open_method
from hiero_lib.results.kept_profile import kept_profile

LEVELS = (0, 1, 2)
Pairs = Sequence[tuple[int, int, float]]


@dataclass
class Count:
    """Seconds of the first videos of pairs."""

    seconds: int = 0
    told: int = 0
    step: int = 0
    thread: int = 0
    possible: int = 0

    def line(self) -> str:
        """For people."""
        told = max(self.told, 1)
        found = f", found {self.step / max(self.possible, 1):.2f}" if self.possible else ""
        right = f", of these step {self.step / told:.2f}, thread {self.thread / told:.2f}" if self.possible else ""
        return f"told {self.told / max(self.seconds, 1):.3f}{right}{found}"


@dataclass(frozen=True)
class Video:
    """A video at one level: its spans, and the truth of every second."""

    hierarchy: VideoHierarchy
    truth: Truth
    level: LevelThreads

    @property
    def times(self) -> np.ndarray:
        """The middle of every second."""
        return np.arange(0.5, self.truth.duration_s, 1.0)

    def span_of_second(self) -> np.ndarray:
        """``[seconds]`` number of the span."""
        starts = [span.start_s for span in self.level.spans]
        return np.clip(np.searchsorted(starts, self.times, side="right") - 1, 0, None)

    def labels(self, name: str) -> np.ndarray:
        """``[seconds]`` the truth; -1: none."""
        return self.truth.labels(name, self.times)  # type: ignore[arg-type]

    def mostly(self, name: str) -> np.ndarray:
        """``[spans]`` the label that most of a span's seconds have."""
        labels, spans = self.labels(name), self.span_of_second()
        most = np.full(len(self.level.spans), -1)
        for number in np.unique(spans):
            values, counts = np.unique(labels[spans == number], return_counts=True)
            most[number] = values[counts.argmax()]
        return most


def count(one: Video, other: Video, pairs: Pairs, into: Count) -> None:
    """Ask every second of ``one`` for its counterpart."""
    nearest = {row: column for row, column, _ in sorted(pairs, key=lambda pair: pair[2])}
    counterpart = np.array([nearest.get(row, -1) for row in range(len(one.level.spans))])[one.span_of_second()]
    told = counterpart >= 0
    into.seconds, into.told = into.seconds + len(told), into.told + int(told.sum())
    for name in ("step", "thread"):
        own = one.labels(name)
        same = told & (own >= 0) & (other.mostly(name)[counterpart] == own)
        setattr(into, name, getattr(into, name) + int(same.sum()))
    steps = one.labels("step")
    into.possible += int((np.isin(steps, other.labels("step")) & (steps >= 0)).sum())


def cosines(one: Video, other: Video) -> np.ndarray:
    """``[n, m]`` of the spans' features."""
    return (F.normalize(one.level.span_x, dim=1) @ F.normalize(other.level.span_x, dim=1).T).numpy()


def by_kit(one: Video, other: Video) -> Pairs:
    """As the kit aligns."""
    found = align(one.hierarchy, other.hierarchy, level=one.level.level)
    return [(pair.one, pair.other, pair.cosine) for pair in found.pairs]


def everything(one: Video, other: Video) -> Pairs:
    """Sakoe and Chiba's: nothing is left out."""
    cosine = cosines(one, other)
    return [(row, column, cosine[row, column]) for row, column in warp(1 - cosine, left_out=2.0).tolist()]


def struck_out(one: Video, other: Video) -> Pairs:
    """The same, without the pairs that are not nearer than the threshold."""
    level = one.level.level
    threshold = max(unlike(one.hierarchy, level=level), unlike(other.hierarchy, level=level))
    return [pair for pair in everything(one, other) if pair[2] > threshold]


def of_truth(one: Video, other: Video) -> Pairs:
    """The true steps of the spans, aligned."""
    first, second = one.mostly("step"), other.mostly("step")
    same = (first[:, None] == second) & (first >= 0)[:, None]
    return [(row, column, 1.0) for row, column in warp(1.0 - same, left_out=0.5).tolist()]


WAYS: dict[str, Callable[[Video, Video], Pairs]] = {
    "aligned": by_kit,
    "everything": everything,
    "struck out": struck_out,
    "true steps": of_truth,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.aligned", description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run of the sample")
    parser.add_argument("--all", action="store_true", help="the videos of training, too")
    options = parser.parse_args()
    profile = kept_profile(options.run) or load_profile("sample")
    collection, method = open_collection(profile, device=torch.device("cpu")), open_method(profile, options.run)
    truths = {truth.video_uid: truth for truth in read_truths(DataPaths.at(profile.data_root).root / "truth")}
    used = [uid for uid in collection.video_uids if options.all or truths[uid].split == "val"]
    videos = {}
    for uid in used:
        segments = read_video(collection.store, profile, uid, device=collection.device)
        videos[uid] = divided_video(method, segments, profile)
    procedures = {uid: {span.id for span in truths[uid].levels["procedure"]} for uid in used}
    steps = {uid: {span.id for span in truths[uid].levels["step"]} for uid in used}
    pairs = list(itertools.combinations(used, 2))
    related = [pair for pair in pairs if procedures[pair[0]] & procedures[pair[1]]]
    apart = [pair for pair in pairs if not steps[pair[0]] & steps[pair[1]]]
    print(f"{len(used)} videos; {len(related)} pairs share a procedure, {len(apart)} pairs share no step")
    for level in LEVELS:
        at = {uid: Video(of, truths[uid], of.levels[level]) for uid, of in videos.items()}
        for name, way in WAYS.items():
            started = time.perf_counter()
            of_related, of_apart = Count(), Count()
            for into, chosen in ((of_related, related), (of_apart, apart)):
                for one, other in chosen:
                    count(at[one], at[other], way(at[one], at[other]), into)
            seconds = time.perf_counter() - started
            print(f"level {level}, {name}: {of_related.line()}; unrelated {of_apart.line()}  ({seconds:.1f} s)")


if __name__ == "__main__":
    main()
