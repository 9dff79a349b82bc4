"""The metrics log of a training: JSON Lines, one record a step and one a validation."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

from hiero_lib.base.files import write_text
from hiero_lib.base.progress import say


class MetricsLog:
    """A log that is added to, and cut where a training goes on. Of the main process alone.

    Args:
        file: ``metrics.jsonl``; TensorBoard's events lie beside it where it is installed.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._board: Any = None
        self._with_board = importlib.util.find_spec("tensorboard") is not None

    def add(self, record: dict[str, Any]) -> None:
        """Add a record; a number that is NaN or infinite is written as null: not measured."""
        kept = {name: value if _is_finite(value) else None for name, value in record.items()}
        with open(self.file, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(kept, allow_nan=False) + "\n")
        if self._with_board:
            if self._board is None:
                from torch.utils.tensorboard import SummaryWriter

                self._board = SummaryWriter(self.file.with_name("tensorboard"), purge_step=record["step"])
            for name, value in kept.items():
                if name != "step" and value is not None:
                    self._board.add_scalar(name, value, record["step"])

    def cut(self, step: int) -> None:
        """Drop what was logged after ``step``, and lines that are no records, which is said.

        A last line without an end was being written when the run was killed: its step comes again.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        kept = []
        if self.file.is_file():
            lines = self.file.read_bytes().split(b"\n")
            for number, line in enumerate(lines, start=1):
                logged = _step_logged(line)
                if logged is not None and logged <= step:
                    kept.append(line.decode())
                elif logged is None and number < len(lines):
                    say(f"left out: {self.file}, line {number}: not a record of the log: {line[:80]!r}")
        write_text(self.file, "".join(f"{line}\n" for line in kept))


def epoch_logged(file: Path, step: int) -> float | None:
    """The epochs that were done after ``step`` steps, as a log says; None where it does not."""
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError:
        return None
    for line in reversed(lines):
        if _step_logged(line) == step:
            epoch = json.loads(line).get("epoch")
            return epoch if isinstance(epoch, int | float) and not isinstance(epoch, bool) else None
    return None


def _step_logged(line: bytes) -> int | None:
    """The step of a line of the log, None where it is no record."""
    try:
        record = json.loads(line.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    step = record.get("step") if isinstance(record, dict) else None
    return step if isinstance(step, int) and not isinstance(step, bool) else None


def _refuse(literal: str) -> None:
    raise ValueError(f"{literal} is not JSON")


def _is_finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)
