"""A short training stands beside the run that it stands in for, says what it is, and is done once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.config import load_profile
from hiero_lib.pipelines import short_training
from hiero_lib.pipelines.short_training import short_run, train_short
from hiero_lib.results.record import RESULTS_FILE, load
from hiero_lib.results.run import RunFolder, trained_models
from tests.helpers.tiny import make_tiny


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    profile = load_profile(make_tiny(tmp_path / "data", videos=4, segments=20, training__epochs=30))
    (tmp_path / "outputs" / "r").mkdir(parents=True)
    return RunFolder(profile, tmp_path / "outputs" / "r")


def test_models_in_a_run_of_their_own_that_says_what_it_is(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_training, "EPOCHS", 2)
    said: list[str] = []
    short = train_short(run, say=said.append)
    assert short.folder == run.folder.with_name("r-short-training")
    assert short.data_name == "the sample (short training)"
    assert short.profile == dataclasses.replace(
        run.profile, training=dataclasses.replace(run.profile.training, epochs=2)
    )
    assert list(run.folder.iterdir()) == []  # nothing of it is the run's
    models = trained_models(short)
    assert list(models) == ["probe", "hiero"]
    assert all(path.is_relative_to(short.folder / "train") and path.is_dir() for path in models.values())
    assert said[0] == "r has no trained models; notebook 01 trains them, in minutes."
    assert "2 of 30 epochs: about a minute" in said[1]
    assert str(short.folder) in said[1]
    assert "the sample is made" not in said[1]

    written = (short.folder / RESULTS_FILE).stat().st_mtime_ns
    said.clear()
    again = train_short(run, say=said.append)
    assert (again.folder, again.profile) == (short.folder, short.profile)
    assert (short.folder / RESULTS_FILE).stat().st_mtime_ns == written
    assert "earlier short training" in said[1]


def test_other_settings_or_a_lost_model_are_trained_anew(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(short_training, "EPOCHS", 1)
    first = trained_models(train_short(run))["probe"]
    training = dataclasses.replace(run.profile.training, lr=0.5)
    other = dataclasses.replace(run, profile=dataclasses.replace(run.profile, training=training))
    short = train_short(other)
    assert trained_models(short)["probe"].parent != first.parent
    assert load(short.folder)["sections"]["training"]["config"]["training"]["lr"] == 0.5


def test_a_shorter_training_stays_as_short(run: RunFolder) -> None:
    training = dataclasses.replace(run.profile.training, epochs=2)
    asked = dataclasses.replace(run, profile=dataclasses.replace(run.profile, training=training))
    assert short_run(asked).profile.training.epochs == 2
    assert not short_run(asked).folder.exists()


def test_the_sample_is_made_where_it_is_missing_and_real_data_are_refused(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Path, int]] = []

    def fake(root: Path, *, dim: int) -> None:
        asked.append((root, dim))
        raise DataError("no more", file=root)

    monkeypatch.setattr(short_training, "make_sample", fake)
    absent = dataclasses.replace(run.profile, data_root=str(tmp_path / "none"))
    said: list[str] = []
    with pytest.raises(DataError, match="no more"):
        train_short(dataclasses.replace(run, profile=absent), say=said.append)
    assert asked == [(tmp_path / "none", 12)]
    assert "the sample is made (some 15 s), then the probe and HiERO are trained" in said[1]
    real = dataclasses.replace(run, profile=dataclasses.replace(run.profile, is_sample=False))
    with pytest.raises(ConfigError, match="of the sample alone"):
        train_short(real)
    assert len(asked) == 1
