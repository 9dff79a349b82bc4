"""Bad input, format by format: an error that names file, field and value, or an exclusion that is counted.

``ERRORS`` and ``COUNTED`` are the table; ``NOT_OF_THE_FORMAT`` says why a cell of it is empty. What Goal-Step's whole
path makes of its files is in ``test_goalstep_bad_input.py``; an answer that ends beyond its clip is kept and counted.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_json
from hiero_lib.benchmarks.egomcq.data import load_questions
from hiero_lib.benchmarks.egoprocel.data import open_keysteps
from hiero_lib.benchmarks.egoprocel.files import TASKS, read_keysteps_json
from hiero_lib.benchmarks.grounding.files import group_members, parse_predictions, read_grounding, read_video_groups
from hiero_lib.benchmarks.step_localization.files import read_goalstep
from hiero_lib.benchmarks.thread_recovery.files import read_truth
from hiero_lib.config import load_profile
from hiero_lib.data.egoclip import EgoClipIndex
from hiero_lib.data.features import FeatureStore
from hiero_lib.methods.scorers import RawScorer
from hiero_lib.models.checkpoints import load_model
from hiero_lib.results import record as results
from hiero_lib.sources.sample.timelines import read_timelines
from tests.helpers.tiny import add_egoprocel, add_goalstep, make_checkpoint, make_tiny, make_tiny_nlq

ANNOTATIONS = "raw/annotations"
EGOCLIP, EGOMCQ, FEATURES = f"{ANNOTATIONS}/egoclip.csv", f"{ANNOTATIONS}/egomcq.json", "raw/features/tiny/v2.pt"
NLQ, GOALSTEP = f"{ANNOTATIONS}/nlq_val.json", f"{ANNOTATIONS}/goalstep/val.json"
STEPS, GROUPS = f"{ANNOTATIONS}/goalstep/goalstep_val.json", f"{ANNOTATIONS}/goalstep/goalstep_video_groups.tsv"
LABELS, FRAMES = f"{ANNOTATIONS}/egoprocel/MECCANO/a.csv", f"{ANNOTATIONS}/egoprocel/videos.csv"
KEYSTEPS, TIMELINES, TRUTH, PREDICTIONS = "keysteps.json", "timelines.csv", "truth.json", "predictions.json"
PROFILE, CARD, WEIGHTS = "tiny.yaml", "model/model.json", "model/model.safetensors"
AUTHORS, PROJECTION, RESULTS = "authors.pth", "p.pth", "run/results.json"

Break = Callable[[Path], object]  # is given the file


def _egoclip(root: Path) -> Any:
    profile = load_profile(root / PROFILE)
    index = EgoClipIndex.open(root / EGOCLIP, root / "processed")
    return index.chunks(FeatureStore(root / "raw/features/tiny", dim=12), profile.features)[1]


def _egomcq(root: Path) -> Any:
    features = load_profile(root / PROFILE).features
    return load_questions(root / EGOMCQ, FeatureStore(root / "raw/features/tiny", dim=12), features)[1]


def _procedures(root: Path) -> Any:
    data = open_keysteps(load_profile(root / PROFILE, {"data_root": str(root)}))
    return {"without features": sum(data.segments(video) is None for video in data.videos)}


def _groups(root: Path) -> Any:
    return {"of an unknown group": group_members("grp-v2", read_video_groups(root / GROUPS))}


READ: dict[str, Callable[[Path], Any]] = {
    EGOCLIP: _egoclip,
    EGOMCQ: _egomcq,
    FEATURES: lambda root: FeatureStore(root / "raw/features/tiny", dim=12).read("v2"),
    NLQ: lambda root: read_grounding(root / NLQ)[1],
    GOALSTEP: lambda root: read_grounding(root / GOALSTEP)[1],
    STEPS: lambda root: read_goalstep(root / STEPS),
    GROUPS: _groups,
    LABELS: _procedures,
    FRAMES: _procedures,
    KEYSTEPS: lambda root: read_keysteps_json(root / KEYSTEPS, fps=10, tasks=TASKS[:1]),
    TIMELINES: lambda root: read_timelines(root / TIMELINES),
    TRUTH: lambda root: read_truth(root / TRUTH),
    PREDICTIONS: lambda root: parse_predictions(
        read_json(root / PREDICTIONS), file=root / PREDICTIONS, clips=read_grounding(root / NLQ)[0]
    ),
    PROFILE: lambda root: load_profile(root / PROFILE),
    CARD: lambda root: load_model(root / "model"),
    WEIGHTS: lambda root: load_model(root / "model"),
    AUTHORS: lambda root: load_model(root / AUTHORS),
    PROJECTION: lambda root: RawScorer.from_file(
        root / PROJECTION, embed_text=lambda texts: torch.zeros(len(texts), 384), device=torch.device("cpu")
    ),
    RESULTS: lambda root: results.load(root / "run"),
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root in which every format is there and right."""
    root = tmp_path_factory.mktemp("good") / "data"
    make_tiny(root, videos=4, egoprocel__feature_folder="tiny")
    make_tiny_nlq(root, videos=4)
    add_egoprocel(root)
    add_goalstep(root)
    profile = load_profile(root / PROFILE)
    make_checkpoint(root / "model", profile, "hiero")
    torch.save({"weight": torch.zeros(12, 384), "bias": torch.zeros(12)}, root / PROJECTION)
    torch.save({"model": {}, "task": {}}, root / AUTHORS)
    steps = {"handles": ["p1"], "hdl_actions": [[0, 4]], "hdl_start_times": [[0, 9]], "hdl_end_times": [[9, 30]]}
    (root / KEYSTEPS).write_text(json.dumps({TASKS[0].json_key: steps}))
    (root / TIMELINES).write_text("video,start,end,text\nv,1,2,cuts bread\nv,3,5,opens a box\n")
    span = {"start_s": 0.0, "end_s": 1.0, "id": 0, "text": "x"}
    levels = {level: [span] for level in ("action", "step", "thread", "procedure")}
    truth = {"version": 1, "video_uid": "v", "split": "val", "scenario": "s", "duration_s": 9.0, "levels": levels}
    (root / TRUTH).write_text(json.dumps(truth))
    answer = {"clip_uid": "c2", "annotation_uid": "a2", "query_idx": 0, "predicted_times": [[1.0, 2.0]]}
    document = {"version": "1.0", "challenge": "ego4d_nlq_challenge", "results": [answer]}
    (root / PREDICTIONS).write_text(json.dumps(document))
    (root / "run").mkdir()
    (root / RESULTS).write_text(json.dumps({"run": "run", "notebooks": {}, "sections": {}}))
    return root


