"""Thread recovery from the files of a sample to the table, and what is said of data without a truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.thread_recovery.score import UNIFORM, ThreadRecovery
from hiero_lib.benchmarks.thread_recovery.task import ThreadRecoveryTask, needed_files, open_thread_recovery
from hiero_lib.config import Profile, load_profile
from hiero_lib.methods.method import Method
from tests.helpers.tiny import make_tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def task(profile: Profile) -> ThreadRecoveryTask:
    return open_thread_recovery(profile, device=CPU)


@pytest.fixture(scope="module")
def results(task: ThreadRecoveryTask, methods: dict[str, Method]) -> ThreadRecovery:
    return task.evaluate(methods)


def test_every_method_is_compared_at_every_level(
    task: ThreadRecoveryTask, methods: dict[str, Method], results: ThreadRecovery
) -> None:
    assert list(results.levels) == [*methods, UNIFORM]
    assert {len(levels) for levels in results.levels.values()} == {3}
    for name, method in methods.items():
        for level, found in enumerate(method.levels(task.videos["v1"])):
            pos, threads = results.levels[name][level].threads["v1"]
            np.testing.assert_array_equal(pos, found.pos)
            true = task.truth["v1"].labels("thread", pos)
            assert len(np.unique(threads)) <= 2  # as many as the truth has
            assert results.levels[name][level].coherent[1] == adjusted_rand_score(true, threads)
    (section,) = task.sections(results, methods)
    assert section.name == "threads"
    assert {(row.result.n, row.result.excluded) for row in section.rows if row.result is not None} == {(3, 0)}
    assert {row.thread_graph for row in section.rows if row.method == "HiERO"} == {"within_threads"}
    assert task.notes(results) == []
    assert task.summary() == "thread recovery: 3 held-out videos with known threads"


def test_threads_are_written_beside_their_times(
    task: ThreadRecoveryTask, methods: dict[str, Method], results: ThreadRecovery, tmp_path: Path
) -> None:
    written = task.save_predictions(results, methods, tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in written] == [
        f"predictions/threads_{name}.json"
        for name in ("untrained_features", "linear_probe", "hiero", "uniform_pieces")
    ]
    saved = json.loads(written[2].read_text())
    assert (saved["version"], saved["method"], list(saved["videos"])) == (1, "HiERO", ["v0", "v1", "v2"])
    for level, nodes in saved["videos"]["v2"].items():
        pos, threads = results.levels["HiERO"][int(level)].threads["v2"]
        assert nodes["threads"] == threads.tolist()
        np.testing.assert_allclose(nodes["pos"], pos, atol=5e-4)


def test_data_without_a_truth_cannot_be_compared(tmp_path: Path, methods: dict[str, Method]) -> None:
    profile = load_profile(make_tiny(tmp_path / "data"))
    assert needed_files(profile) == [tmp_path / "data/truth"]
    task = open_thread_recovery(profile, device=CPU)
    assert task.summary().startswith("thread recovery: 0 ")
    with pytest.raises(DataError, match="no held-out video has known threads") as error:
        task.evaluate(methods)
    assert error.value.file == tmp_path / "data/truth"


def test_a_truth_that_cannot_be_used_is_named(own: Profile) -> None:
    path = Path(own.data_root) / "truth" / "v1.json"
    path.write_text('{"version": 7}')
    with pytest.raises(DataError, match="version") as error:
        open_thread_recovery(own, device=CPU)
    assert error.value.file == path
