"""Whether a model folder is whole, and the newest whole one of a training, with what was passed over."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_json, write_json
from hiero_lib.base.sealed import OtherFormatError, write_sealed
from hiero_lib.config import Profile, load_profile
from hiero_lib.models.checkpoints import load_model
from hiero_lib.models.model_files import checked_card, model_at, model_or_newest, newest_whole, weights_hash
from tests.helpers.tiny import make_checkpoint, make_tiny


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    return load_profile(make_tiny(tmp_path_factory.mktemp("tiny") / "data", videos=1))


@pytest.fixture
def training(tmp_path: Path, profile: Profile) -> Path:
    """Three whole checkpoints."""
    for step in (3, 6, 9):
        make_checkpoint(tmp_path / f"t/checkpoints/step-{step:08d}", profile, "hiero")
    return tmp_path / "t"


def step(training: Path, number: int) -> Path:
    return training / f"checkpoints/step-{number:08d}"


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-9])


def flip(folder: Path) -> None:
    """A bit in the last weight: a safetensors file of the right length that any reader takes."""
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


def lower_radius(folder: Path) -> None:
    """A number of the card that is as possible as the one before."""
    path = folder / "model.json"
    path.write_text(path.read_text().replace('"radius": 1.0', '"radius": 1.1'))


BREAKS: dict[str, Callable[[Path], object]] = {
    "cut": cut,
    "a flipped bit": flip,
    "a card of other numbers": lower_radius,
    "no card": lambda folder: (folder / "model.json").unlink(),
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "an empty card": lambda folder: (folder / "model.json").write_text(""),
    "a list for a card": lambda folder: (folder / "model.json").write_text("[]"),
    "weights that are a folder": lambda folder: (
        (folder / "model.safetensors").unlink(),
        (folder / "model.safetensors").mkdir(),
    ),
}


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS.keys())
def test_the_newest_whole_one_is_taken_and_the_others_are_said(training: Path, broken) -> None:
    broken(step(training, 9))
    with pytest.raises(DataError, match=r"model\.(json|safetensors)"):
        checked_card(step(training, 9))
    with pytest.raises(DataError, match=r"model\.(json|safetensors)"):
        load_model(step(training, 9))  # named itself it is an error, never another model
    said: list[str] = []
    assert model_at(training, say=said.append) == step(training, 6)
    assert said[0].startswith(f"passed over: {step(training, 9)}: ")
    assert said[1:] == [f"taken: {step(training, 6)}"]


def test_names_that_are_no_checkpoints_are_said(training: Path) -> None:
    shutil.copytree(step(training, 9), training / "checkpoints/step-old")
    shutil.copytree(step(training, 9), training / "checkpoints/step-00000012 (copy)")
    (training / "checkpoints/step-00000099").write_text("a file")
    (training / "checkpoints/step-00000015.damaged").mkdir()
    found, passed = newest_whole(training / "checkpoints")
    assert found == step(training, 9)
    names = ["step-00000012 (copy)", "step-00000099", "step-old"]
    assert [(one.folder.name, one.why) for one in passed] == [
        (name, "not the name of a checkpoint") for name in names
    ]


def test_another_version_is_not_passed_over(training: Path) -> None:
    card = read_json(step(training, 9) / "model.json")
    write_sealed(step(training, 9) / "model.json", {name: card[name] for name in ("backbone", "model")}, format=99)
    with pytest.raises(OtherFormatError, match="value 99"):
        model_at(training)
    write_json(step(training, 9) / "model.json", {"format": 1})
    with pytest.raises(OtherFormatError, match="value 1"):
        model_at(training)


def test_nothing_whole_is_an_error(training: Path) -> None:
    for number in (3, 6, 9):
        cut(step(training, number))
    said: list[str] = []
    with pytest.raises(DataError, match="there is no whole checkpoint"):
        model_at(training, say=said.append)
    assert len(said) == 3


def test_a_run_means_its_one_training(training: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "train").mkdir(parents=True)
    training.rename(run / "train/hiero")
    assert model_at(run, say=lambda line: None) == step(run / "train/hiero", 9)
    shutil.copytree(run / "train/hiero", run / "train/probe")
    with pytest.raises(DataError, match=r"hiero, probe.: several models"):
        model_at(run)


def test_a_file_and_a_model_folder_mean_themselves(training: Path, tmp_path: Path) -> None:
    (tmp_path / "a.pth").touch()
    for path in (tmp_path / "a.pth", step(training, 3), tmp_path / "nowhere"):
        assert model_at(path) == path


def test_a_recorded_model_or_the_newest_beside_it(training: Path, profile: Profile) -> None:
    best = make_checkpoint(training / "best", profile, "hiero")
    said: list[str] = []
    assert model_or_newest(best, say=said.append) == best
    assert said == []
    flip(best)
    assert model_or_newest(best, say=said.append) == step(training, 9)
    assert "best/model.safetensors" in said[0]
    assert model_or_newest(step(training, 12), say=said.append) == step(training, 9)  # gone since
    shutil.rmtree(training / "checkpoints")
    with pytest.raises(DataError, match=r"best/model\.safetensors"):
        model_or_newest(best)


def test_the_hash_of_weights_is_the_cards(training: Path) -> None:
    assert weights_hash(step(training, 3)) == checked_card(step(training, 3))["sha256"]["model.safetensors"]


def test_every_flipped_bit_of_weights_and_card_is_found(training: Path) -> None:
    """300 bits, evenly over both files: never a model of other numbers."""
    _, card = load_model(step(training, 3))
    named = set()
    for name in ("model.safetensors", "model.json"):
        path = step(training, 3) / name
        whole = path.read_bytes()
        for at in range(0, len(whole), max(1, len(whole) // 150)):
            broken = bytearray(whole)
            broken[at] ^= 1 << at % 8
            path.write_bytes(broken)
            try:
                assert load_model(step(training, 3))[1] == card  # a blank of the card became another blank
                assert name == "model.json"
            except DataError as error:
                named.add(Path(str(error.file)).name)
        path.write_bytes(whole)
    assert named == {"model.json", "model.safetensors"}
