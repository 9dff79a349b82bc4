"""The folder of a run: where its models, figures and checkpoints are."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from hiero_lib.base.errors import DataError
from hiero_lib.config import Profile, load_profile
from hiero_lib.results.record import RESULTS_FILE, record
from hiero_lib.results.run import IncompleteResults, RunFolder, trained_models
from tests.helpers.tiny import make_checkpoint, make_tiny


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return load_profile(make_tiny(tmp_path / "data", videos=2, segments=8))


@pytest.fixture
def run(profile: Profile, tmp_path: Path) -> RunFolder:
    (tmp_path / "r").mkdir()
    return RunFolder(profile, tmp_path / "r")


def test_a_training_has_a_folder_of_its_own_and_another_training_another(run: RunFolder) -> None:
    folder = run.model_folder("hiero")
    assert folder.parent == run.folder / "train"
    assert folder.name.startswith("hiero-")
    assert run.model_folder("probe").name == folder.name.replace("hiero", "probe")
    again = dataclasses.replace(run, started=run.started + 99)
    assert again.model_folder("hiero") == folder
    for section, change in (("training", {"lr": 0.5}), ("model", {"depth": 2}), ("loss", {"ft_weight": 0.0})):
        changed = dataclasses.replace(getattr(run.profile, section), **change)
        other = dataclasses.replace(run, profile=dataclasses.replace(run.profile, **{section: changed}))
        assert other.model_folder("hiero") != folder
    scored = dataclasses.replace(run.profile.egomcq, bootstrap_seed=9)
    same = dataclasses.replace(run, profile=dataclasses.replace(run.profile, egomcq=scored))
    assert same.model_folder("hiero") == folder  # how it is scored trains nothing


def test_a_figure_is_kept_for_the_screen_and_for_print(run: RunFolder) -> None:
    figure = Figure()
    figure.subplots().plot([0, 1])
    path = run.save_figure(figure, "loss")
    assert path == run.folder / "figures" / "loss.png"
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert path.with_suffix(".pdf").read_bytes()[:4] == b"%PDF"
    assert run.save_figure(figure, "loss") == path  # drawn again, in the folder that is there


def test_titles_say_whose_data_it_is(run: RunFolder) -> None:
    assert run.data_name == "the generated sample"
    assert dataclasses.replace(run, remark="short training").data_name == "the sample (short training)"
    real = dataclasses.replace(run, profile=dataclasses.replace(run.profile, is_sample=False))
    assert real.data_name == "tiny"


def test_seconds_count_from_the_start(run: RunFolder) -> None:
    assert 0 <= run.seconds < 60
    assert 100 <= dataclasses.replace(run, started=time.time() - 100).seconds < 160


def test_trained_models_are_those_that_notebook_01_recorded(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(IncompleteResults, match="run notebook 01 first") as error:
        trained_models(run)
    assert str(run.folder / RESULTS_FILE) in str(error.value)
    trained = {
        name: {
            "last_checkpoint": str(make_checkpoint(tmp_path / name / "checkpoints/step-00000004", run.profile, name)),
            "best_checkpoint": str(make_checkpoint(tmp_path / name / "best", run.profile, name)),
        }
        for name in ("probe", "hiero")
    }
    record(run.folder, "training", [], profile=run.profile, seconds=1, extra=trained)
    last = {name: tmp_path / name / "checkpoints/step-00000004" for name in ("probe", "hiero")}
    assert trained_models(run) == last
    assert trained_models(run, which="best")["hiero"] == tmp_path / "hiero/best"

    (tmp_path / "hiero/best/model.safetensors").unlink()
    said: list[str] = []
    assert trained_models(run, which="best", say=said.append)["hiero"] == last["hiero"]
    assert "best/model.safetensors: there is no such file" in said[0]
    assert said[1] == f"taken instead: {last['hiero']}"


def test_what_train_left_is_taken_where_no_notebook_recorded_it(run: RunFolder) -> None:
    made = make_checkpoint(run.model_folder("hiero") / "checkpoints/step-00000003", run.profile, "hiero")
    said: list[str] = []
    assert trained_models(run, say=said.append) == {"hiero": made}
    assert said == [f"taken: {made}"]
    settings = dataclasses.replace(run.profile.training, seed=5)  # of another training
    other = dataclasses.replace(run, profile=dataclasses.replace(run.profile, training=settings))
    with pytest.raises(IncompleteResults, match="run notebook 01 first"):
        trained_models(other)


@pytest.mark.parametrize("odd", ["last", 7, None, ["last"], {"last_checkpoint": 7}, {"best_checkpoint": "b"}])
def test_a_recorded_model_of_another_shape_is_named(run: RunFolder, odd: object) -> None:
    record(run.folder, "training", [], profile=run.profile, seconds=1, extra={"hiero": odd})
    with pytest.raises(DataError, match=r"results\.json, field 'sections\.training\.extra\.hiero\.last_checkpoint'"):
        trained_models(run)


def test_a_training_without_data_left_no_models(run: RunFolder) -> None:
    record(run.folder, "training", [], profile=run.profile, seconds=1, extra={"missing": ["/x/egoclip.csv"]})
    with pytest.raises(IncompleteResults, match=r"nothing was trained, there is no /x/egoclip\.csv"):
        trained_models(run)
