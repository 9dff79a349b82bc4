"""A short training on the sample, for a notebook that is opened alone: models in a minute, in a run of their own.

The run lies beside the one that it stands in for and has its own results, figures and models, so that nothing of it
is ever read as the full training's. What is trained here is too short to be judged by; its figures say so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from hiero_lib.base.errors import ConfigError
from hiero_lib.base.progress import say
from hiero_lib.data.paths import DataPaths
from hiero_lib.models.checkpoints import Backbone
from hiero_lib.results.kept_profile import keep_profile
from hiero_lib.results.record import load, record
from hiero_lib.results.run import RunFolder, trained_models
from hiero_lib.sources.sample import make_sample
from hiero_lib.training.loop import run_training

EPOCHS = 8  # at most; the sample's profile has 30
ENDING = "-short-training"  # of the run's name
BACKBONES: tuple[Backbone, ...] = ("probe", "hiero")


def short_run(run: RunFolder) -> RunFolder:
    """The run beside ``run`` that a short training works in; nothing is written."""
    training = dataclasses.replace(run.profile.training, epochs=min(EPOCHS, run.profile.training.epochs))
    folder = run.folder.with_name(run.folder.name + ENDING)
    return RunFolder(dataclasses.replace(run.profile, training=training), folder, remark="short training")


def train_short(run: RunFolder, *, say: Callable[[str], None] = say) -> RunFolder:
    """Train the probe and HiERO for a few epochs in :func:`short_run`, which is returned; make the sample first where
    there is none. What was trained before is only read.

    Args:
        run: of the sample; it is left as it is.
        say: receives what is done, how long it takes and where it goes, before it begins.

    Raises:
        ConfigError: the profile is not of the sample, or the folder beside is a run of other data.
        DataError: the data cannot be used, or another process trains in the folder.
    """
    if not run.profile.is_sample:
        problem = "a short training is of the sample alone: of real data it would say nothing"
        raise ConfigError(problem, field="profile.is_sample", value=run.profile.is_sample)
    short = short_run(run)
    root = DataPaths.at(run.profile.data_root)
    epochs = f"{short.profile.training.epochs} of {run.profile.training.epochs} epochs"
    say(f"{run.folder.name} has no trained models; notebook 01 trains them, in minutes.")
    if _is_trained(short):
        say(f"Those of an earlier short training stand in, {epochs}, in {short.folder}")
        return dataclasses.replace(short, started=run.started)
    sample = "" if root.egoclip.is_file() else "the sample is made (some 15 s), then "
    say(
        f"For now {sample}the probe and HiERO are trained for {epochs}: about a minute on two CPU cores. They and all"
        f' that this notebook writes, go to {short.folder}. Its figures say "short training": they are no results.'
    )
    if sample:
        say(make_sample(root.root, dim=run.profile.features.dim).summary())
    short.folder.mkdir(parents=True, exist_ok=True)
    keep_profile(short.folder, short.profile)
    extra: dict[str, dict[str, Any]] = {}
    for backbone in BACKBONES:
        summary = run_training(short.profile, short.model_folder(backbone), backbone=backbone)
        extra[backbone] = {
            name: str(value) if name.endswith(("checkpoint", "file")) else value
            for name, value in asdict(summary).items()
        }
    record(short.folder, "training", [], profile=short.profile, seconds=short.seconds, extra=extra)
    return dataclasses.replace(short, started=run.started)


def _is_trained(short: RunFolder) -> bool:
    """Whether models of these settings, on these data, are recorded and there: the names of their folders say it."""
    if "training" not in load(short.folder)["sections"]:
        return False
    models = trained_models(short)
    return all(
        backbone in models and models[backbone].is_relative_to(short.model_folder(backbone)) for backbone in BACKBONES
    )
