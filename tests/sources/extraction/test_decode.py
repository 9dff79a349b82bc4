"""Decoding: the right frame at the right time, upright, whatever the file; little memory however long it is."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.sources.extraction.clock import packets
from hiero_lib.sources.extraction.decode import best_decoder, pyav_frames, torchcodec_frames, video_info
from tests.helpers.shared import SHARED, needs
from tests.helpers.videos import grey_level, packet_times, write_video

FOOTAGE = SHARED / "footage"


def grey_of(image: np.ndarray) -> int:
    """The brightness of the numbered part of a picture that was not turned."""
    return int(image[image.shape[0] // 2, -5, 1])


@pytest.mark.parametrize("fps", [30.0, 12.5, 60.0])
def test_picks_the_nearest_frame_to_within_half_a_frame(uneven: Path, fps: float) -> None:
    stamps = np.array(packet_times(uneven))
    for frame in pyav_frames(uneven, fps=fps):
        distance = np.abs(stamps - frame.time_s)
        assert distance.min() < 1e-6  # it is one of the file's frames
        wanted = frame.index / fps
        assert abs(frame.time_s - wanted) == pytest.approx(np.abs(stamps - wanted).min(), abs=1e-6)
        gaps = np.diff(stamps)[max(0, int(distance.argmin()) - 1) : int(distance.argmin()) + 1]
        last = wanted > stamps[-1]
        assert last or abs(frame.time_s - wanted) <= gaps.max() / 2 + 1e-6


def test_the_picture_belongs_to_its_timestamp(uneven: Path, steady: Path) -> None:
    frames = list(pyav_frames(steady, fps=30))
    assert [frame.index for frame in frames] == list(range(240))
    assert [frame.time_s for frame in frames] == pytest.approx([k / 30 for k in range(240)], abs=1e-4)
    for frame in frames[::7]:
        assert abs(grey_of(frame.image()) - grey_level(frame.index)) <= 4
    stamps = packet_times(uneven)
    for frame in itertools.islice(pyav_frames(uneven, fps=30), 0, None, 5):
        number = int(np.argmin(np.abs(np.array(stamps) - frame.time_s)))
        assert abs(int(frame.image()[5, 24, 1]) - grey_level(number)) <= 4  # turned: the top is what was right


@pytest.mark.parametrize(("rotation", "red_at"), [(0, "left"), (90, "bottom"), (180, "right"), (270, "top")])
def test_rotation_is_applied(tmp_path: Path, rotation: int, red_at: str) -> None:
    video = write_video(tmp_path / "turned.mp4", [0.0, 0.1, 0.2], rotation=rotation)
    image = next(pyav_frames(video, fps=30)).image()
    height, width = image.shape[:2]
    assert (height, width) == ((48, 64) if rotation % 180 == 0 else (64, 48))
    middle_row, middle_column = height // 2, width // 2
    places = {
        "left": (middle_row, 2),
        "right": (middle_row, -3),
        "top": (2, middle_column),
        "bottom": (-3, middle_column),
    }
    red = {name for name, (row, column) in places.items() if image[row, column, 0] > image[row, column, 1] + 100}
    assert red == {red_at}


def test_the_short_side_is_scaled_and_the_shape_kept(uneven: Path) -> None:
    assert next(pyav_frames(uneven, fps=30, short_side=24)).image().shape == (32, 24, 3)
    assert next(pyav_frames(uneven, fps=30, short_side=96)).image().shape == (128, 96, 3)


@pytest.mark.parametrize("start", [1, 61, 150, 209])
@pytest.mark.parametrize("name", ["uneven", "steady"])
def test_begins_in_the_middle_with_the_same_frames(name: str, start: int, request: pytest.FixtureRequest) -> None:
    video = request.getfixturevalue(name)
    whole = list(itertools.islice(pyav_frames(video, fps=30), start, start + 4))
    part = list(itertools.islice(pyav_frames(video, fps=30, start=start), 4))
    assert [(frame.index, frame.time_s) for frame in part] == [(frame.index, frame.time_s) for frame in whole]
    assert all(np.array_equal(a.image(), b.image()) for a, b in zip(part, whole))
    assert list(pyav_frames(video, fps=30, start=10_000)) == []


def test_gif_and_single_pictures(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "moving.gif"), "w") as container:
        stream = container.add_stream("gif", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "rgb8"
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 12 * number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    frames = list(pyav_frames(tmp_path / "moving.gif", fps=30))
    assert len(frames) == 60
    assert [frame.time_s for frame in frames[:60:3]] == pytest.approx([0.1 * k for k in range(20)])
    middle = list(pyav_frames(tmp_path / "moving.gif", fps=30, start=45))
    assert [frame.time_s for frame in middle] == [frame.time_s for frame in frames[45:]]

    single = write_video(tmp_path / "single.mp4", [0.0])
    assert [frame.index for frame in pyav_frames(single, fps=30)] == [0]


def test_a_picture_that_stands_still_is_not_left_early(tmp_path: Path) -> None:
    video = write_video(tmp_path / "still.mp4", [0.0, 0.1, 6.1, 6.2])
    shown = {frame.index: frame.time_s for frame in pyav_frames(video, fps=30)}
    assert shown[120] == pytest.approx(0.1, abs=1e-3)  # at 4 s, nearer to 6.1 than to 0.1
    assert shown[178] == pytest.approx(0.1, abs=1e-3)
    assert shown[182] == pytest.approx(6.1, abs=1e-3)


def test_what_is_no_video_is_refused(tmp_path: Path, steady: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        list(pyav_frames(tmp_path / "none.mp4", fps=30))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DataError, match=r"text\.mp4: not readable as a video"):
        video_info(tmp_path / "text.mp4")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        tone = container.add_stream("aac", rate=16_000)
        tone.layout = "mono"
        block = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        block.sample_rate = 16_000
        container.mux([*tone.encode(block), *tone.encode(None)])
    with pytest.raises(DataError, match="no video stream"):
        list(pyav_frames(tmp_path / "sound.mp4", fps=30))
    assert video_info(steady).duration_s == pytest.approx(8.0, abs=0.05)


def test_damage_in_the_middle_costs_some_frames_only(tmp_path: Path, steady: Path) -> None:
    raw = bytearray(steady.read_bytes())
    start = raw.index(b"mdat") + len(raw) // 3
    raw[start : start + 300] = bytes(300)
    (tmp_path / "damaged.mp4").write_bytes(raw)
    frames = list(pyav_frames(tmp_path / "damaged.mp4", fps=30))
    assert len(frames) in range(236, 241)
    assert [frame.index for frame in frames] == list(range(len(frames)))


MEASURE = """
import resource, sys, time
from hiero_lib.sources.extraction.decode import pyav_frames
from hiero_lib.sources.extraction.windows import Windows, clips
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
count, early = 0, 0.0
for clip in clips(pyav_frames(sys.argv[1], fps=2, short_side=16), Windows(4, 8, 8)):
    count += 1
    if count == 150:
        early = peak()
