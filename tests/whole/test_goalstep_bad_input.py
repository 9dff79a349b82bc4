"""Bad input of Goal-Step, format by format: an error that names file, field and value, or a counted exclusion.

The two tables below are the list; an answer that ends beyond its clip is neither (``goalstep/test_task.py``).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.goalstep.score import Answers
from hiero_lib.benchmarks.goalstep.task import open_goalstep
from hiero_lib.benchmarks.grounding.zero_shot import zero_shot
from hiero_lib.benchmarks.step_localization.task import open_step_localization
from hiero_lib.config import load_profile
from hiero_lib.methods.method import UNTRAINED, Method
from hiero_lib.methods.opening import open_methods
from tests.helpers.tiny import add_goalstep, make_tiny

CPU = torch.device("cpu")
VAL, STEPS, GROUPS = "val.json", "goalstep_val.json", "goalstep_video_groups.tsv"
Break = Callable[[Path], None]  # is given the file


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("good") / "data"
    make_tiny(root, videos=4, features__text_projection="p.pth")
    torch.save({"weight": torch.randn(12, 384), "bias": torch.zeros(12)}, root / "p.pth")
    add_goalstep(root)
    return root


@pytest.fixture(scope="module")
def untrained(good: Path) -> Method:
    return open_methods(load_profile(good / "tiny.yaml"), checkpoints={}, device=CPU)[UNTRAINED]


def text(content: str) -> Break:
    return lambda path: path.write_text(content) and None


def truncated(path: Path) -> None:
    path.write_text(path.read_text()[:-40])


def edited(change: Callable[[Any], object]) -> Break:
    def apply(path: Path) -> None:
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return apply


def query(document: Any) -> dict[str, Any]:
    return document["videos"][0]["clips"][0]["annotations"][0]["language_queries"][0]


def clip(document: Any) -> dict[str, Any]:
    return document["videos"][0]["clips"][0]


def twice(key: str) -> Callable[[Any], object]:
    return lambda document: document[key].append(document[key][0])


def not_finite(path: Path) -> None:
    x = torch.load(path, weights_only=True)
    x[3, 1] = float("nan")
    torch.save(x, path)


QUERY_FIELD = "videos[0].clips[0].annotations[0].language_queries[0]"
ERRORS: list[tuple[str, str, Break, str, str]] = [  # what, file, how it is broken, field, value
    ("empty", VAL, text(""), "", "the file is empty"),
    ("truncated JSON", VAL, truncated, "line", "may be truncated"),
    ("not the format", VAL, text("[]"), "(top level)", "[]"),
    ("no videos", VAL, text('{"videos": []}'), "videos", "no video"),
    ("start after end", VAL, edited(lambda d: query(d).update(clip_start_sec=30.0)), QUERY_FIELD, "(30.0, 20.0)"),
    ("only a start", VAL, edited(lambda d: query(d).update(clip_end_sec=None)), QUERY_FIELD, "(0.0, None)"),
    (
        "a time as text",
        VAL,
        edited(lambda d: query(d).update(clip_end_sec="3")),
        f"{QUERY_FIELD}.clip_end_sec",
        "'3'",
    ),
    ("a query that is no text", VAL, edited(lambda d: query(d).update(query=7)), f"{QUERY_FIELD}.query", "7"),
    ("a clip of no length", VAL, edited(lambda d: clip(d).update(video_end_sec=0)), "video_end_sec", "(0.0, 0.0)"),
    ("duplicated ids", VAL, edited(twice("videos")), "annotation_uid", "('grp-v0', 'a-grp-v0')"),
    ("empty", STEPS, text(""), "", "the file is empty"),
    ("truncated JSON", STEPS, truncated, "line", "may be truncated"),
    (
        "start after end",
        STEPS,
        edited(lambda d: d["videos"][0]["segments"][0].update(start_time=99.0)),
        "videos[0].segments[0].start_time",
        "(99.0, 12.0)",
    ),
    (
        "a sub-step without category",
        STEPS,
        edited(lambda d: d["videos"][0]["segments"][0]["segments"][0].update(step_category="")),
        "videos[0].segments[0].segments[0].step_category",
        "''",
    ),
    ("duplicated ids", STEPS, edited(twice("videos")), "videos[2].video_uid", "'v0'"),
    ("empty", GROUPS, text(""), "", "the file is empty"),
    ("another header", GROUPS, text("a\tb\n1\t2\n"), "video_group", "['a', 'b']"),
    ("not a list", GROUPS, text("university\tvideo_group\nu\tv0, v1\n"), "line 2 video_group", "'v0, v1'"),
    ("duplicated ids", GROUPS, text("university\tvideo_group\n" + "u\t['v0']\n" * 2), "video_group", "'v0'"),
]


@pytest.mark.parametrize(("what", "name", "broken", "field", "value"), ERRORS, ids=[f"{e[1]}-{e[0]}" for e in ERRORS])
def test_errors_name_file_field_and_value(
    what: str, name: str, broken: Break, field: str, value: str, good: Path, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    shutil.copytree(good, root)
    path = root / "raw" / "annotations" / "goalstep" / name
    broken(path)
    opened = open_step_localization if name == STEPS else open_goalstep
    with pytest.raises(DataError) as error:
        opened(load_profile(good / "tiny.yaml", {"data_root": str(root)}), device=CPU)
    assert error.value.file == path
    assert field in str(error.value.field or "")
    assert value in str(error.value)


EXCLUSIONS: list[tuple[str, str, Break, int, dict[str, int]]] = [  # what, file, how, without text, otherwise excluded
    ("a query without text", VAL, edited(lambda d: query(d).update(query="")), 1, {}),
    ("a query that is null", VAL, edited(lambda d: query(d).update(query=None)), 1, {}),
    ("an unknown video", VAL, edited(lambda d: d["videos"][1].update(video_uid="x")), 0, {"without features": 2}),
    (
        "an unknown group",
        VAL,
        edited(lambda d: d["videos"][0].update(video_uid="grp-x")),
        0,
        {"in a group that is not in the table": 3},
    ),
]


@pytest.mark.parametrize(
    ("what", "name", "broken", "without_text", "excluded"), EXCLUSIONS, ids=[e[0] for e in EXCLUSIONS]
)
def test_exclusions_are_counted(
    what: str,
    name: str,
    broken: Break,
    without_text: int,
    excluded: dict[str, int],
    good: Path,
    untrained: Method,
    tmp_path: Path,
) -> None:
    found = answered(good, tmp_path, untrained, name, broken)
    assert found.report.excluded == excluded
    assert found.report.predicted + without_text + sum(excluded.values()) == 5
    assert found.scores["zero-shot"].n == found.report.predicted


def test_features_with_nan_name_the_file(good: Path, untrained: Method, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not finite") as error:
        answered(good, tmp_path, untrained, "../../features/tiny/v2.pt", not_finite)
    assert Path(str(error.value.file)).name == "v2.pt"
    assert error.value.field == "row 3, channel 1"


def test_no_query_with_features_is_an_error(good: Path, untrained: Method, tmp_path: Path) -> None:
    broken = edited(lambda d: [video.update(video_uid="x") for video in d["videos"]])
    with pytest.raises(DataError, match="not one query has features"):
        answered(good, tmp_path, untrained, VAL, broken)


def answered(good: Path, tmp_path: Path, method: Method, name: str, broken: Break) -> Answers:
    """The validation queries answered on a copy of the good data in which one file is broken."""
    root = tmp_path / "data"
    shutil.copytree(good, root)
    broken(root / "raw" / "annotations" / "goalstep" / name)
    task = open_goalstep(load_profile(good / "tiny.yaml", {"data_root": str(root)}), device=CPU)
    return task.ground(method, "val", {"zero-shot": zero_shot})
