"""EgoProceL opened on a profile's data: the labelled videos, and each method's level-2 features of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.progress import Progress
from hiero_lib.benchmarks.benchmark import Section
from hiero_lib.benchmarks.controls import CONTROLS
from hiero_lib.benchmarks.egoprocel.data import LEVEL, KeystepData, open_keysteps, raw_level_features
from hiero_lib.benchmarks.egoprocel.files import KeystepVideo
from hiero_lib.benchmarks.egoprocel.report import COHERENT, egoprocel_rows, excluded_lines, extra, save_clusters
from hiero_lib.benchmarks.egoprocel.score import EgoProceLResult, StepNumber, score_videos
from hiero_lib.benchmarks.number_found import largest_gap
from hiero_lib.config import Profile, SegmentTimes
from hiero_lib.hierarchy.collection import divided_video
from hiero_lib.hierarchy.division import LevelDivision
from hiero_lib.hierarchy.video import VideoHierarchy
from hiero_lib.methods.levels import times_of, whole_video_levels
from hiero_lib.methods.method import Method
from hiero_lib.models.clustering.coherence import coherent_cluster
from hiero_lib.models.clustering.spectral import default_cluster


@dataclass(frozen=True)
class EgoProceLTask:
    """EgoProceL as it is under a profile's data root; made by :func:`open_egoprocel`."""

    profile: Profile
    device: torch.device
    data: KeystepData

    def summary(self) -> str:
        """How many labelled videos of which tasks there are."""
        return self.data.summary()

    def features(self, method: Method, video: KeystepVideo) -> Tensor | None:
        """Level-2 features ``[n, C]`` of a video: of features that no model made every fourth segment, as published,
        of others the level itself with clustering on. None where the video has no feature file."""
        segments = self.data.segments(video)
        if segments is None:
            return None
        if method.model is None:
            return raw_level_features(segments.x)
        times = self.profile.hierarchy.segment_times
        levels = whole_video_levels(method, segments.to(self.device), times=times)
        if len(levels) <= LEVEL:
            problem = f"EgoProceL is scored at level {LEVEL}, which the model lacks"
            raise ConfigError(problem, file=method.name, field="model.depth", value=len(levels))
        return levels[LEVEL].x

    def score(self, method: Method, *, coherent: bool = False) -> EgoProceLResult:
        """Divide a method's features of every video and score the clusters.

        ``coherent``: clusters that hang together in time, as threads do for people; the published protocol is plain.
        """
        node_s = 2**LEVEL * self.profile.features.stride_s
        switch_cost = self.profile.hierarchy.coherence_s / node_s if coherent else 0.0
        result = score_videos(
            self.data.videos,
            features_of=lambda video: self.features(method, video),
            stride_frames=self.data.stride_frames,
            feature_fps=self.data.feature_fps,
            config=self.profile.egoprocel,
            cluster=coherent_cluster(default_cluster, switch_cost=switch_cost),
        )
        return dataclasses.replace(result, segment_times=times_of(method, self.profile))

    def step_numbers(self, method: Method) -> tuple[StepNumber, ...]:
        """How many key-steps a method's features of some videos are found to have, beside how many occur."""
        config = self.profile.hierarchy
        last, most = len(self.data.videos) - 1, self.profile.egoprocel.counted_videos
        some = np.unique(np.linspace(0, last, min(most, last + 1)).round().astype(int)).tolist()
        numbers = []
        for video in (self.data.videos[row] for row in some):
            x = self.features(method, video)
            if x is None:
                continue
            found = LevelDivision(x, 2**LEVEL * self.profile.features.stride_s, config)("auto")
            true = len({span.step for span in video.spans})
            gap = largest_gap(x, temperature=config.temperature)
            numbers.append(StepNumber(true, len(np.unique(found)), gap))
        return tuple(numbers)

    def hierarchy(self, method: Method, video_uid: str) -> VideoHierarchy:
        """A labelled video divided into threads as for people, at the rate of its own features.

        Raises:
            DataError: no labelled video of this name has features.
        """
        video = next((video for video in self.data.videos if video.video_uid == video_uid), None)
        segments = None if video is None else self.data.segments(video)
        if video is None or segments is None:
            problem = "no labelled video of this name has features"
            raise DataError(problem, file=self.data.features, field="video_uid", value=video_uid)
        fps = self.data.feature_fps or video.fps
        features = dataclasses.replace(self.profile.features, fps=fps)
        return divided_video(method, segments.to(self.device), dataclasses.replace(self.profile, features=features))

    def score_control(self, name: str) -> EgoProceLResult:
        """The scores of one of ``CONTROLS``: what the measure gives without looking at the features."""

        def nodes(video: KeystepVideo) -> Tensor | None:
            segments = self.data.segments(video)
            return None if segments is None else raw_level_features(segments.x)

        return score_videos(
            self.data.videos,
            features_of=nodes,
            stride_frames=self.data.stride_frames,
            feature_fps=self.data.feature_fps,
            config=self.profile.egoprocel,
            cluster=CONTROLS[name],
        )

    def evaluate(
        self, methods: Mapping[str, Method], *, run_folder: Path | None = None
    ) -> dict[str, EgoProceLResult]:
        """Both controls, every method as published, then coherent, by the names of the results table."""
        results = {name: self.score_control(name) for name in CONTROLS}
        progress = Progress("EgoProceL, divisions", total=2 * len(methods))
        for name, method in methods.items():
            results[name] = dataclasses.replace(self.score(method), numbers=self.step_numbers(method))
            progress.show(len(results) - len(CONTROLS))
        for name, method in methods.items():
            results[f"{name}{COHERENT}"] = self.score(method, coherent=True)
            progress.show(len(results) - len(CONTROLS))
        progress.close()
        return results

    def score_at_other_times(self, method: Method) -> dict[str, EgoProceLResult]:
        """The scores of a model at the segment times that the profile does not ask for."""
        other: SegmentTimes = "paper" if self.profile.hierarchy.segment_times == "released" else "released"
        hierarchy = dataclasses.replace(self.profile.hierarchy, segment_times=other)
        switched = dataclasses.replace(self, profile=dataclasses.replace(self.profile, hierarchy=hierarchy))
        return {f"{method.name}, {other} segment times": switched.score(method)}

    def notes(self, results: Mapping[str, EgoProceLResult]) -> list[str]:
        """How many videos were scored and left out, and which labels reach beyond their features."""
        return excluded_lines(results)

    def sections(self, results: Mapping[str, EgoProceLResult], methods: Mapping[str, Method]) -> list[Section]:
        """One section, ``egoprocel``."""
        return [Section("egoprocel", egoprocel_rows(results, methods, self.profile), extra(self.data, results))]

    def save_predictions(
        self, results: Mapping[str, EgoProceLResult], methods: Mapping[str, Method], run_folder: Path
    ) -> list[Path]:
        """Write each method's clusters to ``<run>/predictions/egoprocel_<method>.json``."""
        return save_clusters(results, run_folder)


def open_egoprocel(profile: Profile, *, device: torch.device) -> EgoProceLTask:
    """Find the labels and features.

    Raises:
        DataError: as :func:`hiero_lib.benchmarks.egoprocel.data.open_keysteps`.
    """
    return EgoProceLTask(profile, device, open_keysteps(profile))
