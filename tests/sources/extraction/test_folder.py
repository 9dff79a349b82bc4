"""Folders of videos: done once, by many workers without harm, and what a bad one costs."""

from __future__ import annotations

import errno
import os
import shutil
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from hiero_lib.base.errors import ConfigError, DataError
from hiero_lib.base.locks import claimed
from hiero_lib.config import FeatureConfig
from hiero_lib.data.features import FeatureStore
from hiero_lib.sources.extraction import folder as of_folder
from hiero_lib.sources.extraction.extractors.base import NetworkExtractor
from hiero_lib.sources.extraction.folder import Plan, extract_folder, videos_of, without_features, worker_tasks
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


def test_workers_are_tasks_that_are_known_again(videos: Path, plan: Plan) -> None:
    listed = videos_of(videos)
    tasks = worker_tasks(listed, plan, 2)
    assert [task.name for task in tasks] == ["extract, worker 1 of 2", "extract, worker 2 of 2"]
    keys = {task.key for task in tasks}
    assert len(keys) == 2
    assert {task.key for task in worker_tasks(listed, plan, 3)} > keys  # one more joins those that are at work
    assert not {task.key for task in worker_tasks({"a": listed["a"]}, plan, 2)} & keys
    assert set(without_features(listed, plan.folder)) == {"a", "b", "c", "d"}
    assert sorted(tasks[0]().written) == ["a", "b", "c", "d"]
    assert without_features(listed, plan.folder) == []
    (plan.folder / "c.pt").unlink()
    assert without_features(listed, plan.folder) == ["c"]


def test_what_cannot_be_planned_is_refused(videos: Path, plan: Plan, tmp_path: Path) -> None:
    plan.open()
    with pytest.raises(ConfigError, match=r"'brightness': unknown.*Known: efficientnet_lite0"):
        plan.check()
    with pytest.raises(DataError, match="have 13 channels, brightness gives 12"):
        Plan("brightness", None, FeatureConfig(folder="x", dim=13), tmp_path, device="cpu").open()
    with pytest.raises(DataError, match="at least one worker"):
        extract_folder(videos_of(videos), plan, workers=0)


CASES = Path(__file__).parents[2] / "cases" / "videos"


def test_whatever_one_file_does_is_its_line(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch, brightness: NetworkExtractor
) -> None:
    folder = tmp_path / "odd"
    shutil.copytree(CASES, folder)
    for name in (b"caf\xe9.mp4", b"x" * 250 + b".mp4", b"new\nline.mp4", b"back\\slash.mp4", b"a:b #1 %41.mp4"):
        shutil.copy(CASES / "plain.mp4", os.fsencode(folder) + b"/" + name)
    (folder / "broken.mp4").symlink_to("nowhere.mp4")
    os.mkfifo(folder / "pipe.mp4")
    (folder / "empty.mp4").touch()
    for name in ("denied", "memory", "full_of_av"):
        shutil.copy(CASES / "plain.mp4", folder / f"{name}.mp4")
    extract = of_folder.extract_video
    raised = {"denied": PermissionError(13, "Permission denied", "denied.mp4"), "memory": MemoryError()}
    raised["full_of_av"] = av.error.ExternalError(1, "Generic error")

    def some_fail(video: Path, *arguments: Any, **options: Any) -> Path:
        if video.stem in raised:
            raise raised[video.stem]
        return extract(video, *arguments, **options)

    monkeypatch.setattr(of_folder, "extract_video", some_fail)
    report = extract_folder(videos_of(folder), plan)
    assert sorted(report.written) == sorted([*(path.stem for path in CASES.iterdir()), "a:b #1 %41"])
    whys = {
        "broken": "No such file",
        "pipe": "it is no file",
        "empty": "not readable",
        "denied": "PermissionError",
        "memory": "too little memory",
        "full_of_av": "Generic error",
        "xxx": "250 bytes is too long",
        "caf": "not UTF-8",
        "new\\n": "control character",
        "back": "backslash",
    }
    assert len(report.failed) == len(whys)
    for name, why in whys.items():
        assert [why in line for uid, line in report.failed.items() if name in uid] == [True], name
    summary = report.summary()
    summary.encode()
    assert len(summary.splitlines()) == 1 + len(whys) + sum(map(len, report.remarks.values()))
    assert "cut_tail: the picture ends at 3.92 s, the file says 6 s" in summary


def test_a_full_disk_is_not_tried_again_for_each_video(
    videos: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **options: Any) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(of_folder, "extract_video", full)
    report = extract_folder(videos_of(videos), plan)
    assert sorted(report.failed) == ["a", "b", "c", "d"]
    assert sum("not tried: OSError" in why for why in report.failed.values()) == 3


def test_another_file_under_a_name_is_a_line(videos: Path, plan: Plan) -> None:
    extract_folder(videos_of(videos), plan)
    shutil.copy(videos / "b.mp4", videos / "a.mp4")
    report = extract_folder(videos_of(videos), plan)
    assert sorted(report.there) == ["b", "c", "d"]
    assert "of another file of this name" in report.failed["a"]


def test_what_is_passed_over_is_said(videos: Path) -> None:
    (videos / "clip.mxf").touch()
    (videos / "linked").symlink_to(videos / "below")
    said: list[str] = []
    videos_of(videos, say=said.append)
    assert said == [
        "passed over, since they are no video files of their own: 1 links to folders, 1 hidden, 1 .mxf, 1 .txt"
    ]


def test_a_video_that_was_explored_below_its_folder_is_one_video(videos: Path) -> None:
    """`explore` links the file below ``outputs/``; the link may come first in the order of names, or have another."""
    for below in ("alpha/data/raw/videos/b.mp4", "outputs/c.MP4", "outputs/another name.mkv"):
        link = videos / below
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(videos / {"another name.mkv": "below/d.mkv"}.get(link.name, link.name))
    said: list[str] = []
    found = videos_of(videos, say=said.append)
    assert found == {"a": videos / "a.mp4", "b": videos / "b.mp4", "c": videos / "c.MP4", "d": videos / "below/d.mkv"}
    assert "3 links to files that are there" in said[0]
    (videos / "elsewhere.mp4").symlink_to(videos.parent / "card.mp4")  # to no file of the folder: as before
    assert "elsewhere" in videos_of(videos)


def test_a_worker_that_dies_is_a_line(videos: Path, plan: Plan) -> None:
    """As a process that a damaged file brings down, or that is killed for its memory."""

    class Broken:
        def submit(self, function: Any, *arguments: Any) -> Any:
            future: Any = Future()
            if "worker 1" in function.name:
                future.set_exception(RuntimeError("a process in the pool was terminated abruptly"))
            else:
                future.set_result(of_folder.FolderReport(written=["a", "b"]))
            return future

    report = extract_folder(videos_of(videos), plan, workers=2, executor=Broken())
    assert report.written == ["a", "b"]
    assert sorted(report.failed) == ["c", "d", "worker 0"]
    assert "terminated abruptly" in report.failed["worker 0"]
