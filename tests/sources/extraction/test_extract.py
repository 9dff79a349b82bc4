"""Extraction: the right numbers, resumable, recorded, and by many workers without harm."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.config import FeatureConfig
from hiero_lib.data.features import FeatureStore
from hiero_lib.sources.extraction import folder as of_folder
from hiero_lib.sources.extraction.claims import claimed
from hiero_lib.sources.extraction.decode import pyav_frames
from hiero_lib.sources.extraction.extract import Extraction, check_fits, extract_video, segment_features
from hiero_lib.sources.extraction.extractors.base import NetworkExtractor
from hiero_lib.sources.extraction.folder import Plan, extract_folder, slurm_executor, videos_of
from tests.helpers.videos import grey_level, write_video

CPU = torch.device("cpu")


@pytest.fixture
def extraction(brightness: NetworkExtractor, brightness_config: FeatureConfig) -> Extraction:
    return Extraction(brightness, brightness_config, CPU, batch=3, part=4)


def test_a_segments_features_are_of_its_frames(steady: Path, tmp_path: Path, extraction: Extraction) -> None:
    path = extract_video(steady, tmp_path, extraction)
    x = FeatureStore(tmp_path, dim=12).read("steady")
    assert path == tmp_path / "steady.pt"
    assert (x.shape, x.dtype) == ((15, 12), torch.float16)
    for segment in range(15):
        for column, offset in enumerate((3, 11)):
            expected = grey_level(16 * segment + offset) / 255
            assert x[segment, column].item() == pytest.approx(expected, abs=0.02)


def test_the_record_says_what_made_them(steady: Path, tmp_path: Path, extraction: Extraction) -> None:
    extract_video(steady, tmp_path, extraction, video_uid="v")
    record = json.loads((tmp_path / "v.json").read_text())
    expected = {
        "video": "steady.mp4",
        "segments": 15,
        "dim": 12,
        "extractor": "brightness",
        "weights_sha256": "0" * 64,
        "fps": 30.0,
        "stride_frames": 16,
        "window_frames": 16,
        "sampled_frames": [3, 11],
    }
    assert {name: record[name] for name in expected} == expected
    assert set(record["versions"]) == {"hiero_lib", "torch", "av"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["v.json", "v.pt"]


class Killed(BaseException):
    """Stands for a kill in mid-extraction."""


@pytest.mark.parametrize("killed_after", [3, 6, 9, 15])
@pytest.mark.parametrize("name", ["steady", "uneven"])
def test_goes_on_where_it_was_killed(
    name: str, killed_after: int, tmp_path: Path, extraction: Extraction, request: pytest.FixtureRequest
) -> None:
    video = request.getfixturevalue(name)
    whole = torch.load(extract_video(video, tmp_path / "whole", extraction))

    def kill(done: int, expected: int | None) -> None:
        if done >= min(killed_after, len(whole)):
            raise Killed

    with pytest.raises(Killed):
        extract_video(video, tmp_path / "part", extraction, progress=kill)
    assert not (tmp_path / "part" / f"{name}.pt").exists()
    asked = []

    def decoder(path: str | Path, **options: Any) -> Any:
        asked.append(options["start"])
        return pyav_frames(path, **options)

    resumed = Extraction(extraction.extractor, extraction.features, CPU, decoder=decoder, batch=3, part=4)
    again = torch.load(extract_video(video, tmp_path / "part", resumed))
    assert torch.equal(again, whole)
    done = (killed_after - 3) // 4 * 4  # whole parts of 4 before the batch at which it was killed
    assert asked == [16 * done + 3 if done else 3]
    assert sorted(path.name for path in (tmp_path / "part").iterdir()) == [f"{name}.json", f"{name}.pt"]


def test_parts_of_another_file_or_extractor_are_not_taken(
    steady: Path, uneven: Path, tmp_path: Path, extraction: Extraction
) -> None:
    def kill(done: int, expected: int | None) -> None:
        if done >= 9:
            raise Killed

    with pytest.raises(Killed):
        extract_video(uneven, tmp_path, extraction, video_uid="v", progress=kill)
    extract_video(steady, tmp_path, extraction, video_uid="v")
    assert torch.equal(torch.load(tmp_path / "v.pt"), torch.cat(list(segment_features(steady, extraction))))


def test_what_is_there_is_left_alone(steady: Path, tmp_path: Path, extraction: Extraction) -> None:
    torch.save(torch.zeros(3, 12).half(), tmp_path / "steady.pt")  # downloaded: no record
    extract_video(steady, tmp_path, extraction)
    assert len(torch.load(tmp_path / "steady.pt")) == 3
    (tmp_path / "steady.json").write_text(json.dumps({"fingerprint": "other", "extractor": "egovlp", "weights": "w"}))
    with pytest.raises(DataError, match=r"made in another way \(egovlp, w\)"):
        extract_video(steady, tmp_path, extraction)


def test_features_that_do_not_fit_are_refused(steady: Path, brightness: NetworkExtractor) -> None:
    with pytest.raises(DataError, match="have 256 channels, brightness gives 12"):
        check_fits(brightness, FeatureConfig(folder="x", dim=256))

    def huge(network: Any, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)[:, :12] * 1e6

    loud = NetworkExtractor("loud", 12, 2, 16, brightness.preprocessing, brightness.network, huge, "1" * 64, "none")
    with pytest.raises(DataError, match="not finite in float16"):
        list(segment_features(steady, Extraction(loud, FeatureConfig(folder="x", dim=12), CPU)))


# Folders


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
    found = videos_of(videos)
    assert set(found) == {"a", "b", "c", "d"}
    report = extract_folder(found, plan)
    assert sorted(report.written) == ["a", "b", "c", "d"]
    assert FeatureStore(plan.folder, dim=12).video_uids == ["a", "b", "c", "d"]
    assert FeatureStore(plan.folder).num_segments("c") == 3
    before = {path: path.stat().st_mtime_ns for path in plan.folder.iterdir()}
    (plan.folder / "b.pt").unlink()
    report = extract_folder(found, plan)
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


def test_the_claim_of_a_dead_process_is_void(tmp_path: Path) -> None:
    claim = tmp_path / ".v.claim"
    context = multiprocessing.get_context("spawn")
    child = context.Process(target=os.getpid)
    child.start()
    child.join()
    claim.write_text(f"{socket.gethostname()} {child.pid} x\n")
    with claimed(claim) as ours:
        assert ours
        with claimed(claim) as again:
            assert not again
    assert list(tmp_path.iterdir()) == []


def test_the_claim_of_another_machine_is_void_when_nobody_touches_it(tmp_path: Path) -> None:
    claim = tmp_path / ".v.claim"
    claim.write_text("elsewhere 1 x\n")
    with claimed(claim) as ours:
        assert not ours
    os.utime(claim, (time.time() - 400, time.time() - 400))
    with claimed(claim) as ours:
        assert ours
    claim.write_text("elsewhere 1 x\n")
    os.utime(claim, (time.time() - 400, time.time() - 400))
    with claimed(claim, touch_every_s=0.01):
        os.utime(claim, (0, 0))
        deadline = time.monotonic() + 5
        while claim.stat().st_mtime < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert claim.stat().st_mtime > 1  # it is kept alive


def test_of_many_that_want_a_void_claim_one_gets_it(tmp_path: Path) -> None:
    claim = tmp_path / ".v.claim"
    for _ in range(10):
        claim.write_text("elsewhere 1 x\n")
        os.utime(claim, (0, 0))
        barrier, got, release = threading.Barrier(4), [], threading.Event()

        def want(barrier: threading.Barrier = barrier, got: list = got, release: threading.Event = release) -> None:
            barrier.wait()
            with claimed(claim) as ours:
                got.append(ours)
                if ours:
                    release.wait(5)

        threads = [threading.Thread(target=want) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(got) < 4:
            time.sleep(0.001)
        release.set()
        for thread in threads:
            thread.join()
        assert sum(got) == 1
        assert list(tmp_path.iterdir()) == []


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
