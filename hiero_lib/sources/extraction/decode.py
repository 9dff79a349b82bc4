"""Frames of a video file at regular times, streamed: what is held is a few frames, whatever the file's length.

The grid that segments count on has a frame every 1 / fps seconds from the start of the file's timeline (what a player
shows as 0:00). The frame of a grid time is the one whose timestamp is nearest, so a file of another or of a variable
rate is resampled by its timestamps, never by counting frames; a picture that stands still for long is not left more
than an eighth of a second early. PyAV decodes, or torchcodec where it is installed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hiero_lib.base.errors import DataError

_SEEK_MARGIN_S = 2.0  # decoding begins so much before the first frame that is wanted
_EARLIEST_S = 0.125  # a frame stands for grid times at most so long before its own
_LATE_FRAME_S = 0.02  # a first frame later than asked for by more than this: the seek went past it


@dataclass(frozen=True)
class VideoInfo:
    """What the container says, without decoding: a hint, which damaged or live files get wrong."""

    width: int  # as stored, before rotation
    height: int
    fps: float | None  # average
    duration_s: float | None


@dataclass(frozen=True)
class GridFrame:
    """The frame of one grid time.

    Attributes:
        index: k of the grid time k / fps; time_s: the frame's own timestamp on the file's timeline.
        image: decodes to ``[H, W, 3]`` uint8 RGB, upright, the short side scaled to what was asked for.
    """

    index: int
    time_s: float
    image: Callable[[], np.ndarray]


class Decoder(Protocol):
    """Yields every frame of the grid in order, from index ``start`` to the end of the video."""

    def __call__(
        self, path: str | Path, *, fps: float, short_side: int | None = None, start: int = 0
    ) -> Iterator[GridFrame]:
        """See :func:`pyav_frames`."""


def best_decoder() -> Decoder:
    """torchcodec's where it is installed and finds an FFmpeg that it can use, else PyAV's."""
    try:
        import torchcodec.decoders  # noqa: F401
    except (ImportError, OSError, RuntimeError):  # it is tied to one version of torch, and to a system's FFmpeg
        return pyav_frames
    return torchcodec_frames


def video_info(path: str | Path) -> VideoInfo:
    """Size, rate and duration from the container's header.

    Raises:
        DataError: there is no such file, or it is no video.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate
        duration = container.duration / 1e6 if container.duration is not None else None
        return VideoInfo(stream.width, stream.height, float(rate) if rate else None, duration)


