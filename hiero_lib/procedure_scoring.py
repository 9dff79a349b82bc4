"""A run's methods scored on EgoProceL, beside random clusters, uniform pieces and the published figures.

What the command line and notebook 04 share: the labelled videos opened once, each method's level-2 features, rows of
the results table, and a file of clusters for each method.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hiero_lib.benchmarks import procedure_learning
from hiero_lib.benchmarks.procedure_learning import AVERAGE, LEVEL, MEASURES, ProcedureResult, VideoScores
from hiero_lib.config import Positions, Profile
from hiero_lib.data.egoprocel import KeystepVideo
from hiero_lib.data.egoprocel_files import KeystepData, open_keysteps
from hiero_lib.data.segments import VideoSegments
from hiero_lib.errors import ConfigError
from hiero_lib.files import write_json
from hiero_lib.methods import UNTRAINED, Method
from hiero_lib.results import Row

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
        return procedure_learning.evaluate(
            self.data.videos,
            features_of=lambda video: self.features(method, video),
            stride_frames=self.data.stride_frames,
            feature_fps=self.data.feature_fps,
            config=self.profile.egoprocel,
        )

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
        DataError: as :func:`hiero_lib.data.egoprocel_files.open_keysteps`.
    """
    return ProcedureTask(profile, device, open_keysteps(profile))


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
    """F1 and IoU of every method and dataset, their average, the averages over all labels, and what was published."""
    config = profile.egoprocel
    datasets = [AVERAGE, *next(iter(results.values())).datasets]
    rows = []
    for name, result in results.items():
        found = result.metrics(resamples=config.bootstrap_resamples, seed=config.bootstrap_seed)
        method = methods.get(name)
        graph = None if method is None else method.thread_graph
        note = "" if method is None or graph is None else f"positions as {_as(positions_of(method, profile))}"
        for measure in MEASURES:
            for dataset in datasets if measure in ("F1", "IoU") else [AVERAGE]:
                metric = metric_name(measure, dataset)
                rows.append(Row("EgoProceL", name, metric, found[measure, dataset], note=note, thread_graph=graph))
    for name, published in PUBLISHED_EGOPROCEL.items():
        for measure, figures in zip(("F1", "IoU"), published):
            for dataset, figure in zip(_COLUMNS, figures):
                if dataset in datasets:
                    metric = metric_name(measure, dataset)
                    rows.append(Row("EgoProceL", name, metric, None, round(figure / 100, 4), note="on EgoProceL"))
    return rows


def _as(positions: Positions) -> str:
    return "released (times 4)" if positions == "released" else "in the paper"


def metric_name(measure: str, dataset: str = AVERAGE) -> str:
    """As the results table calls it."""
    return f"{measure}, {dataset}"


def dataset_table(results: Mapping[str, ProcedureResult]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: F1 / IoU of each method, averaged and by dataset, and the average over all labels."""
    first = next(iter(results.values()))
    header = ["method", AVERAGE, *(f"{name} ({first.counts(name)[0]})" for name in first.datasets)]
    rows = [
        [name, *(_pair(result, dataset) for dataset in (AVERAGE, *first.datasets)), _pair(result, AVERAGE, all_=True)]
        for name, result in results.items()
    ]
    return [*header, "average over all labels"], rows


def task_table(results: Mapping[str, ProcedureResult]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: F1 / IoU of each method by task."""
    first = next(iter(results.values()))
    rows = []
    for dataset, task in first.tasks:
        videos = sum(v.video.task.dataset == dataset and v.video.task.name == task for v in first.videos)
        scores = [result.tasks[dataset, task] for result in results.values()]
        rows.append([dataset, task, str(videos), *(f"{100 * s.f1:.1f} / {100 * s.iou:.1f}" for s in scores)])
    return ["dataset", "task", "videos", *results], rows


def _pair(result: ProcedureResult, dataset: str, *, all_: bool = False) -> str:
    names = ("F1 over all labels", "IoU over all labels") if all_ else ("F1", "IoU")
    return " / ".join(f"{100 * result.value(name, dataset):.1f}" for name in names)


def save_clusters(results: Mapping[str, ProcedureResult], run_folder: str | Path) -> list[Path]:
    """Write each method's clusters to ``<run>/predictions/egoprocel_<method>.json``.

    Per video: its scores, ``runs`` of (first frame, last frame, cluster) on its own frames, and the key-step
    (0: background) that each cluster is matched to.
    """
    written = []
    for name, result in results.items():
        path = Path(run_folder) / "predictions" / f"egoprocel_{name.lower().replace(' ', '_')}.json"
        write_json(path, {"version": 1, "method": name, "videos": [_record(entry) for entry in result.videos]})
        written.append(path)
    return written


def _record(entry: VideoScores) -> dict[str, Any]:
    video = entry.video
    return {
        "video": video.video_uid,
        "dataset": video.task.dataset,
        "task": video.task.name,
        "fps": video.fps,
        **{measure: of(entry.scores) for measure, of in MEASURES.items()},
        "matched": {str(cluster): label for cluster, label in entry.matched.items()},
        "runs": [[2 * first, 2 * last + 1, value] for first, last, value in label_runs(entry.predicted)],
    }


def label_runs(labels: np.ndarray) -> list[tuple[int, int, int]]:
    """Stretches of equal value as (first, last, value); both ends included."""
    starts = np.flatnonzero(np.diff(labels, prepend=labels[:1] - 1))
    ends = np.append(starts[1:], len(labels)) - 1
    return [(int(a), int(b), int(labels[a])) for a, b in zip(starts, ends)]


def typical_videos(result: ProcedureResult, *, count: int) -> list[str]:
    """Videos spread evenly over the ranking by F1, the median among them when ``count`` is odd; the worst first."""
    order = sorted(result.videos, key=lambda entry: entry.scores.f1)
    places = (np.arange(count) + 0.5) / count * len(order)
    return list(dict.fromkeys(order[int(place)].video.video_uid for place in places))


def of_video(result: ProcedureResult, video_uid: str) -> VideoScores:
    """The scores of one video."""
    return next(entry for entry in result.videos if entry.video.video_uid == video_uid)


def extra(task: ProcedureTask, results: Mapping[str, ProcedureResult]) -> dict[str, Any]:
    """What ``results.json`` has beside the rows: figures by task, and what is not in them and why."""
    first = next(iter(results.values()))
    by_task = {
        f"{dataset}/{name}": {
            method: {measure: of(result.tasks[dataset, name]) for measure, of in MEASURES.items()}
            for method, result in results.items()
        }
        for dataset, name in first.tasks
    }
    excluded = {
        "videos without features": [video.video_uid for video in first.without_features],
        "tasks without labels": [f"{absent.dataset}/{absent.name}" for absent in task.data.absent],
    }
    unmatched = {method: procedure_learning.unmatched_share(result.videos) for method, result in results.items()}
    return {
        "labels": str(task.data.source),
        "excluded": excluded,
        "frames whose label has no cluster": unmatched,
        "tasks": by_task,
    }


def excluded_line(results: Mapping[str, ProcedureResult]) -> str:
    """How many videos were scored and left out, and why; for people."""
    done, out = next(iter(results.values())).counts()
    return f"{done:,} videos scored, {out:,} left out (labels without features)"
