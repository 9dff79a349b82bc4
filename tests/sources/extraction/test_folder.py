"""Folders of videos: done once, by many workers without harm, and what a bad one costs."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.locks import claimed
from hiero_lib.config import FeatureConfig
from hiero_lib.data.features import FeatureStore
from hiero_lib.sources.extraction import folder as of_folder
from hiero_lib.sources.extraction.extractors.base import NetworkExtractor
from hiero_lib.sources.extraction.folder import Plan, extract_folder, slurm_executor, videos_of
from tests.helpers.videos import write_video


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Four short videos, one of them below, and what is no video."""
    folder = tmp_path / "videos"
    (folder / "below").mkdir(parents=True)
    for number, where in enumerate(["a.mp4", "b.mp4", "c.MP4", "below/d.mkv"]):
        write_video(folder / where, [k / 30 for k in range(20 + 10 * number)])
    (folder / "notes.txt").write_text("no video")
    (folder / ".a.mp4").write_text("hidden")
    return folder


@pytest.fixture
def plan(tmp_path: Path, brightness: NetworkExtractor, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setattr(of_folder, "open_extractor", lambda name, weights: brightness)
    return Plan("brightness", None, FeatureConfig(folder="x", dim=12), tmp_path / "features", device="cpu")


def test_a_folder_is_done_once(videos: Path, plan: Plan) -> None:
    listed = videos_of(videos)
    assert set(listed) == {"a", "b", "c", "d"}
    report = extract_folder(listed, plan)
    assert sorted(report.written) == ["a", "b", "c", "d"]
    assert FeatureStore(plan.folder, dim=12).video_uids == ["a", "b", "c", "d"]
    assert FeatureStore(plan.folder).num_segments("c") == 3
    before = {path: path.stat().st_mtime_ns for path in plan.folder.iterdir()}
    (plan.folder / "b.pt").unlink()
    report = extract_folder(listed, plan)
    assert (report.written, sorted(report.there)) == (["b"], ["a", "c", "d"])
    kept = [path for path in before if path.stem != "b"]
    assert all(path.stat().st_mtime_ns == before[path] for path in kept)
    assert report.summary() == "1 written, 3 there already, 0 failed"


def test_one_bad_video_does_not_stop_the_rest(videos: Path, plan: Plan) -> None:
    (videos / "bad.mp4").write_bytes((videos / "a.mp4").read_bytes()[:300])
    report = extract_folder(videos_of(videos), plan)
    assert sorted(report.written) == ["a", "b", "c", "d"]
    assert list(report.failed) == ["bad"]
    assert "bad.mp4" in report.summary()
    assert FeatureStore(plan.folder).video_uids == ["a", "b", "c", "d"]


def test_folders_that_cannot_be_used(tmp_path: Path, videos: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        videos_of(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no video in this folder"):
        videos_of(tmp_path / "empty")
    (videos / "below" / "a.mov").write_bytes(b"")
    with pytest.raises(DataError, match="two videos of one name"):
        videos_of(videos)


def test_workers_of_any_executor_share_a_folder(videos: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each video is worked on once, whoever does it."""
    worked, extract = [], of_folder.extract_video

    def slow(video: Path, *arguments: Any, **options: Any) -> Path:
        worked.append(video.stem)
        time.sleep(0.02)
        return extract(video, *arguments, **options)

    monkeypatch.setattr(of_folder, "extract_video", slow)
    with ThreadPoolExecutor(3) as pool:
        report = extract_folder(videos_of(videos), plan, workers=3, executor=pool)
    assert sorted(worked) == ["a", "b", "c", "d"]
    assert (sorted(report.written), report.elsewhere, report.failed) == (["a", "b", "c", "d"], [], {})
    assert [path.name for path in plan.folder.iterdir() if path.name[0] == "."] == []


def test_what_another_process_holds_is_left_to_it(videos: Path, plan: Plan) -> None:
    plan.folder.mkdir()
    with claimed(plan.folder / ".b.claim") as ours:
        assert ours
        report = extract_folder(videos_of(videos), plan)
        assert (sorted(report.written), report.elsewhere) == (["a", "c", "d"], ["b"])
    assert extract_folder(videos_of(videos), plan).written == ["b"]


@pytest.mark.slow
def test_processes_of_this_machine(videos: Path, tmp_path: Path) -> None:
    """The real thing, with the real extractor."""
    plan = Plan("efficientnet_lite0", None, FeatureConfig(folder="x", dim=1280), tmp_path / "features", device="cpu")
    report = extract_folder(videos_of(videos), plan, workers=2)
    assert (sorted(report.written), report.failed) == (["a", "b", "c", "d"], {})
    x = FeatureStore(plan.folder, dim=1280).read("d")
    assert np.isfinite(x.float().numpy()).all()


def test_slurm_without_submitit_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(DataError, match="pip install submitit"):
        slurm_executor(tmp_path, partition=None, gpus=1, hours=2, options=[])


# submitit 1.5's DebugExecutor leaves its log files open.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_submitit_runs_the_workers(videos: Path, plan: Plan, tmp_path: Path) -> None:
    """submitit's executor that runs jobs in this process when their result is asked for."""
    import submitit

    executor = submitit.DebugExecutor(folder=str(tmp_path / "logs"))
    report = extract_folder(videos_of(videos), plan, workers=2, executor=executor)
    assert (sorted(report.written), report.failed) == (["a", "b", "c", "d"], {})


def test_what_cannot_be_planned_is_refused(videos: Path, plan: Plan, tmp_path: Path) -> None:
    plan.open()
    with pytest.raises(ConfigError, match=r"'brightness': unknown.*Known: efficientnet_lite0"):
        plan.check()
    with pytest.raises(DataError, match="have 13 channels, brightness gives 12"):
        Plan("brightness", None, FeatureConfig(folder="x", dim=13), tmp_path, device="cpu").open()
    with pytest.raises(DataError, match="at least one worker"):
        extract_folder(videos_of(videos), plan, workers=0)
