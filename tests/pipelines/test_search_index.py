"""The search index made by workers: each has a share, and one that dies costs nothing but time."""

from __future__ import annotations

import pickle
from concurrent.futures import Future
from pathlib import Path

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.config import Profile, load_profile
from hiero_lib.hierarchy.collection import open_collection
from hiero_lib.pipelines import search_index
from hiero_lib.pipelines.finished_run import open_method
from hiero_lib.pipelines.search_index import IndexPlan, index_share, shared_out
from hiero_lib.search.build import open_index
from tests.helpers.tiny import make_checkpoint, make_tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    root = tmp_path_factory.mktemp("shared_out") / "data"
    return load_profile(make_tiny(root, videos=5, features__text_projection=None))


@pytest.fixture(scope="module")
def checkpoint(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("models") / "hiero", profile, "hiero")


class Somewhere:
    """Runs calls at once, as another process would get them; the first ones end as ``ends`` says."""

    def __init__(self, *ends: Exception) -> None:
        self.ends, self.shares = list(ends), []

    def __enter__(self) -> Somewhere:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is to be closed."""

    def submit(self, function, /, plan, share) -> Future:
        future: Future = Future()
        plan, share = pickle.loads(pickle.dumps((plan, share)))
        self.shares.append(share)
        if self.ends:
            future.set_exception(self.ends.pop())
        else:
            future.set_result(function(plan, share))
        return future


def test_each_worker_has_a_share_and_what_a_dead_one_left_is_made_here(
    profile: Profile, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = IndexPlan(profile, tmp_path / "run", checkpoint=checkpoint)
    collection, method = open_collection(profile, device=CPU), open_method(profile, tmp_path, checkpoint=checkpoint)
    executor, said = Somewhere(RuntimeError("killed")), list[str]()
    monkeypatch.setattr(search_index, "local_processes", lambda workers: executor)
    make = shared_out(plan, 3, say=said.append)
    index = open_index(tmp_path / "run", collection, method, make=make)
    assert executor.shares == [["v0", "v3"], ["v1", "v4"], ["v2"]]
    assert said == ["a worker ended before its end (RuntimeError: killed); its share is made here"]
    alone = open_index(tmp_path / "alone", collection, method)
    assert (index.spans.vectors.half == alone.spans.vectors.half).all()
    assert list(index.spans.labels) == list(alone.spans.labels)
    report = shared_out(plan, 9)(["v1", "v4"])
    assert (report.made, report.kept, executor.shares[3:]) == (0, 2, [["v1"], ["v4"]])


def test_processes_of_this_machine_make_it(profile: Profile, checkpoint: Path, tmp_path: Path) -> None:
    plan = IndexPlan(profile, tmp_path, checkpoint=checkpoint)
    report = shared_out(plan, 2)(["v0", "v1", "v2"])
    assert (report.made, report.kept, report.left_out) == (3, 0, {})


def test_what_would_be_so_for_every_worker_is_an_error(
    profile: Profile, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = IndexPlan(profile, tmp_path, checkpoint=checkpoint)
    full = Somewhere(OSError(28, "No space left"))
    monkeypatch.setattr(search_index, "local_processes", lambda workers: full)
    with pytest.raises(OSError, match="No space"):
        shared_out(plan, 2)(["v0", "v1"])
    with pytest.raises(DataError, match="no trained models"):
        index_share(IndexPlan(profile, tmp_path), ["v0"])
    broken = Path(profile.data_root) / "raw/features/tiny/v2.pt"
    whole = broken.read_bytes()
    broken.write_bytes(b"PK")
    report = shared_out(plan, 2)(["v1", "v2"])
    broken.write_bytes(whole)
    assert (report.made + report.kept, list(report.left_out)) == (1, ["v2"])
