"""``outputs/RUN/run.json``: the profile and the data of a run, so that every later command on it uses them.

The file is sealed (`hiero_lib.base.sealed`) and holds ``profile``, all settings, with an absolute ``data_root``: a
run is found again from another working directory; and ``data``, what tells its data from others wherever they lie
(`hiero_lib.data.data_identity`). What is read is checked as a profile of the user's own would be.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.sealed import read_sealed, write_sealed
from hiero_lib.config import Profile, build_profile
from hiero_lib.data.data_identity import training_data_identity
from hiero_lib.data.paths import DataPaths

RUN_FILE = "run.json"
FORMAT = 1


def keep_profile(run_folder: Path, profile: Profile) -> None:
    """Note whose run this is; changed settings of the same profile on the same data replace the former ones.

    Raises:
        ConfigError: the run is of another profile or other data; names both.
        DataError: its file is not what was written.
    """
    settled = dataclasses.replace(profile, data_root=str(_data_of(profile)))
    kept, content = check_profile(run_folder, settled), {"profile": settled.to_dict(), "data": _identity(profile)}
    # The data may come after the run was begun: notebook 00 makes the sample.
    if kept != settled or _content(run_folder).get("data") != content["data"]:
        write_sealed(run_folder / RUN_FILE, content, format=FORMAT)


def kept_profile(run_folder: Path, settings: Mapping[str, Any] | None = None) -> Profile | None:
    """The profile that the run was last worked on with, and dotted ``settings`` over it; None where none is kept.

    Raises:
        ConfigError: a setting is unknown, or of the wrong type.
        DataError: the file is not what was written, or holds no profile.
    """
    if not (run_folder / RUN_FILE).exists():
        return None
    return build_profile(_content(run_folder)["profile"], settings, file=run_folder / RUN_FILE)


def _content(run_folder: Path) -> dict[str, Any]:
    file = run_folder / RUN_FILE
    content = read_sealed(file, format=FORMAT, what="the profile of a run")
    if not isinstance(content.get("profile"), dict):
        value = str(content.get("profile"))[:80]
        raise DataError("the settings of a profile are expected", file=file, field="profile", value=value)
    return content


def check_profile(run_folder: Path, profile: Profile) -> Profile | None:
    """What is kept of the run, where ``profile`` may work on it.

    Raises:
        ConfigError: the run is of another profile or other data; names both.
        DataError: its file is not what was written.
    """
    kept, data = kept_profile(run_folder), _data_of(profile)
    if kept is None:
        return None
    if kept.name != profile.name:
        problem = f"the run is of the profile {kept.name}, not of {profile.name}"
        hint = "Name another --run, or leave --profile out"
        raise ConfigError(problem, file=run_folder / RUN_FILE, field="profile.name", value=kept.name, hint=hint)
    moved = _data_of(kept, run_folder / RUN_FILE) != data
    identity = _identity(profile) if moved else ""
    if moved and not (identity and _content(run_folder).get("data") == identity):
        problem = f"the run is of the data there, not of those in {data}"
        hint = "Name another --run"
        raise ConfigError(
            problem, file=run_folder / RUN_FILE, field="profile.data_root", value=kept.data_root, hint=hint
        )
    return kept


def _identity(profile: Profile) -> str:
    """Of the data, wherever they lie; empty where there are none."""
    paths = DataPaths.at(profile.data_root)
    if not paths.egoclip.is_file() and not paths.features(profile.features.folder).is_dir():
        return ""
    return training_data_identity(paths.egoclip, paths.features(profile.features.folder))


def _data_of(profile: Profile, file: Path | None = None) -> Path:
    try:
        return Path(profile.data_root).expanduser().resolve()
    except (ValueError, RuntimeError) as error:  # a NUL in it; the home of nobody
        raise ConfigError(f"no path: {error}", file=file, field="data_root", value=profile.data_root) from None
