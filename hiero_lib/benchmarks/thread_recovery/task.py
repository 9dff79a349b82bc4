"""Thread recovery opened on a profile's data: the sample's held-out videos, and their true threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import file_slug, write_json
from hiero_lib.benchmarks.benchmark import Section
from hiero_lib.benchmarks.thread_recovery.data import held_out_videos
from hiero_lib.benchmarks.thread_recovery.files import Truth
from hiero_lib.benchmarks.thread_recovery.report import extra, thread_rows
from hiero_lib.benchmarks.thread_recovery.score import ThreadRecovery, recover_threads
from hiero_lib.config import Profile
from hiero_lib.data.paths import DataPaths
from hiero_lib.data.segments import VideoSegments
from hiero_lib.methods.method import Method


@dataclass(frozen=True)
class ThreadRecoveryTask:
    """Whole videos and their truth, by uid; made by :func:`open_thread_recovery`."""

    profile: Profile
    videos: dict[str, VideoSegments]
    truth: dict[str, Truth]

    def summary(self) -> str:
        """How many videos there are, and how many are left out."""
        lacking = len(self.truth) - len(self.videos)
        left_out = f", {lacking} left out without features" if lacking else ""
        return f"thread recovery: {len(self.videos)} held-out videos with known threads{left_out}"

    def evaluate(self, methods: Mapping[str, Method], *, run_folder: Path | None = None) -> ThreadRecovery:
        """Divide each level of each method's features and compare with the true threads.

        Raises:
            DataError: there is no video to compare on.
        """
        if not self.videos:
            folder = DataPaths.at(self.profile.data_root).truth
            raise DataError("no held-out video has known threads", file=folder)
        return recover_threads(methods, self.videos, self.truth, self.profile)

    def notes(self, results: ThreadRecovery) -> list[str]:
        """Nothing: what is left out stands in the summary."""
        return []

    def sections(self, results: ThreadRecovery, methods: Mapping[str, Method]) -> list[Section]:
        """One section, ``threads``."""
        return [Section("threads", thread_rows(results, methods, self.profile), extra(results))]

    def save_predictions(
        self, results: ThreadRecovery, methods: Mapping[str, Method], run_folder: Path
    ) -> list[Path]:
        """Write the threads that each method finds to ``<run>/predictions/threads_<method>.json``.

        Video -> level -> ``pos`` in seconds and ``threads``, as many numbers each.
        """
        written = []
        for method, levels in results.levels.items():
            videos: dict[str, dict[str, dict[str, list[float]]]] = {}
            for level, scores in enumerate(levels):
                for uid, (pos, threads) in scores.threads.items():
                    nodes = {"pos": [round(at, 3) for at in pos.tolist()], "threads": threads.tolist()}
                    videos.setdefault(uid, {})[str(level)] = nodes
            path = run_folder / "predictions" / f"threads_{file_slug(method)}.json"
            write_json(path, {"version": 1, "method": method, "videos": videos})
            written.append(path)
        return written


def needed_files(profile: Profile) -> list[Path]:
    """The truth, which only a generated sample has."""
    return [DataPaths.at(profile.data_root).truth]


def open_thread_recovery(profile: Profile, *, device: torch.device) -> ThreadRecoveryTask:
    """Read the truth and the features of the held-out videos; there are none in real data, which have no truth, and
    in a sample of timelines, which know no threads.

    Raises:
        DataError: a file cannot be used.
    """
    return ThreadRecoveryTask(profile, *held_out_videos(profile, device=device))
