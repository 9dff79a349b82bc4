"""The index on disk, and recall, on a tiny run with random weights: what is searched is what is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.config import Profile, load_profile
from hiero_lib.data.egoclip import open_egoclip
from hiero_lib.data.paths import DataPaths
from hiero_lib.hierarchy.collection import Collection, named_hierarchy, open_collection
from hiero_lib.methods.method import HIERO, UNTRAINED, Method
from hiero_lib.methods.opening import open_methods
from hiero_lib.search.build import index_folder, not_indexed, open_index, update_index
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


def test_the_index_holds_the_spans_of_every_level_and_is_made_once(
    collection: Collection, methods: dict[str, Method], tmp_path: Path
) -> None:
    said: list[str] = []
    index = open_index(tmp_path, collection, methods[HIERO], say=said.append)
    assert len(said) == 4
    hierarchy = named_hierarchy(collection, methods[HIERO], "v2")
    expected = [
        (found.level, span.start_s, span.end_s, span.label, found.names.get(span.label, ""))
        for found in hierarchy.levels
        for span in found.spans
    ]
    spans = index.spans
    rows = np.flatnonzero(spans.video == spans.video_uids.index("v2"))
    columns = (spans.level, spans.start_s, spans.end_s, spans.thread, np.array(spans.labels))
    assert list(zip(*(column[rows].tolist() for column in columns))) == expected
    first = torch.nn.functional.normalize(hierarchy.levels[0].span_x, dim=1).numpy()
    np.testing.assert_allclose(spans.vectors[rows[: len(first)]], first, atol=1e-3)

    said.clear()
    again = open_index(tmp_path, collection, methods[HIERO], say=said.append)
    assert said == []
    np.testing.assert_array_equal(again.spans.vectors, spans.vectors)


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


def test_what_cannot_be_searched_is_refused(
    collection: Collection, methods: dict[str, Method], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="without a text space"):
        open_index(tmp_path, collection, methods[UNTRAINED])
    with pytest.raises(DataError, match="no videos to search"):
        open_index(tmp_path, collection, methods[HIERO], video_uids=[])


def test_one_bad_file_keeps_no_other_video_from_being_searched(
    collection: Collection, methods: dict[str, Method], tmp_path: Path
) -> None:
    path = collection.store.path("v1")
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    try:
        left_out: dict[str, str] = {}
        index = open_index(tmp_path, collection, methods[HIERO], left_out=left_out)
        assert set(index.spans.video_uids) == set(collection.video_uids) - {"v1"}
        assert list(left_out) == ["v1"]
        assert "v1.pt" in left_out["v1"]
        with pytest.raises(DataError, match=r"value 'v1': cannot be indexed: .*v1\.pt"):
            open_index(tmp_path, collection, methods[HIERO])
        with pytest.raises(DataError, match="cannot be indexed"):
            open_index(tmp_path, collection, methods[HIERO], video_uids=["v1"], left_out={})
    finally:
        path.write_bytes(whole)


def test_what_is_missing_of_an_index(collection: Collection, methods: dict[str, Method], tmp_path: Path) -> None:
    folder, uids = index_folder(tmp_path, methods[HIERO], collection), collection.video_uids
    assert not_indexed(folder, uids, store=collection.store) == list(uids)
    open_index(tmp_path, collection, methods[HIERO], video_uids=["v0", "v2"])
    assert not_indexed(folder, uids, store=collection.store) == ["v1", "v3"]
    (folder / "v2.safetensors").write_bytes(b"damaged")
    assert not_indexed(folder, [*uids, "v9"], store=collection.store) == ["v1", "v2", "v3", "v9"]