print(count, early, peak())
"""


@pytest.fixture(scope="module")
def two_hours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours of 16 x 16 pixels, two frames a second."""

    def picture(number: int) -> np.ndarray:
        return np.full((16, 16, 3), number % 200 + 20, np.uint8)

    path = tmp_path_factory.mktemp("long") / "two_hours.mp4"
    times = [0.5 * number for number in range(14_400)]
    return write_video(path, times, picture=picture, last_s=0.5, options={"preset": "ultrafast", "g": "250"})


def test_memory_is_flat_over_two_hours(two_hours: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(two_hours)], capture_output=True, text=True, cwd=Path(__file__).parents[3]
    )
    assert done.returncode == 0, done.stderr
    count, early, late = (float(value) for value in done.stdout.split())
    assert count == 3600  # windows of 4 s, one every 2 s
    assert late - early < 8, f"{early:.0f} MiB after 5 minutes, {late:.0f} MiB after two hours"


def test_a_seek_far_into_a_long_file_lands_right(two_hours: Path) -> None:
    found = list(itertools.islice(pyav_frames(two_hours, fps=2, start=14_000), 3))
    assert [(frame.index, frame.time_s) for frame in found] == [
        (k, pytest.approx(k / 2)) for k in range(14_000, 14_003)
    ]


@dataclass
class FakeFrame:
    """A frame of torchcodec's."""

    data: torch.Tensor
    pts_seconds: float
    duration_seconds: float


