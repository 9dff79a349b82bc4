"""Where a run lies: one folder below ``outputs``, whatever its name."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from hiero_lib.base.errors import ConfigError, meant


def run_folder(outputs: str | Path, run: str) -> Path:
    """``<outputs>/<run>``, which is a folder of ``outputs`` and no other place.

    Raises:
        ConfigError: the name is that of no folder: it is empty, leads elsewhere, or no file system has it.
    """
    bad = run.strip() in ("", ".", "..") or any(c in "/\\:" or unicodedata.category(c) in ("Cc", "Cs") for c in run)
    if bad or len(os.fsencode(run)) > 200:
        hint = f"It lies in {outputs}/: give a name without / \\ : and control characters, of 200 bytes at most"
        raise ConfigError("the name of a run is the name of a folder", field="run", value=run, hint=hint)
    return Path(outputs) / run


def runs_there(folder: Path) -> str:
    """The hint where ``<outputs>/<run>`` is not there: the runs that are, and where they were looked for."""
    outputs = folder.parent
    names = sorted(file.parent.name for file in outputs.glob("*/run.json"))
    listed = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    there = f"has {listed}{meant(folder.name, names)}" if names else "has no run (was it made from another folder?)"
    return f"{outputs.absolute()} {there}"
