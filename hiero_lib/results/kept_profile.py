"""``outputs/RUN/run.json``: the profile and the data of a run, so that every later command on it uses them.

The file is sealed (`hiero_lib.base.sealed`) and holds ``profile``, all settings, with an absolute ``data_root``: a
run is found again from another working directory. What is read is checked as a profile of the user's own would be.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.sealed import read_sealed, write_sealed
from hiero_lib.config import Profile, build_profile

RUN_FILE = "run.json"
FORMAT = 1


def keep_profile(run_folder: Path, profile: Profile) -> None:
    """Note whose run this is; changed settings of the same profile on the same data replace the former ones.

    Raises:
        ConfigError: the run is of another profile or other data; names both.
        DataError: its file is not what was written.
    """
    settled = dataclasses.replace(profile, data_root=str(_data_of(profile)))
    if check_profile(run_folder, settled) != settled:
        write_sealed(run_folder / RUN_FILE, {"profile": settled.to_dict()}, format=FORMAT)


def kept_profile(run_folder: Path, settings: Mapping[str, Any] | None = None) -> Profile | None:
    """The profile that the run was last worked on with, and dotted ``settings`` over it; None where none is kept.

    Raises:
        ConfigError: a setting is unknown, or of the wrong type.
        DataError: the file is not what was written, or holds no profile.
    """
    file = run_folder / RUN_FILE
    if not file.exists():
        return None
    raw = read_sealed(file, format=FORMAT, what="the profile of a run").get("profile")
    if not isinstance(raw, dict):
        raise DataError("the settings of a profile are expected", file=file, field="profile", value=raw)
    return build_profile(raw, settings, file=file)


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
    if _data_of(kept, run_folder / RUN_FILE) != data:
        problem = f"the run is of the data there, not of those in {data}"
        hint = "Name another --run; or delete the file, where the data have been moved"
        raise ConfigError(
            problem, file=run_folder / RUN_FILE, field="profile.data_root", value=kept.data_root, hint=hint
        )
    return kept


def _data_of(profile: Profile, file: Path | None = None) -> Path:
    try:
        return Path(profile.data_root).expanduser().resolve()
    except (ValueError, RuntimeError) as error:  # a NUL in it; the home of nobody
        raise ConfigError(f"no path: {error}", file=file, field="data_root", value=profile.data_root) from None
