"""``outputs/RUN/run.json``: the profile and the data of a run, so that every later command on it uses them.

The file is sealed (`hiero_lib.base.sealed`) and holds ``profile``, all settings, with an absolute ``data_root``: a
run is found again from another working directory; and ``data``, what tells its data from others wherever they lie
(`hiero_lib.data.data_record`). What is read is checked as a profile of the user's own would be.

A run is of one set of data: where they change, under the same path or another, no command works on it any more, for
figures of both would stand in one table. Data that are only more (features that were fetched later) are still the
run's, and that is said.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.progress import say_aside
from hiero_lib.base.sealed import OtherFormatError, read_sealed, write_sealed
from hiero_lib.config import Profile, build_profile
from hiero_lib.data.data_record import DataRecord, data_record, difference, record_from
from hiero_lib.data.paths import DataPaths

RUN_FILE = "run.json"
FORMAT = 3


def keep_profile(run_folder: Path, profile: Profile, *, say: Callable[[str], None] = say_aside) -> None:
    """Note whose run this is; changed settings of the same profile on the same data replace the former ones.

    Args:
        run_folder: ``outputs/<run>``.
        profile: the settings, with the path of the data.
        say: receives what is to be known of data that are more than they were.

    Raises:
        ConfigError: the run is of another profile or other data; says what differs.
        DataError: its file is not what was written.
    """
    settled = dataclasses.replace(profile, data_root=str(_data_of(profile)))
    kept, data = _checked(run_folder, settled, say)
    if kept is None or kept != (settled, data):
        write_sealed(run_folder / RUN_FILE, {"profile": settled.to_dict(), "data": data.to_dict()}, format=FORMAT)


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
    try:
        content = read_sealed(file, format=FORMAT, what="the profile of a run")
    except OtherFormatError as error:
        hint = "Name another --run; or remove this file and give --profile, where its data and settings are the same"
        raise DataError(error.problem, file=file, field=error.field, value=error.value, hint=hint) from error
    if not isinstance(content.get("profile"), dict):
        value = str(content.get("profile"))[:80]
        raise DataError("the settings of a profile are expected", file=file, field="profile", value=value)
    return content


def check_profile(run_folder: Path, profile: Profile, *, say: Callable[[str], None] = say_aside) -> Profile | None:
    """What is kept of the run, where ``profile`` may work on it.

    Raises:
        ConfigError: the run is of another profile or other data; says what differs.
        DataError: its file is not what was written.
    """
    if not (run_folder / RUN_FILE).exists():
        return None
    kept, _ = _checked(run_folder, profile, say)
    return kept[0] if kept else None


def _checked(
    run_folder: Path, profile: Profile, say: Callable[[str], None]
) -> tuple[tuple[Profile, DataRecord] | None, DataRecord]:
    """The profile and the data that are kept of a run, None where none are; and its data as they are now."""
    file, root = run_folder / RUN_FILE, _data_of(profile)
    former = kept_profile(run_folder)
    if former is not None and former.name != profile.name:
        problem = f"the run is of the profile {former.name}, not of {profile.name}"
        hint = "Name another --run, or leave --profile out"
        raise ConfigError(problem, file=file, field="profile.name", value=former.name, hint=hint)
    known = None if former is None else record_from(_content(run_folder).get("data"), file)
    folders = [profile.features.folder, f"egoprocel/{profile.egoprocel.feature_folder or profile.features.folder}"]
    weights = [name for name in (profile.text.weights, profile.features.text_projection) if name is not None]
    now = data_record(DataPaths.at(root), folders, weights, known)
    if former is None or known is None:
        return None, now
    moved = _data_of(former, file) != root
    found = difference(known, now)
    nothing_known = not known.annotations and not known.files.keys() & now.files.keys()
    if found.changed or (moved and nothing_known):
        shown = _listed(found.changed) or "of those there nothing is known"
        problem = f"the run is of the data there, not of those in {root}" if moved else "its data have changed since"
        hint = f"Name another --run, or remove {run_folder} to begin it anew, or put the former data back"
        raise ConfigError(
            f"{problem}: {shown}", file=file, field="profile.data_root", value=former.data_root, hint=hint
        )
    if found.more and (known.annotations or known.files):
        say(f"the data of the run are more than they were: {_listed(found.more)}")
    if found.unread and not moved:
        shown = ", ".join(found.unread[:2]) + (", ..." if len(found.unread) > 2 else "")
        number = len(found.unread)
        say(f"written again since, of the same size, and not compared: {number} feature files ({shown})")
    return (former, known), now


def _listed(what: list[str]) -> str:
    return "; ".join(what[:5]) + (f"; and {len(what) - 5} more" if len(what) > 5 else "")


def _data_of(profile: Profile, file: Path | None = None) -> Path:
    try:
        return Path(profile.data_root).expanduser().resolve()
    except (ValueError, RuntimeError) as error:  # a NUL in it; the home of nobody
        raise ConfigError(f"no path: {error}", file=file, field="data_root", value=profile.data_root) from None
