"""``python -m tests.tools.following outputs/sample``: what dividing the rest anew after corrections is worth.

A person who knows the truth is pretended: of a held-out video of the sample, K spans of the truth that the model has
otherwise are given to the thread that shares the most seconds with theirs (or to a new one, where there is
none), those with the most wrong seconds first, or at random; or K spans of the truth whatever the model has, so that
what is left is no choice of what it has right. Then the level is divided anew. Compared are the nodes
that were not corrected: their adjusted Rand index with the truth when the rest is left as it was, and when it
follows; the mean over the videos, and the mean difference with its 95 % interval (bootstrap over videos).
Level 2 is compared with the true threads, level 1 with steps, level 0 with actions.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import adjusted_rand_score

from hiero_lib.benchmarks.thread_recovery.data import held_out_videos
from hiero_lib.benchmarks.thread_recovery.files import Level, Truth
from hiero_lib.config import HierarchyConfig, load_profile
from hiero_lib.hierarchy.collection import divided_video
from hiero_lib.hierarchy.edits import corrected, sayings
from hiero_lib.hierarchy.following import divided_anew, known_nodes
from hiero_lib.hierarchy.operations import Assign, EditError, Operation
from hiero_lib.hierarchy.spans import Span, match_labels
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.pipelines.finished_run import open_method
from hiero_lib.pipelines.reproduce import NOTEBOOKS
from hiero_lib.results.metric import mean_metric

SCALES: dict[int, Level] = {2: "thread", 1: "step", 0: "action"}
CORRECTED = (1, 2, 4, 8)
ORDERS = ("worst first", "at random", "right or wrong")


def true_spans(truth: Truth, scale: Level, hierarchy: VideoHierarchy) -> list[Span]:
    """The spans of a scale within the video; time of no label is not spoken of."""
    start, end = hierarchy.start_s, hierarchy.end_s
    spans = [Span(max(one.start_s, start), min(one.end_s, end), one.id) for one in truth.levels[scale]]
    return [span for span in spans if span.length_s > 1e-3]


def corrections_of_a_person(
    hierarchy: VideoHierarchy, level: int, truth: Sequence[Span], *, most: int, order: str, seed: int
) -> list[Operation]:
    """What someone does who knows the truth of a level, and corrects ``most`` of its spans."""
    here = next(one for one in hierarchy.levels if one.level == level)
    own = {true: thread for thread, true in match_labels(here.spans, truth).items() if true >= 0}
    known = {span.label for span in truth}
    own = {true: thread for true, thread in own.items() if true in known}

    def wrong_s(span: Span) -> float:
        pieces = [one for one in here.spans if one.label != own.get(span.label)]
        return sum(max(0.0, min(span.end_s, one.end_s) - max(span.start_s, one.start_s)) for one in pieces)

    wrong = [span for span in truth if wrong_s(span) > here.stride_s or order == "right or wrong"]
    if order == "worst first":
        wrong.sort(key=wrong_s, reverse=True)
    else:
        wrong = [wrong[row] for row in np.random.default_rng(seed).permutation(len(wrong))]
    operations: list[Operation] = []
    for span in wrong[:most]:
        operations.append(Assign(level, span.start_s, span.end_s, own.get(span.label)))
        if span.label not in own:
            own[span.label] = _newest(hierarchy, operations, level)
    return operations


def _newest(hierarchy: VideoHierarchy, operations: Sequence[Operation], level: int) -> int:
    """The thread that the last correction has made."""
    return next(one.thread for one in sayings(hierarchy, operations, level) if one.number == len(operations))


def agreements(
    hierarchy: VideoHierarchy,
    operations: Sequence[Operation],
    level: int,
    truth: Truth,
    config: HierarchyConfig,
) -> tuple[float, float, float, float] | None:
    """Of the nodes that were not corrected: the adjusted Rand index left as they were, and divided anew; the share of
    them that moved; which share of all they are. None where all were corrected."""
    left = corrected(hierarchy, operations)
    row = next(row for row, one in enumerate(left.levels) if one.level == level)
    rest = ~known_nodes(left.levels[row], sayings(hierarchy, operations, level))
    if not rest.any():
        return None
    try:
        follow = divided_anew(hierarchy, operations, level, config)
        anew = corrected(hierarchy, [*operations, follow])
    except EditError as error:
        if "stays as it is" not in str(error):
            raise
        anew = left
    true = truth.labels(SCALES[level], left.levels[row].pos)[rest]
    before, after = left.levels[row].threads[rest], anew.levels[row].threads[rest]
    scores = [float(adjusted_rand_score(true, found)) for found in (before, after)]
    return scores[0], scores[1], float((before != after).mean()), float(rest.mean())


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each method, level, order and K."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="outputs/<run> of the sample")
    parser.add_argument("--data", type=Path, default=NOTEBOOKS.parent / "data" / "sample")
    parser.add_argument("--methods", nargs="+", default=["hiero", "untrained"])
    parser.add_argument("--videos", type=int, help="so many of them alone")
    options = parser.parse_args(arguments)
    profile = load_profile("sample", {"data_root": str(options.data)})
    videos, truths = held_out_videos(profile, device=torch.device("cpu"))
    for name in options.methods:
        method = open_method(profile, options.run, method=name)
        divided = {uid: divided_video(method, videos[uid], profile) for uid in sorted(videos)[: options.videos]}
        print(f"{method.name}: {len(divided)} held-out videos")
        for level, scale in SCALES.items():
            for order in ORDERS:
                for most in CORRECTED:
                    found, made = [], []
                    for seed, (uid, hierarchy) in enumerate(divided.items()):
                        truth = true_spans(truths[uid], scale, hierarchy)
                        done = corrections_of_a_person(hierarchy, level, truth, most=most, order=order, seed=seed)
                        scored = agreements(hierarchy, done, level, truths[uid], profile.hierarchy) if done else None
                        if scored is not None:
                            found.append(scored)
                            made.append(len(done))
                    print(line(level, scale, order, most, np.array(found), np.array(made)), flush=True)


def line(level: int, scale: str, order: str, most: int, found: np.ndarray, made: np.ndarray) -> str:
    """A row of the table."""
    if not len(found):
        return f"  level {level} against {scale}s, {order}, K={most}: no video has anything to correct"
    left, anew, moved, rest = 100 * found.mean(0)
    gain = mean_metric(found[:, 1] - found[:, 0], excluded=0, resamples=2000, seed=0)
    assert gain.interval is not None
    low, high = (100 * edge for edge in gain.interval)
    return (
        f"  level {level} against {scale}s, {order}, K={most} ({made.mean():.1f} made, {len(found)} videos): "
        f"left {left:.1f}, anew {anew:.1f}, difference {100 * gain.value:+.1f} ({low:+.1f} to {high:+.1f}), "
        f"moved {moved:.1f} % of the rest, which is {rest:.0f} % of all"
    )


if __name__ == "__main__":
    main()