def pyav_frames(
    path: str | Path, *, fps: float, short_side: int | None = None, start: int = 0
) -> Iterator[GridFrame]:
    """Frames at ``start / fps, (start + 1) / fps, ...`` seconds, to the end of the last frame.

    A grid time before the first frame (sound may begin earlier) takes the first one. The rotation that the file
    asks for is applied; frames are scaled by swscale (bicubic) while their colours are converted, which is not bit
    by bit what torchvision's resize of a stored RGB frame gives.

    Args:
        path: any file that FFmpeg reads: mp4, mkv, mov, avi, GIF.
        fps: of the grid.
        short_side: pixels of the shorter side of the images; None leaves their size.
        start: first index, for resuming: the decoder seeks to the key frame before it.

    Raises:
        DataError: there is no such file, it is no video, or not one frame can be decoded.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        origin = container.start_time / 1e6 if container.start_time is not None else 0.0
        decoded = _from(container, stream, origin, start / fps) if start else _decoded(container, stream, origin)
        if decoded is not None:
            yield from _nearest(decoded, fps, start, short_side, path)
            return
    with _opened(path) as container:  # cannot seek there: decode from the beginning
        stream = container.streams.video[0]
        yield from _nearest(_decoded(container, stream, origin), fps, start, short_side, path)


def torchcodec_frames(
    path: str | Path, *, fps: float, short_side: int | None = None, start: int = 0
) -> Iterator[GridFrame]:
    """As :func:`pyav_frames`, decoded by torchcodec, which first scans the file's timestamps and then seeks exactly.

    Raises:
        DataError: as :func:`pyav_frames`.
    """
    from torchcodec.decoders import VideoDecoder

    with _opened(path) as container:
        origin = container.start_time / 1e6 if container.start_time is not None else 0.0
    try:
        decoder = VideoDecoder(str(path), dimension_order="NHWC", seek_mode="exact")
        first = _index_before(decoder, start / fps + origin - _SEEK_MARGIN_S) if start else 0
    except Exception as error:  # torchcodec raises whatever FFmpeg said
        raise DataError(f"not readable as a video ({error})"[:300], file=path) from error

    def decoded() -> Iterator[Decoded]:
        for number in range(first, len(decoder)):
            frame = decoder.get_frame_at(number)
            image = functools.partial(_scaled, frame.data.numpy())
            yield Decoded(frame.pts_seconds - origin, frame.duration_seconds, image)

    yield from _nearest(decoded(), fps, start, short_side, path)


def _index_before(decoder: Any, time_s: float) -> int:
    """The last frame of a torchcodec decoder at or before a time; the first where there is none."""
    low, high = 0, len(decoder)
    while high - low > 1:
        middle = (low + high) // 2
        early = decoder.get_frame_at(middle).pts_seconds <= time_s
        low, high = (middle, high) if early else (low, middle)
    return low


@dataclass(frozen=True)
class Decoded:
    """A frame as it comes from a decoder: its time and length in seconds (0: unknown), and how to get its image."""

    time_s: float
    length_s: float
    image: Callable[[int | None], np.ndarray]


def _opened(path: str | Path) -> Any:
    """The container, which has a video stream, or a DataError."""
    import av

    if not Path(path).is_file():
        raise DataError("there is no such file", file=path)
    try:
        container = av.open(str(path))
    except (av.FFmpegError, ValueError) as error:
        raise DataError(f"not readable as a video ({error})"[:300], file=path) from error
    if not container.streams.video:
        container.close()
        raise DataError("the file has no video stream", file=path)
    return container


def _decoded(container: Any, stream: Any, origin: float) -> Iterator[Decoded]:
    """Every frame that can be decoded, in order of time.

    A damaged packet costs its frames and no more; a frame without a timestamp, or one that goes back, is left out.
    """
    import av

    last = -math.inf
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            continue
        for frame in frames:
            if frame.pts is None or frame.time - origin <= last:
                continue
            last = frame.time - origin
            length_s = float(frame.duration * frame.time_base) if frame.duration else 0.0
            yield Decoded(last, length_s, functools.partial(_upright, frame))


def _from(container: Any, stream: Any, origin: float, time_s: float) -> Iterator[Decoded] | None:
    """As :func:`_decoded`, from a frame at or before ``time_s`` on; None where the file cannot be sought in."""
    import av

    target = max(0.0, time_s - _SEEK_MARGIN_S)
    try:
        container.seek(round((target + origin) / stream.time_base), stream=stream, backward=True)
        decoded = _decoded(container, stream, origin)
        first = next(decoded, None)
    except av.FFmpegError:
        return None
    if first is None or first.time_s > target + _LATE_FRAME_S:
        return None

    def rest() -> Iterator[Decoded]:
        yield first
        yield from decoded

    return rest()


def _nearest(
    decoded: Iterator[Decoded], fps: float, start: int, short_side: int | None, path: str | Path
) -> Iterator[GridFrame]:
    """The frame nearest to each grid time; of two at the same distance the earlier one.

    The video ends with its last frame's length (where that is not known, with the distance to the frame before),
    and the grid with the last time that is nearer to a frame's span than to the end.
    """
    index, before = start, next(decoded, None)
    if before is None:
        raise DataError("not one frame can be decoded", file=path)
    gap = 1 / fps
    while True:
        after = next(decoded, None)
        if after is None:
            break
        gap = after.time_s - before.time_s
        while index / fps <= after.time_s - min(gap / 2, _EARLIEST_S) + 1e-9:
            yield _grid_frame(index, before, short_side)
            index += 1
        before = after
    end = before.time_s + (before.length_s or gap)
    while index == 0 or index / fps < end - 0.5 / fps - 1e-6:
        yield _grid_frame(index, before, short_side)
        index += 1


def _grid_frame(index: int, decoded: Decoded, short_side: int | None) -> GridFrame:
    return GridFrame(index, decoded.time_s, functools.partial(decoded.image, short_side))


def _upright(frame: Any, short_side: int | None) -> np.ndarray:
    """``[H, W, 3]`` uint8 RGB of a PyAV frame, scaled and turned as its file asks for."""
    width, height = _fitted(frame.width, frame.height, short_side)
    image = frame.reformat(width=width, height=height, format="rgb24", interpolation="BICUBIC").to_ndarray()
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _fitted(width: int, height: int, short_side: int | None) -> tuple[int, int]:
    """Width and height with the shorter one at ``short_side`` and the shape kept."""
    if short_side is None:
        return width, height
    scale = short_side / min(width, height)
    return max(short_side, round(width * scale)), max(short_side, round(height * scale))


def _scaled(image: np.ndarray, short_side: int | None) -> np.ndarray:
    """An RGB image scaled by swscale, as :func:`_upright` does."""
    import av

    width, height = _fitted(image.shape[1], image.shape[0], short_side)
    if (width, height) == (image.shape[1], image.shape[0]):
        return image
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    return frame.reformat(width=width, height=height, format="rgb24", interpolation="BICUBIC").to_ndarray()
