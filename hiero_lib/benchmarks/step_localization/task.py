"""Goal-Step step localisation opened on a profile's data: the annotated videos, and each method's features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from hiero_lib.benchmarks.benchmark import Section
from hiero_lib.benchmarks.step_localization.data import taxonomy
from hiero_lib.benchmarks.step_localization.files import StepVideo, read_goalstep
from hiero_lib.benchmarks.step_localization.report import extra, localization_rows, save_localization
from hiero_lib.benchmarks.step_localization.score import LocalizationResult, localize_videos
from hiero_lib.config import Profile
from hiero_lib.data.features import FeatureStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.methods.levels import read_video
from hiero_lib.methods.method import Method


@dataclass(frozen=True)
class StepLocalizationTask:
    """The videos of ``goalstep_val.json``; made by :func:`open_step_localization`."""

    profile: Profile
    device: torch.device
    store: FeatureStore
    videos: list[StepVideo]

    def summary(self) -> str:
        """How many steps of how many categories there are."""
        total = sum(len(video.all_steps()) for video in self.videos)
        labels = len(taxonomy(self.videos))
        return f"step localisation: {total} steps of {labels} categories in {len(self.videos)} videos"

    def features(self, method: Method, video_uid: str) -> Tensor | None:
        """``[N, D]`` projected level 0 of a video, clustering on; None where it has no features."""
        if video_uid not in self.store:
            return None
        video = read_video(self.store, self.profile, video_uid, device=self.device)
        return method.project(method.levels(video, cluster=True)[0].x)

    def localize(self, method: Method) -> LocalizationResult:
        """Find the steps and sub-steps of the videos, and score them.

        Raises:
            DataError: not one video has features, or features cannot be used.
        """
        return localize_videos(
            self.videos,
            features_of=lambda video_uid: self.features(method, video_uid),
            embed=method.embed_text,
            stride_s=self.profile.features.stride_s,
            config=self.profile.step_localization,
        )

    def evaluate(
        self, methods: Mapping[str, Method], *, run_folder: Path | None = None
    ) -> dict[str, LocalizationResult]:
        """Each method's steps, and their scores."""
        return {name: self.localize(method) for name, method in methods.items()}

    def notes(self, results: Mapping[str, LocalizationResult]) -> list[str]:
        """How many videos have no features, and how many spans each method gives."""
        missing = len(next(iter(results.values())).without_features)
        lines = [f"{missing} of {len(self.videos)} videos have no features and are left out"] if missing else []
        for name, result in results.items():
            scores = result.scores
            unknown = f", {scores.unknown_labels:,} of labels that these videos lack" if scores.unknown_labels else ""
            lines.append(f"{name}: {scores.n_predictions:,} spans{unknown}")
        return lines

    def sections(self, results: Mapping[str, LocalizationResult], methods: Mapping[str, Method]) -> list[Section]:
        """One section, ``step_localization``."""
        rows = localization_rows(self.videos, results, methods, self.profile.step_localization)
        return [Section("step_localization", rows, extra(results))]

    def save_predictions(
        self, results: Mapping[str, LocalizationResult], methods: Mapping[str, Method], run_folder: Path
    ) -> list[Path]:
        """Write ``predictions/step_localization_<method>.json``, in ActivityNet's layout."""
        return save_localization(results, run_folder)


def needed_files(profile: Profile) -> list[Path]:
    """The official annotation of validation, ``raw/annotations/goalstep/goalstep_val.json``.

    Goal-Step's own name for it, ``goalstep_valid.json``, is taken where that is there alone.
    """
    folder = DataPaths.at(profile.data_root).annotations / "goalstep"
    ours, official = folder / "goalstep_val.json", folder / "goalstep_valid.json"
    return [official if official.is_file() and not ours.is_file() else ours]


def open_step_localization(profile: Profile, *, device: torch.device) -> StepLocalizationTask:
    """Read the steps.

    Raises:
        DataError: the file is missing or cannot be used.
    """
    (annotations,) = needed_files(profile)
    features = DataPaths.at(profile.data_root).features(profile.features.folder)
    store = FeatureStore(features, dim=profile.features.dim)
    return StepLocalizationTask(profile, device, store, read_goalstep(annotations))
