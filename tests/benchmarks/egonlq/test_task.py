"""EgoNLQ's heads: both methods, several seeds, every level, in any executor; and what is left out is counted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.egonlq.report import BENCHMARK, LEVELS_BENCHMARK, egonlq_rows
from hiero_lib.benchmarks.egonlq.score import FED, EgoNLQResult, Head, planned_heads
from hiero_lib.benchmarks.egonlq.task import (
    EgoNLQTask,
    compute_features,
    head_processes,
    open_egonlq,
    save_predictions,
    train_heads,
)
from hiero_lib.benchmarks.grounding.files import parse_predictions
from hiero_lib.config import Profile
from hiero_lib.methods.method import HIERO, PROBE, UNTRAINED, Method
from tests.benchmarks.egonlq.conftest import Change, edit_query, quiet

CPU = torch.device("cpu")


def test_each_head_is_trained_and_the_features_have_the_levels_channels(
    trained: dict[Head, EgoNLQResult], profile: Profile
) -> None:
    assert list(trained) == planned_heads(profile.egonlq, depth=3)
    dims = {(head.method, head.level): result.video_dim for head, result in trained.items()}
    hidden = profile.model.hidden_size
    assert dims == {
        (UNTRAINED, 0): 12,
        (PROBE, 0): profile.alignment.dim,
        (HIERO, 0): hidden,
        (HIERO, 1): hidden,
        (HIERO, 2): hidden,
        (HIERO, "all"): 3 * hidden,
    }
    assert {(result.scores.n, result.scores.excluded) for result in trained.values()} == {(12, 0)}


class _NoWorker(ThreadPoolExecutor):
    def submit(self, *_: object, **__: object) -> NoReturn:
        raise AssertionError("a head that is done was sent to a worker")


def test_what_is_not_done_goes_to_a_worker(
    task: EgoNLQTask, methods: dict[str, Method], run: Path, tmp_path: Path, trained: dict[Head, EgoNLQResult]
) -> None:
    """Of two heads one stopped halfway: that one is sent, the other is read here."""
    heads = list(trained)[:2]
    for head in heads:
        shutil.copytree(trained[head].folder, tmp_path / trained[head].folder.name)
    stopped = tmp_path / trained[heads[1]].folder.name / "last" / "config.json"
    kept = json.loads(stopped.read_text())
    stopped.write_text(json.dumps(kept | {"history": kept["history"][:-1]}))
    sent: list[object] = []

    class Counting(ThreadPoolExecutor):
        def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Any:
            sent.append(function)
            return super().submit(function, *arguments, **named)

    with Counting(1) as executor:
        found = train_heads(task, methods, folder=tmp_path, heads=heads, executor=executor, say=quiet)
    assert (list(found), len(sent)) == (heads, 1)


def test_again_it_is_only_read_whatever_the_executor(
    task: EgoNLQTask, methods: dict[str, Method], run: Path, trained: dict[Head, EgoNLQResult]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    said: list[str] = []
    with _NoWorker() as executor:
        again = train_heads(task, methods, folder=run / "egonlq", executor=executor, say=said.append)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    assert list(again) == list(trained)
    assert all(again[head].predictions == trained[head].predictions for head in trained)
    assert len(said) == 9
    assert "9 of 9 heads" in said[-1]


def test_processes_train_the_same_heads(
    task: EgoNLQTask, methods: dict[str, Method], tmp_path: Path, trained: dict[Head, EgoNLQResult]
) -> None:
    head = Head(HIERO, 0, 5)
    assert head_processes(CPU, workers=1) is None
    assert head_processes(torch.device("cuda")) is None
    processes = head_processes(CPU, workers=2)
    assert processes is not None
    with processes:
        found = train_heads(task, methods, folder=tmp_path, heads=[head], executor=processes, say=quiet)
    assert found[head].history == trained[head].history


def test_official_files_of_validation_and_test(
    task: EgoNLQTask,
    methods: dict[str, Method],
    trained: dict[Head, EgoNLQResult],
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The schema of Ego4D's NLQ challenge, down to the types; a test file has no times to begin with."""
    read, data = [], EgoNLQTask.data
    monkeypatch.setattr(EgoNLQTask, "data", lambda self, *a, **k: read.append(a[0].name) or data(self, *a, **k))
    files = save_predictions(task, methods, trained, run)
    assert read == list(FED)  # once for all seeds
    assert [path.name for path in files] == [
        f"egonlq_{method}_seed{seed}_{split}.json"
        for method in ("untrained_features", "linear_probe", "hiero")
        for seed in (3, 5)
        for split in ("val", "test")
    ]
    assert not any(query.start_s for clip in task.clips["test"] for query in clip.queries)
    for path in files:
        document = json.loads(path.read_text())
        assert set(document) == {"version", "challenge", "results"}
        assert (document["version"], document["challenge"]) == ("1.0", "ego4d_nlq_challenge")
        for entry in document["results"]:
            assert set(entry) == {"clip_uid", "annotation_uid", "query_idx", "predicted_times"}
            assert [type(entry[name]) for name in ("clip_uid", "annotation_uid", "query_idx")] == [str, str, int]
            assert 1 <= len(entry["predicted_times"]) <= 5
            for start, end in entry["predicted_times"]:
                assert isinstance(start, float)
                assert isinstance(end, float)
                assert 0.0 <= start < end <= 31.0  # the clip's 30 s and the segment that it ends in
        split = path.stem.rpartition("_")[2]
        asked = {query.key for clip in task.clips[split] for query in clip.queries}
        assert set(parse_predictions(document, file=path, clips=task.clips[split])) == asked


