"""A run's methods scored on EgoProceL, beside random clusters, uniform pieces and the published figures.

What the command line and notebook 04 share: the labelled videos opened once, each method's level-2 features, and
rows of the results table. For people: :mod:`hiero_lib.benchmarks.egoprocel.report`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from hiero_lib.base.errors import ConfigError
from hiero_lib.benchmarks.egoprocel import task as procedure_learning
from hiero_lib.benchmarks.egoprocel.data import KeystepData, open_keysteps
from hiero_lib.benchmarks.egoprocel.files import KeystepVideo
from hiero_lib.benchmarks.egoprocel.task import AVERAGE, LEVEL, MEASURES, ProcedureResult
from hiero_lib.config import Positions, Profile
from hiero_lib.data.segments import VideoSegments
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method
from hiero_lib.results.record import Row

RANDOM, UNIFORM = "random clusters", "uniform pieces"
CONTROLS = {RANDOM: procedure_learning.random_clusters, UNIFORM: procedure_learning.uniform_pieces}

# F1 and IoU in hundredths as published (ICCV 2025, table 3).
_COLUMNS = (AVERAGE, "CMU", "EGTEA", "MECCANO", "EPIC-Tents", "PC assembly", "PC disassembly")
PUBLISHED_EGOPROCEL = {
    "OPEL": ((32.0, 36.5, 29.5, 39.2, 20.7, 33.7, 32.2), (16.3, 18.8, 13.2, 20.2, 10.6, 17.9, 16.9)),
    "Omnivore": ((39.1, 44.7, 37.1, 36.0, 40.8, 35.7, 40.3), (22.0, 26.8, 19.2, 19.0, 21.9, 21.5, 23.5)),
    "EgoVLP": ((40.0, 49.2, 36.6, 33.1, 37.4, 38.2, 45.4), (21.9, 31.0, 18.3, 16.1, 19.2, 20.8, 25.6)),
    "HiERO (Omnivore)": ((44.0, 47.2, 39.7, 41.6, 45.3, 43.7, 46.3), (24.5, 27.7, 19.9, 22.1, 24.3, 25.1, 27.9)),
    "HiERO (EgoVLP)": ((44.5, 53.5, 39.7, 39.8, 39.0, 44.9, 49.9), (25.3, 34.0, 19.6, 20.3, 20.3, 25.6, 32.1)),
}


@dataclass(frozen=True)
class ProcedureTask:
    """EgoProceL as it is under a profile's data root; made by :func:`open_egoprocel`."""

    profile: Profile
    device: torch.device
    data: KeystepData

    def features(self, method: Method, video: KeystepVideo) -> Tensor | None:
        """Level-2 features ``[n, C]`` of a video: of untrained features every fourth segment, as published, of
        others the level itself with clustering on. None where the video has no feature file."""
        segments = self.data.segments(video)
        if segments is None:
            return None
        if method.name == UNTRAINED:
            return procedure_learning.raw_level_features(segments.x)
        segments = at_positions(segments.to(self.device), positions_of(method, self.profile))
        levels = method.levels(segments, cluster=True)
        if len(levels) <= LEVEL:
            problem = f"EgoProceL is scored at level {LEVEL}, which the model lacks"
            raise ConfigError(problem, file=method.name, field="model.depth", value=len(levels))
        return levels[LEVEL].x

    def evaluate(self, method: Method) -> ProcedureResult:
        """Cluster a method's features of every video and score them."""
        result = procedure_learning.evaluate(
            self.data.videos,
            features_of=lambda video: self.features(method, video),
            stride_frames=self.data.stride_frames,
            feature_fps=self.data.feature_fps,
            config=self.profile.egoprocel,
        )
        has_graph = method.thread_graph is not None
        return dataclasses.replace(result, note=_times(positions_of(method, self.profile)) if has_graph else "")

    def evaluate_control(self, name: str) -> ProcedureResult:
        """The scores of ``RANDOM`` or ``UNIFORM``: what the measure gives without looking at the features."""

        def nodes(video: KeystepVideo) -> Tensor | None:
            segments = self.data.segments(video)
            return None if segments is None else procedure_learning.raw_level_features(segments.x)

        return procedure_learning.evaluate(
            self.data.videos,
            features_of=nodes,
            stride_frames=self.data.stride_frames,
            feature_fps=self.data.feature_fps,
            config=self.profile.egoprocel,
            cluster=CONTROLS[name],
        )

    def evaluate_all(self, methods: Mapping[str, Method]) -> dict[str, ProcedureResult]:
        """Both controls, then every method, by the names of the results table."""
        results = {name: self.evaluate_control(name) for name in CONTROLS}
        return results | {name: self.evaluate(method) for name, method in methods.items()}


def open_egoprocel(profile: Profile, *, device: torch.device) -> ProcedureTask:
    """Find the labels and features.

    Raises:
        DataError: as :func:`hiero_lib.benchmarks.egoprocel.data.open_keysteps`.
    """
    return ProcedureTask(profile, device, open_keysteps(profile))


def at_other_positions(task: ProcedureTask, method: Method) -> dict[str, ProcedureResult]:
    """The scores of a model with the times that it does not get otherwise: the released ones, or the paper's."""
    other: Positions = "paper" if positions_of(method, task.profile) == "released" else "released"
    config = dataclasses.replace(task.profile.egoprocel, positions=other)
    switched = dataclasses.replace(task, profile=dataclasses.replace(task.profile, egoprocel=config))
    return {f"{method.name}, {_times(other)}": switched.evaluate(method)}


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


def procedure_rows(
    results: Mapping[str, ProcedureResult], methods: Mapping[str, Method], profile: Profile
) -> list[Row]:
    """F1 and IoU of every method and dataset, the averages (over all labels, too), HiERO's distance from the others,
    and what was published."""
    config = profile.egoprocel
    datasets = [AVERAGE, *next(iter(results.values())).datasets]
    rows = []
    for name, result in results.items():
        found = result.metrics(resamples=config.bootstrap_resamples, seed=config.bootstrap_seed)
        method = methods.get(name)
        graph = None if method is None else method.thread_graph
        for measure in MEASURES:
            for dataset in datasets if measure in ("F1", "IoU") else [AVERAGE]:
                metric = metric_name(measure, dataset)
                value = found[measure, dataset]
                rows.append(Row("EgoProceL", name, metric, value, note=result.note, thread_graph=graph))
    draws = {"resamples": config.bootstrap_resamples, "seed": config.bootstrap_seed}
    for name in [name for name in (UNTRAINED, PROBE) if name in results and HIERO in results]:
        difference = results[HIERO].difference(results[name], **draws)
        for measure in ("F1", "IoU"):
            above = difference[measure]
            note = "points, on the same videos"
            rows.append(Row("EgoProceL", f"{HIERO} minus {name}", metric_name(measure), above, note=note))
    for name, published in PUBLISHED_EGOPROCEL.items():
        for measure, figures in zip(("F1", "IoU"), published):
            for dataset, figure in zip(_COLUMNS, figures):
                if dataset in datasets:
                    metric = metric_name(measure, dataset)
                    rows.append(Row("EgoProceL", name, metric, None, round(figure / 100, 4), note="on EgoProceL"))
    return rows


def _times(positions: Positions) -> str:
    return "segment times as released (times 4)" if positions == "released" else "segment times as they are"


def metric_name(measure: str, dataset: str = AVERAGE) -> str:
    """As the results table calls it."""
    return f"{measure}, {dataset}"
