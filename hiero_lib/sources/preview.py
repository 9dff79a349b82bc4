"""A small copy of a video for a browser: H.264, 360 lines, 12 frames a second, a key frame each second, no sound.

Frames come as those of extraction do (`hiero_lib.sources.extraction.decode`): upright, at their own times, whatever
the file's clock does; a stretch that cannot be decoded shows the frame before it, so that times stay right.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from hiero_lib.base.errors import DataError
from hiero_lib.explorer.previews import ShowShare
from hiero_lib.sources.extraction.decode import pyav_frames, video_info

LINES, FPS = 360, 12
_ENCODER: Final = "libx264"
_OPTIONS = {"preset": "veryfast", "crf": "28", "bf": "0"}
_SHOW_EVERY = FPS  # frames


def make_preview(video: Path, target: Path, *, show: ShowShare) -> list[str]:
    """Write the preview of a video; see the module.

    Args:
        video: any file that FFmpeg reads.
        target: an ``.mp4``, which is overwritten.
        show: told the share that is done, once a second of the video; what it raises ends the making.

    Returns:
        what is odd of the file, a sentence each: what could not be decoded, a clock that jumps.

    Raises:
        DataError: it is no video, not one frame can be decoded, or PyAV here has no encoder for H.264.
        OSError: it cannot be written.
    """
    import av

    if _ENCODER not in av.codec.codecs_available:
        raise DataError("PyAV here has no such encoder", field="encoder", value=_ENCODER)
    info = video_info(video)
    remarks: list[str] = []
    total = max(1.0, (info.duration_s or 0.0) * FPS)
    frames = pyav_frames(video, fps=FPS, short_side=min(LINES, info.width, info.height) // 2 * 2, say=remarks.append)
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream(_ENCODER, rate=FPS, options=_OPTIONS)
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, FPS)
        stream.codec_context.gop_size = FPS
        stream.codec_context.thread_count = 1  # of two processors one is the explorer's
        size: tuple[int, int] | None = None
        last: tuple[float, Any] | None = None  # a frame that stands for long is converted once
        for number, frame in enumerate(frames):
            if number % _SHOW_EVERY == 0:
                show(min(number / total, 1.0))
            if last is None or last[0] != frame.time_s:
                image = frame.image()
                if size is None:
                    size = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
                    stream.height, stream.width = size
                last = frame.time_s, av.VideoFrame.from_ndarray(_fitted(image, size), format="rgb24")
            last[1].pts, last[1].time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(last[1]))
        container.mux(stream.encode(None))
    show(1.0)
    return remarks


def _fitted(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """``[H, W, 3]`` of the preview's size: cut by an odd line, or with borders where the video changes its shape."""
    height, width = size
    if image.shape[0] - height in (0, 1) and image.shape[1] - width in (0, 1):
        return np.ascontiguousarray(image[:height, :width])
    from PIL import Image, ImageOps

    return np.asarray(ImageOps.pad(Image.fromarray(image), (width, height)))
