"""The index on disk, and recall, on a tiny run with random weights: what is searched is what is there."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.config import Profile, load_profile
from hiero_lib.data.features import FeatureStore
from hiero_lib.hierarchy.collection import Collection, named_hierarchy, open_collection
from hiero_lib.methods.method import HIERO, UNTRAINED, Method
from hiero_lib.methods.opening import open_methods
from hiero_lib.search import build, merged, nearest
from hiero_lib.search.build import not_indexed, open_index
from hiero_lib.search.index import SearchIndex
from hiero_lib.search.update import index_folder, make_index
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
    np.testing.assert_array_equal(again.spans.vectors.half, spans.vectors.half)


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


def test_a_second_start_reads_neither_features_nor_files_of_videos(
    collection: Collection, methods: dict[str, Method], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_index(tmp_path, collection, methods[HIERO])
    with monkeypatch.context() as patched:
        for module, name in ((build, "read_table"), (merged, "read_table"), (build, "source_of")):
            patched.setattr(module, name, lambda path: pytest.fail(f"{path} is read"))
        patched.setattr(type(collection.store), "identity", lambda self, uid: pytest.fail(f"{uid} is read"))
        again = open_index(tmp_path, collection, methods[HIERO])
    np.testing.assert_array_equal(again.spans.vectors.half, first.spans.vectors.half)

    path = collection.store.path("v3")
    looked: list[str] = []
    identity = type(collection.store).identity

    def look(self: FeatureStore, uid: str) -> str:
        looked.append(uid)
        return identity(self, uid)

    os.utime(path, (1e9, 1e9))  # copied to another disk: another time, the same content
    with monkeypatch.context() as patched:
        patched.setattr(
            type(collection.store), "identity", lambda self, uid: looked.append(uid) or identity(self, uid)
        )
        patched.setattr(build, "merge", None)
        open_index(tmp_path, collection, methods[HIERO])
        open_index(tmp_path, collection, methods[HIERO])
    assert looked == ["v3"]  # the second time its new time is known


def test_other_content_of_the_same_size_and_videos_that_come_and_go_are_seen(
    collection: Collection, methods: dict[str, Method], tmp_path: Path
) -> None:
    said: list[str] = []
    features = tmp_path / "features"
    shutil.copytree(collection.store.folder, features)
    moved = dataclasses.replace(collection, store=FeatureStore(features, dim=collection.store.expected_dim))
    first = open_index(tmp_path, moved, methods[HIERO])
    path = moved.store.path("v3")
    torch.save(torch.load(path, weights_only=True).flip(0), path)
    again = open_index(tmp_path, moved, methods[HIERO], say=said.append)
    assert len(said) == 1
    assert "v3" in said[0]
    assert not np.array_equal(again.spans.vectors.half, first.spans.vectors.half)
    shutil.copy(moved.store.path("v0"), features / "v9.pt")
    path.unlink()
    index = open_index(tmp_path, moved, methods[HIERO], say=said.append)
    assert index.spans.video_uids == ("v0", "v1", "v2", "v9")
    assert len(said) == 2
    some = open_index(tmp_path, moved, methods[HIERO], video_uids=["v9", "v1"], say=said.append)
    assert some.spans.video_uids == ("v9", "v1")
    assert len(said) == 2
    query = index.spans.vectors[3]
    assert some.find(query) == index.find(query, videos=["v1", "v9"])


def test_what_is_damaged_is_made_again_and_said(
    collection: Collection, methods: dict[str, Method], tmp_path: Path
) -> None:
    said: list[str] = []
    first = open_index(tmp_path, collection, methods[HIERO])
    folder = index_folder(tmp_path, methods[HIERO], collection)
    for name, words in (
        ("all/start_s.npy", "joined again"),
        ("all/vectors.npy", "joined again"),
        ("all/about.json", ""),
    ):
        flip(folder / name)
        again = open_index(tmp_path, collection, methods[HIERO], say=said.append)
        np.testing.assert_array_equal(again.spans.vectors.half, first.spans.vectors.half)
        assert (len(said) == 1 and words in said[0]) if words else not said
        said.clear()
    flip(folder / "v1.safetensors")
    shutil.rmtree(folder / "all")
    again = open_index(tmp_path, collection, methods[HIERO], say=said.append)
    np.testing.assert_array_equal(again.spans.vectors.half, first.spans.vectors.half)
    assert [line.partition(":")[0] for line in said] == ["made again", "indexed 1 of 1"]
    flip(folder / "v1.safetensors")
    said.clear()
    open_index(tmp_path, collection, methods[HIERO], video_uids=["v1"], say=said.append)
    assert said == [f"indexed 1 of 1: v1, {int((first.spans.video == 1).sum())} spans"]


def flip(path: Path) -> None:
    """Change the lowest bit of the last byte."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_whoever_makes_the_files_is_told_which_are_missing(
    collection: Collection, methods: dict[str, Method], tmp_path: Path
) -> None:
    asked: list[list[str]] = []

    def make(uids):
        asked.append(list(uids))
        return make_index(tmp_path, collection, methods[HIERO], video_uids=uids)

    make_index(tmp_path, collection, methods[HIERO], video_uids=["v2"])
    open_index(tmp_path, collection, methods[HIERO], make=make)
    open_index(tmp_path, collection, methods[HIERO], make=make)
    assert asked == [["v0", "v1", "v3"]]


def test_very_many_spans_go_through_faiss_whose_index_is_of_this_content(
    collection: Collection, methods: dict[str, Method], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, dim = tmp_path / "features", collection.profile.features.dim
    features.mkdir()
    for number in range(8):  # enough for faiss, which learns from 256 spans
        x = torch.randn(300, dim, generator=torch.Generator().manual_seed(number))
        torch.save(x, features / f"v{number}.pt")
    moved = dataclasses.replace(collection, store=FeatureStore(features, dim=dim))
    monkeypatch.setattr(nearest, "EXACT_UP_TO", 100)
    index = open_index(tmp_path, moved, methods[HIERO])
    again = open_index(tmp_path, moved, methods[HIERO])
    assert "% of the best 5 found" in again.nearest.about
    query = index.spans.vectors[3]
    assert again.find(query) == index.find(query) == SearchIndex(index.spans).find(query)
    folder = index_folder(tmp_path, methods[HIERO], moved) / "all"
    (kept,) = folder.glob("faiss-*")
    (features / "v3.pt").unlink()
    open_index(tmp_path, moved, methods[HIERO])
    assert [path.name for path in folder.glob("faiss-*")] != [kept.name]
    some = open_index(tmp_path, moved, methods[HIERO], video_uids=["v0"])
    assert some.nearest.about == "all spans compared"


def test_what_cannot_be_noted_is_looked_at_again(
    collection: Collection, methods: dict[str, Method], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = open_index(tmp_path, collection, methods[HIERO])
    os.utime(collection.store.path("v0"), (1e9, 1e9))

    def refuse(self: object, folder: Path) -> None:
        raise PermissionError(13, "read-only", str(folder))

    monkeypatch.setattr(merged.Merged, "write_about", refuse)
    again = open_index(tmp_path, collection, methods[HIERO])
    np.testing.assert_array_equal(again.spans.vectors.half, index.spans.vectors.half)
