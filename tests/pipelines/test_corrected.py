"""Corrections from the command line: out by an export, changed, and in again."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.config import load_profile
from hiero_lib.hierarchy.corrections import write_corrections
from hiero_lib.hierarchy.operations import Assign, Merge
from hiero_lib.pipelines.corrected import correct_from, divide_rest, open_corrected, told
from hiero_lib.pipelines.finished_run import export_video
from tests.helpers.tiny import make_checkpoint, make_tiny


def test_exported_changed_and_taken_back(tmp_path: Path) -> None:
    profile = load_profile(make_tiny(tmp_path / "data", features__text_projection=None))
    checkpoint, run = make_checkpoint(tmp_path / "hiero", profile, "hiero"), tmp_path / "run"
    given = {"checkpoint": checkpoint}
    assert told(profile, run, "v1", **given) == [
        "v1: no corrections; make some in the explorer (hiero serve --video v1)"
    ]
    (path,) = export_video(profile, run, "v1", formats=["csv"], **given)
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert correct_from(profile, run, "v1", path, **given) == 0
    rows[0] |= {"thread": "", "title": "set apart"}
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert correct_from(profile, run, "v1", path, **given) == 1
    assert correct_from(profile, run, "v1", path, **given) == 0  # it is so already
    lines = told(profile, run, "v1", **given)
    assert lines[0].startswith("1. level 0:")
    assert any("adjusted Rand index" in line for line in lines)
    (again,) = export_video(profile, run, "v1", formats=["csv"], folder=tmp_path / "again", **given)
    assert "set apart" in again.read_text("utf-8")
    (plain,) = export_video(profile, run, "v1", formats=["csv"], folder=tmp_path / "p", corrected=False, **given)
    assert "set apart" not in plain.read_text("utf-8")
    with pytest.raises(DataError, match="another division"):
        export_video(profile, run, "v1", formats=["csv"], num_threads=1, **given)


def test_the_rest_is_divided_anew_and_kept(tmp_path: Path) -> None:
    settings = {"features__text_projection": None, "hierarchy__coherence_s": 1.0}
    profile = load_profile(make_tiny(tmp_path / "data", **settings))
    given, run = {"checkpoint": make_checkpoint(tmp_path / "hiero", profile, "hiero")}, tmp_path / "run"
    with pytest.raises(DataError, match="could follow"):
        divide_rest(profile, run, "v1", 0, **given)
    assert told(profile, run, "v1", **given) == [
        "v1: no corrections; make some in the explorer (hiero serve --video v1)"
    ]
    video = open_corrected(profile, run, "v1", **given)
    first, *others = video.hierarchy.levels[0].spans
    into = next(span.label for span in others if span.label != first.label)
    made = (Merge(0, first.label, into), Assign(0, first.start_s, first.start_s + 1.1, None))
    write_corrections(video.file, dataclasses.replace(video.corrections, operations=made))
    before = open_corrected(profile, run, "v1", **given).hierarchy.levels[0].spans
    divide_rest(profile, run, "v1", 0, **given)
    assert told(profile, run, "v1", **given)[2].startswith("3. level 0: the rest divided anew")
    assert open_corrected(profile, run, "v1", **given).hierarchy.levels[0].spans != before