def test_features_are_computed_once(
    task: EgoNLQTask,
    methods: dict[str, Method],
    trained: dict[Head, EgoNLQResult],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(video: object, **options: object) -> None:
        raise AssertionError("the backbone ran again")

    stale = {name: Method(**{**vars(method), "levels": fail}) for name, method in methods.items()}
    rows = compute_features(task, stale)
    assert [row[:3] for row in rows] == [[UNTRAINED, 12, 12], [PROBE, 16, 12], [HIERO, 24, 12]]
    assert "HiERO, val videos 3/3" in capsys.readouterr().out


# What the format allows: how the file is changed, what the row has, what is said of it.
COUNTED: dict[str, tuple[Change, dict[str, int], str]] = {
    "query without text": (edit_query(query=None), {"n": 11, "excluded": 1}, "1 without text"),
    "query of blanks": (edit_query(query=" "), {"n": 11, "excluded": 1}, "1 without text"),
    "unknown video": (lambda document: document["videos"][0].update(video_uid="v99"), {"n": 8, "excluded": 4}, ""),
    "clip beyond the video": (
        lambda document: document["videos"][0]["clips"][0].update(video_start_sec=900.0, video_end_sec=930.0),
        {"n": 8, "excluded": 4},
        "",
    ),
    "answer beyond its clip": (
        edit_query(clip_end_sec=45.0),
        {"n": 12, "excluded": 0},
        "1 that reach beyond their clip",
    ),
    "answer of no length": (
        edit_query(clip_end_sec=0.0, clip_start_sec=0.0),
        {"n": 12, "excluded": 0},
        "1 of zero length",
    ),
}


@pytest.mark.parametrize("name", COUNTED)
def test_what_the_format_allows_is_counted(
    own: Profile,
    methods: dict[str, Method],
    change_validation: Callable[[Change], Path],
    tmp_path: Path,
    name: str,
) -> None:
    change, expected, said = COUNTED[name]
    change_validation(change)
    task = open_egonlq(own, device=CPU)
    assert said in task.reports["val"].summary()
    if said:
        assert [line.split(":")[0] for line in task.summary().splitlines() if said in line] == ["val"]  # once a file
    heads = [Head(UNTRAINED, 0, 3)]
    trained = train_heads(task, methods, folder=tmp_path, heads=heads, say=quiet)
    row = next(row for row in egonlq_rows(task, trained, methods) if row.method == UNTRAINED)
    assert row.result is not None
    assert {"n": row.result.n, "excluded": row.result.excluded} == expected


def test_features_with_nan_name_the_file(own: Profile, methods: dict[str, Method]) -> None:
    path = Path(own.data_root) / "raw" / "features" / "tiny" / "v7.pt"
    x = torch.load(path)
    x[3, 1] = float("nan")
    torch.save(x, path)
    with pytest.raises(DataError, match=r"v7\.pt.*row 3, channel 1.*nan"):
        open_egonlq(own, device=CPU).data(methods[UNTRAINED], "val", level=0)


def test_no_query_with_features_is_an_error(
    own: Profile, methods: dict[str, Method], change_validation: Callable[[Change], Path], tmp_path: Path
) -> None:
    change_validation(lambda document: [video.update(video_uid="v99") for video in document["videos"]])
    with pytest.raises(DataError, match=r"validation.*no query with features"):
        train_heads(open_egonlq(own, device=CPU), methods, folder=tmp_path, say=quiet)


def test_opening_checks_the_annotations(own: Profile, change_validation: Callable[[Change], Path]) -> None:
    change_validation("")
    with pytest.raises(DataError, match=r"nlq_val\.json.*the file is empty"):
        open_egonlq(own, device=CPU)


def test_an_evaluation_goes_on_in_the_run_s_folder(
    task: EgoNLQTask,
    methods: dict[str, Method],
    run: Path,
    trained: dict[Head, EgoNLQResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # no other processes for what is only read
    before = {path: path.stat().st_mtime_ns for path in (run / "egonlq").rglob("*")}
    results = task.evaluate(methods, run_folder=run)  # the probe's features feed no head
    assert {path: path.stat().st_mtime_ns for path in (run / "egonlq").rglob("*")} == before
    assert list(results) == list(trained)
    assert task.notes(results) == []
    first, levels = task.sections(results, methods)
    assert (first.name, {row.benchmark for row in first.rows}) == ("egonlq", {BENCHMARK})
    assert len(first.extra["heads"]) == len(trained)
    assert (levels.name, {row.benchmark for row in levels.rows}) == ("egonlq_levels", {LEVELS_BENCHMARK})


def test_without_hiero_no_levels_are_compared(
    task: EgoNLQTask, methods: dict[str, Method], trained: dict[Head, EgoNLQResult]
) -> None:
    raw = {head: result for head, result in trained.items() if head.method == UNTRAINED}
    (section,) = task.sections(raw, {UNTRAINED: methods[UNTRAINED], PROBE: methods[PROBE]})
    assert section.name == "egonlq"
