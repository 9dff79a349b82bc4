"""What to run where a notebook finds no trained model of real data, and how long that takes here."""

from __future__ import annotations

import shlex
from pathlib import Path

from hiero_lib.base.progress import readable
from hiero_lib.config import Profile, profile_options
from hiero_lib.doctor.examine import examine
from hiero_lib.doctor.machine import expected_costs, measure


def training_advice(profile: Profile, run_folder: Path) -> str:
    """Some lines for people: what is missing, the notebook or command that makes it, and its time on this machine.

    The time is that of the backbone's steps, from a measurement of some seconds; where the data lack something, what
    they lack is told instead.

    Args:
        profile: of the run.
        run_folder: ``outputs/<run>``.
    """
    diagnosis = examine(profile, ["train"])
    (ability,) = diagnosis.abilities
    lines = [f"{run_folder} has no trained models."]
    if not ability.can_run:
        lines.append(f"To train them, {diagnosis.data_root} lacks: {', '.join(ability.lacks)}.")
        doctor = shlex.join(["python", "-m", "hiero_lib", "doctor", *profile_options(profile)])
        lines.append(f"Notebook 00 says how to get it, and so does: {doctor}")
        return "\n".join(lines)
    words = ["reproduce", *profile_options(profile), "--run", run_folder.name, "--only", "01"]
    lines.append(f"Run notebook 01 with run = {run_folder.name!r}, or: python -m hiero_lib {shlex.join(words)}")
    costs = expected_costs(profile, diagnosis.segments, measure(profile))
    (seconds,) = [cost.seconds for cost in costs if cost.notebook == "01"]
    if seconds is not None:
        lines.append(f"It takes about {readable(seconds)} on this machine, as measured just now, and text on top.")
    return "\n".join(lines)
