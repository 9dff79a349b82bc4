"""The annotation files of Goal-Step step grounding: queries of validation and test, and the groups of videos.

``raw/annotations/goalstep/val.json``, ``test.json`` where it is there, ``goalstep_video_groups.tsv``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hiero_lib.benchmarks.grounding.files import (
    GroundingClip,
    GroundingReport,
    read_grounding,
    read_video_groups,
)
from hiero_lib.config import Profile
from hiero_lib.data.paths import DataPaths

GROUPS_FILE = "goalstep_video_groups.tsv"


@dataclass(frozen=True)
class Split:
    """The queries of ``val.json`` or ``test.json``."""

    clips: list[GroundingClip]
    report: GroundingReport


def needed_files(profile: Profile) -> list[Path]:
    """The annotations without which there is no step grounding."""
    return [annotations_folder(profile) / name for name in ("val.json", GROUPS_FILE)]


def annotations_folder(profile: Profile) -> Path:
    """``raw/annotations/goalstep``."""
    return DataPaths.at(profile.data_root).annotations / "goalstep"


def read_splits(profile: Profile) -> dict[str, Split]:
    """``val``, and ``test`` where its file is there.

    Raises:
        DataError: a file is missing or cannot be used.
    """
    folder = annotations_folder(profile)
    names = ["val", *(["test"] if (folder / "test.json").is_file() else [])]
    return {name: Split(*read_grounding(folder / f"{name}.json")) for name in names}


def read_groups(profile: Profile) -> dict[str, tuple[str, ...]]:
    """Group -> its videos, in their order on one timeline; DataError where the table cannot be used."""
    return read_video_groups(annotations_folder(profile) / GROUPS_FILE)
