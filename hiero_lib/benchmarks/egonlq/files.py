"""The annotation files of EgoNLQ, in the format of :mod:`hiero_lib.benchmarks.grounding.files`.

``raw/annotations/nlq_train.json`` and ``nlq_val.json``; ``nlq_test_unannotated.json`` where it is there.
"""

from __future__ import annotations

from pathlib import Path

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.grounding.files import GroundingClip, GroundingReport, read_grounding
from hiero_lib.config import Profile
from hiero_lib.data.paths import DataPaths

FILES = {"train": "nlq_train.json", "val": "nlq_val.json", "test": "nlq_test_unannotated.json"}


def needed_files(profile: Profile) -> list[Path]:
    """The annotations without which there is no EgoNLQ."""
    annotations = DataPaths.at(profile.data_root).annotations
    return [annotations / FILES[split] for split in ("train", "val")]


def read_splits(profile: Profile) -> dict[str, tuple[list[GroundingClip], GroundingReport]]:
    """``train``, ``val`` and, where its file is there, ``test``: the clips, and what was left out of them.

    Raises:
        DataError: a file is missing or cannot be used, or a query of train or val has no times.
    """
    annotations = DataPaths.at(profile.data_root).annotations
    files = {split: annotations / name for split, name in FILES.items()}
    splits = {split: read_grounding(path) for split, path in files.items() if split != "test" or path.is_file()}
    for split in ("train", "val"):
        for clip in splits[split][0]:
            for query in clip.queries:
                if query.start_s is None:
                    raise DataError("the query has no times", file=files[split], field=str(query.key))
    return splits
