"""A sample is written whole or not at all, left alone when it is there, and replaces nothing else."""

from pathlib import Path

import numpy as np
import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import read_json
from hiero_lib.data.paths import DataPaths
from hiero_lib.sources.sample import make_sample
from hiero_lib.sources.sample.build import SampleReport, stream, texts_of
from hiero_lib.sources.sample.story import Beat, Story


def test_nothing_is_written_beside_the_root(small):
    root, _ = small
    assert [p.name for p in root.parent.iterdir()] == [root.name]


def test_an_equal_sample_is_left_alone_and_another_one_is_not_replaced(tmp_path, embed):
    root = tmp_path / "sample"
    make_sample(root, num_videos=6, minutes=(1, 2), embed=embed)
    before = {f: f.stat().st_mtime_ns for f in root.rglob("*.pt")}
    again = make_sample(root, num_videos=6, minutes=(1, 2), embed=embed)
    assert not again.created
    assert "already there" in again.summary()
    assert {f: f.stat().st_mtime_ns for f in root.rglob("*.pt")} == before
    with pytest.raises(DataError, match="another sample"):
        make_sample(root, num_videos=6, minutes=(1, 2), embed=embed, seed=3)
    assert make_sample(root, num_videos=6, minutes=(1, 2), embed=embed, seed=3, force=True).created
    assert read_json(root / "sample.json")["settings"]["seed"] == 3


def test_a_folder_that_is_no_sample_is_never_replaced(tmp_path, embed):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "licence.txt").write_text("mine")
    with pytest.raises(DataError, match="no sample"):
        make_sample(tmp_path / "real", num_videos=6, embed=embed, force=True)
    assert (tmp_path / "real" / "licence.txt").read_text() == "mine"


def test_a_failure_leaves_nothing_behind(tmp_path):
    def broken(texts):
        raise RuntimeError("no encoder")

    with pytest.raises(RuntimeError, match="no encoder"):
        make_sample(tmp_path / "sample", num_videos=6, minutes=(1, 2), embed=broken)
    assert list(tmp_path.iterdir()) == []


def test_the_marker_says_what_the_sample_is(small):
    root, report = small
    marker = read_json(DataPaths(root).provenance)
    assert marker["is_sample"] is True
    assert marker["counts"] == report.counts
    assert (root / "raw/features" / marker["features"]["folder"]).is_dir()
    assert (root / marker["features"]["text_projection"]).is_file()
    uids = {path.stem for path in (root / "truth").glob("*.json")}
    assert {*marker["training_videos"], *marker["held_out_videos"]} == uids
    assert not set(marker["training_videos"]) & set(marker["held_out_videos"])


def test_counts_are_those_of_the_files(small):
    root, report = small
    documents = {name: read_json(root / f"raw/annotations/{name}.json") for name in ("nlq_val", "goalstep/val")}
    for name, document in documents.items():
        queries = [a["language_queries"] for v in document["videos"] for c in v["clips"] for a in c["annotations"]]
        assert sum(map(len, queries)) == report.counts[name.replace("/", "_")]
    assert report.counts["segments"] == sum(
        read_json(path)["num_segments"] for path in (root / "truth").glob("*.json")
    )
    said = report.summary()
    assert f"{report.counts['training_narrations']} narrations in egoclip.csv" in said
    assert "made in" in said


def test_what_timelines_had_wrong_is_said():
    names = ("videos", "training_videos", "held_out_videos", "seconds", "segments", "training_narrations")
    more = ("egomcq_inter", "egomcq_intra", "nlq_train", "nlq_val", "goalstep_val", "goalstep_test")
    counts = dict.fromkeys((*names, *more, "egoprocel_videos"), 3)
    report = SampleReport(Path("x"), True, 1.0, 2.0, counts, {"rows cut": 4})
    assert report.summary().endswith("in the timelines: 4 rows cut")


def test_each_purpose_has_chance_of_its_own():
    draws = {tuple(stream(*which).integers(1 << 60, size=2)) for which in ((0, 1), (0, 2), (1, 1), (0, 1, 3))}
    assert len(draws) == 4
    assert np.array_equal(stream(0, 1).random(3), stream(0, 1).random(3))


def test_every_text_comes_once():
    beats = (Beat(0, 1, "b", step="c"), Beat(1, 2, "a", step="c", thread="d"), Beat(2, 3, "b"))
    assert texts_of([Story("v", "", 3.0, beats)]) == ["a", "b", "c", "d"]
