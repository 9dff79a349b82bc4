"""EgoNLQ from the files of a data root to the table: both methods, several seeds, every level, in any executor."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from hiero_lib.__main__ import main
from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.egonlq import report as egonlq_report
from hiero_lib.benchmarks.egonlq import task as egonlq_scoring
from hiero_lib.benchmarks.egonlq.report import MEASURES, egonlq_rows, level_rows
from hiero_lib.benchmarks.egonlq.score import EgoNLQResult
from hiero_lib.benchmarks.egonlq.task import (
    FED,
    Head,
    NLQTask,
    open_egonlq,
    planned_heads,
    save_predictions,
    train_heads,
)
from hiero_lib.benchmarks.grounding.files import parse_predictions
from hiero_lib.config import Profile, load_profile
from hiero_lib.methods.method import HIERO, UNTRAINED, Method, open_methods
from hiero_lib.results.record import load
from tests.helpers.tiny import make_checkpoint, make_tiny, make_tiny_nlq

CPU = torch.device("cpu")
NUMBERS = {"seeds": [3, 5], "compared_seeds": 1, "epochs": 2, "dim": 8, "num_heads": 2, "max_pos_len": 16, "lr": 1e-2}


def quiet(line: str) -> None:
    """Says nothing."""


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    root = tmp_path_factory.mktemp("nlq") / "data"
    settings = {f"egonlq__{name}": value for name, value in NUMBERS.items()}
    path = make_tiny(root, features__text_projection=None, **settings)
    make_tiny_nlq(root)
    return load_profile(path)


@pytest.fixture(scope="module")
def methods(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Method]:
    checkpoint = make_checkpoint(tmp_path_factory.mktemp("model") / "hiero", profile, "hiero")
    return open_methods(profile, checkpoints={"hiero": checkpoint}, device=CPU)


@pytest.fixture(scope="module")
def task(profile: Profile) -> NLQTask:
    return open_egonlq(profile, device=CPU)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def trained(task: NLQTask, methods: dict[str, Method], run: Path) -> dict[Head, EgoNLQResult]:
    return train_heads(task, methods, folder=run / "egonlq", say=quiet)


def test_both_methods_have_the_same_seeds_and_the_levels_fewer(profile: Profile) -> None:
    heads = planned_heads(profile.egonlq, depth=3)
    assert heads[:4] == [Head(method, 0, seed) for method in FED for seed in (3, 5)]
    assert heads[4:] == [Head(HIERO, level, 3) for level in (1, 2, "all")]  # type: ignore[arg-type]
    assert [head.level for head in planned_heads(profile.egonlq, depth=2)[4:]] == [1, "all"]


def test_each_head_is_trained_and_the_features_have_the_levels_channels(
    trained: dict[Head, EgoNLQResult], profile: Profile
) -> None:
    assert list(trained) == planned_heads(profile.egonlq, depth=3)
    dims = {(head.method, head.level): result.video_dim for head, result in trained.items()}
    hidden = profile.model.hidden_size
    assert dims == {
        (UNTRAINED, 0): 12,
        (HIERO, 0): hidden,
        (HIERO, 1): hidden,
        (HIERO, 2): hidden,
        (HIERO, "all"): 3 * hidden,
    }
    assert {(result.scores.n, result.scores.excluded) for result in trained.values()} == {(12, 0)}


def test_again_it_is_only_read_whatever_the_executor(
    task: NLQTask, methods: dict[str, Method], run: Path, trained: dict[Head, EgoNLQResult]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    said: list[str] = []
    with ThreadPoolExecutor(2) as executor:
        again = train_heads(task, methods, folder=run / "egonlq", executor=executor, say=said.append)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    assert list(again) == list(trained)
    assert all(again[head].predictions == trained[head].predictions for head in trained)
    assert len(said) == 7
    assert "7 of 7 heads" in said[-1]


def test_processes_train_the_same_heads(
    task: NLQTask, methods: dict[str, Method], tmp_path: Path, trained: dict[Head, EgoNLQResult]
) -> None:
    head = Head(HIERO, 0, 5)
    assert egonlq_scoring.head_processes(CPU, workers=1) is None
    assert egonlq_scoring.head_processes(torch.device("cuda")) is None
    processes = egonlq_scoring.head_processes(CPU, workers=2)
    assert processes is not None
    with processes:
        found = train_heads(task, methods, folder=tmp_path, heads=[head], executor=processes, say=quiet)
    assert found[head].history == trained[head].history


def test_rows_have_the_mean_the_spread_and_what_was_published(
    task: NLQTask, methods: dict[str, Method], trained: dict[Head, EgoNLQResult]
) -> None:
    rows = egonlq_rows(task, trained, methods)
    measured = {(row.method, row.metric): row for row in rows if row.result is not None}
    gain = f"{HIERO} minus {UNTRAINED}"
    assert list(measured) == [(method, measure) for method in ("random spans", *FED, gain) for measure in MEASURES]
    chance = measured["random spans", "R5@0.3"].result
    assert chance is not None
    assert 0.2 < chance.value < 0.7  # spans of 4 s in 30 s: each is a hit with a probability of about 0.15
    assert (chance.n, chance.excluded, measured["random spans", "mIoU"].thread_graph) == (12, 0, None)
    values = [trained[Head(HIERO, 0, seed)].scores.recall[1, 0.3] for seed in (3, 5)]
    row = measured[HIERO, "R1@0.3"]
    assert row.result is not None
    assert row.result.value == pytest.approx(sum(values) / 2)
    assert row.spread == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
    assert (row.result.n, row.result.excluded, row.seed, row.thread_graph) == (12, 0, (3, 5), "within_threads")
    assert measured[UNTRAINED, "mIoU"].thread_graph is None
    for measure in MEASURES:
        ours, theirs, between = (measured[name, measure].result for name in (HIERO, UNTRAINED, gain))
        assert ours is not None
        assert theirs is not None
        assert between is not None
        assert between.value == pytest.approx(ours.value - theirs.value)
        assert between.interval is not None
        assert between.interval[0] - 1e-9 <= between.value <= between.interval[1] + 1e-9
    quoted = {(row.method, row.metric): row.published for row in rows if row.result is None}
    assert len(quoted) == 20
    assert quoted["HiERO (EgoVLP)", "R1@0.3"] == 0.1141
    assert quoted["LaViLa", "R5@0.5"] == 0.1544


def test_levels_are_compared_on_the_same_seeds(
    task: NLQTask, methods: dict[str, Method], trained: dict[Head, EgoNLQResult]
) -> None:
    rows = level_rows(task, trained, methods)
    names = ["HiERO, level 0", "HiERO, level 1", "HiERO, level 2", "HiERO, all levels"]
    assert list(dict.fromkeys(row.method for row in rows)) == names
    assert {(row.seed, row.spread) for row in rows} == {((3,), None)}
    header, lines = egonlq_report.level_table(task, trained)
    assert [line[0] for line in lines] == names
    for line in lines:
        shown = dict(zip(header, line, strict=True))
        for row in rows:
            if row.method == shown["features"]:
                assert row.result is not None
                assert shown[row.metric] == f"{100 * row.result.value:.1f}"


def test_official_files_of_validation_and_test(
    task: NLQTask,
    methods: dict[str, Method],
    trained: dict[Head, EgoNLQResult],
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The schema of Ego4D's NLQ challenge, down to the types; a test file has no times to begin with."""
    read, data = [], NLQTask.data
    monkeypatch.setattr(NLQTask, "data", lambda self, *a, **k: read.append(a[0].name) or data(self, *a, **k))
    files = save_predictions(task, methods, trained, run)
    assert read == list(FED)  # once for all seeds
    assert [path.name for path in files] == [
        f"egonlq_{method}_seed{seed}_{split}.json"
        for method in ("untrained_features", "hiero")
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


def test_the_command_scores_raw_features_alone_or_beside_a_checkpoint(
    profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoint = make_checkpoint(tmp_path / "hiero", profile, "hiero")
    command = ["egonlq", "--profile", str(Path(profile.data_root) / "tiny.yaml"), "--run", "r", "--workers", "1"]
    command += ["--set", "egonlq.epochs=1", "--set", "egonlq.seeds=[3]"]
    assert main(command) == 0
    assert "| untrained features | R1@0.3" in capsys.readouterr().out
    assert main([*command, "--checkpoint", str(checkpoint)]) == 0
    said = capsys.readouterr().out
    assert "val: 12 queries in 3 clips of 3 videos" in said
    assert "| HiERO minus untrained features | R1@0.3" in said
    assert "| HiERO, all levels | R1@0.3" in said
    assert said.count("egonlq_hiero_seed3_test.json") == 1
    kept = load(tmp_path / "outputs" / "r")["sections"]
    assert {name: {row["benchmark"] for row in section["rows"]} for name, section in kept.items()} == {
        "egonlq": {egonlq_report.BENCHMARK},
        "egonlq_levels": {egonlq_report.LEVELS_BENCHMARK},
    }
    assert main([*command, "--set", f"data_root={tmp_path}"]) == 2


def test_queries_to_look_at(task: NLQTask, trained: dict[Head, EgoNLQResult]) -> None:
    panels = egonlq_report.example_panels(task, trained, count=3)
    assert [list(panel.answers) for panel in panels] == [list(FED)] * 3
    assert all(panel.truth is not None and panel.duration_s == 30.0 for panel in panels)
    assert len(egonlq_report.query_table(task, count=5)) == 5
    (record, *_) = egonlq_report.head_records(trained)
    assert (record["method"], record["seed"], record["epochs"]) == (UNTRAINED, 3, 2)
    json.dumps(record)


def test_features_are_computed_once(
    task: NLQTask, methods: dict[str, Method], trained: dict[Head, EgoNLQResult], capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(video: object, **options: object) -> None:
        raise AssertionError("the backbone ran again")

    stale = {name: Method(**{**vars(method), "levels": fail}) for name, method in methods.items()}
    rows = egonlq_scoring.compute_features(task, stale)
    assert [row[:3] for row in rows] == [[UNTRAINED, 12, 12], [HIERO, 24, 12]]
    assert "HiERO, val videos 3/3" in capsys.readouterr().out


# What may be wrong with an NLQ file or its features: how the file is changed, and what must be said of it.
def _annotation(document: dict[str, Any]) -> dict[str, Any]:
    return document["videos"][0]["clips"][0]["annotations"][0]


def _query(**changes: Any) -> Any:
    return lambda document: _annotation(document)["language_queries"][0].update(changes)


REFUSED = {
    "empty file": ("", "the file is empty"),
    "truncated JSON": ('{"videos": [{"video_uid": "v6", "cl', "line 1 column .*truncated"),
    "no video": ('{"videos": []}', "'videos'.*no video"),
    "query of another type": (_query(query=5), r"query', value 5: a query is a text"),
    "start after end": (_query(clip_start_sec=9.0, clip_end_sec=4.0), r"value \(9.0, 4.0\): the answer starts after"),
    "a time that is no number": (_query(clip_end_sec="4"), "clip_end_sec', value '4'"),
    "times on one side": (_query(clip_end_sec=None), "only one of start and end"),
    "no times at all": (_query(clip_start_sec=None, clip_end_sec=None), "'c6', 'a6', 0.*no times"),
    "annotation twice": (
        lambda document: document["videos"].append(document["videos"][0]),
        r"videos\[3\].clips\[0\].annotations\[0\].annotation_uid', value \('c6', 'a6'\).*twice",
    ),
    "clip name twice": (
        lambda document: document["videos"][1]["clips"][0].update(clip_uid="c6"),
        r"videos\[1\].clips\[0\].clip_uid', value 'c6': two clips of the same name",
    ),
}
COUNTED = {
    "query without text": (_query(query=None), {"n": 11, "excluded": 1}, "1 without text"),
    "query of blanks": (_query(query=" "), {"n": 11, "excluded": 1}, "1 without text"),
    "unknown video": (lambda document: document["videos"][0].update(video_uid="v99"), {"n": 8, "excluded": 4}, ""),
    "clip beyond the video": (
        lambda document: document["videos"][0]["clips"][0].update(video_start_sec=900.0, video_end_sec=930.0),
        {"n": 8, "excluded": 4},
        "",
    ),
    "answer beyond its clip": (_query(clip_end_sec=45.0), {"n": 12, "excluded": 0}, "1 that end beyond their clip"),
    "answer of no length": (
        _query(clip_end_sec=0.0, clip_start_sec=0.0),
        {"n": 12, "excluded": 0},
        "1 of zero length",
    ),
}


@pytest.fixture
def validation(profile: Profile, request: pytest.FixtureRequest) -> Any:
    """Replaces ``nlq_val.json`` for one test."""
    path = Path(profile.data_root) / "raw" / "annotations" / "nlq_val.json"
    before = path.read_text()

    def replace(change: Any) -> Path:
        if isinstance(change, str):
            path.write_text(change)
        else:
            document = json.loads(before)
            change(document)
            path.write_text(json.dumps(document))
        return path

    yield replace
    path.write_text(before)


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_file_is_refused_by_name(profile: Profile, validation: Any, name: str) -> None:
    change, message = REFUSED[name]
    path = validation(change)
    with pytest.raises(DataError, match=rf"nlq_val\.json.*{message}") as error:
        open_egonlq(profile, device=CPU)
    assert error.value.file == path


@pytest.mark.parametrize("name", COUNTED)
def test_what_the_format_allows_is_counted(
    profile: Profile,
    methods: dict[str, Method],
    validation: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    change, expected, said = COUNTED[name]
    validation(change)
    with caplog.at_level(logging.WARNING):
        task = open_egonlq(profile, device=CPU)
    assert len(caplog.records) == (said.startswith("1 that") or said.startswith("1 without"))  # once a file
    assert said in task.reports["val"].summary()
    heads = [Head(UNTRAINED, 0, 3)]
    trained = train_heads(task, methods, folder=tmp_path, heads=heads, say=quiet)
    row = next(row for row in egonlq_rows(task, trained, methods) if row.method == UNTRAINED)
    assert row.result is not None
    assert {"n": row.result.n, "excluded": row.result.excluded} == expected


def test_features_with_nan_name_the_file(profile: Profile, methods: dict[str, Method]) -> None:
    path = Path(profile.data_root) / "raw" / "features" / "tiny" / "v7.pt"
    before = path.read_bytes()
    try:
        x = torch.load(path)
        x[3, 1] = float("nan")
        torch.save(x, path)
        with pytest.raises(DataError, match=r"v7\.pt.*row 3, channel 1.*nan"):
            open_egonlq(profile, device=CPU).data(methods[UNTRAINED], "val", level=0)
    finally:
        path.write_bytes(before)


def test_no_query_with_features_is_an_error(
    profile: Profile, methods: dict[str, Method], validation: Any, tmp_path: Path
) -> None:
    validation(lambda document: [video.update(video_uid="v99") for video in document["videos"]])
    with pytest.raises(DataError, match=r"validation.*no query with features"):
        train_heads(open_egonlq(profile, device=CPU), methods, folder=tmp_path, say=quiet)
