"""A small preview of a video: its times, its way up, what is damaged, and where it cannot be made."""

from __future__ import annotations

import errno
from pathlib import Path

import av
import numpy as np
import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.sources.preview import FPS, LINES, make_preview
from tests.helpers.videos import grey_level, numbered, packet_times, write_video

OLD = {"codec": "mpeg4", "options": {"qscale": "2"}, "ticks": 1000}
CASES = Path(__file__).parents[1] / "cases" / "videos"


def quiet(share: float) -> None:
    """Nobody listens."""


def frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def grey(image: np.ndarray) -> float:
    return float(image[:, -image.shape[1] // 3 :].mean())


def test_the_picture_of_each_second_is_the_videos_own(tmp_path: Path) -> None:
    times = [0.5 * number for number in range(12)]  # two pictures a second
    video = write_video(tmp_path / "v.mp4", times, last_s=0.5, **OLD)
    shares: list[float] = []
    assert make_preview(video, tmp_path / "p.mp4", show=shares.append) == []
    made = frames(tmp_path / "p.mp4")
    assert len(made) == pytest.approx(6 * FPS, abs=FPS // 2)  # the last picture's length is not in every file
    for number in range(11):
        assert grey(made[number * FPS // 2 + 2]) == pytest.approx(grey_level(number), abs=8)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    with av.open(str(tmp_path / "p.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.height, stream.width) == (48, 64)  # not made larger
        keys = [float(packet.pts * packet.time_base) for packet in container.demux(stream) if packet.is_keyframe]
    assert max(np.diff([*keys, len(made) / FPS])) <= 1.0
    assert packet_times(tmp_path / "p.mp4")[0] == 0.0


def test_it_is_small_and_upright(tmp_path: Path) -> None:
    def large(number: int) -> np.ndarray:
        return numbered(number, (722, 1280))

    video = write_video(tmp_path / "v.mp4", [0.0, 0.5], picture=large, rotation=90, last_s=0.5)
    make_preview(video, tmp_path / "p.mp4", show=quiet)
    made = frames(tmp_path / "p.mp4")[0]
    assert made.shape == (638, LINES, 3)
    red = (made[..., 0].astype(int) - made[..., 2]) > 100  # the left third, turned: at the bottom
    assert red[-100:].mean() > 0.9
    assert red[:300].mean() < 0.1


@pytest.mark.parametrize(
    ("name", "seconds", "told"),
    [
        ("concat_restart.ts", 12.0, "clock jumps"),
        ("cut_tail.mkv", 3.92, "the file says 6 s"),
        ("cover_first.mp4", 6.0, ""),
        ("flip4_mpeg2.mpg", 6.0, "clock jumps"),
        ("size_change.ts", 12.0, ""),
    ],
)
def test_odd_files_keep_their_time_and_what_is_odd_is_told(
    name: str, seconds: float, told: str, tmp_path: Path
) -> None:
    remarks = make_preview(CASES / name, tmp_path / "p.mp4", show=quiet)
    assert told in "; ".join(remarks)
    assert bool(told) == bool(remarks)
    assert len(frames(tmp_path / "p.mp4")) == pytest.approx(seconds * FPS, abs=2)


def test_a_stretch_that_cannot_be_decoded_shows_the_frame_before(tmp_path: Path) -> None:
    times = [number / 10 for number in range(100)]
    video = write_video(tmp_path / "v.mp4", times, options={"crf": "10", "g": "10"}, last_s=0.1)
    content = bytearray(video.read_bytes())
    with av.open(str(video)) as container:
        packets = [(p.pos, p.size, float(p.pts * p.time_base)) for p in container.demux(video=0) if p.size]
    for at, size, time in packets:
        if 3.95 < time < 6.95:
            content[at : at + size] = bytes(size)
    (tmp_path / "d.mp4").write_bytes(content)
    remarks = make_preview(tmp_path / "d.mp4", tmp_path / "p.mp4", show=quiet)
    assert "could not be decoded" in "; ".join(remarks)
    made = frames(tmp_path / "p.mp4")
    assert len(made) == pytest.approx(10 * FPS, abs=1)
    assert grey(made[8 * FPS]) == pytest.approx(grey_level(80), abs=8)  # what comes after is where it was


def test_where_none_can_be_made_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "none.mp4").write_bytes(b"no video")
    with pytest.raises(DataError, match="not readable as a video"):
        make_preview(tmp_path / "none.mp4", tmp_path / "p.mp4", show=quiet)
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as container:
        tone = container.add_stream("aac", rate=16_000)
        block = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), "fltp", "mono")
        block.sample_rate = 16_000
        container.mux(tone.encode(block))
        container.mux(tone.encode(None))
    with pytest.raises(DataError, match="no video stream"):
        make_preview(sound, tmp_path / "p.mp4", show=quiet)


def test_a_full_disk_and_a_stop_end_it(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", [number / 10 for number in range(40)], last_s=0.1)
    with pytest.raises(OSError, match="No space") as caught:
        make_preview(video, Path("/dev/full"), show=quiet)
    assert caught.value.errno == errno.ENOSPC

    def stop(share: float) -> None:
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        make_preview(video, tmp_path / "p.mp4", show=stop)