def cut(file: Path) -> None:
    """As an interrupted copy leaves it."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 2 // 3])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def not_utf8(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\xff\xfe,\xff\n")


def text(content: str) -> Break:
    return lambda file: file.write_text(content)


def more(line: str) -> Break:
    """The file with another line at its end."""
    return lambda file: file.write_text(f"{file.read_text()}{line}\n")


def header(file: Path) -> None:
    file.write_text("start,end,step\n" + file.read_text())


def edited(change: Callable[[Any], object]) -> Break:
    def apply(file: Path) -> None:
        document = json.loads(file.read_text())
        change(document)
        file.write_text(json.dumps(document))

    return apply


def tensor(change: Callable[[torch.Tensor], torch.Tensor]) -> Break:
    return lambda file: torch.save(change(torch.load(file, weights_only=True)), file)


def not_finite(x: torch.Tensor) -> torch.Tensor:
    x[3, 1] = float("nan")
    return x


def question(document: Any) -> Any:
    return document["7"]


def query(document: Any) -> Any:
    return document["videos"][0]["clips"][0]["annotations"][0]["language_queries"][0]


def doubled(file: Path) -> None:
    """The first question under a name that is there."""
    file.write_text(file.read_text().replace('"1":', '"0":', 1))


AT = "videos[0].clips[0].annotations[0].language_queries[0]"


class Error(NamedTuple):
    """``field`` and ``value`` are parts of what the error says of them."""

    file: str
    what: str
    broken: Break
    field: str
    value: str


ERRORS = [
    Error(EGOCLIP, "empty", empty, "bytes", "value 0"),
    Error(EGOCLIP, "no header", text("v0\t1.0\tcuts\n"), "video_uid", "['v0', '1.0', 'cuts']"),
    Error(
        EGOCLIP, "no usable row", text("video_uid\tnarration_time\tclip_text\nv0\tsoon\tcuts\n"), "rows", "value 1"
    ),
    Error(EGOMCQ, "empty", empty, "", "the file is empty"),
    Error(EGOMCQ, "cut off", cut, "line 1 column", "may be truncated"),
    Error(EGOMCQ, "without text", edited(lambda d: question(d)["query"].update(clip_text=" ")), "question 7", "' '"),
    Error(EGOMCQ, "no query", edited(lambda d: question(d)["query"].update(clip_text=None)), "clip_text", "text"),
    Error(
        EGOMCQ,
        "start after end",
        edited(lambda d: question(d)["choices"]["2"].update(clip_start=9.0)),
        "question 7, choice 2: clip_end",
        "(9.0, 7.0)",
    ),
    Error(EGOMCQ, "duplicated ids", doubled, "0", "occurs twice"),
    Error(FEATURES, "empty", empty, "bytes", "value 0"),
    Error(FEATURES, "cut off", cut, "BadZipFile", "truncated"),
    Error(FEATURES, "NaN", tensor(not_finite), "row 3, channel 1", "value nan"),
    Error(FEATURES, "other channels", tensor(lambda x: x[:, :5]), "dim", "value 5"),
    Error(FEATURES, "no segment", tensor(lambda x: x[:0]), "shape", "(0, 12)"),
    Error(FEATURES, "duplicated ids", lambda f: shutil.copy(f, f.with_suffix(".safetensors")), "video_uid", "'v2'"),
    Error(NLQ, "empty", empty, "", "the file is empty"),
    Error(NLQ, "cut off", cut, "line 1 column", "may be truncated"),
    Error(NLQ, "start after end", edited(lambda d: query(d).update(clip_start_sec=99.0)), AT, "(99.0, "),
    Error(
        NLQ, "duplicated ids", edited(lambda d: d["videos"].append(d["videos"][0])), "annotation_uid", "('c2', 'a2')"
    ),
    Error(GOALSTEP, "empty", empty, "", "the file is empty"),
    Error(GOALSTEP, "cut off", cut, "line 1 column", "may be truncated"),
    Error(GOALSTEP, "start after end", edited(lambda d: query(d).update(clip_start_sec=30.0)), AT, "(30.0, 20.0)"),
    Error(
        GOALSTEP, "duplicated ids", edited(lambda d: d["videos"].append(d["videos"][0])), "annotation_uid", "grp-v0"
    ),
    Error(STEPS, "empty", empty, "", "the file is empty"),
    Error(STEPS, "cut off", cut, "line 1 column", "may be truncated"),
    Error(
        STEPS,
        "without text",
        edited(lambda d: d["videos"][0]["segments"][0].update(step_category="")),
        "videos[0].segments[0].step_category",
        "''",
    ),
    Error(
        STEPS,
        "start after end",
        edited(lambda d: d["videos"][0]["segments"][0].update(start_time=99.0)),
        "videos[0].segments[0].start_time",
        "(99.0, 12.0)",
    ),
    Error(STEPS, "duplicated ids", edited(lambda d: d["videos"].append(d["videos"][0])), "video_uid", "'v0'"),
    Error(GROUPS, "empty", empty, "", "the file is empty"),
    Error(GROUPS, "cut off", lambda f: f.write_text(f.read_text()[:-4]), "line 2 video_group", "['v0', 'v"),
    Error(GROUPS, "no header", text("u\t['v0']\n"), "video_group", "value ['u', "),
    Error(GROUPS, "duplicated ids", more("u\t['v0', 'v3']"), "video_group", "'v0'"),
    Error(GROUPS, "not UTF-8", not_utf8, "byte", "not UTF-8"),
    Error(LABELS, "empty", empty, "", "the file is empty"),
    Error(LABELS, "cut off", more("31.5,4"), "line 4", "['31.5', '4']"),
    Error(LABELS, "without text", more('5.0,6.0,""'), "line 4", "['5.0', '6.0', '']"),
    Error(LABELS, "start after end", more('9.0,6.0,"1. x"'), "line 4", "(9.0, 6.0)"),
    Error(LABELS, "a header", header, "line 1", "['start', 'end', 'step']"),
    Error(LABELS, "unknown key-step", more('1.0,2.0,"99. x"'), "line 4", "value 99"),
    Error(LABELS, "not UTF-8", not_utf8, "byte", "not UTF-8"),
    Error(FRAMES, "empty", empty, "", "the file is empty"),
    Error(FRAMES, "cut off", more("z,3"), "line 6", "2 cells where the header has 3"),
    Error(FRAMES, "no header", text("a,30,960\n"), "fps, num_frames, video", "column is missing"),
    Error(FRAMES, "duplicated ids", more("a,30,960"), "line 6", "'a'"),
    Error(FRAMES, "not UTF-8", not_utf8, "byte", "not UTF-8"),
    Error(KEYSTEPS, "empty", empty, "", "the file is empty"),
    Error(KEYSTEPS, "cut off", cut, "line 1 column", "may be truncated"),
    Error(
        KEYSTEPS,
        "start after end",
        edited(lambda d: d[TASKS[0].json_key]["hdl_start_times"][0].append(5)),
        f"{TASKS[0].json_key}[0]",
        "same length",
    ),
    Error(
        KEYSTEPS,
        "duplicated ids",
        edited(lambda d: d[TASKS[0].json_key]["handles"].append("p1")),
        f"{TASKS[0].json_key}.handles",
        "'p1'",
    ),
    Error(TIMELINES, "empty", empty, "", "the file is empty"),
    Error(TIMELINES, "no header", text("v,1,2,cuts\n"), "v, 1, 2, cuts", "unknown columns"),
    Error(TIMELINES, "a time as text", more("v,soon,7,x"), "line 4 start", "'soon'"),
    Error(TIMELINES, "not UTF-8", not_utf8, "byte", "not UTF-8"),
    Error(TRUTH, "empty", empty, "", "the file is empty"),
    Error(TRUTH, "cut off", cut, "line 1 column", "may be truncated"),
    Error(TRUTH, "a field is missing", edited(lambda d: d.pop("split")), "split", "missing"),
    Error(PREDICTIONS, "empty", empty, "", "the file is empty"),
    Error(PREDICTIONS, "cut off", cut, "line 1 column", "may be truncated"),
    Error(
        PREDICTIONS,
        "start after end",
        edited(lambda d: d["results"][0].update(predicted_times=[[3.0, 2.0]])),
        "results[0].predicted_times",
        "[3.0, 2.0]",
    ),
    Error(PREDICTIONS, "unknown query", edited(lambda d: d["results"][0].update(query_idx=9)), "results[0]", "9"),
    Error(
        PREDICTIONS, "duplicated ids", edited(lambda d: d["results"].append(d["results"][0])), "results[1]", "'c2'"
    ),
    Error(PROFILE, "empty", empty, "", "mapping of sections"),
    Error(PROFILE, "cut off", text("features: {dim: 12,"), "", "not readable as YAML"),
    Error(PROFILE, "unknown setting", more("speed: 3"), "speed", "value 3"),
    Error(PROFILE, "not UTF-8", not_utf8, "", "not readable as YAML"),
    Error(CARD, "empty", empty, "", "the file is empty"),
    Error(CARD, "cut off", cut, "line", "may be truncated"),
    Error(WEIGHTS, "empty", empty, "sha256", "damaged: it is not the file"),
    Error(WEIGHTS, "cut off", cut, "sha256", "damaged: it is not the file"),
    Error(AUTHORS, "empty", empty, "", "not readable as a torch file"),
    Error(AUTHORS, "cut off", cut, "", "not readable as a torch file"),
    Error(AUTHORS, "no weights", lambda f: None, "model.proj.1.weight", "missing"),
    Error(PROJECTION, "empty", empty, "", "not readable as a file of tensors"),
    Error(PROJECTION, "cut off", cut, "", "not readable as a file of tensors"),
    Error(RESULTS, "empty", empty, "", "the file is empty"),
    Error(RESULTS, "cut off", cut, "line 1 column", "may be truncated"),
    Error(RESULTS, "foreign", text('{"mine": 1}'), "", "not a results file"),
]


@pytest.mark.parametrize("case", ERRORS, ids=[f"{Path(e.file).name}-{e.what}" for e in ERRORS])
def test_an_error_names_file_field_and_value(case: Error, good: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(good, root)
    case.broken(root / case.file)
    with pytest.raises(DataError) as caught:
        READ[case.file](root)
    assert Path(str(caught.value.file)).name == Path(case.file).name
    assert case.field in (caught.value.field or "")
    assert case.value in str(caught.value)


class Counted(NamedTuple):
    """``expected``: counts of the report."""

    file: str
    what: str
    broken: Break
    expected: dict[str, Any]


COUNTED = [
    Counted(EGOCLIP, "cut off", more("v0\t3.0"), {"unreadable_rows": 1}),
    Counted(EGOCLIP, "without text", more("v0\t3.0\t "), {"unreadable_rows": 1}),
    Counted(EGOCLIP, "a time as text", more("v0\tsoon\tcuts"), {"unreadable_rows": 1}),
    Counted(EGOCLIP, "a header", more("video_uid\tnarration_time\tclip_text"), {"unreadable_rows": 1}),
    Counted(
        EGOCLIP, "not UTF-8", lambda f: f.write_bytes(f.read_bytes() + b"v0\t3.0\t\xff\n"), {"unreadable_rows": 0}
    ),
    Counted(
        EGOCLIP,
        "an unknown video",
        more("nowhere\t3.0\tcuts"),
        {"videos_without_features": 1, "narrations_without_features": 1},
    ),
    Counted(EGOCLIP, "a time beyond the video", more("v0\t999\tcuts"), {"narrations_outside_video": 1}),
    Counted(
        EGOMCQ,
        "an unknown video",
        edited(lambda d: question(d)["choices"]["2"].update(video_uid="nowhere")),
        {"without_features": 1, "total": 20, "kept": 19},
    ),
    Counted(
        EGOMCQ,
        "a clip beyond the video",
        edited(lambda d: question(d)["choices"]["2"].update(clip_start=900.0, clip_end=901.0)),
        {"clip_beyond_video": 1, "kept": 19},
    ),
    Counted(NLQ, "without text", edited(lambda d: query(d).update(query=None)), {"without_text": 1, "queries": 8}),
    Counted(
        NLQ, "an answer beyond its clip", edited(lambda d: query(d).update(clip_end_sec=99.0)), {"beyond_clip": 1}
    ),
    Counted(GOALSTEP, "without text", edited(lambda d: query(d).update(query="")), {"without_text": 1, "queries": 5}),
    Counted(GROUPS, "an unknown video", lambda f: None, {"of an unknown group": None}),
    Counted(LABELS, "an unknown video", lambda f: _forget_features(f), {"without features": 1}),
    Counted(TIMELINES, "without text", more("v,5,6,"), {"rows without text (left out)": 1}),
    Counted(TIMELINES, "start after end", more("v,6,5,x"), {"rows that end before they start (left out)": 1}),
    Counted(TIMELINES, "duplicated ids", more("v,1,2,cuts bread"), {"rows given twice (left out)": 1}),
]


def _forget_features(labels: Path) -> None:
    (labels.parents[3] / "features/egoprocel/tiny/MECCANO/a.pt").unlink()


@pytest.mark.parametrize("case", COUNTED, ids=[f"{Path(c.file).name}-{c.what}" for c in COUNTED])
def test_an_exclusion_is_counted(case: Counted, good: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(good, root)
    case.broken(root / case.file)
    found = READ[case.file](root)
    counts = getattr(found, "broken", found)
    counts = counts if isinstance(counts, dict) else vars(counts)
    assert {name: counts[name] for name in case.expected} == case.expected


NAMED = {
    "empty",
    "cut off",
    "without text",
    "start after end",
    "an unknown video",
    "NaN",
    "a header",
    "duplicated ids",
}
NO_QUERIES, NO_SPANS, NO_VIDEOS = "it has no queries", "it has no spans", "it names no other file's video"
NOT_OF_THE_FORMAT = {
    EGOCLIP: {"start after end": NO_SPANS, "duplicated ids": "two annotators may say the same"},
    FEATURES: {"without text": NO_QUERIES, "start after end": NO_SPANS, "an unknown video": NO_VIDEOS},
    NLQ: {"an unknown video": "counted when its features are looked for: benchmarks/egonlq/test_task.py"},
    GOALSTEP: {"an unknown video": "counted when its features are looked for: test_goalstep_bad_input.py"},
    STEPS: {
        "an unknown video": "counted when its features are looked for: benchmarks/step_localization/test_task.py"
    },
    GROUPS: {"without text": NO_QUERIES, "start after end": NO_SPANS},
    LABELS: {"duplicated ids": "a file a video"},
    FRAMES: {"without text": NO_QUERIES, "start after end": NO_SPANS, "an unknown video": "its labels decide"},
    KEYSTEPS: {"without text": "texts are in another file", "an unknown video": "as for the csv labels"},
    TIMELINES: {"cut off": "any row may be the last", "an unknown video": "features are made for all"},
}


def test_every_format_is_broken_in_every_way_that_it_can_be() -> None:
    """The list of the issue, but NaN (features alone) and a header (tables alone)."""
    for file, reasons in NOT_OF_THE_FORMAT.items():
        broken = {case.what for case in (*ERRORS, *COUNTED) if case.file == file}
        ways = (
            NAMED - ({"NaN"} if file != FEATURES else set()) - ({"a header"} if not file.endswith(".csv") else set())
        )
        ways -= {"a header"} if file in (FRAMES, TIMELINES) else set()  # theirs is needed: "no header"
        assert ways - broken == reasons.keys() - broken, file
    whole = {case.file for case in ERRORS} - NOT_OF_THE_FORMAT.keys() - {EGOMCQ}
    assert whole == {TRUTH, PREDICTIONS, PROFILE, CARD, WEIGHTS, AUTHORS, PROJECTION, RESULTS}
    assert {case.what for case in (*ERRORS, *COUNTED) if case.file == EGOMCQ} >= NAMED - {"NaN", "a header"}


def test_what_is_not_broken_is_read(good: Path) -> None:
    for file, read in READ.items():
        if file != AUTHORS:
            read(good)
