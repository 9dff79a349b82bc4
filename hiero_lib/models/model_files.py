"""The folders that models are saved in: whether one is whole, and the newest whole one of a training.

A model folder is ``model.safetensors`` with a sealed ``model.json`` (:mod:`hiero_lib.base.sealed`), which has the
hash of the weights. A training's folder has ``checkpoints/step-XXXXXXXX``, model folders all, and perhaps ``best``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import DataError
from hiero_lib.base.progress import say_aside
from hiero_lib.base.sealed import OtherFormatError, read_sealed

FORMAT = 2
CARD, WEIGHTS, CHECKPOINTS = "model.json", "model.safetensors", "checkpoints"
_STEP = re.compile(r"step-([0-9]{8,15})")
DAMAGED = ".damaged"  # ends the name of a checkpoint that training has put aside


@dataclass(frozen=True)
class PassedOver:
    """A checkpoint that is not taken, and why."""

    folder: Path
    why: str


def checked_card(folder: Path) -> dict[str, Any]:
    """The raw ``model.json`` of a model folder whose card and weights are what was written.

    Raises:
        DataError: a file is missing or damaged; names it.
        OtherFormatError: saved by another version.
    """
    card = read_sealed(folder / CARD, format=FORMAT, what="a model's card")
    if WEIGHTS not in card["sha256"]:
        raise DataError("the hash of the weights is missing", file=folder / CARD, field=f"sha256.{WEIGHTS}")
    return card


def weights_hash(folder: Path) -> str:
    """SHA-256 of a model's weights as its card has it; :func:`checked_card` says whether they are those.

    Raises:
        DataError: the card is missing or damaged.
    """
    card = read_sealed(folder / CARD, format=FORMAT, what="a model's card", files=False)
    digest = card["sha256"].get(WEIGHTS)
    if not isinstance(digest, str):
        raise DataError("the hash of the weights is missing", file=folder / CARD, field=f"sha256.{WEIGHTS}")
    return digest


def step_of(folder: Path) -> int | None:
    """The step in a checkpoint's name; None for any other name."""
    match = _STEP.fullmatch(folder.name)
    return int(match[1]) if match else None


def step_folders(checkpoints: Path) -> dict[int, Path]:
    """Checkpoints by step, whole or not; what is being written still has a temporary name."""
    found = ((step_of(path), path) for path in checkpoints.glob("step-*") if path.is_dir())
    return dict(sorted((step, path) for step, path in found if step))


def newest_whole(
    checkpoints: Path, check: Callable[[Path], object] = checked_card
) -> tuple[Path | None, list[PassedOver]]:
    """The newest checkpoint that ``check`` does not refuse, and what stands there and was passed over on the way.

    Raises:
        OtherFormatError: the newest that could be read is of another version: that is not damage.
    """
    passed = [
        PassedOver(path, "not the name of a checkpoint")
        for path in sorted(checkpoints.glob("step-*"))
        if not path.name.endswith(DAMAGED) and (step_of(path) is None or not path.is_dir())
    ]
    for path in reversed(step_folders(checkpoints).values()):
        try:
            check(path)
        except OtherFormatError:
            raise
        except DataError as error:
            passed.append(PassedOver(path, str(error)))
        else:
            return path, passed
    return None, passed


def model_at(path: str | Path, *, say: Callable[[str], None] = say_aside) -> Path:
    """The model that a path means: itself, or the newest whole checkpoint of a training's folder (or of a run's).

    Args:
        path: a model folder or a file, which is returned as it is, not checked; or a folder of a training; or of a
            run in which one model was trained.
        say: receives a line for each checkpoint that was passed over, and what is taken.

    Raises:
        DataError: no checkpoint of the training is whole, or the run has several trainings.
    """
    path = Path(path)
    if not path.is_dir() or (path / CARD).exists() or (path / WEIGHTS).exists():
        return path
    if not (path / CHECKPOINTS).is_dir() and (trained := sorted(path.glob(f"train/*/{CHECKPOINTS}"))):
        if len(trained) > 1:
            names = ", ".join(str(folder.parent.name) for folder in trained)
            raise DataError("several models were trained in this run", file=path, field="train", value=names)
        path = trained[0].parent
    if not (path / CHECKPOINTS).is_dir():
        return path
    found, passed = newest_whole(path / CHECKPOINTS)
    tell_passed(passed, say)
    if found is None:
        raise DataError("there is no whole checkpoint", file=path / CHECKPOINTS)
    say(f"taken: {found}")
    return found


def model_or_newest(recorded: Path, *, say: Callable[[str], None] = say_aside) -> Path:
    """A model folder that a run has recorded, or where it is damaged the newest whole checkpoint of its training.

    Raises:
        DataError: it is damaged, and no whole one stands beside it.
    """
    try:
        checked_card(recorded)
        return recorded
    except OtherFormatError:
        raise
    except DataError as error:
        beside = recorded.parent if recorded.parent.name == CHECKPOINTS else recorded.parent / CHECKPOINTS
        found, passed = newest_whole(beside)
        if found is None:
            raise
        others = [one for one in passed if one.folder != recorded]
        tell_passed([PassedOver(recorded, str(error)), *others], say)
        say(f"taken instead: {found}")
        return found


def tell_passed(passed: list[PassedOver], say: Callable[[str], None]) -> None:
    """A line for each."""
    for one in passed:
        say(f"passed over: {one.folder}: {one.why}")
