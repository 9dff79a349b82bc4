"""Small real video files, made by PyAV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

TICKS = 90_000  # of the video streams made here, per second


def grey_level(number: int) -> int:
    """The brightness of frame ``number``: neighbouring frames differ well, and 40 in a row are all different."""
    return 16 + (number * 37) % 200


def numbered(number: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """A frame ``[H, W, 3]`` whose left third is red and whose rest has the grey of its number."""
    image = np.full((*size, 3), grey_level(number), dtype=np.uint8)
    image[:, : size[1] // 3] = (255, 0, 0)
    return image


def write_video(
    path: Path,
    times: Sequence[float],
    *,
    picture: Callable[[int], np.ndarray] = numbered,
    last_s: float = 1 / 30,
    rotation: int = 0,
    sound: bool = False,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    ticks: int = TICKS,
) -> Path:
    """Write frames shown from ``times`` (seconds) on; the last one for ``last_s``.

    Args:
        rotation: degrees, counter-clockwise, by which players turn the picture.
        sound: add a tone, which begins at 0.
        ticks: a second; MPEG-4 part 2 has 65,535 at most.
    """
    height, width = picture(0).shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(30), options=options or {"crf": "10", "g": "15"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, ticks)
        if rotation:
            stream.set_display_rotation(rotation)
        tone = container.add_stream("aac", rate=16_000) if sound else None
        if tone is not None:
            tone.layout = "mono"
        ends = [*times[1:], times[-1] + last_s]
        for number, (time, end) in enumerate(zip(times, ends)):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = round(time * ticks), Fraction(1, ticks)
            frame.duration = round((end - time) * ticks)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            samples = np.sin(np.arange(int(ends[-1] * 16_000)) * 0.17).astype(np.float32)[None]
            for start in range(0, samples.shape[1] - 1023, 1024):
                block = av.AudioFrame.from_ndarray(samples[:, start : start + 1024].copy(), "fltp", "mono")
                block.sample_rate, block.pts = 16_000, start
                container.mux(tone.encode(block))
            container.mux(tone.encode(None))
    return path


def packet_times(path: Path) -> list[float]:
    """Timestamps of the video's packets in seconds, sorted, from the start of the file's timeline.

    PyAV reads them from the container, as ``ffprobe -show_packets`` prints them; ffprobe itself is not run.
    """
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        origin = (container.start_time or 0) / 1e6
        return sorted(float(p.pts * p.time_base) - origin for p in container.demux(stream) if p.pts is not None)
