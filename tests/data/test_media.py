"""What is found of a video beside its features: its file and its frames."""

from __future__ import annotations

from pathlib import Path

from hiero_lib.data.media import Media, find_media
from hiero_lib.data.paths import DataPaths


def test_media_are_found_by_name(tmp_path: Path) -> None:
    paths = DataPaths.at(tmp_path)
    assert find_media(paths, "v") == Media()
    folder = paths.frames / "v"
    folder.mkdir(parents=True)
    for name in ("12.5.jpg", "3.png", "cover.jpg", "4.txt"):
        (folder / name).write_bytes(b"x")
    found = find_media(paths, "v")
    assert [at for at, _ in found.frames] == [3.0, 12.5]
    assert [at for at, _ in found.frames_between(0, 5)] == [3.0]
    assert [at for at, _ in found.frames_between(20, 30)] == [12.5]
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


def test_many_frames_are_spread_over_the_span() -> None:
    media = Media(frames=tuple((float(at), Path(f"{at}.jpg")) for at in range(100)))
    shown = [at for at, _ in media.frames_between(10, 34, most=6)]
    assert shown == [10, 14, 18, 22, 26, 30]
    assert [at for at, _ in media.frames_between(10, 13, most=6)] == [10, 11, 12]
    assert [at for at, _ in media.frames_between(200, 300)] == [99]
    assert Media().frames_between(0, 1) == []
