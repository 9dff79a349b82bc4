"""Thumbnails of frames and of a video file, kept and read again."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from hiero_lib.data.media import Media
from hiero_lib.explorer.pictures import picture_at, pictures_file, pictures_of


def tile(pictures, number: int) -> tuple[int, int, int]:
    """The colour in the middle of a picture."""
    sheet = Image.open(io.BytesIO(pictures.jpeg))
    column, line = number % pictures.columns, number // pictures.columns
    return sheet.getpixel((int((column + 0.5) * pictures.width), int((line + 0.5) * pictures.height)))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 s, 5 frames a second; red rises with time."""
    path = tmp_path_factory.mktemp("video") / "v.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(200):
            image = np.zeros((48, 64, 3), dtype=np.uint8)
            image[..., 0] = number
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def test_pictures_of_a_file_are_where_they_say(video, tmp_path) -> None:
    kept = pictures_file(tmp_path, "v/1", Media(video))
    assert kept is not None
    assert kept.parent == tmp_path / "previews"
    made = pictures_of(Media(video), start_s=0.0, end_s=40.0, kept=kept)
    assert made is not None
    assert len(made.times) == 40
    assert (made.width, made.height) == (120, 90)
    for number, time in enumerate(made.times):
        assert abs(tile(made, number)[0] - 5 * time) < 14
    assert pictures_of(Media(video), start_s=0.0, end_s=40.0, kept=kept) == made  # read again
    kept.write_bytes(kept.read_bytes()[:500])
    assert pictures_of(Media(video), start_s=0.0, end_s=40.0, kept=kept) == made  # damaged, made again
    value = made.value()
    assert value["url"].startswith("data:image/jpeg;base64,")
    assert value["times"] == list(made.times)


def test_frames_come_first_and_a_broken_one_leaves_a_gap(video, tmp_path) -> None:
    frames = []
    for second in range(5):
        path = tmp_path / f"{second}.png"
        Image.new("RGB", (30, 60), (40 * second, 0, 0)).save(path)
        frames.append((float(second), path))
    frames[2][1].write_bytes(b"no picture")
    made = pictures_of(Media(video, tuple(frames)), start_s=0.0, end_s=5.0)
    assert made is not None
    assert made.times == (0.0, 1.0, 3.0, 4.0)
    assert abs(tile(made, 3)[0] - 160) < 8


def test_where_there_is_nothing_to_see_there_are_none(tmp_path) -> None:
    broken = tmp_path / "v.mp4"
    broken.write_bytes(b"no video")
    assert pictures_of(Media(), start_s=0.0, end_s=5.0) is None
    assert pictures_of(Media(broken), start_s=0.0, end_s=5.0) is None
    assert pictures_file(tmp_path, "v", Media()) is None


def test_one_frame_is_the_nearest(video, tmp_path) -> None:
    def color(url: str) -> tuple[int, int, int]:
        image = Image.open(io.BytesIO(base64.b64decode(url.split(",")[1])))
        return image.getpixel((image.width // 2, image.height // 2))

    url = picture_at(Media(video), 20.4)
    assert url is not None
    assert abs(color(url)[0] - 100) < 14
    frames = []
    for second in (3, 9):
        path = tmp_path / f"{second}.png"
        Image.new("RGB", (64, 48), (20 * second, 0, 0)).save(path)
        frames.append((float(second), path))
    url = picture_at(Media(video, tuple(frames)), 7.0)
    assert url is not None
    assert abs(color(url)[0] - 180) < 14
    assert picture_at(Media(), 1.0) is None
    (tmp_path / "9.png").write_bytes(b"no picture")
    assert picture_at(Media(None, tuple(frames)), 7.0) is None
