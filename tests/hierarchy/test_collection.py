"""A collection: which videos have narrations, what threads are named after, and short names of videos."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.config import Profile, load_profile
from hiero_lib.data.paths import DataPaths
from hiero_lib.hierarchy.collection import (
    Collection,
    named,
    named_hierarchy,
    open_collection,
    phrases_for,
    phrases_of,
    short_uids,
)
from hiero_lib.methods.method import HIERO, UNTRAINED, Method
from hiero_lib.methods.opening import open_methods
from tests.helpers.tiny import make_checkpoint, make_tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    root = tmp_path_factory.mktemp("collection") / "data"
    return load_profile(make_tiny(root, videos=4, features__text_projection=None))


@pytest.fixture(scope="module")
def collection(profile: Profile) -> Collection:
    return open_collection(profile, device=CPU)


@pytest.fixture(scope="module")
def methods(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Method]:
    checkpoint = make_checkpoint(tmp_path_factory.mktemp("models") / "hiero", profile, "hiero")
    return open_methods(profile, checkpoints={"hiero": checkpoint}, device=CPU)


def test_narrations_are_indexed_where_training_looks_for_them(collection: Collection, profile: Profile) -> None:
    assert collection.egoclip is not None
    assert collection.egoclip.folder.parent == DataPaths.at(profile.data_root).caches / "egoclip"


def test_the_default_video_is_the_first_with_narrations(collection: Collection) -> None:
    assert collection.video_uids == ["v0", "v1", "v2", "v3"]
    assert collection.default_video == "v0"
    mute = dataclasses.replace(collection, egoclip=None)
    assert mute.default_video == "v0"
    assert collection.egoclip is not None
    later = dataclasses.replace(collection, egoclip=OnlyOf(collection, "v2"))  # type: ignore[arg-type]
    assert later.default_video == "v2"


class OnlyOf:
    """An index that has one video's narrations."""

    def __init__(self, collection: Collection, video_uid: str) -> None:
        self.collection, self.video_uid = collection, video_uid

    def narrations(self, video_uid: str):
        return self.collection.narrations(video_uid if video_uid == self.video_uid else "none")


def test_a_video_without_features_is_named_with_some_that_have(
    collection: Collection, methods: dict[str, Method]
) -> None:
    with pytest.raises(DataError, match=r"value '\.\./v0'.*There are v0, v1, v2 and 1 more"):
        named_hierarchy(collection, methods[HIERO], "../v0")


def test_names_come_from_narrations_or_else_a_vocabulary(collection: Collection, methods: dict[str, Method]) -> None:
    own = named_hierarchy(collection, methods[HIERO], "v0")
    plain = collection.narrations("v0").without_tags().texts
    assert set(own.levels[0].names.values()) <= set(plain)
    mute = dataclasses.replace(collection, egoclip=None)
    assert not mute.narrations("v0")
    assert mute.vocabulary() == []
    assert named_hierarchy(mute, methods[HIERO], "v0").levels[0].names == {}
    vocabulary = phrases_of(methods[HIERO], ["#C C dances", "#C C sings", "#C C reads"])
    shown = named_hierarchy(mute, methods[HIERO], "v0", vocabulary=vocabulary, num_threads=[2, 2, 2])
    names = {thread: name for level in shown.levels for thread, name in level.names.items()}
    assert len(names) == len({thread for level in shown.levels for thread in level.seconds()}) <= 2
    assert set(names.values()) <= {"dances", "sings", "reads"}


def test_threads_have_no_names_without_a_text_space_or_a_text(
    collection: Collection, methods: dict[str, Method]
) -> None:
    assert phrases_for(collection, methods[UNTRAINED], "v0") is None
    hierarchy = named_hierarchy(collection, methods[UNTRAINED], "v0")
    assert all(level.names == {} for level in hierarchy.levels)
    assert named(hierarchy, phrases_of(methods[HIERO], [])) is hierarchy


def test_phrases_of_a_narrated_video_have_its_times(collection: Collection, methods: dict[str, Method]) -> None:
    phrases = phrases_for(collection, methods[HIERO], "v1", vocabulary=phrases_of(methods[HIERO], ["#C C sings"]))
    narrations = collection.narrations("v1")
    assert phrases is not None
    assert (phrases.times, phrases.texts) == (narrations.times, narrations.texts)
    torch.testing.assert_close(phrases.embedded, methods[HIERO].embed_text(narrations.texts).cpu())


def test_a_vocabulary_has_the_most_frequent_narrations_first(collection: Collection) -> None:
    vocabulary = collection.vocabulary()
    counts = [
        sum(collection.narrations(uid).texts.count(text) for uid in collection.video_uids) for text in vocabulary
    ]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == 28


def test_uids_are_shortened_as_far_as_they_differ() -> None:
    assert short_uids(["0afdddc5-c08c", "20e12db3-1111"]) == {
        "0afdddc5-c08c": "0afdddc5",
        "20e12db3-1111": "20e12db3",
    }
    assert short_uids(["kitchen_001_left", "kitchen_002_left"])["kitchen_001_left"] == "kitchen_001"
    assert short_uids(["v0", "v1"]) == {"v0": "v0", "v1": "v1"}
    assert short_uids([]) == {}
