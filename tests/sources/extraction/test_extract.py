"""Extraction of a video: the right numbers, resumable, recorded."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.config import FeatureConfig
from hiero_lib.data.features import FeatureStore
from hiero_lib.sources.extraction.decode import pyav_frames
from hiero_lib.sources.extraction.extract import Extraction, check_fits, extract_video, segment_features
from hiero_lib.sources.extraction.extractors.base import NetworkExtractor
from tests.helpers.videos import grey_level

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


CASES = Path(__file__).parents[2] / "cases" / "videos"


def test_features_of_another_file_of_the_name_are_not_taken(tmp_path: Path, extraction: Extraction) -> None:
    """A copied, moved or touched file has its features; another one under its name is refused."""
    for folder, name in (("a", "camA_GX010001.mp4"), ("b", "camB_GX010001.mp4"), ("copy", "camA_GX010001.mp4")):
        (tmp_path / folder).mkdir()
        shutil.copy(CASES / name, tmp_path / folder / "GX010001.mp4")
    extract_video(tmp_path / "a/GX010001.mp4", tmp_path / "x", extraction)
    before = (tmp_path / "x/GX010001.pt").read_bytes()
    with pytest.raises(DataError, match=r"of another file of this name, not of .*b/GX010001\.mp4.*delete"):
        extract_video(tmp_path / "b/GX010001.mp4", tmp_path / "x", extraction)
    os.utime(tmp_path / "copy/GX010001.mp4", (1, 1))
    extract_video(tmp_path / "copy/GX010001.mp4", tmp_path / "x", extraction)
    shutil.copy(tmp_path / "b/GX010001.mp4", tmp_path / "a/GX010001.mp4")  # replaced in its place
    with pytest.raises(DataError, match="of another file of this name"):
        extract_video(tmp_path / "a/GX010001.mp4", tmp_path / "x", extraction)
    assert (tmp_path / "x/GX010001.pt").read_bytes() == before


def test_parts_of_a_file_replaced_in_its_place_are_not_taken(
    steady: Path, uneven: Path, tmp_path: Path, extraction: Extraction
) -> None:
    """Of the same size and time, which is all that a folder shows."""

    def kill(done: int, expected: int | None) -> None:
        if done >= 9:
            raise Killed

    video, size = tmp_path / "v.mp4", max(steady.stat().st_size, uneven.stat().st_size)
    video.write_bytes(uneven.read_bytes().ljust(size, b"\0"))
    os.utime(video, (1, 1))
    with pytest.raises(Killed):
        extract_video(video, tmp_path / "x", extraction, progress=kill)
    video.write_bytes(steady.read_bytes().ljust(size, b"\0"))
    os.utime(video, (1, 1))
    extract_video(video, tmp_path / "x", extraction)
    assert torch.equal(torch.load(tmp_path / "x/v.pt"), torch.cat(list(segment_features(steady, extraction))))


def test_a_file_that_changes_while_it_is_read_gives_no_features(
    steady: Path, tmp_path: Path, extraction: Extraction
) -> None:
    shutil.copy(steady, tmp_path / "v.mp4")

    def append(done: int, expected: int | None) -> None:
        with open(tmp_path / "v.mp4", "ab") as stream:
            stream.write(b"more")

    with pytest.raises(DataError, match="changed while it was read"):
        extract_video(tmp_path / "v.mp4", tmp_path / "x", extraction, progress=append)
    assert list((tmp_path / "x").iterdir()) == []


def test_features_that_are_there_and_broken_are_not_done(
    steady: Path, tmp_path: Path, extraction: Extraction
) -> None:
    path = extract_video(steady, tmp_path, extraction)
    whole, record = path.read_bytes(), (tmp_path / "steady.json").read_text()
    path.write_bytes(whole[:200])
    with pytest.raises(DataError, match="truncated"):
        extract_video(steady, tmp_path, extraction)
    torch.save(torch.zeros(3, 12).half(), path)
    with pytest.raises(DataError, match=r"value 15: the features beside it have 3 segments"):
        extract_video(steady, tmp_path, extraction)
    torch.save(torch.zeros(15, 9).half(), path)
    with pytest.raises(DataError, match="of 12 channels are expected"):
        extract_video(steady, tmp_path, extraction)
    path.write_bytes(whole)
    for broken in (
        "[]",
        "{",
        record.replace('"format": 2', '"format": 1').replace('"fingerprint": "', '"fingerprint": "0'),
    ):
        (tmp_path / "steady.json").write_text(broken)
        with pytest.raises(DataError, match=r"steady\.json"):
            extract_video(steady, tmp_path, extraction)


def test_what_is_odd_in_a_file_is_said_and_recorded(tmp_path: Path, extraction: Extraction) -> None:
    said: list[str] = []
    extract_video(CASES / "cut_tail.mkv", tmp_path, extraction, say=said.append)
    assert said == ["the picture ends at 3.92 s, the file says 6 s"]
    assert json.loads((tmp_path / "cut_tail.json").read_text())["remarks"] == said


def test_the_size_of_frames_may_change(tmp_path: Path, extraction: Extraction) -> None:
    extract_video(CASES / "size_change.ts", tmp_path, extraction)
    assert len(torch.load(tmp_path / "size_change.pt")) == 22  # of 358 frames, 16 each


def test_a_name_that_is_no_uid_is_told_before_the_work(steady: Path, tmp_path: Path, extraction: Extraction) -> None:
    with pytest.raises(DataError, match="slash or backslash"):
        extract_video(steady, tmp_path / "x", extraction, video_uid="up/there")
    assert not (tmp_path / "x").exists()