class FakeVideoDecoder:
    """torchcodec's ``VideoDecoder`` as its documentation has it, over PyAV."""

    def __init__(self, source: str, *, dimension_order: str, seek_mode: str, stream_index: int) -> None:
        assert (dimension_order, seek_mode, stream_index) == ("NHWC", "exact", 0)
        with av.open(source) as container:
            self.frames = [
                FakeFrame(
                    torch.from_numpy(np.rot90(f.to_ndarray(format="rgb24"), f.rotation // 90).copy()),
                    f.time,
                    float((f.duration or 0) * f.time_base),
                )
                for f in container.decode(video=0)
            ]

    def __len__(self) -> int:
        return len(self.frames)

    def get_frame_at(self, index: int) -> FakeFrame:
        return self.frames[index]


@pytest.fixture
def torchcodec(monkeypatch: pytest.MonkeyPatch) -> None:
    """A torchcodec package, which does not load beside every torch; checked by hand against the real 0.12."""
    decoders = types.ModuleType("torchcodec.decoders")
    decoders.VideoDecoder = FakeVideoDecoder  # type: ignore[attr-defined]
    package = types.ModuleType("torchcodec")
    package.decoders = decoders  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchcodec", package)
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", decoders)


@pytest.mark.usefixtures("torchcodec")
def test_torchcodec_where_it_is_installed_gives_the_same_frames(uneven: Path) -> None:
    assert best_decoder() is torchcodec_frames
    ours, theirs = (
        list(pyav_frames(uneven, fps=30, short_side=24)),
        list(torchcodec_frames(uneven, fps=30, short_side=24)),
    )
    assert [(f.index, f.time_s) for f in ours] == [(f.index, f.time_s) for f in theirs]
    assert ours[9].image().shape == theirs[9].image().shape
    assert np.abs(ours[9].image().astype(int) - theirs[9].image()).mean() < 4
    part = list(torchcodec_frames(uneven, fps=30, start=100))
    assert [(f.index, f.time_s) for f in part] == [(f.index, f.time_s) for f in ours[100:]]


def test_pyav_where_torchcodec_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    assert best_decoder() is pyav_frames


@needs(FOOTAGE)
@pytest.mark.parametrize(
    ("name", "frames"), [("ego4d_2s.mp4", 60), ("ego4d_clip.gif", 60), ("kneading_dough.gif", 150)]
)
def test_real_footage(name: str, frames: int) -> None:
    found = list(pyav_frames(FOOTAGE / name, fps=30, short_side=256))
    assert len(found) == frames
    stamps = np.array(packet_times(FOOTAGE / name))
    worst = max(abs(frame.time_s - frame.index / 30) for frame in found)
    assert worst <= np.diff(stamps).max() / 2 + 0.034  # the last frame stands for its whole length
    assert min(found[0].image().shape[:2]) == 256


CASES = Path(__file__).parents[2] / "cases" / "videos"
JUMPS = "the file's clock jumps once, at {} s: its pictures are taken one after the other"


@pytest.mark.parametrize(
    ("name", "seconds", "remarks"),
    [
        ("plain.mp4", 6.0, []),
        ("camA_GX010001.mp4", 6.0, []),
        ("camB_GX010001.mp4", 13.0, ["the file has 2 pictures side by side (video streams): the first is taken"]),
        ("cover_first.mp4", 6.0, []),
        ("size_change.ts", 11.93, []),  # the second half begins one frame before the first one's end
        ("concat_restart.ts", 12.0, [JUMPS.format("6")]),
        ("cut_tail.mkv", 3.93, ["the picture ends at 3.92 s, the file says 6 s"]),
        ("flip4_mpeg2.mpg", 6.0, [JUMPS.format("0.2"), "6 frames are damaged, first at 0.96 s"]),
    ],
)
def test_files_that_once_were_read_wrong(name: str, seconds: float, remarks: list[str]) -> None:
    said: list[str] = []
    frames = list(pyav_frames(CASES / name, fps=30, say=said.append))
    assert len(frames) / 30 == pytest.approx(seconds, abs=0.02)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert said == remarks
    late = list(pyav_frames(CASES / name, fps=30, start=100))
    assert [(f.index, f.time_s) for f in late] == [(f.index, f.time_s) for f in frames[100:]]


@pytest.mark.usefixtures("torchcodec")
def test_torchcodec_leaves_a_wrong_clock_to_pyav() -> None:
    said: list[str] = []
    assert len(list(torchcodec_frames(CASES / "concat_restart.ts", fps=30, say=said.append))) == 360
    assert said == [JUMPS.format("6")]


def test_what_could_not_be_decoded_is_said(tmp_path: Path, steady: Path) -> None:
    """A half of the file that is zeros: the grid is whole, and half of it is told to be one old frame."""
    raw = bytearray(steady.read_bytes())
    start, length = raw.index(b"mdat") + 8, len(raw) // 2
    raw[start + length // 2 : start + length // 2 + length] = bytes(length)
    (tmp_path / "zeros.mp4").write_bytes(raw)
    said: list[str] = []
    frames = list(pyav_frames(tmp_path / "zeros.mp4", fps=30, say=said.append))
    assert len(frames) == 240
    (line,) = [line for line in said if "could not be decoded" in line]
    assert 3 < float(line.split()[0]) < 5
    assert "of 8 s could not be decoded, first at" in line


@pytest.mark.parametrize(("shape", "size"), [((2, 1), (24, 64)), ((1, 2), (36, 24)), ((1, 1), (24, 32))])
def test_the_shape_of_pixels_is_applied(shape: tuple[int, int], size: tuple[int, int], tmp_path: Path) -> None:
    with av.open(str(tmp_path / "wide.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(*shape)
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 50 * number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    image = next(pyav_frames(tmp_path / "wide.mp4", fps=10, short_side=24)).image()
    assert image.shape[:2] == size
    whole = next(pyav_frames(tmp_path / "wide.mp4", fps=10)).image()
    assert whole.shape[:2] == (48, round(64 * shape[0] / shape[1]))


def test_a_stream_without_times_has_those_of_its_rate(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "raw.h264"), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 4 * number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert len(list(pyav_frames(tmp_path / "raw.h264", fps=25))) == 50


@pytest.mark.parametrize("seed", range(4))
def test_mutated_files_give_frames_or_an_error_of_the_kits(seed: int, tmp_path: Path) -> None:
    """Never another exception, never hours of grid, and nothing lost without a word (a cut stream has no length)."""
    random = np.random.default_rng(seed)
    for number in range(40):
        source = sorted(path for path in CASES.iterdir() if path.name != "camB_GX010001.mp4")[number % 7]
        raw = bytearray(source.read_bytes())
        for _ in range(int(random.integers(1, 12))):
            raw[int(random.integers(len(raw)))] = int(random.integers(256))
        if number % 4 == 0 and source.suffix in (".mp4", ".mkv"):
            raw = raw[: int(random.integers(len(raw)))]
        path = tmp_path / f"{number}{source.suffix}"
        path.write_bytes(raw)
        said: list[str] = []
        try:
            frames = sum(1 for _ in pyav_frames(path, fps=30, say=said.append))
        except DataError:
            continue
        assert frames / 30 < 30, source.name
        assert said or frames / 30 > 3, source.name


def test_a_file_of_fewer_pictures_than_its_header_counts(tmp_path: Path) -> None:
    """The length of an avi is estimated from its bytes: a cut one would be whole."""
    with av.open(str(tmp_path / "whole.avi"), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(120):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 2 * number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    raw = (tmp_path / "whole.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(raw[: len(raw) // 2])
    said: list[str] = []
    assert len(list(pyav_frames(tmp_path / "cut.avi", fps=30, say=said.append))) < 90
    assert len(said) == 1
    assert re.search(r"the picture ends at|pictures are in the file, which says 120", said[0])


def test_a_stream_that_begins_in_the_middle_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyAV raises IndexError for a packet of a stream that it did not know when it opened the file."""

    class Container:
        def __init__(self) -> None:
            self.left = [1, 2, None, 3, None, 4]

        def demux(self, stream: object) -> Iterator[int]:
            while self.left:
                packet = self.left.pop(0)
                if packet is None:
                    raise IndexError("list index out of range")
                yield packet

    assert list(packets(Container(), None, "v.ts")) == [1, 2, 3, 4]
