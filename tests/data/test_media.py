"""Files and frames of a video, found by its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hiero_lib.base.files import safe_name
from hiero_lib.base.identity import file_identity
from hiero_lib.data.media import Media, find_media
from hiero_lib.data.paths import DataPaths


def test_media_are_found_by_name(tmp_path: Path) -> None:
    paths = DataPaths.at(tmp_path)
    assert find_media(paths, "v") == Media()
    folder = paths.frames / "v"
    folder.mkdir(parents=True)
    for name in ("12.5.jpg", "3.png", "cover.jpg", "4.txt"):
        (folder / name).write_bytes(b"x")
    media = find_media(paths, "v")
    assert [at for at, _ in media.frames] == [3.0, 12.5]
    assert [at for at, _ in media.frames_between(0, 5)] == [3.0]
    assert [at for at, _ in media.frames_between(20, 30)] == [12.5]
    paths.videos.mkdir()
    (paths.videos / "v.mp4").write_bytes(b"film")
    assert find_media(paths, "v").video == paths.videos / "v.mp4"
    for name in ("my video.mp4", "küche.webm", "a+b.MP4"):
        (paths.videos / name).write_bytes(b"film")
        assert find_media(paths, Path(name).stem).video == paths.videos / name
    (paths.frames / "my video").mkdir()
    (paths.frames / "my video" / "1.jpg").write_bytes(b"x")
    assert len(find_media(paths, "my video").frames) == 1
    assert find_media(paths, "../frames/v") == Media()


@pytest.mark.parametrize("uid", ["a/b", "..", "x" * 200])
def test_a_uid_that_is_no_file_name_is_found_under_its_safe_name(uid: str, tmp_path: Path) -> None:
    paths = DataPaths.at(tmp_path)
    paths.videos.mkdir(parents=True)
    film = paths.videos / f"{safe_name(uid)}.mkv"
    film.write_bytes(b"film")
    assert find_media(paths, uid).video == film


def test_frames_of_a_span_are_few_and_evenly_spread() -> None:
    media = Media(None, tuple((float(second), Path(f"{second}.jpg")) for second in range(100)))
    assert [at for at, _ in media.frames_between(10, 20)] == [10, 12, 14, 16, 18]
    assert [at for at, _ in media.frames_between(10, 14, most=6)] == [10, 11, 12, 13]
    assert len(media.frames_between(0, 100, most=7)) <= 7
    assert [at for at, _ in media.frames_between(40.2, 40.8)] == [40]  # the nearest to the middle
    assert Media().frames_between(0, 1) == []


def test_a_file_that_the_features_are_not_of_is_not_shown(tmp_path: Path) -> None:
    paths = DataPaths.at(tmp_path)
    film, record = paths.videos / "v.mp4", paths.features("x") / "v.json"
    for path in (film, record):
        path.parent.mkdir(parents=True)
    film.write_bytes(b"film")
    assert find_media(paths, "v", features="x").video == film  # downloaded: nothing says what they are of
    record.write_text(json.dumps({"video_identity": file_identity(film)}))
    assert find_media(paths, "v", features="x").video == film
    film.write_bytes(b"other")
    found = find_media(paths, "v", features="x")
    assert (found.video, found.note) == (
        None,
        "v.mp4 is another file than the one whose features these are: not shown.",
    )
    record.write_text("[]")
    assert find_media(paths, "v", features="x").video == film
