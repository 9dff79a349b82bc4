"""From a profile and a video's uid to files: the record, the command, the reports of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hiero_lib.config import load_profile
from hiero_lib.export.reports import typical_texts, video_record, write_reports
from hiero_lib.hierarchy.collection import Collection, named_hierarchy, open_collection
from hiero_lib.methods.method import HIERO, UNTRAINED, Method
from hiero_lib.methods.opening import open_methods
from tests.helpers.tiny import make_checkpoint, make_tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def profile_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("export") / "data", videos=3, features__text_projection=None)


@pytest.fixture(scope="module")
def collection(profile_file: Path) -> Collection:
    return open_collection(load_profile(profile_file), device=CPU)


@pytest.fixture(scope="module")
def checkpoint(collection: Collection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("models") / "hiero", collection.profile, "hiero")


@pytest.fixture(scope="module")
def methods(collection: Collection, checkpoint: Path) -> dict[str, Method]:
    return open_methods(collection.profile, checkpoints={"hiero": checkpoint}, device=CPU)


def test_a_record_says_where_it_comes_from(collection: Collection, methods: dict[str, Method]) -> None:
    record = video_record(collection, methods[HIERO], "v1", queries=["cut the onion", "#O a man waves"])
    assert (record.video_uid, record.method, record.data_name) == ("v1", HIERO, "the generated sample")
    assert record.fingerprint == methods[HIERO].fingerprint
    assert record.thread_graph == "within_threads"
    assert [query.text for query in record.queries] == ["cut the onion", "a man waves"]
    expected = methods[HIERO].embed_text(["#C C cut the onion", "#O a man waves"])
    torch.testing.assert_close(torch.stack([query.embedded for query in record.queries]), expected)
    assert record.narrations == collection.narrations("v1")
    expected = named_hierarchy(collection, methods[HIERO], "v1")
    assert [level.spans for level in record.hierarchy.levels] == [level.spans for level in expected.levels]


def test_without_queries_the_threads_give_them(collection: Collection, methods: dict[str, Method]) -> None:
    record = video_record(collection, methods[HIERO], "v0")
    coarsest = record.hierarchy.levels[-1]
    seconds = coarsest.seconds()
    names = {coarsest.names[thread]: seconds[thread] for thread in coarsest.names}
    texts = typical_texts(record.hierarchy)
    assert len(texts) == len(set(texts)) == min(6, len(names))  # no more queries than a page has room for
    assert [names[text] for text in texts] == sorted(names.values(), reverse=True)[:6]
    assert len(record.queries) == len(texts)


def test_features_without_a_text_space_have_a_record_without_names(
    collection: Collection, methods: dict[str, Method]
) -> None:
    record = video_record(collection, methods[UNTRAINED], "v0")
    assert record.queries == ()
    assert all(not level.names for level in record.hierarchy.levels)


def test_the_same_video_gives_the_same_page(
    collection: Collection, methods: dict[str, Method], tmp_path: Path
) -> None:
    said: list[str] = []
    written = write_reports(tmp_path / "a", collection, methods[HIERO], ["v0", "v2"], say=said.append)
    again = write_reports(tmp_path / "b", collection, methods[HIERO], ["v2"])
    assert [path.name for path in written] == ["v0.html", "v2.html"]
    assert len(said) == 2
    assert again[0].read_bytes() == written[1].read_bytes()
