"""The folder of a run, ``outputs/<run>``: its profile, its models, its figures."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from hiero_lib.base.errors import DataError
from hiero_lib.base.progress import say
from hiero_lib.config import Profile
from hiero_lib.models.checkpoints import Backbone
from hiero_lib.models.model_files import CHECKPOINTS, model_at, model_or_newest
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
        remark: what no figure of it may be read without, for example that its models are hardly trained.
    """

    profile: Profile
    folder: Path
    started: float = field(default_factory=time.time)
    remark: str = ""

    @property
    def seconds(self) -> float:
        """Seconds since the notebook began."""
        return time.time() - self.started

    @property
    def data_name(self) -> str:
        """For titles of figures: whose data this is, with the remark."""
        if self.remark:  # short, so that a narrow page does not cut it off
            return f"{'the sample' if self.profile.is_sample else self.profile.name} ({self.remark})"
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


def trained_models(run: RunFolder, *, which: str = "last", say: Callable[[str], None] = say) -> dict[str, Path]:
    """Checkpoints that notebook 01 left, by backbone, whole ones; before it came to its end, what ``train`` left.

    Args:
        run: of which results are there.
        which: ``last`` or ``best``; where it is damaged, the newest whole checkpoint of the same training.
        say: receives what was passed over, and what is taken instead.

    Raises:
        IncompleteResults: nothing was trained in this run with its settings and data, or there were no data.
        DataError: what it recorded is of another shape, or a training has no whole checkpoint.
    """
    section = load(run.folder)["sections"].get("training")
    if section is None:
        return _not_recorded(run, say)
    if missing := section.get("extra", {}).get("missing"):
        raise IncompleteResults(f"{run.folder / RESULTS_FILE}: nothing was trained, there is no {', '.join(missing)}")
    models, key = {}, f"{which}_checkpoint"
    for name, trained in section.get("extra", {}).items():
        recorded = trained.get(key) if isinstance(trained, dict) else None
        if not isinstance(recorded, str) or "\0" in recorded:
            field = f"sections.training.extra.{name}.{key}"
            raise DataError("the path of a model is expected", file=run.folder / RESULTS_FILE, field=field)
        models[name] = model_or_newest(Path(recorded), say=say)
    return models


def _not_recorded(run: RunFolder, say: Callable[[str], None]) -> dict[str, Path]:
    """The newest checkpoints of trainings of this run that no notebook has recorded, as of ``train --run``."""
    found = {}
    with contextlib.suppress(DataError):  # without its data no training is this run's
        found = {name: run.model_folder(name) for name in get_args(Backbone)}
    models = {name: model_at(path, say=say) for name, path in found.items() if (path / CHECKPOINTS).is_dir()}
    if not models:
        raise IncompleteResults(f"{run.folder / RESULTS_FILE} has no section 'training': run notebook 01 first")
    return models
