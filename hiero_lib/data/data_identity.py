"""What tells the data that a model is trained on from other data: their content, wherever they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.base.identity import sha256_once
from hiero_lib.data.feature_files import SUFFIXES
from hiero_lib.data.features import feature_identity

SAMPLED = 16  # feature files that are looked into


def training_data_identity(egoclip: Path, features: Path) -> str:
    """16 hexadecimal digits of EgoClip's narrations and of the features of a folder; a copy of both has the same.

    All of ``egoclip.csv``; of the features the names and sizes of all files, and 16 of them, evenly spread, as
    `hiero_lib.data.features.feature_identity` looks at them: features that were made anew differ everywhere. What is
    missing is nothing.
    """
    fingerprint = Fingerprint().text(sha256_once(egoclip) if egoclip.is_file() else "")
    if features.is_dir():
        files = [path for path in sorted(features.iterdir()) if path.suffix in SUFFIXES and path.name[0] != "."]
        fingerprint.json([[path.name, path.stat().st_size] for path in files])
        chosen = np.unique(np.linspace(0, len(files) - 1, min(SAMPLED, len(files))).round().astype(int))
        for path in (files[row] for row in chosen):
            fingerprint.text(feature_identity(path))
    return fingerprint.digits(16)
