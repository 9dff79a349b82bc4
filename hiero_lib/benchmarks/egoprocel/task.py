"""EgoProceL opened on a profile's data: the labelled videos, and each method's level-2 features of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from hiero_lib.base.errors import ConfigError
from hiero_lib.benchmarks.benchmark import Section
from hiero_lib.benchmarks.controls import CONTROLS
from hiero_lib.benchmarks.egoprocel.data import LEVEL, KeystepData, open_keysteps, raw_level_features
from hiero_lib.benchmarks.egoprocel.files import KeystepVideo
from hiero_lib.benchmarks.egoprocel.report import egoprocel_rows, excluded_lines, extra, save_clusters
from hiero_lib.benchmarks.egoprocel.score import EgoProceLResult, score_videos
from hiero_lib.config import Positions, Profile
from hiero_lib.data.segments import VideoSegments
from hiero_lib.methods.method import Method
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
        segments = at_positions(segments.to(self.device), positions_of(method, self.profile))
        levels = method.levels(segments, cluster=True)
        if len(levels) <= LEVEL:
            problem = f"EgoProceL is scored at level {LEVEL}, which the model lacks"
            raise ConfigError(problem, file=method.name, field="model.depth", value=len(levels))
        return levels[LEVEL].x

    def score(self, method: Method) -> EgoProceLResult:
        """Divide a method's features of every video and score the clusters."""
        result = score_videos(
            self.data.videos,
            features_of=lambda video: self.features(method, video),
            stride_frames=self.data.stride_frames,
            feature_fps=self.data.feature_fps,
            config=self.profile.egoprocel,
            cluster=default_cluster,
        )
        has_graph = method.thread_graph is not None
        return dataclasses.replace(result, note=_times(positions_of(method, self.profile)) if has_graph else "")

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
        """Both controls, then every method, by the names of the results table."""
        results = {name: self.score_control(name) for name in CONTROLS}
        return results | {name: self.score(method) for name, method in methods.items()}

    def score_at_other_positions(self, method: Method) -> dict[str, EgoProceLResult]:
        """The scores of a model with the times that it does not get otherwise: the released ones, or the paper's."""
        other: Positions = "paper" if positions_of(method, self.profile) == "released" else "released"
        config = dataclasses.replace(self.profile.egoprocel, positions=other)
        switched = dataclasses.replace(self, profile=dataclasses.replace(self.profile, egoprocel=config))
        return {f"{method.name}, {_times(other)}": switched.score(method)}

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


def positions_of(method: Method, profile: Profile) -> Positions:
    """``paper`` or ``released``: by the setting, or as released where the model's thread graph is."""
    setting = profile.egoprocel.positions
    if setting != "auto":
        return setting
    return "released" if method.thread_graph == "released" else "paper"


def at_positions(segments: VideoSegments, positions: Positions) -> VideoSegments:
    """The video with the times that the backbone is to see.

    As released, segments are spaced by ``stride / fps * 2^level``, so that on 16 frames at 30 fps neighbours (2.1 s
    apart) lie beyond the radius of 1 s at every level and only thread edges are left.
    """
    if positions == "released":
        segments = segments.clone()
        segments.pos = segments.pos * 2**LEVEL
    return segments


def _times(positions: Positions) -> str:
    return "segment times as released (times 4)" if positions == "released" else "segment times as they are"
