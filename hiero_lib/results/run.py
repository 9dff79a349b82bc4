"""The folder of a run, ``outputs/<run>``: its profile, its models, its figures."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hiero_lib.config import Profile
from hiero_lib.results.record import RESULTS_FILE, load
from hiero_lib.training.checkpointing import training_digest


class IncompleteResults(RuntimeError):
    """A notebook ran to its end without leaving what it is there for."""


@dataclass(frozen=True)
class RunFolder:
    """A run: what was measured with a profile, and all that was made for it.

    Args:
        profile: its settings.
        folder: ``outputs/<run>``, which exists.
        started: when the notebook that works in it began, in seconds since 1970.
    """

    profile: Profile
    folder: Path
    started: float = field(default_factory=time.time)

    @property
    def seconds(self) -> float:
        """Seconds since the notebook began."""
        return time.time() - self.started

    @property
    def data_name(self) -> str:
        """For titles of figures: whose data this is."""
        return "the generated sample" if self.profile.is_sample else self.profile.name

    def model_folder(self, backbone: str) -> Path:
        """Where a model of this run is trained: a folder for each way of training it.

        Its name carries a hash of the settings and of the data that decide the result, so that the same training is
        resumed and another one starts afresh beside it, with nothing overwritten.
        """
        return self.folder / "train" / f"{backbone}-{training_digest(self.profile)[:8]}"

    def save_figure(self, figure: Any, name: str) -> Path:
        """Write a matplotlib figure to ``figures/<name>.png`` and ``.pdf``; the path of the PNG."""
        folder = self.folder / "figures"
        folder.mkdir(exist_ok=True)
        figure.savefig(folder / f"{name}.pdf")
        figure.savefig(folder / f"{name}.png", dpi=150)
        return folder / f"{name}.png"


def trained_models(run: RunFolder, *, which: str = "last") -> dict[str, Path]:
    """Checkpoints that notebook 01 left, by backbone; ``which`` is ``last`` or ``best``.

    Raises:
        IncompleteResults: notebook 01 has not been run to its end in this run.
    """
    section = load(run.folder)["sections"].get("training")
    if section is None:
        raise IncompleteResults(f"{run.folder / RESULTS_FILE} has no section 'training': run notebook 01 first")
    return {name: Path(trained[f"{which}_checkpoint"]) for name, trained in section["extra"].items()}
