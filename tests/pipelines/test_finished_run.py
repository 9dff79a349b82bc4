"""What a finished run can be asked: its models, moments that answer a text, recall, and files of a video."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.config import Profile, load_profile
from hiero_lib.hierarchy.collection import Collection, open_collection
from hiero_lib.methods.method import HIERO, UNTRAINED, Method
from hiero_lib.methods.opening import open_methods
from hiero_lib.pipelines import finished_run
from hiero_lib.results.record import record
from tests.helpers.tiny import make_checkpoint, make_tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    root = tmp_path_factory.mktemp("finished") / "data"
    return load_profile(make_tiny(root, videos=4, features__text_projection=None))


@pytest.fixture(scope="module")
def collection(profile: Profile) -> Collection:
    return open_collection(profile, device=CPU)


@pytest.fixture(scope="module")
def checkpoint(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("models") / "hiero", profile, "hiero")


@pytest.fixture(scope="module")
def methods(profile: Profile, checkpoint: Path) -> dict[str, Method]:
    return open_methods(profile, checkpoints={"hiero": checkpoint}, device=CPU)


def test_without_a_trained_model_the_error_says_what_to_do(profile: Profile, tmp_path: Path) -> None:
    command = f"python -m hiero_lib reproduce --profile {profile.name}.yaml --run"  # whole, to be copied
    with pytest.raises(DataError, match=rf"no trained models\. Train them: `{command} {tmp_path.name}`"):
        finished_run.search(profile, tmp_path, "x")
    with pytest.raises(DataError, match=rf"gone: there is no such run\. {tmp_path} has no run \(was it made from"):
        finished_run.search(profile, tmp_path / "gone", "x")
    with pytest.raises(DataError, match="without a text space"):
        finished_run.search(profile, tmp_path, "x", method="untrained")


def test_recall_of_a_run_is_recorded(
    profile: Profile,
    collection: Collection,
    methods: dict[str, Method],
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained = {"hiero": {"last_checkpoint": str(checkpoint)}}
    record(tmp_path, "training", [], profile=profile, seconds=0.0, extra=trained)
    table = finished_run.search_recall(profile, tmp_path)
    opened = {"collection": collection, "methods": methods}  # as the notebook has them: nothing is opened again
    monkeypatch.setattr(finished_run, "open_methods", None)
    monkeypatch.setattr(finished_run, "open_collection", None)
    again = finished_run.search_recall(profile, tmp_path, **opened)
    assert [line for line in again.splitlines() if "recall at" in line] == [
        line for line in table.splitlines() if "recall at" in line
    ]
    monkeypatch.undo()
    assert "recall at 5, level 2" in table
    assert "chance" in table
    with pytest.raises(ConfigError, match="levels"):
        finished_run.search(profile, tmp_path, "x", level=9)


def test_a_method_is_of_the_run_or_of_a_checkpoint(profile: Profile, checkpoint: Path, tmp_path: Path) -> None:
    assert finished_run.open_method(profile, tmp_path, method="untrained").name == UNTRAINED
    by_path = finished_run.open_method(profile, tmp_path, checkpoint=checkpoint)
    trained = {"hiero": {"last_checkpoint": str(checkpoint)}}
    record(tmp_path, "training", [], profile=profile, seconds=0.0, extra=trained)
    of_run = finished_run.open_method(profile, tmp_path)
    assert of_run.name == HIERO
    assert of_run.fingerprint == by_path.fingerprint


def test_a_video_is_exported_into_the_run_or_elsewhere(profile: Profile, checkpoint: Path, tmp_path: Path) -> None:
    written = finished_run.export_video(profile, tmp_path, "v1", checkpoint=checkpoint, formats=["json", "csv"])
    assert written == [tmp_path / "exports/v1.json", tmp_path / "exports/v1.csv"]
    (elsewhere,) = finished_run.export_video(
        profile, tmp_path, "v1", checkpoint=checkpoint, formats=["csv"], folder=tmp_path / "there"
    )
    assert elsewhere == tmp_path / "there/v1.csv"
    assert elsewhere.read_bytes() == written[1].read_bytes()
    with pytest.raises(ConfigError, match="for each of 3 levels"):
        finished_run.export_video(profile, tmp_path, "v1", checkpoint=checkpoint, num_threads=[2, 2])
    with pytest.raises(ConfigError, match="no such format"):
        finished_run.export_video(profile, tmp_path, "v1", checkpoint=checkpoint, formats=["mp4"])
