"""The files of videos, on a tiny run with random weights: made once, by whoever is free."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from hiero_lib.config import Profile, load_profile
from hiero_lib.data.egoclip import open_egoclip
from hiero_lib.data.paths import DataPaths
from hiero_lib.hierarchy.collection import Collection, named_hierarchy, open_collection
from hiero_lib.methods.method import HIERO, Method
from hiero_lib.methods.opening import open_methods
from hiero_lib.search.build import open_index
from hiero_lib.search.update import index_folder, update_index
from tests.helpers.tiny import make_checkpoint, make_tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def profile_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("search") / "data", videos=4, features__text_projection=None)


@pytest.fixture(scope="module")
def profile(profile_file: Path) -> Profile:
    return load_profile(profile_file)


@pytest.fixture(scope="module")
def collection(profile: Profile) -> Collection:
    return open_collection(profile, device=CPU)


@pytest.fixture(scope="module")
def checkpoint(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("models") / "hiero", profile, "hiero")


@pytest.fixture(scope="module")
def methods(profile: Profile, checkpoint: Path) -> dict[str, Method]:
    return open_methods(profile, checkpoints={"hiero": checkpoint}, device=CPU)


def test_an_interrupted_build_goes_on_and_changed_features_are_indexed_again(
    collection: Collection, methods: dict[str, Method], tmp_path: Path
) -> None:
    folder = index_folder(tmp_path, methods[HIERO], collection)
    asked: list[str] = []

    def hierarchy_of(uid: str):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(uid)
        return named_hierarchy(collection, methods[HIERO], uid)

    with pytest.raises(KeyboardInterrupt):
        update_index(folder, collection.video_uids, store=collection.store, hierarchy_of=hierarchy_of)
    assert sorted(path.name for path in folder.iterdir()) == ["v0.safetensors", "v1.safetensors"]
    (folder / "v0.safetensors").write_bytes(b"half")
    asked.clear()
    report = update_index(
        folder,
        ["v0", "v1", "v2"],
        store=collection.store,
        hierarchy_of=lambda uid: asked.append(uid) or named_hierarchy(collection, methods[HIERO], uid),
    )
    assert (report.made, report.kept, asked) == (2, 1, ["v0", "v2"])

    path = collection.store.path("v1")
    torch.save(torch.load(path, weights_only=True)[:-9], path)  # shorter features
    said: list[str] = []
    open_index(tmp_path, collection, methods[HIERO], video_uids=["v0", "v1"], say=said.append)
    assert len(said) == 1
    assert "v1" in said[0]


def test_other_weights_have_an_index_of_their_own(
    collection: Collection, methods: dict[str, Method], tmp_path: Path
) -> None:
    import dataclasses

    other = dataclasses.replace(methods[HIERO], fingerprint="other")
    assert index_folder(tmp_path, other, collection) != index_folder(tmp_path, methods[HIERO], collection)
    assert index_folder(tmp_path, methods[HIERO], collection).name.startswith("hiero-")


def test_other_narrations_have_an_index_of_their_own(
    collection: Collection, methods: dict[str, Method], tmp_path: Path
) -> None:
    import dataclasses
    import shutil

    paths = DataPaths.at(tmp_path / "data")
    paths.annotations.mkdir(parents=True)
    shutil.copy(DataPaths.at(collection.profile.data_root).egoclip, paths.egoclip)
    with paths.egoclip.open("a") as stream:
        stream.write("\n")
    others = dataclasses.replace(collection, egoclip=open_egoclip(paths))
    mute = dataclasses.replace(collection, egoclip=None)
    folders = {index_folder(tmp_path, methods[HIERO], videos) for videos in (collection, others, mute)}
    assert len(folders) == 3


def test_two_at_once_share_the_work(collection: Collection, methods: dict[str, Method], tmp_path: Path) -> None:
    folder = index_folder(tmp_path, methods[HIERO], collection)
    asked: list[str] = []
    others: list[object] = []

    def hierarchy_of(uid: str):
        asked.append(uid)
        if len(asked) == 1:  # another process comes while the first video is being made
            others.append(pool.submit(update))
            while len(asked) < 3:
                time.sleep(0.01)
        return named_hierarchy(collection, methods[HIERO], uid)

    def update():
        return update_index(folder, ["v0", "v2", "v3"], store=collection.store, hierarchy_of=hierarchy_of)

    with ThreadPoolExecutor(2) as pool:
        report = update()
        other = others[0].result()
    assert sorted(asked) == ["v0", "v2", "v3"]
    assert (report.made, report.kept, other.made, other.kept) == (1, 2, 2, 1)
    assert sorted(path.name for path in folder.iterdir()) == [f"{uid}.safetensors" for uid in ("v0", "v2", "v3")]
